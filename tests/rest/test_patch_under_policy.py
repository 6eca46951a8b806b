"""PATCH with the rules in force: the three elements, and what is hidden.

`contract.md` sections 5 and 7; `domain.md` 4.6
"""

import json
from typing import Any

import pytest

from fhir_server.fhir import json_format, xml_format
from fhir_server.policy.labels import ARCHIVED, MASKED, VEILED, VISIBILITY
from tests.house import ANNE, BASE, NINA, OTTO, PAUL, Answer, House, Person
from tests.policy.record import Record, made
from tests.rest.patches import (
    FHIR_JSON,
    FHIR_XML,
    FORMS,
    JSON_PATCH,
    XML_PATCH,
    each_form,
    parameters,
    patch_entry,
    patched,
)

NARRATIVE = "<div xmlns='http://www.w3.org/1999/xhtml'><p class='a'>A&#160;letter</p></div>"


@pytest.fixture
def record(house: House) -> Record:
    """Attending doctor Paul, nurse Nina in the care team; Anne and Otto are strangers."""
    return made(house, [NINA], doctor=PAUL)


def mask(form: str) -> bytes:
    """Put the label that hides a document from the care team, in this form."""
    label = {"coding": [{"system": VISIBILITY, "code": MASKED}]}
    if form == JSON_PATCH:
        return json.dumps([{"op": "add", "path": "/securityLabel/-", "value": label}]).encode()
    if form == XML_PATCH:
        coding = f'<coding><system value="{VISIBILITY}"/><code value="{MASKED}"/></coding>'
        new = f"<securityLabel>{coding}</securityLabel>"
        return f'<diff><add sel="DocumentReference">{new}</add></diff>'.encode()
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "DocumentReference"},
        {"name": "name", "valueString": "securityLabel"},
        {"name": "value", "valueCodeableConcept": label},
    ]
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "operation", "part": parts}],
    }
    return json_format.write(body) if form == FHIR_JSON else xml_format.write(body)


def sent(record: Record, who: Person, id_: str, form: str, body: bytes) -> Answer:
    path = f"DocumentReference/{id_}"
    return record.house.call("PATCH", path, who, body, content_type=form)


@each_form
def test_I08_the_holder_masks_a_document_in_any_form(record: Record, form: str) -> None:
    id_ = record.deposited(ANNE, text={"status": "generated", "div": NARRATIVE})
    assert record.sees(NINA, id_)
    answer = sent(record, record.holder, id_, form, mask(form))
    assert answer.status == 200, answer.body
    assert answer.json["text"]["div"] == NARRATIVE
    assert not record.sees(NINA, id_) and record.sees(ANNE, id_)


@each_form
def test_I08_what_is_none_of_the_three_elements_cannot_be_patched(
    record: Record, form: str
) -> None:
    id_ = record.deposited(ANNE)
    change = ("add", "DocumentReference.description", "x")
    answer = patched(record.house, f"DocumentReference/{id_}", form, change, who=ANNE)
    assert answer.status == 405
    assert "description" not in record.read(ANNE, id_).json


@each_form
def test_I08_who_may_not_change_a_document_cannot_patch_it(record: Record, form: str) -> None:
    id_ = record.deposited(ANNE)
    change = ("replace", "DocumentReference.status", "superseded")
    answer = patched(record.house, f"DocumentReference/{id_}", form, change, who=NINA)
    assert answer.status == 403
    assert record.read(ANNE, id_).json["status"] == "current"


@each_form
def test_I09_a_document_is_patched_by_its_identifier(record: Record, form: str) -> None:
    value = f"urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-{FORMS.index(form):012}"
    master = {"system": "urn:ietf:rfc:3986", "value": value + record.id}
    id_ = record.deposited(ANNE, masterIdentifier=master)
    change = ("replace", "DocumentReference.status", "superseded")
    query = f"identifier=urn:ietf:rfc:3986|{master['value']}"
    path, house = "DocumentReference", record.house
    assert patched(house, path, form, change, who=OTTO, query=query).status == 404
    answer = patched(house, path, form, change, who=ANNE, query=query)
    assert (answer.status, answer.json["id"]) == (200, id_)
    assert answer.json["status"] == "superseded"


