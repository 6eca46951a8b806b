"""A house under another law, or with other choices, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fhir_server.policy.rules import law
from tests.house import House


@contextmanager
def under(house: House, profile: str, *chosen: str) -> Iterator[None]:
    before = house.services.house
    house.services.house = replace(before, rules=law(profile, *chosen))
    try:
        yield
    finally:
        house.services.house = before
