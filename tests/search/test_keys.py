"""Hashed keys: they are stored, so they must never change by accident."""

from fhir_server.search.keys import common, key, number
from profiles.definitions import r4


def test_the_numbers_stay_what_they_are() -> None:
    assert number("DocumentReference", "status") == 4527014330768195037
    assert key(1, "coding", "urn:x", "y") == 2652898163179755324


def test_a_remembered_key_is_the_same_key() -> None:
    assert common(1, "code", "x") == key(1, "code", "x")


def test_every_parameter_has_its_own_number_of_63_bits() -> None:
    pairs = [(type_, code) for type_, codes in r4().search.items() for code in codes]
    numbers = {number(type_, code) for type_, code in pairs}
    assert len(numbers) == len(pairs)
    assert all(0 <= each < 2**63 for each in numbers)


def test_kind_parameter_and_value_all_count() -> None:
    keys = {key(p, k, v) for p in (1, 2) for k in ("code", "uri") for v in ("a", "b")}
    assert len(keys) == 8


def test_a_lone_surrogate_does_no_harm() -> None:
    assert key(1, "code", "\ud800") != key(1, "code", "\ud801")
