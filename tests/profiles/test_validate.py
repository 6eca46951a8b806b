"""What the base definitions allow: each rule with what breaks it, and where that is said to be."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.definitions import r4
from profiles.validate import validate

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'
GOOD_PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z", "profile": ["http://a"]},
    "text": {"status": "generated", "div": DIV},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "a"}],
    "extension": [
        {"url": "a", "valueString": "b"},
        {"url": "b", "_valueCode": {"extension": [{"url": "c", "valueDecimal": 1}]}},
        {"url": "d", "extension": [{"url": "e", "valueReference": {"reference": "#o"}}]},
    ],
    "identifier": [{"system": "urn:oid:1.2", "value": "1", "use": "official"}],
    "active": True,
    "name": [
        {"family": "a", "given": ["b", None], "_given": [None, {"extension": [
            {"url": "a", "valueBoolean": False}]}]},
        {"_family": {"extension": [{"url": "a", "valueInteger": 1}]}},
    ],
    "gender": "female",
    "birthDate": "1970-02",
    "_birthDate": {"id": "b"},
    "multipleBirthInteger": 2,
    "contact": [{"organization": {"reference": "#o"}, "gender": "other"}],
    "generalPractitioner": [{"reference": "Practitioner/1", "type": "Practitioner"}],
    "managingOrganization": {"reference": "http://a.example/fhir/Organization/1/_history/2"},
}  # fmt: skip


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "a"}, **members}


def extension(**members: Any) -> dict[str, Any]:
    return patient(extension=[{"url": "a", **members}])


def contained(inner: Any, **members: Any) -> dict[str, Any]:
    inner = {"resourceType": "Organization", "id": "o", **inner}
    return patient(contained=[inner], managingOrganization={"reference": "#o"}, **members)


def condition(**coding: Any) -> dict[str, Any]:
    subject = {"reference": "Patient/1"}
    status = {"coding": [{"code": "b"}, coding]}
    return {"resourceType": "Condition", "subject": subject, "clinicalStatus": status}


CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ITEM = {"url": "a", "valueCode": "b"}
BESIDE = {"extension": [ITEM]}
QUESTIONS = [{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "display"}]}]

GOOD = {
    "a whole patient": GOOD_PATIENT,
    "nothing but a type": patient(),
    "a required primitive with an extension only": {
        "resourceType": "Observation", "_status": BESIDE, "code": {"text": "a"}},
    "a required code of a concept": condition(system=CLINICAL, code="active"),
    "an element defined by another": {
        "resourceType": "Questionnaire", "status": "draft", "item": QUESTIONS
    },
    "a contained resource that refers to its container": patient(contained=[
        {**observation(), "id": "b", "subject": {"reference": "#"}}]),
    "references between contained resources": patient(contained=[
        {"resourceType": "Organization", "id": "a", "partOf": {"reference": "#b"}},
        {"resourceType": "Organization", "id": "b", "partOf": {"reference": "#a"}}]),
    "a conditional reference": observation(subject={"reference": "Patient?identifier=a|b"}),
    "a reference that does not tell its type": observation(subject={"reference": "urn:uuid:1"}),
    "a reference to something of ours": observation(subject={"reference": "http://a/b/c"}),
    "a logical reference": observation(subject={"type": "Patient", "identifier": {"value": "a"}}),
    "any reference": {"resourceType": "List", "status": "current", "mode": "working",
                      "entry": [{"item": {"reference": "Basic/1"}}]},
    "a decimal as any number": observation(valueQuantity={"value": 1.5}),
    "a bundle": {"resourceType": "Bundle", "type": "collection"},
    "parameters": {"resourceType": "Parameters", "parameter": [
        {"name": "a", "part": [{"name": "b", "resource": patient()}]}]},
    "media types with parameters": {"resourceType": "Binary", "contentType": "a/b;c=d"},
}  # fmt: skip


@pytest.mark.parametrize("resource", GOOD.values(), ids=GOOD.keys())
def test_what_the_definitions_allow_is_valid(resource: dict[str, Any]) -> None:
    assert validate(resource) == []


HUGE = "a" * 2**21
BAD: dict[str, tuple[Any, str, str]] = {
    # types and unknown elements
    "no object": ([], "structure", ""),
    "no type": ({}, "structure", ""),
    "an unknown type": ({"resourceType": "Patience"}, "structure", ""),
    "an abstract type": ({"resourceType": "DomainResource"}, "structure", ""),
    "a data type": ({"resourceType": "HumanName"}, "structure", ""),
    "a type of R4B": ({"resourceType": "Citation"}, "structure", ""),
    "an unknown element": (patient(foo=1), "structure", "Patient.foo"),
    "an unknown element further in": (
        patient(contact=[{}, {"name": {"given": ["a"], "nick": "b"}}][1:]),
        "structure", "Patient.contact[0].name.nick"),
    "an unknown choice": (patient(deceasedString="a"), "structure", "Patient.deceasedString"),
    "a choice without type": (patient(deceased=True), "structure", "Patient.deceased"),
    "a type in an element": (
        patient(name=[{"resourceType": "HumanName", "text": "a"}]),
        "structure", "Patient.name[0].resourceType"),
    "comments of DSTU2": (patient(fhir_comments=["a"]), "structure", "Patient.fhir_comments"),
    "a sibling of an object": (patient(_name=[BESIDE]), "structure", "Patient.name"),
    "a sibling of an id": (patient(id="a", _id=BESIDE), "structure", "Patient.id"),
    "a sibling of an extension's url": (
        extension(valueCode="b", _url=BESIDE), "structure", "Patient.extension[0].url"),
    # cardinality
    "a missing element": (
        {"resourceType": "Observation", "code": {"text": "a"}}, "required", "Observation.status"),
    "a missing choice": (
        {"resourceType": "MedicationRequest", "status": "active", "intent": "order",
         "subject": {"reference": "Patient/1"}}, "required", "MedicationRequest.medication"),
    "a missing element further in": (
        patient(link=[{"type": "seealso"}]), "required", "Patient.link[0].other"),
    "an array for one": (patient(active=[True]), "structure", "Patient.active"),
    "an array for one object": (patient(maritalStatus=[{}]), "structure", "Patient.maritalStatus"),
    "one for an array": (patient(name={"text": "a"}), "structure", "Patient.name"),
    "one primitive for an array": (
        patient(name=[{"given": "a"}]), "structure", "Patient.name[0].given"),
    "two choices": (
        patient(deceasedBoolean=True, deceasedDateTime="2020"), "structure", "Patient.deceased"),
    "two choices, one of them a sibling": (
        patient(deceasedBoolean=True, _deceasedDateTime=BESIDE), "structure", "Patient.deceased"),
    # emptiness
    "an empty array": (patient(name=[]), "structure", "Patient.name"),
    "an empty array of siblings": (
        patient(name=[{"given": ["a"], "_given": []}]), "structure", "Patient.name[0].given"),
    "an empty object": (patient(maritalStatus={}), "structure", "Patient.maritalStatus"),
    "an empty object in an array": (patient(name=[{}]), "structure", "Patient.name[0]"),
    "an empty sibling": (patient(_active={}), "structure", "Patient.active"),
    "an empty text": (patient(language=""), "value", "Patient.language"),
    "null": (patient(active=None), "structure", "Patient.active"),
    "null for an object": (patient(maritalStatus=None), "structure", "Patient.maritalStatus"),
    "null for an array": (patient(name=None), "structure", "Patient.name"),
    "null in an array of objects": (
        patient(name=[{"text": "a"}, None]), "structure", "Patient.name[1]"),
    "null without a sibling": (
        patient(name=[{"given": ["a", None]}]), "structure", "Patient.name[0].given[1]"),
    "null beside null": (
        patient(name=[{"given": ["a", None], "_given": [BESIDE, None]}]),
        "structure", "Patient.name[0].given[1]"),
    "a null sibling without a value": (
        patient(name=[{"_given": [None, BESIDE]}]), "structure", "Patient.name[0].given[0]"),
    "lists of different lengths": (
        patient(name=[{"given": ["a"], "_given": [BESIDE, BESIDE]}]),
        "structure", "Patient.name[0].given"),
    "only an id": (patient(name=[{"id": "a"}]), "invariant", "Patient.name[0]"),
    "only an id for a primitive": (patient(_active={"id": "a"}), "invariant", "Patient.active"),
    "only an id in an array": (
        patient(name=[{"given": ["a", None], "_given": [None, {"id": "b"}]}]),
        "invariant", "Patient.name[0].given[1]"),
    # primitives
    "a boolean in quotes": (patient(active="true"), "value", "Patient.active"),
    "a number for a boolean": (patient(active=1), "value", "Patient.active"),
    "a number for a text": (
        patient(name=[{"given": ["a", 1]}]), "value", "Patient.name[0].given[1]"),
    "an object for a text": (patient(birthDate={}), "structure", "Patient.birthDate"),
    "an array in an array": (
        patient(name=[{"given": [["a"]]}]), "structure", "Patient.name[0].given[0]"),
    "a decimal in quotes": (
        observation(valueQuantity={"value": "1.5"}), "value", "Observation.value.value"),
    "a point in an integer": (
        patient(multipleBirthInteger=2.0), "value", "Patient.multipleBirth"),
    "no day of the calendar": (patient(birthDate="2023-02-29"), "value", "Patient.birthDate"),
    "a long id": (patient(id="a" * 65), "value", "Patient.id"),
    "a space in a uri": (patient(implicitRules="a b"), "value", "Patient.implicitRules"),
    "bad base64": (
        patient(photo=[{"data": "!!!!"}]), "value", "Patient.photo[0].data"),
    "a blank text": (patient(name=[{"text": " "}]), "value", "Patient.name[0].text"),
    "a control character": (patient(name=[{"text": "a\x00"}]), "value", "Patient.name[0].text"),
    "a text over a megabyte": (patient(name=[{"text": HUGE}]), "value", "Patient.name[0].text"),
    "a bad id of an element": (
        patient(name=[{"id": "", "text": "a"}]), "value", "Patient.name[0].id"),
    "a bad value in an extension of a primitive": (
        patient(_active={"extension": [{"url": "a", "valueDate": "b"}]}),
        "value", "Patient.active.extension[0].value"),
    # codes
    "an unknown code": (patient(gender="femme"), "code-invalid", "Patient.gender"),
    "a code in capitals": (patient(gender="Male"), "code-invalid", "Patient.gender"),
    "a code that is none": (patient(gender=" male"), "value", "Patient.gender"),
    "a code in an array": (
        patient(name=[{"text": "a", "use": "b"}]), "code-invalid", "Patient.name[0].use"),
    "an unknown code of a concept": (
        condition(system=CLINICAL, code="gone"), "code-invalid", "Condition.clinicalStatus"),
    "the code of another system": (
        condition(system="http://a", code="active"), "code-invalid", "Condition.clinicalStatus"),
    "a code without system": (
        condition(code="active"), "code-invalid", "Condition.clinicalStatus"),
    # extensions
    "an extension with both": (
        extension(valueCode="b", extension=[ITEM]), "invariant", "Patient.extension[0]"),
    "an extension with neither": (extension(id="b"), "invariant", "Patient.extension[0]"),
    "an extension without url": (
        patient(extension=[{"valueCode": "a"}]), "required", "Patient.extension[0].url"),
    # narratives
    "a script": (
        patient(text={"status": "generated", "div": DIV.replace("a<", "<script/><")}),
        "invariant", "Patient.text.div"),
    "a narrative that is no text": (
        patient(text={"status": "generated", "div": 1}), "invariant", "Patient.text.div"),
    "a sibling of a narrative": (
        patient(text={"status": "generated", "div": DIV, "_div": BESIDE}),
        "structure", "Patient.text.div"),
    # references
    "a reference to another type": (
        observation(subject={"reference": "Practitioner/1"}), "structure", "Observation.subject"),
    "a version of another type": (
        observation(subject={"reference": "http://a/Practitioner/1/_history/2"}),
        "structure", "Observation.subject"),
    "a condition on another type": (
        observation(subject={"reference": "Practitioner?a=b"}),
        "structure", "Observation.subject"),
    "a logical reference to another type": (
        observation(performer=[{"type": "Encounter", "display": "a"}]),
        "structure", "Observation.performer[0]"),
    "a contained resource of another type": (
        contained({}, generalPractitioner=[{"reference": "#p"}], contact=[
            {"organization": {"reference": "#o"}}]) | {"link": [
                {"type": "refer", "other": {"reference": "#o"}}]},
        "structure", "Patient.link[0].other"),
    "a reference that is not of the type it says": (
        observation(subject={"reference": "Patient/1", "type": "Group"}),
        "value", "Observation.subject"),
    "a reference to nothing contained": (
        observation(subject={"reference": "#p"}), "invariant", "Observation.subject"),
    "a reference to a container of another type": (
        contained({"partOf": {"reference": "#"}}), "structure", "Patient.contained[0].partOf"),
    "a reference to a container that is none": (
        observation(subject={"reference": "#"}), "invariant", "Observation.subject"),
    # contained resources
    "contained in contained": (
        contained({"contained": [{"resourceType": "Group"}]}),
        "invariant", "Patient.contained[0].contained[0]"),
    "contained without type": (
        patient(contained=[{"id": "a"}]), "structure", "Patient.contained[0]"),
    "contained and no object": (patient(contained=["a"]), "structure", "Patient.contained[0]"),
    "contained with a version": (
        contained({"meta": {"versionId": "1"}}),
        "invariant", "Patient.contained[0].meta.versionId"),
    "contained with a time": (
        contained({"meta": {"lastUpdated": "2020-01-01T00:00:00Z"}}),
        "invariant", "Patient.contained[0].meta.lastUpdated"),
    "contained with a security label": (
        contained({"meta": {"security": [{"code": "a"}]}}),
        "invariant", "Patient.contained[0].meta.security"),
    "contained for nothing": (
        patient(contained=[{"resourceType": "Organization", "id": "b", "name": "c"}]),
        "invariant", "Patient.contained[0]"),
    "contained without id": (
        patient(contained=[{"resourceType": "Organization", "name": "c"}]),
        "invariant", "Patient.contained[0]"),
    "two contained with one id": (
        contained({}) | {"contained": [{"resourceType": "Organization", "id": "o"}] * 2},
        "invariant", "Patient.contained[1]"),
    "contained and wrong": (
        contained({"active": "b"}), "value", "Patient.contained[0].active"),
    # resources in resources
    "wrong in a bundle": (
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": patient()}, {"resource": patient(name=[{"text": "a", "use": "b"}])}]},
        "code-invalid", "Bundle.entry[1].resource.name[0].use"),
    "wrong in parameters": (
        {"resourceType": "Parameters", "parameter": [{"name": "a", "resource": patient(id="")}]},
        "value", "Parameters.parameter[0].resource.id"),
    "a bundle's fragment of another entry": (
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": contained({})},
            {"resource": patient(managingOrganization={"reference": "#o"})}]},
        "invariant", "Bundle.entry[1].resource.managingOrganization"),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "code", "expression"), BAD.values(), ids=BAD.keys())
def test_what_breaks_a_rule_is_said_with_its_place(
    resource: Any, code: str, expression: str
) -> None:
    found = [(issue.code, issue.expression) for issue in validate(resource)]
    assert (code, expression) in found


ALONE = set(BAD) - {
    "a contained resource of another type",  # comes with a reference to nothing
    "contained without type",  # so nothing can refer to it
    "null beside null",
}


@pytest.mark.parametrize("name", sorted(ALONE))
def test_one_fault_is_said_once(name: str) -> None:
    assert len(validate(BAD[name][0])) == 1


def test_a_message_shows_the_value_and_the_codes_allowed() -> None:
    text = validate(patient(gender="femme"))[0].text
    assert text.startswith("`femme` is not one of the codes allowed here: female, male")


def test_no_more_issues_are_looked_for_than_asked() -> None:
    resource = patient(name=[{}] * 100)
    assert len(validate(resource)) == 50
    assert len(validate(resource, limit=3)) == 3


def test_a_resource_deeper_than_python_goes_is_refused() -> None:
    item: dict[str, Any] = ITEM
    for _ in range(2000):
        item = {"url": "a", "extension": [item]}
    assert validate(patient(extension=[item]))[-1].code == "structure"


NAMES = st.sampled_from(
    "id meta text contained extension name given _given url valueReference reference type div"
    " coding system code resource entry clinicalStatus versionId resourceType _active".split()
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("#"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, ANYTHING, max_size=6))
def test_nothing_crashes_the_walk(members: dict[str, Any]) -> None:
    for type_ in ("Patient", "Bundle", "Condition"):
        validate({**members, "resourceType": type_})


def test_every_resource_type_has_its_rules() -> None:
    for name in r4().resources:
        issues = validate({"resourceType": name, "foo": 1})
        assert (issues[0].code, issues[0].expression) == ("structure", f"{name}.foo")
