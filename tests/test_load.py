"""What the loader takes, and whose the things are that it stored."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fhir_server.fhir.xml_format import write as write_xml
from fhir_server.load import load_files
from mappings.identifiers import ins_key
from tests import postgres
from tests.documents import cda, new_document_id
from tests.house import ANNE, BASE, CNAM, INS, NINA, OTTO, House, Person
from tests.people import opened, patient, stored, team

TABLES = ("resource", "trail", "relation", "record")
PDF = b64encode(b"%PDF-1.4 %%EOF").decode()
_numbers = iter(range(1000))


def house_on(kind: str, factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server on a new database of this kind."""
    file = factory.mktemp("load") / "test.db"
    url = postgres.postgres_url("load") if kind == "postgresql" else f"sqlite:///{file}"
    house = House(url)
    yield house
    house.close()
    if kind == "postgresql":
        postgres.drop_database(url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """One server for all tests: each has patients of its own."""
    yield from house_on(request.param, tmp_path_factory)


def new_ins() -> str:
    number = f"1850475126{next(_numbers):03}"
    return number + ins_key(number)


def load(house: House, file: Path, content: object) -> list[str]:
    """Load one file of this content; what was said."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    file.write_bytes(data)
    said: list[str] = []
    refused = load_files([file], house.services, said.append)
    assert (refused, said[0]) == (
        len(said) - 1,
        said[0].rpartition(", ")[0] + f", refused {refused}",
    )
    return said


def why(house: House, file: Path, content: object) -> str:
    """Load one file that is refused; the reason."""
    said = load(house, file, content)
    assert said[0] == "loaded 0, refused 1"
    where, _, reason = said[1].partition(": ")
    assert where == str(file)
    return reason


def counts(house: House) -> list[int]:
    session = house.database.session()
    return [session.rows(f"SELECT count(*) FROM {table}", {})[0][0] for table in TABLES]


def holder(ins: str) -> Person:
    return Person("holder", f"{INS}|{ins}")


def documents_of(house: House, who: Person, ins: str) -> list[Any]:
    query = {"patient.identifier": f"{INS}|{ins}"}
    answer = house.call("GET", "DocumentReference", who, query=query)
    assert answer.status == 200, answer.body
    return answer.entries


def document(patient_id: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "content": [{"attachment": {"contentType": "application/pdf", "data": PDF}}],
    } | more


def bundle(kind: str, *entries: Any) -> dict[str, Any]:
    listed = [one if "resource" in one else {"resource": one} for one in entries]
    return {"resourceType": "Bundle", "type": kind} | ({"entry": listed} if listed else {})


# CDA.


def test_a_cda_document_opens_the_record_of_its_patient(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    data = cda(patient_ins=ins, birth="19850412")
    assert load(house, tmp_path / "a.xml", data) == ["loaded 1, refused 0"]
    (found,) = documents_of(house, holder(ins), ins)
    person = house.get(found["subject"]["reference"], holder(ins)).json
    assert (person["active"], person["birthDate"]) == (True, "1985-04-12")
    assert {"system": INS, "value": ins}.items() <= person["identifier"][0].items()
    binary = found["content"][0]["attachment"]["url"].split("/fhir/")[1]
    assert house.get(binary, holder(ins)).body == data


def test_a_second_document_goes_into_the_same_record(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    for name in ("a.xml", "b.xml"):
        load(house, tmp_path / name, cda(patient_ins=ins))
    assert len({one["subject"]["reference"] for one in documents_of(house, holder(ins), ins)}) == 1
    assert len(documents_of(house, holder(ins), ins)) == 2


def test_a_document_goes_into_the_record_that_is_open_already(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    patient_id = opened(house, identifier=[{"system": INS, "value": ins}])
    load(house, tmp_path / "a.xml", cda(patient_ins=ins))
    (found,) = documents_of(house, holder(ins), ins)
    assert found["subject"]["reference"] == f"Patient/{patient_id}"


def test_a_document_is_its_authors_and_its_labels_hold(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    opened(house, NINA, identifier=[{"system": INS, "value": ins}])
    load(house, tmp_path / "a.xml", cda(patient_ins=ins, confidentiality=("N", "MASQUE_PS")))
    assert len(documents_of(house, ANNE, ins)) == 1
    assert documents_of(house, NINA, ins) == []
    asked = f"DocumentReference?patient.identifier={INS}%7C{ins}"
    assert house.get(asked, OTTO).status == house.get(asked, CNAM).status == 403


def test_everything_loaded_leaves_a_trace_that_names_the_loader(
    house: House, tmp_path: Path
) -> None:
    ins = new_ins()
    load(house, tmp_path / "a.xml", cda(patient_ins=ins))
    query = {"patient.identifier": f"{INS}|{ins}"}
    events = house.call("GET", "AuditEvent", holder(ins), query=query).entries
    users = [agent for event in events for agent in event["agent"] if agent["requestor"]]
    assert {user["name"] for user in users} == {"fhir-server load"}
    assert {tuple(user["policy"]) for user in users} == {
        ("https://fhir-server.example/fhir/rule/L01",)
    }
    made = [one["what"]["reference"].split("/")[0] for event in events for one in event["entity"]
            if "reference" in one["what"]]  # fmt: skip
    assert sorted(set(made)) == ["DocumentReference", "Patient"]


def test_a_submission_set_without_sending_organization_names_the_server(
    house: House, tmp_path: Path
) -> None:
    ins = new_ins()
    load(house, tmp_path / "a.xml", cda(patient_ins=ins))
    query = {"patient.identifier": f"{INS}|{ins}"}
    (listed,) = house.call("GET", "List", holder(ins), query=query).entries
    sources = [one for one in listed["extension"] if one["url"].endswith("/ihe-sourceId")]
    assert [one["valueIdentifier"]["value"] for one in sources] == [BASE]


def test_a_document_with_a_unique_id_in_use_is_refused(house: House, tmp_path: Path) -> None:
    ins, document_id = new_ins(), new_document_id()
    load(house, tmp_path / "a.xml", cda(patient_ins=ins, document_id=document_id))
    again = cda(patient_ins=ins, document_id=document_id, title="Another")
    assert "is stored already" in why(house, tmp_path / "b.xml", again)
    assert len(documents_of(house, holder(ins), ins)) == 1


def test_nothing_goes_into_a_record_that_is_not_open_yet(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    opened(house, identifier=[{"system": INS, "value": ins}], active=False)
    before = counts(house)
    reason = why(house, tmp_path / "a.xml", cda(patient_ins=ins))
    assert reason == "the record is not opened yet, or its patient opposes it"
    assert counts(house) == before


# FHIR.


def test_no_second_record_is_opened_for_an_ins(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    load(house, tmp_path / "a.xml", cda(patient_ins=ins))
    reason = why(house, tmp_path / "b.json", patient(ins))
    assert reason == "Patient.identifier: this INS has a record already"
    assert len(documents_of(house, holder(ins), ins)) == 1


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_a_resource_keeps_the_id_it_has(house: House, tmp_path: Path, kind: str) -> None:
    resource = patient(new_ins(), id=f"kept-{kind}")
    content = resource if kind == "json" else write_xml(resource)
    assert load(house, tmp_path / f"a.{kind}", content) == ["loaded 1, refused 0"]
    read = house.get(f"Patient/kept-{kind}", CNAM).json
    assert read["identifier"] == resource["identifier"]
    other = patient(new_ins(), id=f"kept-{kind}")
    assert "exists already" in why(house, tmp_path / "b.json", other)


@pytest.mark.parametrize("name", ["lines.ndjson", "lines.json"])
def test_lines_are_stored_whatever_their_order(house: House, tmp_path: Path, name: str) -> None:
    ins = new_ins()
    lines = [
        document(f"of-{name}", id=name),
        team(f"of-{name}", NINA),
        patient(ins, id=f"of-{name}"),
    ]
    content = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n\n"
    assert load(house, tmp_path / name, content) == ["loaded 1, refused 0"]
    assert [one["id"] for one in documents_of(house, NINA, ins)] == [name]


def test_one_bad_line_keeps_the_whole_file_out(house: House, tmp_path: Path) -> None:
    lines = [patient(new_ins()), patient(new_ins(), birthDate="soon")]
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    before = counts(house)
    reason = why(house, tmp_path / "a.ndjson", content)
    assert reason.startswith("line 2: Patient.birthDate: ")
    assert counts(house) == before


def test_a_line_that_no_record_can_hold_is_named(house: House, tmp_path: Path) -> None:
    lines = [patient(new_ins()), document("nobody")]
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    assert why(house, tmp_path / "a.ndjson", content).startswith("line 2")


def test_a_collection_is_unpacked_and_bytes_go_with_their_document(
    house: House, tmp_path: Path
) -> None:
    ins, other = new_ins(), "https://elsewhere.example/fhir"
    content = {
        "resourceType": "Binary",
        "id": "pdf-7",
        "contentType": "application/pdf",
        "data": PDF,
    }
    url = {"attachment": {"contentType": "application/pdf", "url": "Binary/pdf-7"}}
    resources = [
        {"fullUrl": f"{other}/Binary/pdf-7", "resource": content},
        {"fullUrl": f"urn:uuid:{uuid4()}", "resource": document("x", content=[url])},
        {"fullUrl": f"{other}/Patient/x", "resource": patient(ins, id="x")},
        {"resource": {"resourceType": "OperationOutcome", "issue": [
            {"severity": "information", "code": "informational"}]}, "search": {"mode": "outcome"}},
    ]  # fmt: skip
    assert load(house, tmp_path / "a.json", bundle("searchset", *resources)) == [
        "loaded 1, refused 0"
    ]
    (found,) = documents_of(house, holder(ins), ins)
    assert found["content"][0]["attachment"]["url"].endswith("/fhir/Binary/pdf-7")
    assert house.get("Binary/pdf-7", holder(ins)).body.startswith(b"%PDF")


def test_a_transaction_is_executed(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    entry = {
        "resource": patient(ins, id="put-1"),
        "request": {"method": "PUT", "url": "Patient/put-1"},
    }
    assert load(house, tmp_path / "a.json", bundle("transaction", entry)) == ["loaded 1, refused 0"]
    assert house.get("Patient/put-1", CNAM).status == 200


def test_a_refused_entry_of_a_batch_is_reported_and_stops_no_other(
    house: House, tmp_path: Path
) -> None:
    post = {"method": "POST", "url": "Patient"}
    good, ins = {"resource": patient(new_ins()), "request": post}, new_ins()
    bad = {"resource": patient(ins[:-1] + str((int(ins[-1]) + 1) % 10)), "request": post}
    said = load(house, tmp_path / "a.json", bundle("batch", bad, good))
    assert said[0] == "loaded 1, refused 1"
    assert said[1].startswith(f"{tmp_path / 'a.json'} Bundle.entry[0]: ") and "no INS" in said[1]


def test_without_policy_everything_has_its_place(tmp_path: Path) -> None:
    plain = House(f"sqlite:///{tmp_path / 'plain.db'}", auth="off", policy="off")
    data = cda(patient_ins=new_ins())
    assert load(plain, tmp_path / "a.xml", data) == ["loaded 1, refused 0"]
    (found,) = plain.get("DocumentReference").entries
    assert plain.get(found["content"][0]["attachment"]["url"].split("/fhir/")[1]).body == data
    assert "is stored already" in why(plain, tmp_path / "a.xml", data)
    observation = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"text": "x"},
    }
    assert load(plain, tmp_path / "b.json", observation) == ["loaded 1, refused 0"]
    plain.close()


def test_the_record_of_a_patient_loaded_as_a_resource_is_open_to_its_team(
    house: House, tmp_path: Path
) -> None:
    ins = new_ins()
    load(house, tmp_path / "a.json", bundle("collection", team("p9", NINA), patient(ins, id="p9")))
    stored(house.post("DocumentReference", ANNE, document("p9")))
    assert len(documents_of(house, NINA, ins)) == 1


SUBJECTS = {
    "identifier": lambda ins, id_: {"identifier": {"system": INS.upper(), "value": ins}},
    "by search": lambda ins, id_: {"reference": f"Patient?identifier={INS}|{ins}"},
    "odd": lambda ins, id_: {"reference": f"/patient/{id_}/"},
}


@pytest.mark.parametrize("way", SUBJECTS)
def test_a_subject_is_understood_in_every_spelling(house: House, tmp_path: Path, way: str) -> None:
    ins = new_ins()
    id_ = opened(house, ANNE, ins=ins)
    observation = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": SUBJECTS[way](ins, id_),
    }  # fmt: skip
    assert load(house, tmp_path / "o.json", observation) == ["loaded 1, refused 0"]
    for query in (f"patient={id_}", f"patient.identifier={INS}|{ins}"):
        assert house.get(f"Observation?{query}", ANNE).json["total"] == 1


def test_a_reference_that_is_none_or_says_two_is_refused(house: House, tmp_path: Path) -> None:
    id_ = opened(house, ANNE, ins=new_ins())
    other = {"system": INS, "value": new_ins()}
    for subject, said in (
        ({"reference": f"Patient/{id_}", "identifier": other}, "name two"),
        ({"reference": f"../Patient/{id_}"}, "no reference"),
    ):
        observation = {
            "resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{id_}"}, "focus": [subject],
        }  # fmt: skip
        assert said in why(house, tmp_path / "o.json", observation)
