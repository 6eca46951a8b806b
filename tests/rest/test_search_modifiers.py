"""Each type of parameter has its modifiers: https://hl7.org/fhir/R4/search.html#modifiers"""

from typing import Any

import pytest

from tests.house import ANNE, House
from tests.people import stored
from tests.rest.test_search_interactions import addresses, new, tagged

TAGS, UCUM = "http://a.example/tags", "http://unitsofmeasure.org"


def coded(code: str, **more: str) -> dict[str, Any]:
    return {"coding": [{"system": TAGS, "code": code} | more]}


def observation(plain: House, tag: str, code: str, **more: Any) -> str:
    body = tagged("Observation", tag, status="final", code=coded(code, display="Mot clé")) | more
    return "Observation/" + stored(plain.post("Observation", None, body))


def found(plain: House, tag: str, query: str, type_: str = "Observation") -> int:
    return len(addresses(plain.get(f"{type_}?_tag={TAGS}|{tag}&{query}")))


@pytest.mark.parametrize(("query", "number"), [
    (f"value-quantity=1500|{UCUM}|mg", 1), (f"value-quantity=1.5|{UCUM}|g", 1),
    (f"value-quantity=1.5|{UCUM}|mg", 0), (f"value-quantity=gt1|{UCUM}|kg", 0),
])  # fmt: skip
def test_Q10_a_quantity_is_found_in_another_unit(plain: House, query: str, number: int) -> None:
    tag = new()
    quantity = {"value": 1.5, "system": UCUM, "code": "g"}
    observation(plain, tag, "x", valueQuantity=quantity)
    assert found(plain, tag, query) == number


@pytest.mark.parametrize(("query", "number"), [
    ("family=elise", 1), ("family:exact=elise", 0), ("family:exact=%C3%89lise", 1),
    ("family:contains=LIS", 1), ("family:missing=true", 0),
])  # fmt: skip
def test_Q12_a_string_is_compared_as_asked(plain: House, query: str, number: int) -> None:
    tag = new()
    stored(plain.post("Patient", None, tagged("Patient", tag, name=[{"family": "Élise"}])))
    assert found(plain, tag, query, "Patient") == number


@pytest.mark.parametrize(("query", "number"), [
    ("code:text=mot", 1), ("code:text=cle", 0), ("code:not=x", 0), ("code:not=y", 1),
    ("status:in=http://hl7.org/fhir/ValueSet/observation-status", 1),
    ("status:not-in=http://hl7.org/fhir/ValueSet/observation-status", 0),
])  # fmt: skip
def test_Q13_a_token_is_asked_by_words_and_value_sets(
    plain: House, query: str, number: int
) -> None:
    tag = new()
    observation(plain, tag, "x")
    assert found(plain, tag, query) == number


@pytest.mark.parametrize(("query", "number"), [
    ("url:below=http://a.example/fhir/", 1), ("url:below=http://a.example/f", 1),
    ("url:below=http://a.example/x", 0), ("url:above={url}/more", 1),
    ("url:above=http://a.example/fhir", 0), ("url={url}", 1),
])  # fmt: skip
def test_Q15_an_address_is_above_or_below(plain: House, query: str, number: int) -> None:
    tag = new()
    url = f"http://a.example/fhir/{tag}"
    stored(plain.post("ValueSet", None, tagged("ValueSet", tag, status="draft", url=url)))
    assert found(plain, tag, query.format(url=url), "ValueSet") == number


def test_Q16_components_are_of_the_same_element(plain: House) -> None:
    tag = new()
    parts = [{"code": coded(code), "valueQuantity": {"value": value, "system": UCUM, "code": "g"}}
             for code, value in (("a", 1), ("b", 2))]  # fmt: skip
    observation(plain, tag, "x", component=parts, valueCodeableConcept=coded("v"))
    for query, number in (
        ("component-code-value-quantity=a$1", 1), ("component-code-value-quantity=a$2", 0),
        (f"combo-code-value-quantity=b$2000|{UCUM}|mg", 1), ("code-value-concept=x$v", 1),
        ("code-value-concept=a$v", 0), ("component-code-value-quantity=a$2,b$2", 1),
    ):  # fmt: skip
        assert found(plain, tag, query) == number, query


