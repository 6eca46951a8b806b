"""The operation $docref, row I-25.

https://hl7.org/fhir/uv/ipa/STU1.1/OperationDefinition-docref.html
"""

from typing import Any

import pytest

from profiles.validate import validate
from tests.house import BASE, House
from tests.people import patient, stored
from tests.rest.operations import post

LOINC = "http://loinc.org"


def document(plain: House, who: str, code: str, year: int, **more: Any) -> str:
    body = {
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": who},
        "type": {"coding": [{"system": LOINC, "code": code}]}, "date": f"{year}-06-01T00:00:00Z",
        "content": [{"attachment": {"url": "http://a.example/x"}}],
    }  # fmt: skip
    return stored(plain.post("DocumentReference", None, body | more))


@pytest.fixture
def who(plain: House) -> str:
    return f"Patient/{stored(plain.post('Patient', None, patient()))}"


def asked(plain: House, who: str, query: str = "") -> list[str]:
    answer = plain.get(f"DocumentReference/$docref?patient={who.split('/')[1]}&{query}")
    assert answer.status == 200, answer.body
    assert (answer.json["type"], validate(answer.json)) == ("searchset", [])
    assert answer.json["total"] == len(answer.entries)
    return [entry["id"] for entry in answer.entries]


def test_I25_docref_finds_the_most_recent_summary(plain: House, who: str) -> None:
    document(plain, who, "60591-5", 2020)
    new = document(plain, who, "34133-9", 2021)
    document(plain, who, "11488-4", 2022)
    assert asked(plain, who) == [new]


def test_I25_docref_finds_the_most_recent_document_when_there_is_no_summary(
    plain: House, who: str
) -> None:
    document(plain, who, "11488-4", 2020)
    new = document(plain, who, "11490-0", 2021)
    assert asked(plain, who) == [new]
    assert asked(plain, who, "type=11488-4") != [new]


def test_I25_docref_finds_documents_of_types_and_dates_of_care(plain: House, who: str) -> None:
    old, new = document(plain, who, "11488-4", 2020), document(plain, who, "11488-4", 2021)
    other = document(plain, who, "11490-0", 2020)
    cared_in = {"period": {"start": "2010-01-01", "end": "2010-02-01"}}
    late = document(plain, who, "11488-4", 2022, context=cared_in)
    assert asked(plain, who, f"start=2019&type={LOINC}|11488-4") == [new, old]
    assert set(asked(plain, who, "start=2020&end=2020-12-31")) == {old, other}
    assert asked(plain, who, "end=2015-01-01") == [late]
    assert asked(plain, who, f"start=2019&type={LOINC}|11490-0&type=34133-9") == [other]
    assert asked(plain, who, "start=2019&type=http://a.example|11490-0") == []


def test_I25_docref_finds_what_is_current(plain: House, who: str) -> None:
    document(plain, who, "11488-4", 2022, status="superseded")
    current = document(plain, who, "11488-4", 2021)
    assert asked(plain, who) == [current]


def test_I25_docref_finds_documents_of_a_profile(plain: House, who: str) -> None:
    attachment = {"url": "http://a.example/x"}
    ours = {"attachment": attachment, "format": {"system": "urn:a", "code": "urn:b:c"}}
    document(plain, who, "11488-4", 2020)
    found = document(plain, who, "11488-4", 2020, content=[ours])
    assert asked(plain, who, "start=2019&profile=urn:b:c") == [found]


def test_I25_no_document_is_made_on_demand(plain: House, who: str) -> None:
    found = document(plain, who, "11488-4", 2020)
    assert asked(plain, who, "on-demand=true") == []
    assert asked(plain, who, "on-demand=false") == [found]


def test_I25_docref_of_an_unknown_patient_is_empty(plain: House) -> None:
    assert asked(plain, "Patient/nobody") == []


def test_I25_docref_is_called_with_parameters_too(plain: House, who: str) -> None:
    found = document(plain, who, "11488-4", 2020)
    coding = {"system": LOINC, "code": "11488-4"}
    members = [
        {"name": "patient", "valueId": who.split("/")[1]},
        {"name": "start", "valueDate": "2019"},
    ]
    for type_ in ({"valueCodeableConcept": {"coding": [coding]}}, {"valueCoding": coding}):
        body = {"resourceType": "Parameters", "parameter": [*members, {"name": "type"} | type_]}
        answer = post(plain, "DocumentReference/$docref", None, body)
        assert [entry["id"] for entry in answer.entries] == [found]


@pytest.mark.parametrize(
    "query",
    ["", "patient=a&patient=b", "patient=a&start=x", "patient=a&on-demand=2", "patient=a&type=|",
     "patient=Patient/a", "patient=a&start=2020&end=2019"],
)  # fmt: skip
def test_I25_docref_is_refused_what_it_cannot_read(plain: House, query: str) -> None:
    assert plain.get(f"DocumentReference/$docref?{query}").status == 400


def test_I25_docref_is_paged(plain: House, who: str) -> None:
    made = {document(plain, who, "11488-4", 2000 + n) for n in range(25)}
    url: str | None = f"DocumentReference/$docref?patient={who.split('/')[1]}&start=1999-01-01"
    first, seen = url, list[str]()
    while url:
        answer = plain.get(url)
        links = {link["relation"]: link["url"] for link in answer.json["link"]}
        assert links["self"] == f"{BASE}/{url}"
        assert url == first or links["first"] == f"{BASE}/{first}"
        seen += [entry["id"] for entry in answer.entries]
        url = links["next"].removeprefix(f"{BASE}/") if "next" in links else None
    assert (len(seen), set(seen)) == (25, made)
