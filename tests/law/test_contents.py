"""The content of a document is what its bytes are (contract 7): in each encoding, under each media
type and through each door its mask and label hold, and another patient, uniqueId or type than the
metadata's is refused.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir_server.load import load_files
from fhir_server.policy.labels import MASKED
from tests.documents import cda, new_document_id
from tests.fhir.test_recognition import REFUSED, declared
from tests.fhir_documents import fhir_document
from tests.house import ANNE, BASE, NINA, Answer, House
from tests.interactions.shared import new_ins, shared_url
from tests.law.test_replacement import apart, bundled
from tests.people import opened, stored
from tests.policy.record import LEVELS, Record, labelled
from tests.rest.bundles import entry

__all__ = ["shared_url"]
URI = "urn:ietf:rfc:3986"
LOINC = "http://loinc.org"
PDF = b"%PDF-1.4 %%EOF"


@pytest.fixture(autouse=True)
def fresh_tokens(record: Record) -> None:
    record.house.renew()


def number(record: Record) -> str:
    return record.holder.sub.split("|")[1]


def metadata(record: Record, data: bytes, media: str = "text/xml", **more: Any) -> dict[str, Any]:
    attachment = {"contentType": media, "data": b64encode(data).decode()}
    return {
        "resourceType": "DocumentReference", "status": "current",
        "subject": {"reference": f"Patient/{record.id}"},
        "content": [{"attachment": {n: v for n, v in attachment.items() if v}}],
    } | more  # fmt: skip


Door = Callable[[Record, dict[str, Any]], Answer]


def iti105(record: Record, body: dict[str, Any]) -> Answer:
    return record.house.post("DocumentReference", ANNE, body)


def iti65(record: Record, body: dict[str, Any]) -> Answer:
    return bundled("transaction", record, ANNE, *apart(body))


def one_of_a_batch(record: Record, body: dict[str, Any]) -> Answer:
    return bundled("batch", record, ANNE, entry("POST", "DocumentReference", body))


DOORS: dict[str, Door] = {"ITI-105": iti105, "ITI-65": iti65, "batch": one_of_a_batch}


def text(record: Record, **more: Any) -> str:
    """A CDA document without its declaration."""
    data = cda(**{"patient_ins": number(record)} | more).decode()
    return data.split("\n", 1)[1]


# How a CDA document can be written so that who guesses does not find it.
WRITTEN: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: declared("UTF-8", text=text),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + declared("UTF-8", text=text),
    "utf-16": lambda text: declared("utf-16", text=text),
    "utf-16 without a mark": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: declared("utf-32", text=text),
    "EBCDIC": lambda text: declared("IBM037", text=text),
    "utf-7": lambda text: declared("utf-7", text=text),
    "a long comment": lambda text: f"<!-- {'x' * 5000} -->{text}".encode(),
    "a long instruction": lambda text: f"<?x {'x' * 5000}?>{text}".encode(),
    "blank lines": lambda text: b"\n" * 5000 + text.encode(),
    "a prefix": lambda text: re.sub("<(/?)", r"<\1h:", text).replace("xmlns=", "xmlns:h=").encode(),
}  # fmt: skip
MEDIA = (
    "text/xml", "application/xml", "application/hl7-v3+xml", "application/hl7-cda+xml",
    "application/cda+xml", "text/plain", "application/octet-stream", "text/xml; charset=utf-8",
)  # fmt: skip
WRONG = (
    "application/pdf", "image/jpeg", "text/html", "application/fhir+json", "application/fhir+xml",
    "application/json", "application/x-anything",
)  # fmt: skip
COMBINED = [
    (how, media, door)
    for how in WRITTEN
    for media in MEDIA
    for door in DOORS
    if how == "plain" or media == "text/plain" or (media, door) == ("text/xml", "ITI-65")
]


@pytest.mark.parametrize(("how", "media", "door"), COMBINED)
def test_the_mask_in_the_content_holds_whatever_it_is_called(
    record: Record, how: str, media: str, door: str
) -> None:
    data = WRITTEN[how](text(record, confidentiality=("V", MASKED)))
    id_ = stored(DOORS[door](record, metadata(record, data, media, securityLabel=labelled())))
    kept = record.read(ANNE, id_).json
    assert [c["coding"][0]["code"] for c in kept["securityLabel"]] == ["V", MASKED]
    assert kept["content"][0]["attachment"]["contentType"] == media
    assert record.sees(ANNE, id_) and not record.sees(NINA, id_)
    url = kept["content"][0]["attachment"]["url"].removeprefix(f"{BASE}/")
    assert record.house.get(url, ANNE).body == data


@pytest.mark.parametrize(("how", "media", "door"), COMBINED)
def test_the_patient_in_the_content_is_the_subject_whatever_it_is_called(
    record: Record, how: str, media: str, door: str
) -> None:
    other = new_ins()
    opened(record.house, ANNE, ins=other)
    data = WRITTEN[how](text(record, patient_ins=other))
    answer = DOORS[door](record, metadata(record, data, media))
    assert answer.status == 422
    assert record.found(record.holder) == set()


@pytest.mark.parametrize("media", WRONG)
@pytest.mark.parametrize("door", DOORS)
def test_a_cda_document_that_is_called_something_else_is_refused(
    record: Record, media: str, door: str
) -> None:
    answer = DOORS[door](record, metadata(record, cda(patient_ins=number(record)), media))
    assert answer.status == 422
    if door == "ITI-105":
        assert f"`{media}` is not the type of the content" in answer.diagnostics
        (issue,) = answer.json["issue"]
        where = "DocumentReference.content[0].attachment.contentType"
        assert (issue["code"], issue["expression"]) == ("value", [where])


@pytest.mark.parametrize("media", ["text/xml", "application/cda+xml", "application/json"])
@pytest.mark.parametrize("data", [PDF, b"hello", b"\xff\xd8\xff\xe0"])
@pytest.mark.parametrize("door", DOORS)
def test_what_is_called_xml_or_json_is_that(
    record: Record, door: str, data: bytes, media: str
) -> None:
    assert DOORS[door](record, metadata(record, data, media)).status == 422


@pytest.mark.parametrize("what", [name for name in REFUSED if name != "nothing"])
@pytest.mark.parametrize("media", ["text/plain", "application/octet-stream", "text/xml"])
def test_what_cannot_be_read_or_hides_a_document_goes_nowhere(
    record: Record, what: str, media: str
) -> None:
    answer = iti105(record, metadata(record, REFUSED[what], media))
    assert answer.status == 422, answer.body
    assert record.found(record.holder) == set()


@pytest.mark.parametrize(
    ("data", "media"),
    [(b"Bonjour, < 3 pages", "text/plain"), (PDF, "application/pdf"), (b"\xff\xd8", "image/jpeg"),
     (rb"{\rtf1 a}", "text/rtf"), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
     (b"<html><br></html>", "text/html"), (b'{"a": 1}', "application/json"), (b"a", "a/b")],
)  # fmt: skip
@pytest.mark.parametrize("door", DOORS)
def test_other_contents_are_taken(record: Record, door: str, data: bytes, media: str) -> None:
    more = typed((LOINC, "11488-4"))  # the matrix closes what has no type
    id_ = stored(DOORS[door](record, metadata(record, data, media, **more)))
    assert record.sees(NINA, id_)


def in_utf_7(text: str) -> bytes:
    """Each character in its long form, so that no word is left."""
    packed = b64encode(text.encode("utf-16-be")).rstrip(b"=")
    return b"+" + packed + b"-"


@pytest.mark.parametrize("charset", ["utf-7", "x-none", "idna"])
def test_a_charset_hides_no_document(record: Record, charset: str) -> None:
    data = in_utf_7(text(record, confidentiality=("N", MASKED)))
    body = metadata(record, data, f"text/plain; charset={charset}")
    assert iti105(record, body).status == 422


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-8", "utf-16"])
def test_text_may_be_in_any_charset(record: Record, charset: str) -> None:
    data = "Courrier du médecin".encode(charset)
    stored(iti105(record, metadata(record, data, f"text/plain; charset={charset}")))


# The media type that is not said.


@pytest.mark.parametrize(("data", "media"), [(PDF, "application/pdf"), (b"", "text/xml")])
def test_a_media_type_that_is_not_said_is_that_of_the_content(
    record: Record, data: bytes, media: str
) -> None:
    data = data or cda(patient_ins=number(record))
    id_ = stored(iti105(record, metadata(record, data, "")))
    attachment = record.read(ANNE, id_).json["content"][0]["attachment"]
    assert attachment["contentType"] == media
    address = attachment["url"].removeprefix(f"{BASE}/")
    assert record.house.get(address, ANNE).headers["Content-Type"] == media


def test_a_media_type_that_nobody_knows_is_asked_for(record: Record) -> None:
    answer = iti105(record, metadata(record, b"hello", ""))
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "required")


# Labels.


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("inside", "given", "kept"),
    [("V", "N", "V"), ("N", "V", "V"), ("R", "N", "R"), ("N", "R", "R"), ("N", "N", "N"),
     ("R", "V", "V"), ("V", "R", "V"), ("V", "", "V")],
)  # fmt: skip
def test_the_stricter_level_counts(
    record: Record, inside: str, given: str, kept: str, door: str
) -> None:
    data = cda(patient_ins=number(record), confidentiality=(inside,))
    more = {"securityLabel": labelled(level=given)} if given else {}
    id_ = stored(DOORS[door](record, metadata(record, data, **more)))
    codings = [c for one in record.read(ANNE, id_).json["securityLabel"] for c in one["coding"]]
    assert [(c["system"], c["code"]) for c in codings] == [(LEVELS, kept)]


@pytest.mark.parametrize("inside", [("N", "R"), ("L",), ("N", "MASQUE_TOUT"), ()])
def test_a_label_that_nobody_understands_is_refused(
    record: Record, inside: tuple[str, ...]
) -> None:
    data = cda(patient_ins=number(record), confidentiality=inside)
    assert iti105(record, metadata(record, data)).status == 422


# Metadata that contradict the content.


def typed(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"type": {"coding": [{"system": s, "code": c} for s, c in codes]}}


TYPES = {
    "the same": ([(LOINC, "11488-4")], True),
    "by OID": ([("urn:oid:2.16.840.1.113883.6.1", "11488-4")], True),
    "and one of another system": ([(LOINC, "11488-4"), ("urn:x", "1")], True),
    "another": ([(LOINC, "11502-2")], False),
    "and another": ([(LOINC, "11488-4"), (LOINC, "11502-2")], False),
    "another system": ([("urn:x", "11488-4")], False),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("codes", "same"), TYPES.values(), ids=list(TYPES))
def test_the_type_is_the_headers(
    record: Record, codes: list[tuple[str, str]], same: bool, door: str
) -> None:
    body = metadata(record, cda(patient_ins=number(record)), **typed(*codes))
    answer = DOORS[door](record, body)
    assert answer.status == (201 if same else 422), answer.body
    if not same and door == "ITI-105":
        assert answer.json["issue"][0]["expression"] == ["DocumentReference.type"]


OID, UUID = "1.2.250.1.999.5", "0a5f2f0e-70b5-4b5c-9f2e-6f2f0f0e0a5f"
IDENTIFIERS: dict[str, tuple[str, str, dict[str, str], bool]] = {
    "the same": (OID, "1", {"system": URI, "value": f"urn:oid:{OID}^1"}, True),
    "root and extension": (OID, "2", {"system": f"urn:oid:{OID}", "value": "2"}, True),
    "in capitals": (OID, "3", {"system": URI, "value": f"URN:OID:{OID}^3"}, True),
    "without its scheme": (OID, "4", {"system": URI, "value": f"{OID}^4"}, True),
    "a UUID": (UUID, "", {"system": URI, "value": f"urn:uuid:{{{UUID.upper()}}}"}, True),
    "another": (OID, "5", {"system": URI, "value": f"urn:oid:{OID}"}, False),
    "another extension": (OID, "6", {"system": URI, "value": f"urn:oid:{OID}^7"}, False),
    "another system": (OID, "", {"system": "urn:x", "value": OID}, False),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("how", IDENTIFIERS)
def test_the_unique_id_is_the_headers(record: Record, how: str, door: str) -> None:
    root, extension, identifier, same = IDENTIFIERS[how]
    data = cda(patient_ins=number(record), document_id=root, extension=extension)
    answer = DOORS[door](record, metadata(record, data, masterIdentifier=identifier))
    if answer.status == 409 and same:  # another door of this house had it before
        return
    assert answer.status == (201 if same else 422), answer.body
    if not same and door == "ITI-105":
        assert answer.json["issue"][0]["expression"] == ["DocumentReference.masterIdentifier"]


def test_the_same_document_is_not_stored_under_two_unique_ids(record: Record) -> None:
    data = cda(patient_ins=number(record), document_id=new_document_id())
    stored(iti105(record, metadata(record, data)))
    other = {"system": URI, "value": f"urn:oid:{new_document_id()}"}
    assert iti105(record, metadata(record, data, masterIdentifier=other)).status == 422
    assert iti105(record, metadata(record, data)).status == 409


SUBJECTS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "address": lambda id_, _: {"subject": {"reference": f"Patient/{id_}"}},
    "identifier": lambda _, ins: {"subject": {"identifier": _ins(ins)}},
    "search": lambda _, ins: {
        "subject": {"reference": f"Patient?identifier={_ins(ins)['system']}|{ins}"}
    },
    "contained": lambda _, ins: {
        "subject": {"reference": "#p"},
        "contained": [{"resourceType": "Patient", "id": "p", "identifier": [_ins(ins)]}],
    },
    "the source": lambda id_, ins: {
        "context": {"sourcePatientInfo": {"identifier": _ins(ins)}},
    },
}


def _ins(value: str) -> dict[str, str]:
    return {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": value}


@pytest.mark.parametrize("way", SUBJECTS)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("same", [True, False])
def test_the_patient_is_the_headers_however_the_subject_is_named(
    record: Record, way: str, door: str, same: bool
) -> None:
    ins = number(record) if same else new_ins()
    id_ = record.id if same else opened(record.house, ANNE, ins=ins)
    body = metadata(record, cda(patient_ins=number(record))) | SUBJECTS[way](id_, ins)
    answer = DOORS[door](record, body)
    assert answer.status == (201 if same else 422), answer.body


# A header without an INS.

TRAITS = {"birth": "19240115"}


def nameless(record: Record, **more: Any) -> bytes:
    """Of Lucien Essai, a man born on 15 January 1924."""
    data = cda(patient_ins="", **TRAITS | more).replace(b"Claire Marie", b"Lucien")
    data = data.replace(b"Claire", b"Lucien")
    return data.replace(b'code="F"', b'code="M"')


def without(data: bytes, *parts: bytes) -> bytes:
    for part in parts:
        assert part in data
        data = data.replace(part, b"")
    return data


BORN, SEX = b'<birthTime value="19240115"/>', b'code="M"'
AGREEING: dict[str, Callable[[bytes], bytes]] = {
    "all traits": lambda data: data,
    "no date of birth": lambda data: without(data, BORN),
    "the year of birth": lambda data: data.replace(b"19240115", b"1924"),
    "no sex": lambda data: without(data, SEX),
    "no name": lambda data: data.replace(b"<name>\n<family q", b"<other>\n<family q", 1)
    .replace(b"</name>\n<admin", b"</other>\n<admin"),
    "accents": lambda data: data.replace(b"ESSAI<", "ÉSSAÏ<".encode()),
    "another local number": lambda data: data.replace(
        b"<patientRole>", b'<patientRole><id root="1.2.3" extension="9"/>'
    ),
}  # fmt: skip
DIFFERING: dict[str, Callable[[bytes], bytes]] = {
    "family name": lambda data: data.replace(b"ESSAI-DUPONT", b"AUTRE").replace(b"ESSAI", b"AUTRE"),
    "given name": lambda data: data.replace(b"Lucien", b"Paul"),
    "birth date": lambda data: data.replace(b"19240115", b"19240116"),
    "sex": lambda data: data.replace(SEX, b'code="F"'),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("how", AGREEING)
def test_a_header_without_an_ins_is_taken_for_the_subject(
    record: Record, how: str, door: str
) -> None:
    data = AGREEING[how](nameless(record))
    stored(DOORS[door](record, metadata(record, data)))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("trait", DIFFERING)
def test_a_header_whose_traits_differ_is_refused(record: Record, trait: str, door: str) -> None:
    data = DIFFERING[trait](nameless(record))
    answer = DOORS[door](record, metadata(record, data))
    assert answer.status == 422
    if door == "ITI-105":
        assert f"their {trait} differs" in answer.diagnostics
        assert answer.json["issue"][0]["expression"] == ["DocumentReference.subject"]


@pytest.mark.parametrize("door", DOORS)
def test_a_header_without_an_ins_needs_a_subject(record: Record, door: str) -> None:
    body = metadata(record, nameless(record))
    del body["subject"]
    assert DOORS[door](record, body).status == 422


def test_an_empty_document_says_nothing_and_is_the_subjects(record: Record) -> None:
    data = b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>'
    stored(iti105(record, metadata(record, data)))
    body = metadata(record, data)
    del body["subject"]
    assert iti105(record, body).status == 422
    assert iti105(record, metadata(record, data, "application/pdf")).status == 422


# Several contents, of which only one would be read.


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("door", ["ITI-105", "ITI-65"])
def test_a_document_has_one_content(record: Record, door: str, first: bool) -> None:
    masked = cda(patient_ins=number(record), confidentiality=("N", MASKED))
    attachment = {"contentType": "text/xml", "data": b64encode(masked).decode()}
    body = metadata(record, b"hello", "text/plain")
    if door == "ITI-105":
        body["content"].insert(0 if first else 1, {"attachment": attachment})
        answer = iti105(record, body)
    else:
        document, bytes_ = apart(body)
        document["resource"]["content"].insert(0 if first else 1, {"attachment": attachment})
        answer = bundled("transaction", record, ANNE, document, bytes_)
    assert answer.status == 422
    assert record.found(record.holder) == set()


@pytest.mark.parametrize("door", ["Binary", "Bundle"])
def test_bytes_are_not_inside_and_beside_at_once(record: Record, door: str) -> None:
    masked = cda(patient_ins=number(record), confidentiality=("N", MASKED))
    document, bytes_ = apart(metadata(record, b"hello", "text/plain"))
    if door == "Bundle":
        bytes_ = entry("POST", "Bundle", fhir_document(number(record)), bytes_["fullUrl"])
    attachment = document["resource"]["content"][0]["attachment"]
    attachment |= {"contentType": "text/plain", "data": b64encode(masked).decode()}
    answer = bundled("transaction", record, ANNE, document, bytes_)
    assert answer.status == 422
    assert record.found(record.holder) == set()


# The loader.


@pytest.mark.parametrize("how", WRITTEN)
def test_what_is_loaded_is_what_its_bytes_are(house: House, how: str, tmp_path: Path) -> None:
    ins = new_ins()
    patient_id = opened(house, NINA, ins=ins)
    data = cda(patient_ins=ins, confidentiality=("V", MASKED)).decode().split("\n", 1)[1]
    (tmp_path / "a.xml").write_bytes(WRITTEN[how](data))
    said: list[str] = []
    assert load_files([tmp_path / "a.xml"], house.services, said.append) == 0, said
    assert len(house.get(f"DocumentReference?patient={patient_id}", ANNE).entries) == 1
    assert house.get(f"DocumentReference?patient={patient_id}", NINA).entries == []


MANY = 3_000
TOO_MANY: dict[str, tuple[Callable[[str], bytes], str]] = {
    "CDA": (lambda text: text.replace("</title>", "</title>" + "<realmCode/>" * MANY).encode(),
            "text/xml"),
    "CDA in UTF-16": (
        lambda text: text.replace("</title>", "</title>" + "<realmCode/>" * MANY).encode("utf-16"),
        "text/xml"),
    "FHIR": (lambda _: b'{"resourceType":"Basic","a":[' + b"1," * MANY + b"1]}",
             "application/fhir+json"),
    "XML": (lambda _: b"<a>" + b"<b/>" * MANY + b"</a>", "application/octet-stream"),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", TOO_MANY)
def test_a_content_of_too_many_elements_is_refused_unread(
    record: Record, kind: str, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = record.house.services
    narrow = replace(services.settings, max_elements=MANY)
    monkeypatch.setattr(services, "settings", narrow)
    write, media = TOO_MANY[kind]
    answer = DOORS[door](record, metadata(record, write(text(record)), media))
    assert answer.status == 413, answer.body
    assert stored(DOORS[door](record, metadata(record, text(record).encode())))
