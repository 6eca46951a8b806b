"""The conformance matrix of FHIR R4 REST: one server for all tests of a file, on each database.

`plain` is the server without tokens and rules, `house` the one with the rules in force.
"""

from tests.interactions.shared import house as house
from tests.interactions.shared import plain as plain
from tests.interactions.shared import shared_url as shared_url
from tests.rest.searches import place as place
