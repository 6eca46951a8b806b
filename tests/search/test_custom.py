"""What a stored SearchParameter stands for, or why it cannot be searched by.

https://hl7.org/fhir/R4/searchparameter.html
"""

from typing import Any

import pytest

from fhir_server.policy.redaction import LISTS
from fhir_server.search.custom import FITTING, MAX_EXPRESSION, REMOVABLE, judged, parameters_of
from fhir_server.search.custom import definition_of as definition
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from fhir_server.search.parameters import parameters
from fhir_server.search.parse import parse
from fhir_server.search.registry import Offer, Registry, by_type
from profiles.definitions import r4

BASE = "http://127.0.0.1:8080/fhir"
Json = dict[str, Any]


def stored(code: str, type_: str, expression: str, *bases: str, **more: Any) -> Json:
    return {
        "resourceType": "SearchParameter", "id": f"sp-{code}", "url": f"http://a.example/{code}",
        "status": "active", "code": code, "type": type_, "base": list(bases or ("Patient",)),
        "expression": expression,
    } | more  # fmt: skip


def reason(*resources: Json, guarded: bool = False) -> str:
    """Why the last one is refused."""
    return judged(resources, guarded=guarded)[-1].reason


def registry_of(*resources: Json) -> Registry:
    found = judged(resources, guarded=False)
    assert [one.reason for one in found if one.reason] == []
    made = by_type(parameter for one in found for parameter in one.parameters)
    return Registry(1, made, made)


def finds(registry: Registry, resource: Json, name: str, value: str) -> bool:
    """Whether a search by one of these parameters alone finds the resource, in memory."""
    offer = Offer(registry, lambda: registry)
    type_ = resource["resourceType"]
    query = parse(type_, [(name, value)], base=BASE, now=0, page_size=1, max_page=1, strict=True,
                  offer=offer)  # fmt: skip
    index = extract(resource, base=BASE, registry=registry)
    return matches(query.where, index, id_="x", updated=0, follow=lambda *_: None)


PATIENT: Json = {
    "resourceType": "Patient", "multipleBirthInteger": 3, "maritalStatus": {"text": "married"},
    "contact": [{"name": {"family": "Essai"}, "period": {"start": "2024-02"},
                 "organization": {"reference": "Organization/o"}}],
    "photo": [{"url": "http://a.example/p", "size": 12}],
    "extension": [{"url": "http://a.example/e", "valueQuantity": {"value": 7, "unit": "mg"}}],
}  # fmt: skip

FOUND = [
    (stored("births", "number", "Patient.multipleBirth.as(integer)"), "3", "4"),
    (stored("contact-date", "date", "Patient.contact.period"), "ge2024-02-01", "2025"),
    (stored("contact-name", "string", "Patient.contact.name"), "ess", "anne"),
    (stored("wed", "token", "Patient.maritalStatus.exists()"), "true", "false"),
    (stored("contact-house", "reference", "Patient.contact.organization"), "Organization/o", "p"),
    (stored("dose", "quantity", "Patient.extension.where(url='http://a.example/e').value"),
     "7||mg", "8"),
    (stored("photo-at", "uri", "Patient.photo.url"), "http://a.example/p", "http://a.example/q"),
    (stored("e", "quantity", "Patient.extension('http://a.example/e')"), "7", "lt7"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "there", "absent"), FOUND, ids=lambda v: str(v)[:60])
def test_a_parameter_of_each_type_finds_what_its_expression_gives(
    resource: Json, there: str, absent: str
) -> None:
    registry = registry_of(resource)
    assert finds(registry, PATIENT, resource["code"], there)
    assert not finds(registry, PATIENT, resource["code"], absent)
    assert not finds(registry, {"resourceType": "Patient"}, resource["code"], there)


def test_a_composite_asks_for_values_of_one_element() -> None:
    component = [
        {"definition": "http://hl7.org/fhir/SearchParameter/Patient-name", "expression": "name"},
        {"definition": "http://a.example/house", "expression": "organization"},
    ]
    house = stored("house", "reference", "Patient.contact.organization")
    pair = stored("contact", "composite", "Patient.contact", component=component[::-1])
    registry = registry_of(house, pair)
    assert finds(registry, PATIENT, "contact", "Organization/o$ess")
    apart = PATIENT | {"contact": [{"name": {"family": "Essai"}},
                                   {"organization": {"reference": "Organization/o"}}]}
    assert not finds(registry, apart, "contact", "Organization/o$ess")
    assert "first component" in reason(stored("c", "composite", "Patient.contact",
                                              component=component))  # fmt: skip


