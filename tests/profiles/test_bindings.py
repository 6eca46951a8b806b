"""Every required binding of the base definitions is held to, wherever it is.

https://hl7.org/fhir/R4/terminologies.html#required
"""

from typing import Any

import pytest

from profiles.definitions import r4
from profiles.members import rules
from profiles.validate import validate

BOUND = [
    (type_.name, name, inner)
    for type_ in r4().types.values()
    for name, (element, inner) in type_.members.items()
    if element.strength == "required" and element.value_set in r4().codes
]
# Their codes are published nowhere in R4.
WITHOUT_CODES = {
    "http://hl7.org/fhir/ValueSet/mimetypes", "http://hl7.org/fhir/ValueSet/ucum-units",
    "http://hl7.org/fhir/ValueSet/currencies", "http://loinc.org/vs/LL379-9",
}  # fmt: skip


def test_required_bindings_are_of_codes_and_concepts() -> None:
    assert {inner for _, _, inner in BOUND} == {"code", "CodeableConcept"}
    assert len(BOUND) > 300


def test_only_value_sets_without_published_codes_are_left() -> None:
    every = {
        element.value_set
        for type_ in r4().types.values()
        for element in type_.elements
        if element.strength == "required"
    }
    assert every - set(r4().codes) == WITHOUT_CODES


@pytest.mark.parametrize("type_", sorted({type_ for type_, _, inner in BOUND if inner == "code"}))
def test_a_code_is_one_of_the_required_ones(type_: str) -> None:
    for name in [name for owner, name, inner in BOUND if (owner, inner) == (type_, "code")]:
        holds, codes = rules(type_).members[name].holds, rules(type_).members[name].codes
        assert holds and codes
        assert all(holds(code) for every in codes.values() for code in every)
        assert not any(holds(code) for code in ("no-such-code", "", 1, None))


def finding(**coding: Any) -> dict[str, Any]:
    """An AdverseEvent, whose severity is bound, with this coding behind one of another system."""
    severity = {"coding": [{"system": "http://a.example", "code": "mild"}, coding]}
    return {
        "resourceType": "AdverseEvent", "actuality": "actual", "severity": severity,
        "subject": {"reference": "Patient/1"},
    }  # fmt: skip


SEVERITY = "http://terminology.hl7.org/CodeSystem/adverse-event-severity"


def test_a_concept_has_one_of_the_required_codes() -> None:
    assert validate(finding(system=SEVERITY, code="mild")) == []


@pytest.mark.parametrize(
    "coding", [{"system": SEVERITY, "code": "dire"}, {"code": "mild"}, {"system": SEVERITY}]
)
def test_a_concept_without_a_required_code_is_refused(coding: dict[str, Any]) -> None:
    found = [(issue.code, issue.expression) for issue in validate(finding(**coding))]
    assert found == [("code-invalid", "AdverseEvent.severity")]


def paid(currency: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"text": "a"}, "extension": [
        {"url": "a", "valueMoney": {"value": 1, "currency": currency}}]}  # fmt: skip


def test_a_currency_is_three_capitals() -> None:
    assert validate(paid("EUR")) == []
    for currency in ("eur", "EURO", "€"):
        (issue,) = validate(paid(currency))
        assert issue.expression == "Basic.extension[0].value.currency"
        assert issue.text.endswith("three capital letters, as in ISO 4217")


def test_what_only_groups_codes_is_none_itself() -> None:
    holds = rules("Questionnaire.item").members["type"].holds
    assert holds and holds("choice") and not holds("question")


def sampled(data: str) -> dict[str, Any]:
    series = {"origin": {"value": 1}, "period": 1, "dimensions": 1, "data": data}
    return {"resourceType": "Observation", "status": "final", "code": {"text": "a"},
            "valueSampledData": series}  # fmt: skip


@pytest.mark.parametrize("data", ["1", "-1.5 .5 0", "E U L 2"])
def test_a_series_is_of_decimals_and_marks(data: str) -> None:
    assert validate(sampled(data)) == []


@pytest.mark.parametrize("data", ["1  2", " 1", "1,2", "x", "1e5", "1." * 100_000])
def test_a_series_of_something_else_is_refused(data: str) -> None:
    found = [(issue.code, issue.expression) for issue in validate(sampled(data))]
    assert found == [("value", "Observation.value.data")]


def attached(media: str) -> dict[str, Any]:
    attachment = {"contentType": media, "url": "http://a.example"}
    return {"resourceType": "Basic", "code": {"text": "a"}, "extension": [
        {"url": "a", "valueAttachment": attachment}]}  # fmt: skip


MEDIA_TYPES = (
    "text/plain", "text/plain;charset=utf-8", "text/plain; charset=utf-8", "a/b;c=d", "a/b; ;c=d",
    "application/hl7-v3+xml", "application/vnd.a!b#c$d&e^f_g", 'multipart/x; boundary="a b"',
)  # fmt: skip
NO_MEDIA_TYPES = (
    "foo", "ASCII Text", "a/b/c", "text /plain", "text/ plain", "text/plain charset=utf-8", "/b",
    "a/", "*/*", "text/*", "xml", "a/b;c", "a/b;c=", "a/b;=d", 'a/b;c="d', "é/b", "-a/b",
    "a/" + "b" * 128, "a/b" + "; ;" * 50_000 + "x",
)  # fmt: skip


@pytest.mark.parametrize("media", MEDIA_TYPES)
def test_a_media_type_has_a_type_and_a_subtype(media: str) -> None:
    assert validate(attached(media)) == []


@pytest.mark.parametrize("media", NO_MEDIA_TYPES, ids=lambda media: media[:20])
def test_what_has_not_the_form_of_a_media_type_is_refused(media: str) -> None:
    found = [(issue.code, issue.expression) for issue in validate(attached(media))]
    assert found == [("value", "Basic.extension[0].value.contentType")]


# R4's own examples of these say `xml` and `json`.
SHORT = {
    "CapabilityStatement", "TestScript.setup.action.assert", "TestScript.setup.action.operation",
}  # fmt: skip
BOUND_TO_MEDIA_TYPES = [
    (type_.name, name)
    for type_ in r4().types.values()
    for name, (element, _) in type_.members.items()
    if element.value_set == "http://hl7.org/fhir/ValueSet/mimetypes" and type_.name not in SHORT
]


@pytest.mark.parametrize(("type_", "name"), BOUND_TO_MEDIA_TYPES)
def test_each_element_bound_to_media_types_is_held_to_their_form(type_: str, name: str) -> None:
    holds = rules(type_).members[name].holds
    assert holds and holds("text/plain") and not holds("ASCII Text") and not holds("foo")


def test_all_elements_bound_to_media_types_are_known() -> None:
    assert len(BOUND_TO_MEDIA_TYPES) == 7
