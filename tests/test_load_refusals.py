"""What the loader refuses: with a reason in one line, and nothing left behind."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_server.load import load_files
from tests.documents import cda
from tests.house import House
from tests.people import patient
from tests.test_load import PDF, bundle, counts, document, house_on, new_ins, why


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    yield from house_on(request.param, tmp_path_factory)


TRACE = {
    "resourceType": "AuditEvent",
    "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
    "recorded": "2026-11-24T12:00:00Z",
    "agent": [{"requestor": True}],
    "source": {"observer": {"display": "elsewhere"}},
}
REFUSED: dict[str, tuple[object, str]] = {
    "an empty file": (b" \n", "the file is empty"),
    "a text": (b"Bonjour", "neither JSON nor XML"),
    "bytes": (bytes(range(256)), "neither JSON nor XML"),
    "an XDM zip": (b"PK\x03\x04rest", "XDM zips are not loaded yet"),
    "an XDS submission": (
        b'<SubmitObjectsRequest xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"/>',
        "XDS submissions are not loaded yet",
    ),
    "an audit message": (b"<AuditMessage/>", "DICOM audit messages are not loaded yet"),
    "another XML": (b"<html/>", "the root element is `html`: neither FHIR nor CDA"),
    "broken XML": (b"<ClinicalDocument xmlns='urn:hl7-org:v3'><id</a>", "not well-formed XML"),
    "a DOCTYPE": (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + cda()[38:], "a DOCTYPE is not accepted"),
    "truncated JSON": (b'{"resourceType": "Patient"', "the body is not JSON"),
    "a JSON array": (b"[1]", "the body is not a JSON object"),
    "an unknown element": (patient(colour="red"), "Patient.colour: "),
    "an INS with a wrong key": (patient("185047512600000"), "is no INS"),
    "a CDA document of nobody": (cda(patient_ins=""), "the patient has no INS"),
    "a CDA document of two": (
        cda(more_ids='<id root="1.2.250.1.213.1.4.10" extension="124018852493334"/>'),
        "two different INS",
    ),
    "a document of nobody": (document("unknown"), "leads to nothing that can be referred to"),
    "bytes alone": (
        {"resourceType": "Binary", "contentType": "application/pdf", "data": PDF},
        "a Binary without its DocumentReference",
    ),
    "a trace": (TRACE, "traces are written by the server alone"),
    "a history": (bundle("history"), "a Bundle of type `history` is not loaded"),
    "a transaction with a refused entry": (
        bundle("transaction", {"resource": patient(colour="red"),
                               "request": {"method": "POST", "url": "Patient"}}),
        "Bundle.entry[0].resource.colour: ",
    ),
    "an empty line's resource": (b'{"resourceType": "Patient"}\n{}\n', "line 2: the body has no"),
}  # fmt: skip


@pytest.mark.parametrize("content, reason", REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_taken_is_refused_with_a_reason_and_leaves_nothing(
    house: House, tmp_path: Path, content: object, reason: str
) -> None:
    before = counts(house)
    said = why(house, tmp_path / "file", content)
    assert reason in said
    assert "\n" not in said
    assert counts(house) == before


def test_missing_files_and_empty_folders_are_refused(house: House, tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "empty").mkdir()
    assert load_files([tmp_path / "no", tmp_path / "empty"], house.services, said.append) == 2
    assert said == [
        "loaded 0, refused 2",
        f"{tmp_path / 'no'}: it cannot be read: No such file or directory",
        f"{tmp_path / 'empty'}: there is no file in this folder",
    ]


def test_a_folder_is_loaded_file_by_file(house: House, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.xml").write_bytes(cda(patient_ins=new_ins()))
    (tmp_path / "b.txt").write_text("Bonjour")
    said: list[str] = []
    assert load_files([tmp_path], house.services, said.append) == 1
    assert said[0] == "loaded 1, refused 1"


def test_a_fault_in_one_file_does_not_keep_the_others_out(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    (tmp_path / "a.json").write_text(json.dumps(patient(new_ins())))
    (tmp_path / "b.txt").write_text("Bonjour")
    monkeypatch.setattr("fhir_server.load.check", broken)
    said: list[str] = []
    assert load_files([tmp_path], replace(house.services, strict=False), said.append) == 2
    assert said[1].endswith("a.json: something went wrong here: RuntimeError: two lines")