@pytest.mark.parametrize("query", [
    "relationship=DocumentReference/1$replaces", "relationship:missing=false",
])  # fmt: skip
def test_Q16_a_relation_that_may_be_hidden_is_refused(house: House, query: str) -> None:
    answer = house.get(f"DocumentReference?{query}", ANNE)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


@pytest.mark.parametrize("code", [
    "code", "date", "value-quantity", "value-string", "subject", "_profile",
    "component-code-value-quantity", "probability",
])  # fmt: skip
def test_Q17_missing_is_for_every_type(plain: House, code: str) -> None:
    tag, type_ = new(), "RiskAssessment" if code == "probability" else "Observation"
    body = tagged(type_, tag, status="final", code=coded("x"))
    if type_ == "RiskAssessment":
        of = stored(plain.post("Patient", None, {"resourceType": "Patient"}))
        body["subject"] = {"reference": f"Patient/{of}"}
    stored(plain.post(type_, None, body))
    has = code == "code"
    assert found(plain, tag, f"{code}:missing=true", type_) == (not has)
    assert found(plain, tag, f"{code}:missing=false", type_) == has


@pytest.mark.parametrize("query", [
    "code:above=x", "code:below=x", "code:in=http://a.example/ValueSet/none", "code:exact=x",
    "code:nonsense=x", "date:not=2026", "value-quantity:exact=1", "value-string:text=x",
    "subject:above=Patient/x", "subject:Medication=x", "_profile:exact=x",
    "component-code-value-quantity:not=a$1", "category:below=http://loinc.org|x",
])  # fmt: skip
def test_Q04_a_modifier_that_is_not_done_is_refused(plain: House, query: str) -> None:
    answer = plain.get(f"Observation?{query}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


OTHER = "http://a.example/units"
QUANTITIES = [
    {"value": 5, "system": UCUM, "code": "mg"}, {"value": 5, "system": OTHER, "code": "x"},
    {"value": 5, "unit": "tablets"}, {"value": 6, "system": UCUM, "code": "g"},
]  # fmt: skip


@pytest.mark.parametrize("query", [
    "value-quantity={}", "combo-value-quantity={}", "_filter=value-quantity eq {}",
    "code-value-quantity=x${}", "combo-code-value-quantity=x${}",
    "value-quantity=9||nothing,{}",
])  # fmt: skip
@pytest.mark.parametrize(("value", "number"), [
    ("5", 3), ("5||", 3), (f"5|{UCUM}|", 1), (f"5|{OTHER}|", 1), ("6||", 1), (f"6|{OTHER}|", 0),
    ("7||", 0), (f"5|{UCUM}|mg", 1), ("5||tablets", 1),
])  # fmt: skip
def test_Q10_a_quantity_may_be_asked_without_a_code(
    plain: House, query: str, value: str, number: int
) -> None:
    tag = new()
    for quantity in QUANTITIES:
        observation(plain, tag, "x", valueQuantity=quantity)
    assert found(plain, tag, query.format(value)) == number


@pytest.mark.parametrize("value", ["|", "||", "5|", f"|{UCUM}|mg", "5|a|b|c", "x||"])
def test_Q10_a_quantity_needs_a_number(plain: House, value: str) -> None:
    answer = plain.get(f"Observation?value-quantity={value}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


LONG = "http://a.example/" + "x" * 250 + "/acme/y"


@pytest.mark.parametrize(("value", "numbers"), [
    ("acme", "03"), ("http://acme", "0"), ("ValueSet", "01"), ("ACME", ""), ("urn:oid", "2"),
    ("2.999", "2"), ("/y", "3"), ("acme,urn", "023"), ("nothing", ""),
])  # fmt: skip
def test_Q17_an_address_is_found_by_a_part_of_it(plain: House, value: str, numbers: str) -> None:
    tag = new()
    urls = (
        "http://acme.org/fhir/ValueSet/foo", "http://a.example/ValueSet/b", "urn:oid:2.999", LONG,
    )  # fmt: skip
    ids = [stored(plain.post("ValueSet", None, tagged("ValueSet", tag, url=url, status="draft")))
           for url in urls]  # fmt: skip
    answer = plain.get(f"ValueSet?_tag={TAGS}|{tag}&url:contains={value}")
    assert {ids.index(one["id"]) for one in answer.entries} == set(map(int, numbers)), answer.body