def test_one_definition_is_a_parameter_of_each_of_its_bases() -> None:
    (one,) = judged([stored("said", "string", "Patient.language | Observation.language",
                            "Patient", "Observation")], guarded=False)  # fmt: skip
    assert [parameter.resource for parameter in one.parameters] == ["Patient", "Observation"]
    assert len({parameter.number for parameter in one.parameters}) == 2


def test_a_parameter_of_every_resource_is_one_of_each_type() -> None:
    (one,) = judged([stored("lang", "token", "Resource.language", "Resource")], guarded=False)
    assert [parameter.resource for parameter in one.parameters] == list(r4().resources)


REFUSED = {
    "`Patient` has no `nonsense`": stored("a", "string", "Patient.nonsense"),
    "not done in a search path": stored("a", "string", "Patient.name.given.first()"),
    "is no FHIRPath": stored("a", "string", "Patient.name ~~ §"),
    "it has no expression": stored("a", "string", ""),
    "`special` are not done": stored("a", "special", "Patient.name"),
    "`Patient` has a parameter `name` already": stored("name", "string", "Patient.name"),
    "code `_a`": stored("_a", "string", "Patient.name"),
    "code `a.b`": stored("a.b", "string", "Patient.name"),
    "`Nonsense` is no resource type": stored("a", "string", "Patient.name", "Nonsense"),
    "gives nothing of a `Observation`": stored("a", "string", "Patient.name", "Observation"),
    "a date is not asked of `HumanName`": stored("a", "date", "Patient.name"),
    "more than 2000 characters": stored("a", "string", "Patient.name" + " " * MAX_EXPRESSION),
    "two components": stored("a", "composite", "Patient.contact"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_searched_by_is_refused_with_the_reason(words: str) -> None:
    assert words in reason(REFUSED[words])


def test_an_unknown_component_is_named() -> None:
    component = [{"definition": f"http://a.example/{n}", "expression": "name"} for n in "ab"]
    composite = stored("pair", "composite", "Patient.contact", component=component)
    assert "`http://a.example/a` is not known" in reason(composite)


def test_the_second_of_two_with_one_code_is_refused() -> None:
    first = stored("a", "string", "Patient.name", id="first")
    second = stored("a", "string", "Patient.address", id="second")
    assert "`SearchParameter/first` has the code `a`" in reason(first, second)


@pytest.mark.parametrize("status", ["draft", "retired", "unknown"])
def test_what_is_not_active_is_refused_with_its_status(status: str) -> None:
    assert f"`{status}`" in reason(stored("a", "string", "Patient.name", status=status))


TELLING = [
    stored("a", "date", "List.entry.date", "List"),
    stored("a", "token", "List.entry.exists()", "List"),
    stored("a", "reference", "DocumentReference.relatesTo.target", "DocumentReference"),
    stored("a", "token", "DocumentReference.relatesTo.code", "DocumentReference"),
    stored("a", "token", "Consent.provision.data.meaning", "Consent"),
    stored("a", "token", "AuditEvent.entity.where(name='x').exists()", "AuditEvent"),
    stored("a", "reference", "Patient.link.other | List.entry.item", "Patient", "List"),
]  # fmt: skip


@pytest.mark.parametrize("resource", TELLING, ids=lambda r: str(r["expression"]))
def test_what_would_tell_of_hidden_entries_is_refused_under_the_policy(resource: Json) -> None:
    assert "left out" in reason(resource, guarded=True)
    registry = registry_of(resource)
    type_ = resource["base"][-1]
    assert Offer(registry, lambda: registry).find(type_, "a")
    assert Offer(registry, lambda: registry, guarded=True).find(type_, "a") is None
    assert "a" not in Offer(registry, lambda: registry, guarded=True).all(type_)


def test_the_items_that_may_be_left_out_are_those_of_the_policy() -> None:
    assert set(REMOVABLE) == set(LISTS)
    for type_, paths in LISTS.items():
        assert all(REMOVABLE[type_] in path for path in paths)


def test_values_of_the_parameters_of_r4_fit_as_well() -> None:
    """What is refused here would be refused of R4's own."""
    for type_ in ("Patient", "Observation", "DocumentReference", "ValueSet", "Encounter"):
        for code, found in r4().search[type_].items():
            if code in parameters(type_) and found.type in FITTING:
                mine = definition(stored(f"x{code.strip('_')}", found.type, found.expression, type_,
                                         target=list(found.targets)))  # fmt: skip
                parameters_of(mine, {})
