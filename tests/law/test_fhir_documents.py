"""FHIR documents under the law: their patient, identifier, type, labels and replaced document hold
as those of a CDA document do, through each door (contract 7), and they come back as they are.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhir import json_format, xml_format
from fhir_server.load import load_files
from fhir_server.policy.labels import MASKED, VISIBILITY
from profiles.validate import validate
from tests.fhir_documents import LEVELS, URI, fhir_document, patient_in, urn
from tests.house import ANNE, BASE, NINA, OTTO, Answer, House
from tests.interactions.shared import new_ins
from tests.law.test_contents import metadata, number
from tests.law.test_replacement import apart, bundled
from tests.people import opened, stored
from tests.policy.record import Record, labelled
from tests.rest.bundles import entry

JSON, XML = "application/fhir+json", "application/fhir+xml"
Json = dict[str, Any]
MASK = {"system": VISIBILITY, "code": MASKED}
Door = Callable[[Record, Json, Json], Answer]


@pytest.fixture(autouse=True)
def fresh_tokens(record: Record) -> None:
    record.house.renew()


def written(bundle: Json, media: str = JSON) -> bytes:
    return json.dumps(bundle).encode() if media == JSON else xml_format.write(bundle)


def iti105(record: Record, bundle: Json, more: Json) -> Answer:
    body = metadata(record, written(bundle), JSON) | more
    return record.house.post("DocumentReference", ANNE, body)


def iti105_xml(record: Record, bundle: Json, more: Json) -> Answer:
    body = metadata(record, written(bundle, XML), XML) | more
    return record.house.post("DocumentReference", ANNE, body)


def iti105_by_no_name(record: Record, bundle: Json, more: Json) -> Answer:
    body = metadata(record, written(bundle), "application/octet-stream") | more
    return record.house.post("DocumentReference", ANNE, body)


def iti65_binary(record: Record, bundle: Json, more: Json) -> Answer:
    parts = apart(metadata(record, written(bundle), JSON) | more)
    return bundled("transaction", record, ANNE, *parts)


def iti65_bundle(record: Record, bundle: Json, more: Json) -> Answer:
    """The document as an entry of its own (MHD, FHIR Document Publish)."""
    document, url = urn(), urn()
    body = metadata(record, b"", JSON) | more
    body["content"] = [{"attachment": {"contentType": JSON, "url": url}}]
    parts = entry("POST", "DocumentReference", body, document), entry("POST", "Bundle", bundle, url)
    return bundled("transaction", record, ANNE, *parts)


def iti65_bundle_first(record: Record, bundle: Json, more: Json) -> Answer:
    document, url = urn(), urn()
    body = metadata(record, b"", JSON) | more
    body["content"] = [{"attachment": {"url": url}}]
    parts = [entry("POST", "Bundle", bundle, url)]
    parts.append(entry("POST", "DocumentReference", body, document))
    answer = record.house.post(
        "", ANNE, {"resourceType": "Bundle", "type": "transaction", "entry": parts}
    )
    if answer.status != 200:
        return answer
    location = answer.json["entry"][1]["response"]["location"].removeprefix(BASE)
    return Answer(201, {"Location": f"/fhir{location}"}, b"{}")


DOORS: dict[str, Door] = {
    "ITI-105": iti105,
    "ITI-105, XML": iti105_xml,
    "ITI-105, by no name": iti105_by_no_name,
    "ITI-65, Binary": iti65_binary,
    "ITI-65, Bundle": iti65_bundle,
    "ITI-65, Bundle first": iti65_bundle_first,
}
doors = pytest.mark.parametrize("door", DOORS)


def address_of(record: Record, id_: str) -> str:
    url: str = record.read(ANNE, id_).json["content"][0]["attachment"]["url"]
    return url.removeprefix(f"{BASE}/")


@doors
def test_a_document_is_deposited_found_and_read_as_it_is(record: Record, door: str) -> None:
    bundle = fhir_document(number(record))
    id_ = stored(DOORS[door](record, bundle, {}))
    kept = record.read(NINA, id_).json
    assert kept["masterIdentifier"]["value"] == bundle["identifier"]["value"]
    assert kept["type"]["coding"][0]["code"] == "11488-4"
    assert kept["subject"] == {"reference": f"Patient/{record.id}"}
    assert record.sees(NINA, id_) and not record.sees(OTTO, id_)


@pytest.mark.parametrize("door", ["ITI-105", "ITI-105, XML", "ITI-65, Binary"])
@pytest.mark.parametrize("accept", ["", "*/*", JSON, XML, "application/json", "application/xml"])
def test_ITI68_answers_with_the_bundle_itself(record: Record, door: str, accept: str) -> None:
    bundle = fhir_document(number(record))
    id_ = stored(DOORS[door](record, bundle, {}))
    stored_as = XML if "XML" in door else JSON
    more = {"accept": accept} if accept else {}
    answer = record.house.get(address_of(record, id_), NINA, **more)
    assert answer.status == 200
    media = accept if accept in (JSON, XML) else stored_as
    assert answer.headers["Content-Type"].split(";")[0] == media
    read = json_format.read if media == JSON else xml_format.read
    found = read(answer.body)
    assert found["resourceType"] == "Bundle"
    assert found["identifier"] == bundle["identifier"]
    assert len(found["entry"]) == len(bundle["entry"])
    if media == stored_as:
        assert answer.body == written(bundle, stored_as)


@pytest.mark.parametrize("what", ["INS", "INS in the reference", "address"])
def test_the_subject_of_the_document_is_that_of_metadata_without_one(
    record: Record, what: str
) -> None:
    body = metadata(record, written(AGREEING[what](record)), JSON)
    del body["subject"]
    assert record.sees(NINA, stored(record.house.post("DocumentReference", ANNE, body)))


SAID: dict[str, tuple[Json, Json, list[str]]] = {
    "V against N": ({"confidentiality": "V"}, {"securityLabel": labelled()}, ["V"]),
    "N against V": ({"confidentiality": "N"}, {"securityLabel": labelled(level="V")}, ["V"]),
    "V in the Bundle": (
        {"bundle_labels": [{"system": LEVELS, "code": "V"}]}, {"securityLabel": labelled()}, ["V"],
    ),
    "a mask": ({"labels": [MASK]}, {"securityLabel": labelled()}, ["N", MASKED]),
    "a mask of the Bundle": ({"bundle_labels": [MASK]}, {}, ["N", MASKED]),
    "a mask of the metadata": ({}, {"securityLabel": labelled(MASKED)}, ["N", MASKED]),
}  # fmt: skip


@doors
@pytest.mark.parametrize("what", SAID)
def test_the_stricter_label_counts_and_a_mask_holds(record: Record, what: str, door: str) -> None:
    inside, given, labels = SAID[what]
    id_ = stored(DOORS[door](record, fhir_document(number(record), **inside), given))
    found = record.read(ANNE, id_).json["securityLabel"]
    assert [c["code"] for one in found for c in one["coding"]] == labels
    assert record.sees(NINA, id_) == (MASKED not in labels)


def another(record: Record) -> str:
    """The INS of somebody else, who has a record."""
    ins = new_ins()
    opened(record.house, ANNE, ins=ins)
    return ins


CONTRADICTING: dict[str, Callable[[Record], tuple[Json, Json]]] = {
    "another INS": lambda record: (fhir_document(another(record)), {}),
    "an INS that nobody has": lambda record: (fhir_document(new_ins()), {}),
    "another INS in the reference": lambda record: (
        fhir_document("", subject={"identifier": {
            "system": "urn:oid:1.2.250.1.213.1.4.10", "value": another(record)}}), {},
    ),
    "another INS beside the reference": lambda record: (with_identifier(record), {}),
    "another address": lambda record: (
        fhir_document("", subject={"reference": f"Patient/{opened(record.house, ins=new_ins())}"}),
        {},
    ),
    "an address that leads nowhere": lambda record: (
        fhir_document("", subject={"reference": "urn:uuid:0a5f2f0e-70b5-4b5c-9f2e-6f2f0f0e0a5f"}),
        {},
    ),
    "other traits": lambda record: (
        fhir_document("", patient=patient_in("", birthDate="1924-01-16")), {},
    ),
    "no patient": lambda record: (fhir_document("", patient={"resourceType": "Group"}), {}),
    "another type": lambda record: (
        fhir_document(number(record)),
        {"type": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]}},
    ),
    "another identifier": lambda record: (
        fhir_document(number(record)), {"masterIdentifier": {"system": URI, "value": urn()}},
    ),
    "a label nobody knows": lambda record: (
        fhir_document(number(record), labels=[{"system": "urn:x", "code": "y"}]), {},
    ),
    "no document of R4": lambda record: (fhir_document(number(record), title=None), {}),
}  # fmt: skip


def with_identifier(record: Record) -> Json:
    bundle = fhir_document(number(record))
    subject = bundle["entry"][0]["resource"]["subject"]
    subject["identifier"] = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": another(record)}
    return bundle


@doors
@pytest.mark.parametrize("what", CONTRADICTING)
def test_a_document_that_contradicts_its_metadata_is_refused(
    record: Record, what: str, door: str
) -> None:
    if door == "ITI-105, XML" and what == "no document of R4":
        return  # XML that is not written
    bundle, more = CONTRADICTING[what](record)
    answer = DOORS[door](record, bundle, more)
    # What R4 does not allow is refused with the Bundle that it is in.
    bad = what in ("no document of R4", "no patient") and "Bundle" in door
    assert answer.status == (400 if bad else 422), answer.body
    assert record.found(record.holder) == set()


AGREEING: dict[str, Callable[[Record], Json]] = {
    "INS": lambda record: fhir_document(number(record)),
    "INS in the reference": lambda record: fhir_document("", subject={"identifier": {
        "system": "urn:oid:1.2.250.1.213.1.4.10", "value": number(record)}}),
    "address": lambda record: fhir_document("", subject={"reference": f"Patient/{record.id}"}),
    "whole address": lambda record: fhir_document(
        "", subject={"reference": f"{BASE}/Patient/{record.id}"}
    ),
    "traits": lambda record: fhir_document("", patient=patient_in("")),
    "nobody": lambda record: fhir_document("", subject={}),
}  # fmt: skip


@doors
@pytest.mark.parametrize("what", AGREEING)
def test_a_document_that_agrees_is_taken(record: Record, what: str, door: str) -> None:
    id_ = stored(DOORS[door](record, AGREEING[what](record), {}))
    assert record.sees(NINA, id_)


@doors
def test_what_it_replaces_is_superseded_and_gives_its_mask(record: Record, door: str) -> None:
    oid = urn()
    first = fhir_document(number(record), identifier=oid, labels=[MASK])
    old = stored(DOORS[door](record, first, {}))
    new = stored(DOORS[door](record, fhir_document(number(record), replaces=oid), {}))
    assert record.read(ANNE, old).json["status"] == "superseded"
    assert not record.sees(NINA, new) and record.sees(ANNE, new)
    assert DOORS[door](record, fhir_document(number(record), replaces=oid), {}).status == 409


@doors
def test_the_same_document_is_stored_once(record: Record, door: str) -> None:
    bundle = fhir_document(number(record))
    stored(DOORS[door](record, bundle, {}))
    assert DOORS[door](record, bundle, {}).status == 409


# The loader.


@pytest.mark.parametrize("media", [JSON, XML])
def test_a_loaded_document_stays_whole(house: House, media: str, tmp_path: Path) -> None:
    ins = new_ins()
    patient_id = opened(house, NINA, ins=ins)
    data = written(fhir_document(ins, labels=[MASK]), media)
    (tmp_path / "a").write_bytes(data)
    said: list[str] = []
    assert load_files([tmp_path / "a"], house.services, said.append) == 0, said
    asked = f"DocumentReference?patient={patient_id}"
    (found,) = house.get(asked, ANNE).entries
    url = found["content"][0]["attachment"]["url"].removeprefix(f"{BASE}/")
    assert house.get(url, ANNE).body == data
    assert house.get(asked, NINA).entries == []
    assert validate(found) == []


def test_a_loaded_document_opens_the_record_of_its_patient(house: House, tmp_path: Path) -> None:
    ins = new_ins()
    (tmp_path / "a.json").write_bytes(written(fhir_document(ins)))
    said: list[str] = []
    assert load_files([tmp_path / "a.json"], house.services, said.append) == 0, said
    asked = f"DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10|{ins}"
    assert len(house.get(asked, ANNE).entries) == 1


# A document as a Bundle: with metadata beside it, or alone.


def posted(record: Record, bundle: Json, how: str = "POST") -> Answer:
    if how == "POST":
        return record.house.post("Bundle", ANNE, bundle)
    return bundled(how, record, ANNE, entry("POST", "Bundle", bundle))


@pytest.mark.parametrize("how", ["POST", "batch", "transaction"])
def test_a_document_that_comes_alone_gets_its_metadata(record: Record, how: str) -> None:
    id_ = stored(posted(record, fhir_document(number(record), confidentiality="R"), how))
    (found,) = record.find(record.holder).entries
    assert found["content"][0]["attachment"]["url"] == f"{BASE}/Bundle/{id_}"
    assert found["securityLabel"][0]["coding"][0]["code"] == "R"
    assert record.sees(NINA, found["id"])
    (listed,) = record.find(record.holder, type_="List").entries
    assert listed["entry"][0]["item"]["reference"] == f"DocumentReference/{found['id']}"


@pytest.mark.parametrize("how", ["POST", "batch", "transaction"])
@pytest.mark.parametrize("kind", ["collection", "message", "searchset"])
def test_another_bundle_is_not_kept(record: Record, kind: str, how: str) -> None:
    body: Json = {"resourceType": "Bundle", "type": kind, "entry": [{"resource": {
        "resourceType": "MessageHeader", "eventUri": "urn:x", "source": {"endpoint": "urn:x"}}}]}
    assert posted(record, body, how).status == 422


@pytest.mark.parametrize(
    "bundle", [fhir_document(new_ins()), fhir_document("", subject={}), fhir_document("")]
)
@pytest.mark.parametrize("how", ["POST", "transaction"])
def test_a_document_of_nobody_is_refused(record: Record, bundle: Json, how: str) -> None:
    assert posted(record, bundle, how).status == 422
    assert record.find(record.holder).entries == []


@pytest.mark.parametrize("door", ["ITI-65, Bundle", "alone"])
@pytest.mark.parametrize("accept", [JSON, XML])
def test_the_bundle_is_read_where_the_metadata_say(
    record: Record, door: str, accept: str
) -> None:
    bundle = fhir_document(number(record))
    if door == "alone":
        stored(posted(record, bundle))
    else:
        stored(DOORS[door](record, bundle, {}))
    (found,) = record.find(record.holder).entries
    address = found["content"][0]["attachment"]["url"].removeprefix(f"{BASE}/")
    answer = record.house.get(address, NINA, accept=accept)
    assert answer.status == 200
    read = json_format.read if accept == JSON else xml_format.read
    kept = read(answer.body)
    assert (kept["type"], kept["entry"]) == ("document", bundle["entry"])


def test_a_bundle_is_not_changed(record: Record) -> None:
    bundle = fhir_document(number(record))
    id_ = stored(posted(record, bundle))
    body = bundle | {"id": id_, "timestamp": "2026-11-24T11:00:01Z"}
    assert record.house.call("PUT", f"Bundle/{id_}", ANNE, body).status == 405
    assert record.house.call("DELETE", f"Bundle/{id_}", ANNE).status == 405


def addresses(record: Record, bundle_id: str, identifier: str) -> list[str]:
    """Every way to ask for a Bundle."""
    return [
        f"Bundle/{bundle_id}", f"Bundle/{bundle_id}/_history/1", f"Bundle/{bundle_id}/_history",
        f"Bundle?_id={bundle_id}", f"Bundle?identifier={identifier}", "Bundle?type=document",
        f"?_type=Bundle&_id={bundle_id}", "Bundle/_history",
        f"Bundle?_content=compte&_id={bundle_id}",
    ]  # fmt: skip


LATER = [
    ("nothing", True), ("masked at deposit", False), ("masked later", False), ("unmasked", True),
    ("deleted", False),
]  # fmt: skip


@pytest.mark.parametrize(("what", "seen"), LATER)
@pytest.mark.parametrize("door", ["ITI-65, Bundle", "alone"])
def test_whoever_sees_the_document_sees_the_bundle(
    record: Record, door: str, what: str, seen: bool
) -> None:
    labels = [MASK] if what == "masked at deposit" else []
    bundle = fhir_document(number(record), labels=labels)
    answer = posted(record, bundle) if door == "alone" else DOORS[door](record, bundle, {})
    assert answer.status == 201, answer.body
    (found,) = record.find(record.holder).entries
    id_ = found["id"]
    bundle_id = found["content"][0]["attachment"]["url"].split("/")[-1]
    if what in ("masked later", "unmasked"):
        assert record.mask(record.holder, id_).status == 200
    if what == "unmasked":
        assert record.label(record.holder, id_).status == 200
    if what == "deleted":
        assert record.house.call("DELETE", f"DocumentReference/{id_}", ANNE).status == 204
    for who in (NINA, OTTO):
        for address in addresses(record, bundle_id, bundle["identifier"]["value"]):
            told = tells(record.house.get(address, who), bundle_id)
            # Of what is deleted, its deletion is in the history for who saw it.
            kept = what == "deleted" and who is NINA and "_history" in address
            assert told == (seen and who is NINA) or kept, (address, who.name)
        status = record.house.get(f"Bundle/{bundle_id}", who).status
        gone = what == "deleted" and who is NINA
        assert status == (410 if gone else 200 if seen and who is NINA else 404)


def tells(answer: Answer, bundle_id: str) -> bool:
    """Whether the Bundle, or that it is there, is in an answer."""
    if answer.status >= 400:
        return False
    entries = answer.json.get("entry", [])
    inside = [entry.get("resource", {}).get("id") for entry in entries]
    urls = [entry.get("fullUrl", "") for entry in entries]
    return bundle_id in (answer.json["id"], *inside) or any(bundle_id in url for url in urls)
