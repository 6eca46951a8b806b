"""Which parameters a search may use: those of the definitions without asking, others as they are
now.
"""

from typing import Any

import pytest

from fhir_server.search import registry
from fhir_server.search.keys import CONTAINED, FULL_TEXT, GRAM, INWARD, number
from fhir_server.search.parameters import parameters
from fhir_server.search.registry import NOTHING_STORED, Offer, Registry, made_with, missing
from profiles.definitions import r4


class Asked:
    """Counts how often storage is asked."""

    def __init__(self, found: Registry = NOTHING_STORED) -> None:
        self.found, self.times = found, 0

    def __call__(self) -> Registry:
        self.times += 1
        return self.found


def test_what_the_definitions_have_is_found_without_asking() -> None:
    asked = Asked()
    offer = Offer(NOTHING_STORED, asked)
    assert offer.find("Patient", "name") is parameters("Patient")["name"]
    for name in ("_count", "_sort", "_has", "name.family"):
        assert offer.find("Patient", name) is None
    assert asked.times == 0


def test_of_what_they_do_not_have_storage_is_asked_once() -> None:
    asked = Asked()
    offer = Offer(NOTHING_STORED, asked)
    assert offer.find("Patient", "nonsense") is None
    assert offer.find("Basic", "nonsense") is None
    assert asked.times == 1


def test_what_is_not_indexed_yet_is_not_offered_until_it_is() -> None:
    number = parameters("Patient")["name"].number
    before = Registry(1, missing=frozenset({number}))
    assert Offer(before, Asked(before)).find("Patient", "name") is None
    assert "name" not in Offer(before, Asked(before)).all("Patient")
    assert Offer(before, Asked(Registry(2))).find("Patient", "name") is not None
    assert Offer(before, Asked(before)).find("Patient", "family") is not None


def test_an_index_of_this_program_lacks_nothing() -> None:
    assert missing(made_with()) == frozenset()


def test_an_index_that_does_not_say_has_all_of_r4_and_no_guides_words_or_letters() -> None:
    found = (p for t in r4().resources for p in parameters(t).values())
    beside = {number(t, c) for t in r4().resources for c in (*FULL_TEXT, GRAM, CONTAINED, INWARD)}
    newer = {p.number for p in found if p.folded or not p.url.startswith(registry.HL7)}
    assert missing("") == newer | beside
    assert parameters("DocumentReference")["creation"].number in missing("")


def test_a_definition_that_changed_is_missing_until_it_is_indexed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = made_with()
    changed: dict[str, Any] = dict(registry.READING) | {"uri": 99}
    monkeypatch.setattr(registry, "READING", changed)
    for cached in (registry.made_with, registry._digests, registry._digest):
        cached.cache_clear()
    try:
        assert made_with() != before
        uris = {p.number for t in r4().resources for p in parameters(t).values() if p.type == "uri"}
        assert missing(before) == uris
    finally:
        for cached in (registry.made_with, registry._digests, registry._digest):
            cached.cache_clear()