@each_form
def test_I08_the_archive_mark_is_patched_in_any_form(record: Record, form: str) -> None:
    mark = {"url": ARCHIVED, "valueBoolean": False}
    id_ = record.deposited(ANNE, extension=[mark])
    path = {
        JSON_PATCH: "DocumentReference.extension[0].valueBoolean",
        XML_PATCH: "DocumentReference.extension[0].valueBoolean",
    }.get(form, f"DocumentReference.extension.where(url = '{ARCHIVED}').value")
    body: Any = parameters(("replace", path, True))
    if form in (JSON_PATCH, XML_PATCH):
        answer = patched(
            record.house, f"DocumentReference/{id_}", form, ("replace", path, True), who=ANNE
        )
    else:
        body = json_format.write(body) if form == FHIR_JSON else xml_format.write(body)
        answer = sent(record, ANNE, id_, form, body)
    assert answer.status == 200, answer.body
    assert record.read(ANNE, id_).json["extension"] == [mark | {"valueBoolean": True}]


# what is hidden


def veiled_and_open(record: Record) -> tuple[str, str]:
    """A document that leads to one hidden from the holder, and one that leads to nothing."""
    hidden = record.deposited(ANNE, VEILED)
    target = {"reference": f"DocumentReference/{hidden}"}
    one = record.deposited(ANNE, relatesTo=[{"code": "appends", "target": target}])
    assert "relatesTo" not in record.read(record.holder, one).json
    return one, record.deposited(ANNE)


@each_form
def test_I08_what_was_not_shown_is_not_lost(record: Record, form: str) -> None:
    id_, _ = veiled_and_open(record)
    before = record.read(ANNE, id_).json
    answer = sent(record, record.holder, id_, form, mask(form))
    assert answer.status == 200 and "relatesTo" not in answer.json
    after = record.read(ANNE, id_).json
    assert after["relatesTo"] == before["relatesTo"]
    assert after["meta"]["versionId"] == "2"


PROBES: dict[str, tuple[str, bytes]] = {
    "a test": (JSON_PATCH, b'[{"op":"test","path":"/relatesTo/0/code","value":"appends"}]'),
    "a removal": (JSON_PATCH, b'[{"op":"remove","path":"/relatesTo"}]'),
    "a copy": (JSON_PATCH, b'[{"op":"copy","from":"/relatesTo/0/code","path":"/description"}]'),
    "an index": (JSON_PATCH, b'[{"op":"add","path":"/relatesTo/1","value":{}}]'),
    "a selector": (XML_PATCH, b'<diff><remove sel="DocumentReference/relatesTo"/></diff>'),
    "a predicate": (
        XML_PATCH,
        b'<diff><replace sel="DocumentReference[relatesTo]/status/@value">superseded'
        b"</replace></diff>",
    ),
    "a deletion": (
        FHIR_JSON,
        json_format.write(parameters(("delete", "DocumentReference.relatesTo", None))),
    ),
    "a condition": (
        FHIR_JSON,
        json_format.write(
            parameters(
                ("replace", "DocumentReference.where(relatesTo.exists()).status", "superseded")
            )
        ),
    ),
    "a replacement": (
        FHIR_XML,
        xml_format.write(parameters(("replace", "DocumentReference.relatesTo[0].code", "signs"))),
    ),
}


@pytest.mark.parametrize("probe", PROBES)
def test_I08_no_patch_tells_what_is_hidden(record: Record, probe: str) -> None:
    form, body = PROBES[probe]
    one, other = veiled_and_open(record)
    answers = [sent(record, record.holder, id_, form, body) for id_ in (one, other)]
    told = [
        (a.status, a.json.get("issue"), a.headers.get("ETag"), "relatesTo" in a.json)
        for a in answers
    ]
    assert told[0] == told[1]
    assert [a["code"] for a in record.read(ANNE, one).json["relatesTo"]] == ["appends"]


@each_form
def test_I20_a_patch_of_a_hidden_document_in_a_bundle_is_one_of_nothing(
    record: Record, form: str
) -> None:
    id_ = record.deposited(ANNE, MASKED)
    change = ("replace", "DocumentReference.status", "superseded")
    answers = []
    for address in (id_, "11111111-2222-4333-8444-555555555555"):
        one = patch_entry(f"DocumentReference/{address}", form, change)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [one]}
        answer = record.house.post("", NINA, bundle)
        answers.append((answer.status, answer.body.replace(address.encode(), b"X")))
    assert answers[0] == answers[1] and answers[0][0] == 404


@each_form
def test_I20_an_author_supersedes_in_a_transaction_in_any_form(record: Record, form: str) -> None:
    id_ = record.deposited(ANNE)
    change = ("replace", "DocumentReference.status", "superseded")
    one = patch_entry(f"DocumentReference/{id_}", form, change)
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [one]}
    answer = record.house.post("", ANNE, bundle)
    assert answer.status == 200, answer.body
    assert answer.json["entry"][0]["response"]["location"].startswith(f"{BASE}/Document")
    assert record.read(ANNE, id_).json["status"] == "superseded"
