"""Reference parameters."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.extract import extract
from fhir_server.search.parameters import parameters
from tests.search.asking import BASE, finds, query

INS = "urn:oid:1.2.250.1.213.1.4.8"


def document(subject: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"resourceType": "DocumentReference", "id": "d", "subject": subject, **others}


LOCAL = document({"reference": "Patient/1"})


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("subject=Patient/1", True),
        ("subject=1", True),
        ("subject=Patient/2", False),
        ("subject=2", False),
        ("subject=2,1", True),
        ("subject=Group/1", False),
        (f"subject={BASE}/Patient/1", True),
        ("subject=http://elsewhere.example/Patient/1", False),
        ("subject:Patient=1", True),
        ("subject:Patient=Patient/1", True),
        (f"subject:Patient={BASE}/Patient/1", True),
        ("subject:Group=1", False),
        ("subject:Group=Patient/1", False),
        ("patient=1", True),
        ("patient=Patient/1", True),
        ("subject=Patient/1/_history/2", False),
        ("subject:missing=false", True),
        ("author:missing=true", True),
    ],
)
def test_a_local_reference_is_found_by_each_of_its_names(search: str, found: bool) -> None:
    assert finds(f"DocumentReference?{search}", LOCAL) is found
    absolute = document({"reference": f"{BASE}/Patient/1"})
    assert finds(f"DocumentReference?{search}", absolute) is found


def test_a_reference_to_a_version_is_found_with_and_without_it() -> None:
    versioned = document({"reference": "Patient/1/_history/2"})
    assert finds("DocumentReference?subject=Patient/1", versioned)
    assert finds("DocumentReference?subject=Patient/1/_history/2", versioned)
    assert not finds("DocumentReference?subject=Patient/1/_history/3", versioned)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("subject=http://elsewhere.example/Patient/1", True),
        ("subject=http://elsewhere.example/Patient/1/_history/3", True),
        ("subject=Patient/1", False),
        ("subject=1", False),
        ("patient=http://elsewhere.example/Patient/1", True),
    ],
)
def test_a_reference_elsewhere_is_found_by_its_address_alone(search: str, found: bool) -> None:
    remote = document({"reference": "http://elsewhere.example/Patient/1/_history/3"})
    assert finds(f"DocumentReference?{search}", remote) is found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (f"subject:identifier={INS}|123", True),
        ("subject:identifier=123", True),
        (f"subject:identifier={INS}|", True),
        ("subject:identifier=|123", False),
        (f"subject:identifier={INS}|124", False),
        (f"patient:identifier={INS}|123", True),
        (f"subject={INS}|123", False),
    ],
)
def test_a_logical_reference_is_found_by_its_identifier(search: str, found: bool) -> None:
    logical = document({"type": "Patient", "identifier": {"system": INS, "value": "123"}})
    assert finds(f"DocumentReference?{search}", logical) is found


def test_a_reference_that_may_lead_anywhere_is_found_by_its_bare_id_too() -> None:
    related = document({}, context={"related": [{"reference": "Binary/b"}]})
    assert finds("DocumentReference?related=b", related)
    assert finds("DocumentReference?related:Binary=b", related)
    assert not finds("DocumentReference?related:Patient=b", related)


def test_a_canonical_is_found_with_and_without_its_version() -> None:
    answers = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "questionnaire": "http://forms.example/one|1.0",
    }
    assert finds("QuestionnaireResponse?questionnaire=http://forms.example/one", answers)
    assert finds("QuestionnaireResponse?questionnaire=http://forms.example/one|1.0", answers)
    assert not finds("QuestionnaireResponse?questionnaire=http://forms.example/one|2.0", answers)


FORMS = "http://forms.example"


@pytest.mark.parametrize(("search", "found"), [
    (f"{FORMS}/one|1.2", True), (f"{FORMS}/one|1", True), (f"{FORMS}/one|1.2.3", True),
    (f"{FORMS}/one|1.", False), (f"{FORMS}/one|1.20", False), (f"{FORMS}/one|2", False),
    (f"{FORMS}/one", True), (FORMS, True), (f"{FORMS}/", True), (f"{FORMS}/o", False),
    (f"{FORMS}/two,{FORMS}/one", True), (f"{FORMS}/two|1", False),
])  # fmt: skip
def test_a_canonical_is_below_its_folder_and_its_shorter_version(search: str, found: bool) -> None:
    answers = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "questionnaire": f"{FORMS}/one|1.2.3",
    }
    assert finds(f"QuestionnaireResponse?questionnaire:below={search}", answers) is found


def test_a_canonical_is_below_an_address_and_no_other_name() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("QuestionnaireResponse?questionnaire:below=Questionnaire/1")
    assert refusal.value.code == "value"


def test_a_document_bundle_refers_to_its_first_entry() -> None:
    first = {"resourceType": "Composition", "id": "c"}
    bundle = {"resourceType": "Bundle", "id": "b", "entry": [{"resource": first}]}
    assert finds("Bundle?composition=c", bundle)


@pytest.mark.parametrize(
    "reference",
    [
        "#contained",
        "nonsense",
        "Patient?identifier=1",
        "urn:uuid:7c2f3cf8-2f9b-4b37-8d1c-0a0f0d9b3c11",
    ],
)
def test_only_own_literal_references_have_a_row(reference: str) -> None:
    assert extract(document({"reference": reference}), base=BASE).references == ()


def test_a_row_names_the_parameter_and_the_target() -> None:
    numbers = [parameters("DocumentReference")[code].number for code in ("patient", "subject")]
    rows = extract(LOCAL, base=BASE).references
    assert sorted(rows) == sorted((number, "Patient", "1") for number in numbers)


@pytest.mark.parametrize("modifier", ["Medication", "exact", "Nothing", "above"])
def test_a_modifier_that_is_no_target_is_refused(modifier: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"DocumentReference?subject:{modifier}=1")
    assert refusal.value.code == "not-supported"


@pytest.mark.parametrize(
    "search", ["subject=#p", "subject:identifier=|", "subject:identifier=a|b|c"]
)
def test_a_value_that_cannot_be_is_refused(search: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"DocumentReference?{search}")
    assert refusal.value.code == "value"
