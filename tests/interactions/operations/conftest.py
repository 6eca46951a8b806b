"""The fixtures of `tests.interactions.shared`: one server for all tests of a file."""

from tests.interactions.shared import house as house
from tests.interactions.shared import plain as plain
from tests.interactions.shared import shared_url as shared_url
