"""One file for each type of search parameter: `read` makes its index rows, `ask` reads what a
search says of it.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.search.types import composite
from fhir_server.search.types.composite import Ask, Read

READ: Mapping[str, Read] = MappingProxyType({**composite.READ, "composite": composite.read})
ASK: Mapping[str, Ask] = MappingProxyType({**composite.ASK, "composite": composite.ask})
