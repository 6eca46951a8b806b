"""A record of its own for each test, in a house whose time goes forward: nobody turns it back."""

import pytest

from tests.house import NINA, PAUL, House
from tests.interactions.shared import house as house
from tests.interactions.shared import plain as plain
from tests.interactions.shared import shared_url as shared_url
from tests.policy.record import Record, made


@pytest.fixture
def record(house: House) -> Record:
    """Attending doctor Paul, nurse Nina in the care team; Anne and Otto are strangers."""
    return made(house, [NINA], doctor=PAUL)
