"""The values of `_include` and `_revinclude`: https://hl7.org/fhir/R4/search.html#include."""

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.includes import MAX_INCLUDES, reverse_values
from fhir_server.search.parameters import parameters
from fhir_server.search.query import Way
from profiles.definitions import r4
from tests.search.asking import query

SUBJECT = parameters("Observation")["subject"]
MEMBER = parameters("Observation")["has-member"]


def test_an_include_starts_from_its_type_and_brings_what_the_parameter_leads_to() -> None:
    asked = query("Observation?_include=Observation:subject")
    assert asked.ways == (
        Way(False, False, (SUBJECT.number,), "Observation", SUBJECT.targets),
    )
    assert asked.used == (("_include", "Observation:subject"),)


def test_a_third_part_names_the_type_that_is_led_to() -> None:
    (way,) = query("Observation?_include=Observation:subject:Patient").ways
    assert way.types == ("Patient",)
    (way,) = query("Patient?_revinclude=Observation:subject:Patient").ways
    assert (way.reverse, way.of, way.types) == (True, "Patient", ("Observation",))


@pytest.mark.parametrize("modifier", ["iterate", "recurse"])
def test_an_include_is_done_again_with_either_spelling(modifier: str) -> None:
    (way,) = query(f"Observation?_include:{modifier}=Observation:has-member").ways
    assert (way.again, way.numbers) == (True, (MEMBER.number,))


def test_a_star_is_any_parameter() -> None:
    (way,) = query("Observation?_include=*").ways
    assert (way.numbers, way.of, way.types) == ((), "", r4().resources)
    (way,) = query("Observation?_include=Observation:*").ways
    assert {SUBJECT.number, MEMBER.number} < set(way.numbers)
    assert way.of == "Observation"


@pytest.mark.parametrize("value", [
    "Nonsense:subject", "Observation:nonsense", "Observation:status",
    "Observation:subject:Nonsense", "Observation:has-member:Patient", "observation:subject",
])  # fmt: skip
def test_what_leads_nowhere_is_ignored_or_refused_when_strict(value: str) -> None:
    asked = query(f"Observation?_include={value}")
    assert (asked.ways, asked.used) == ((), ())
    assert asked.ignored == (f"_include={value}",)
    with pytest.raises(BadRequest) as refusal:
        query(f"Observation?_include={value}", strict=True)
    assert refusal.value.code == "not-supported"


@pytest.mark.parametrize(
    "value", ["1", "Observation", "Observation:", ":subject", "a:b:c:d", "Observation:subject:"]
)
def test_what_is_no_include_is_refused(value: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"Observation?_revinclude={value}")
    assert (refusal.value.code, f"`{value}`" in refusal.value.text) == ("value", True)


def test_other_modifiers_are_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("Observation?_include:exact=Observation:subject")
    assert refusal.value.code == "not-supported"


@pytest.mark.parametrize("name", ["_include", "_revinclude"])
def test_a_summary_of_text_has_no_includes(name: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"Observation?{name}=Observation:subject&_summary=text")
    assert refusal.value.code == "invalid"


def test_includes_are_counted() -> None:
    one = "&_include=Observation:subject"
    assert len(query(f"Observation?{one * MAX_INCLUDES}").ways) == 1
    with pytest.raises(BadRequest) as refusal:
        query(f"Observation?{one * (MAX_INCLUDES + 1)}")
    assert refusal.value.code == "too-costly"


def test_what_brings_something_to_a_type_is_listed() -> None:
    assert "Observation:subject" in reverse_values()["Patient"]
    assert "Observation:subject" not in reverse_values()["Organization"]
    assert "Observation:status" not in reverse_values()["Patient"]
