"""Token parameters."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.extract import extract
from fhir_server.search.parameters import parameters
from profiles.definitions import r4
from tests.placed import placed
from tests.search.asking import BASE, finds, query

INS = "urn:oid:1.2.250.1.213.1.4.8"
LOINC = "http://loinc.org"

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "gender": "female",
    "identifier": [
        {"system": INS, "value": "123"},
        {
            "type": {"coding": [{"system": "urn:types", "code": "MR"}]},
            "system": "urn:hospital",
            "value": "A|b",
        },
        {"value": "no-system"},
    ],
    "telecom": [{"system": "email", "use": "work", "value": "Anne@b.example"}],
}
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "d",
    "status": "current",
    "type": {
        "coding": [{"system": LOINC, "code": "34133-9"}, {"code": "own"}, {"system": "urn:empty"}],
        "text": "Summary",
    },
}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (f"identifier={INS}|123", True),
        (f"identifier={INS}|124", False),
        ("identifier=urn:other|123", False),
        ("identifier=123", True),
        ("identifier=124,123", True),
        ("identifier=|123", False),
        ("identifier=|no-system", True),
        ("identifier=no-system", True),
        (f"identifier={INS}|", True),
        ("identifier=urn:other|", False),
        (r"identifier=urn:hospital|A\|b", True),
        ("identifier=urn:hospital|a\\|b", False),
        (r"identifier:of-type=urn:types|MR|A\|b", True),
        ("identifier:of-type=urn:types|MR|123", False),
        ("active=true", True),
        ("active=false", False),
        ("gender=female", True),
        ("gender=Female", False),
        ("gender=male,female", True),
        ("gender=|female", True),
        ("gender=http://hl7.org/fhir/administrative-gender|female", True),
        ("gender=http://hl7.org/fhir/administrative-gender|male", False),
        ("gender=http://hl7.org/fhir/administrative-gender|", True),
        ("gender=urn:other|female", False),
        ("gender=nothing", False),
        ("gender:not=male", True),
        ("gender:not=male,female", False),
        ("language:not=en", True),
        ("email=Anne@b.example", True),
        ("phone=Anne@b.example", False),
        ("deceased=false", True),
        ("deceased=true", False),
    ],
)
def test_a_patient_is_found_by_what_a_token_says(search: str, found: bool) -> None:
    assert finds(f"Patient?{search}", PATIENT) is found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("type=34133-9", True),
        (f"type={LOINC}|34133-9", True),
        ("type=|34133-9", False),
        ("type=|own", True),
        ("type=urn:empty|", True),
        ("type=Summary", False),
        ("status=current", True),
        ("status=superseded", False),
        ("type:missing=false", True),
        ("category:missing=true", True),
        ("category:missing=false", False),
        ("type:not=34133-9", False),
        ("category:not=34133-9", True),
    ],
)
def test_a_document_is_found_by_any_of_its_codings(search: str, found: bool) -> None:
    assert finds(f"DocumentReference?{search}", DOCUMENT) is found


CONCEPT: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": {"coding": [{"system": LOINC, "code": "1", "display": "Hémoglobine glyquée"}],
             "text": "HbA1c"},
    "identifier": [{"type": {"text": "Bon de labo"}, "value": "1"}],
    "meta": {"tag": [{"code": "x", "display": "À revoir"}]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("code:text=hemoglobine", True),
        ("code:text=hba1", True),
        ("code:text=glyquee", False),
        ("code:text=x,HBA1C", True),
        ("code:text=1", False),
        ("identifier:text=bon", True),
        ("identifier:text=1", False),
        ("_tag:text=a revoir", True),
        ("status:in=http://hl7.org/fhir/ValueSet/observation-status", True),
        ("status:in=http://hl7.org/fhir/ValueSet/observation-status|4.0.1", True),
        ("status:not-in=http://hl7.org/fhir/ValueSet/observation-status", False),
        ("status:in=http://hl7.org/fhir/ValueSet/administrative-gender", False),
        ("category:in=http://hl7.org/fhir/ValueSet/observation-category", False),
        ("status:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", True),
        ("category:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", True),
    ],
)
def test_an_observation_is_found_by_words_and_value_sets(search: str, found: bool) -> None:
    assert finds(f"Observation?{search}", CONCEPT) is found


REPORT: dict[str, Any] = {
    "resourceType": "DiagnosticReport",
    "id": "r",
    "status": "corrected",
    "meta": {"security": [{"system": CONFIDENTIALITY, "code": "R"}, {"code": "N"}]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("status:below=amended", True),
        ("status:below=corrected", True),
        ("status:below=http://hl7.org/fhir/diagnostic-report-status|amended", True),
        ("status:below=partial", False),
        ("status:below=partial,amended", True),
        ("status:above=corrected", True),
        ("status:above=amended", False),
        (f"_security:below={CONFIDENTIALITY}|_Confidentiality", True),
        (f"_security:below={CONFIDENTIALITY}|N", False),
        (f"_security:above={CONFIDENTIALITY}|_Confidentiality", False),
        (f"_security:below={CONFIDENTIALITY}|unknown", False),
    ],
)
def test_a_code_is_above_or_below_another(search: str, found: bool) -> None:
    assert finds(f"DiagnosticReport?{search}", REPORT) is found


@pytest.mark.parametrize("search", [
    "code:in=http://a.example/ValueSet/mine", "code:not-in=", "code:above=1", "code:below=1",
    "code:below=http://snomed.info/sct|1", "code:above=|1", "category:above=urn:x|1",
])  # fmt: skip
def test_what_needs_a_terminology_is_refused(search: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"Observation?{search}x")
    assert refusal.value.code == "not-supported"


def test_a_value_cannot_pass_for_a_system() -> None:
    forged = {"resourceType": "Patient", "id": "p", "identifier": [{"value": f"{INS}|123"}]}
    assert not finds(f"Patient?identifier={INS}|123", forged)


@pytest.mark.parametrize("value", ["|", "a|b|c", "a||", "||"])
def test_a_token_with_too_little_or_too_much_is_refused(value: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"Patient?identifier={value}")
    assert (refusal.value.code, f"`{value}`" in refusal.value.text) == ("value", True)


@pytest.mark.parametrize("value", ["a|b", "|b|c", "a||c", "a|b|"])
def test_an_identifier_of_a_type_needs_all_three_parts(value: str) -> None:
    with pytest.raises(BadRequest, match="is no value for `identifier`"):
        query(f"Patient?identifier:of-type={value}")


def test_a_code_with_a_known_system_costs_one_key_and_the_mark_of_presence() -> None:
    index = extract({"resourceType": "Person", "gender": "female"}, base=BASE)
    assert len(index.keys) == 2


def test_the_least_code_is_kept_for_sorting() -> None:
    index = extract(DOCUMENT, base=BASE)
    numbers = {code: parameters("DocumentReference")[code].number for code in ("type", "status")}
    assert dict(index.tokens) == {numbers["type"]: "34133-9", numbers["status"]: "current"}


UNIQUE = "urn:ietf:rfc:3986"
OID, UUID = "urn:oid:1.2.3", "urn:uuid:2ce71a5b-fd99-4958-ade4-ca39e86625ed"
OF_OID = [OID, "URN:OID:1.2.3", "1.2.3"]
OF_UUID = [UUID, UUID.upper(), UUID[9:], "{" + UUID[9:].upper() + "}"]


@pytest.mark.parametrize("stored", OF_OID + OF_UUID)
@pytest.mark.parametrize("asked", OF_OID + OF_UUID)
def test_an_identifier_is_found_in_every_spelling(stored: str, asked: str) -> None:
    document = {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": UNIQUE, "value": stored},
        "context": {"related": [{"identifier": {"system": UNIQUE, "value": stored}}]},
    }
    same = (stored in OF_OID) == (asked in OF_OID)
    assert finds(f"DocumentReference?identifier={UNIQUE}|{asked}", document) is same
    assert finds(f"DocumentReference?identifier={asked}", document) is same
    assert finds(f"DocumentReference?related:identifier={UNIQUE}|{asked}", document) is same
    assert finds(f"DocumentReference?related:identifier={asked}", document) is same


@pytest.mark.parametrize("stored", ["urn:oid:1.2.3", "URN:OID:1.2.3", "1.2.3"])
@pytest.mark.parametrize("asked", ["urn:oid:1.2.3", "URN:OID:1.2.3", "1.2.3"])
def test_the_system_of_an_identifier_is_found_in_every_spelling(stored: str, asked: str) -> None:
    patient = {"resourceType": "Patient", "identifier": [{"system": stored, "value": "7"}]}
    assert finds(f"Patient?identifier={asked}|7", patient)
    assert finds(f"Patient?identifier={asked}|", patient)


FOLDED = {
    (type_, code)
    for type_ in r4().resources
    for code, parameter in parameters(type_).items()
    if parameter.folded == "all"
}


@pytest.mark.parametrize(("type_", "code"), sorted(FOLDED))
def test_a_token_over_a_string_is_compared_without_case(type_: str, code: str) -> None:
    one = placed(type_, code, "b")
    for asked in (one.asked, one.asked.upper(), one.asked.capitalize(), f"|{one.asked.upper()}"):
        assert finds(f"{type_}?{code}={asked}", one.resource), asked
        assert not finds(f"{type_}?{code}:not={asked}", one.resource), asked
    for asked in (f"{one.asked}x", f"urn:x|{one.asked}", f"{one.asked[:-1]}"):
        assert not finds(f"{type_}?{code}={asked}", one.resource), asked


def test_which_tokens_are_strings_is_what_the_definitions_say() -> None:
    assert len(FOLDED) > 30
    known = {("CodeSystem", "version"), ("Medication", "lot-number"), ("AuditEvent", "site")}
    assert known <= FOLDED
    assert not {("Patient", "identifier"), ("Observation", "code"), ("Patient", "gender")} & FOLDED


@pytest.mark.parametrize(
    ("search", "found"),
    [("din=a-1", True), ("din=A-1", True), ("din=urn:x|A-1", False), ("din:not=a-1", False),
     ("identifier=Aa", True), ("identifier=aa", False)],
)  # fmt: skip
def test_a_string_in_an_extension_is_compared_without_case_and_an_identifier_is_not(
    search: str, found: bool
) -> None:
    url = "http://hl7.org/fhir/SearchParameter/device-extensions-Device-din"
    extension = [{"url": url, "valueString": "A-1"}]
    device = {"resourceType": "Device", "extension": extension, "identifier": [{"value": "Aa"}]}
    assert finds(f"Device?{search}", device) is found
