"""The fixtures of `tests.interactions.shared`, and a record of its own for each test."""

import pytest

from tests.house import NINA, PAUL, House
from tests.interactions.shared import house as house
from tests.interactions.shared import shared_url as shared_url
from tests.policy.record import Record, made


@pytest.fixture
def record(house: House) -> Record:
    """Attending doctor Paul, nurse Nina in the care team; Anne and Otto are strangers."""
    return made(house, [NINA], doctor=PAUL)
