"""The fixtures of `tests.interactions.shared`, and a server where something lies already."""

import pytest

from tests.house import CNAM, House
from tests.interactions.shared import house as house
from tests.interactions.shared import plain as plain
from tests.interactions.shared import shared_url as shared_url
from tests.people import opened, stored


@pytest.fixture(scope="module")
def kept(house: House) -> House:
    """With a record, and an Organization named `kept`."""
    opened(house)
    body = {
        "resourceType": "Organization", "id": "kept", "name": "x", "active": True,
        "identifier": [{"value": "1"}],
    }  # fmt: skip
    stored(house.call("PUT", "Organization/kept", CNAM, body))
    return house
