"""Attacks on the rest of R4's REST: conditions, references by search, Bundles, histories, headers.

Each is a way that was open once; `test_attacks` has the older ones.
"""

import json
from time import monotonic
from typing import Any

import pytest

from tests.house import BASE, INS, LUCIEN, NINA, PAUL, House, Person, new_id
from tests.interactions.shared import new_ins
from tests.people import opened, patient, stored
from tests.test_attacks import JSON_PATCH, MASK, deposit, observation, patch

NOWHERE = "urn:uuid:11111111-1111-4111-8111-111111111111"
PROVENANCE = json.dumps({
    "resourceType": "Provenance",
    "recorded": "2026-11-24T12:00:00Z",
    "agent": [{"who": {"display": "somebody"}}],
})  # fmt: skip


@pytest.fixture(scope="module")
def record(house: House) -> str:
    """The id of Lucien's Patient; Paul is his doctor, Nina of his team."""
    return opened(house, NINA, doctor=PAUL)


def entry(method: str, url: str, resource: Any = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | more}
    return made | ({"resource": resource} if resource else {})


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def scoped(scope: str) -> Person:
    return NINA.but(scope=scope)


def numbered(record: str, number: str, **more: Any) -> dict[str, Any]:
    return observation(record) | {"identifier": [{"system": "urn:x", "value": number}]} | more


@pytest.mark.parametrize("form", ["Binary/{}", BASE + "/Binary/{}", "Binary/{}/_history/1"])
def test_nobody_gets_at_bytes_by_a_condition(house: House, record: str, form: str) -> None:
    """Bytes that two documents share would lose the mask of the one to the other."""
    document = house.get(f"DocumentReference/{deposit(house, record)}", NINA).json
    binary = document["content"][0]["attachment"]["url"].rpartition("/")[2]
    bytes_ = {"resourceType": "Binary", "contentType": "text/xml", "data": "eA=="}
    kept = ("resourceType", "status", "subject", "securityLabel")
    mine = {name: document[name] for name in kept}
    mine["content"] = [{"attachment": {"contentType": "text/xml", "url": form.format(binary)}}]
    sent = bundle(
        "transaction",
        entry("POST", "Binary", bytes_, ifNoneExist=f"_id={binary}") | {"fullUrl": NOWHERE},
        entry("POST", "DocumentReference", mine),
    )
    assert house.post("", NINA, sent).status == 422
    mask = {"op": "add", "path": "/securityLabel/-", "value": MASK}
    assert patch(house, f"DocumentReference/{document['id']}", LUCIEN, mask).status == 200
    assert house.get(f"Binary/{binary}", NINA).status == 404


@pytest.mark.parametrize("name", ["Essai", "Nobody"])
@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_conditions_in_a_bundle_ask_nothing_the_token_does_not_cover(
    house: House, record: str, kind: str, method: str, name: str
) -> None:
    sent: Any = None if method == "DELETE" else patient(id="mine")
    if method == "PATCH":
        sent = {"resourceType": "Binary", "contentType": "application/json-patch+json"}
    one = entry(method, f"Patient?name={name}", sent)
    if method == "POST":
        one = entry(method, "Patient", sent, ifNoneExist=f"name={name}")
    answer = house.post("", scoped("user/Observation.c"), bundle(kind, one))
    assert b"do not cover `Patient`" in answer.body and record.encode() not in answer.body


@pytest.mark.parametrize(
    "condition",
    [
        "status=final",
        "subject:Patient.name=Essai",
        "identifier=urn:x|",
        "identifier=urn:x|1&status=final",
    ],
)
def test_a_condition_is_a_search(house: House, record: str, condition: str) -> None:
    writer = scoped("user/Observation.cud")
    sent = observation(record)
    stored(house.post("Observation", NINA, sent))
    assert house.post("Observation", writer, sent, if_none_exist=condition).status == 403
    for method in ("PUT", "DELETE"):
        answer = house.call(method, "Observation", writer, sent, query=condition)
        assert answer.status == 403


def test_a_business_identifier_is_a_name(house: House, record: str) -> None:
    writer, name = scoped("user/Observation.cu"), new_id()
    sent, asked = numbered(record, name), f"identifier=urn:x|{name}"
    assert house.post("Observation", writer, sent, if_none_exist=asked).status == 201
    assert house.call("PUT", "Observation", writer, sent, query=asked).status == 200


def test_a_token_to_write_reads_nothing_back(house: House, record: str) -> None:
    name, writer = new_id(), scoped("user/Observation.cu")
    path = f"Observation/{stored(house.post('Observation', NINA, numbered(record, name)))}"
    sent, asked = observation(record), f"identifier=urn:x|{name}"
    known = house.post("Observation", writer, sent, if_none_exist=asked)
    assert (known.status, known.body) == (200, b"")
    patched = patch(house, path, writer, {"op": "test", "path": "/status", "value": "final"})
    assert (patched.status, patched.body) == (200, b"")


@pytest.mark.parametrize("kind", ["alone", "transaction", "$validate"])
@pytest.mark.parametrize("name", ["Essai", "Nobody"])
def test_a_reference_by_search_is_a_search(
    house: House, record: str, kind: str, name: str
) -> None:
    sent = observation(record) | {"focus": [{"reference": f"Patient?name={name}"}]}
    writer = scoped("user/Observation.c")
    match kind:
        case "alone":
            answer = house.post("Observation", writer, sent)
        case "transaction":
            answer = house.post("", writer, bundle(kind, entry("POST", "Observation", sent)))
        case _:
            answer = house.call("POST", "Observation/$validate", writer, sent, query="mode=create")
    assert "do not cover `Patient`" in answer.diagnostics


def test_a_provenance_is_covered_by_the_token(house: House, record: str) -> None:
    name, writer = new_id(), scoped("user/Observation.c")
    sent = numbered(record, name)
    assert house.post("Observation", writer, sent, x_provenance=PROVENANCE).status == 403
    assert house.get(f"Observation?identifier=urn:x|{name}", NINA).json["total"] == 0


def test_a_list_is_read_by_who_may_read_lists(house: House, record: str) -> None:
    document = deposit(house, record)
    [listed] = house.get(f"List?item=DocumentReference/{document}", NINA).entries
    path = f"DocumentReference/_history?_list={listed['id']}"
    assert house.get(path, NINA).json["total"] == 1
    assert house.get(path, scoped("user/DocumentReference.s")).status == 403


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_no_time_is_too_far_away(house: House, record: str, since: str) -> None:
    one = entry("GET", f"Patient/{record}", ifModifiedSince=since)
    [done] = house.post("", NINA, bundle("batch", one)).json["entry"]
    assert done["response"]["status"][:3] == ("200" if since < "2" else "304")


def test_a_refusal_of_an_overlap_has_the_words_of_its_caller(house: House, record: str) -> None:
    asked = "identifier=urn:x|overlap"
    both = [entry("POST", "Observation", numbered(record, n), ifNoneExist=asked) for n in "12"]
    answer = house.post("", NINA, bundle("transaction", *both))
    assert (answer.status, answer.diagnostics) == (400, f"`{asked}` is in two entries")


@pytest.mark.parametrize("kind", ["Observation/{}", "DocumentReference/{}"])
def test_references_cost_what_they_are_many(house: House, record: str, kind: str) -> None:
    links = [{"reference": kind.format(f"x{n}")} for n in range(40_000)]
    begin = monotonic()
    answer = house.post("Observation", NINA, observation(record) | {"derivedFrom": links})
    assert answer.status == 422 and monotonic() - begin < 15


def test_entries_that_wait_for_each_other_are_looked_at_so_often(house: House, record: str) -> None:
    name = new_id()

    def nth(n: int) -> dict[str, Any]:
        link = [{"reference": f"Observation?identifier=urn:x|{name}-{n + 1}"}]
        more = {"derivedFrom": link} if n < 199 else {}
        return entry("POST", "Observation", numbered(record, f"{name}-{n}", **more))

    answer = house.post("", NINA, bundle("transaction", *map(nth, range(200))))
    assert answer.json["issue"][0]["code"] == "too-costly"
    answer = house.post("", NINA, bundle("transaction", *map(nth, reversed(range(180, 200)))))
    assert answer.status == 200


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_refusal_in_a_bundle_is_noted_where_it_belongs(
    house: House, record: str, kind: str
) -> None:
    mask = {"securityLabel": [{"coding": [{"system": s, "code": c}]} for s, c in (
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N"),
        (MASK["coding"][0]["system"], MASK["coding"][0]["code"]))]}  # fmt: skip
    hidden = f"DocumentReference/{deposit(house, record, **mask)}"
    urls = [hidden, f"{hidden}/_history", f"{hidden}/_history/1", f"{hidden}/$meta"]
    before = refusals(house, record)
    if kind == "batch":
        sent = bundle("batch", *(entry("GET", url) for url in urls))
        done = house.post("", NINA, sent).json["entry"]
        assert {one["response"]["status"][:3] for one in done} == {"404"}
    else:
        done = [house.post("", NINA, bundle(kind, entry("GET", url))) for url in urls]
        assert {one.status for one in done} == {404}
    assert refusals(house, record) == before + len(urls)


def refusals(house: House, record: str) -> int:
    """How many of them the holder reads in his log."""
    log = house.get(f"AuditEvent?patient=Patient/{record}&_count=500", LUCIEN).entries
    return sum(event.get("outcome") == "4" for event in log)


@pytest.mark.parametrize("how", ["alone", "by a header"])
def test_what_speaks_of_a_masked_document_is_masked(house: House, record: str, how: str) -> None:
    path = f"DocumentReference/{deposit(house, record)}"
    mask = {"op": "add", "path": "/securityLabel/-", "value": MASK}
    if how == "alone":
        targets = [{"reference": path}, {"reference": f"Patient/{record}"}]
        about = json.loads(PROVENANCE) | {"target": targets}
        stored(house.post("Provenance", PAUL, about))
        assert path.encode() in house.get("Provenance?_count=100", NINA).body
    more = {"x_provenance": PROVENANCE} if how != "alone" else {}
    done = house.call("PATCH", path, PAUL, [mask], content_type=JSON_PATCH, **more)
    assert done.status == 200 and path.encode() in house.get("Provenance?_count=100", PAUL).body
    everything = f"Patient/{record}/$everything?"
    for asked in ("Provenance?", "?_type=Provenance&", "_history?", everything):
        assert path.encode() not in house.get(f"{asked}_count=500", NINA).body
    at = len(house.get(path, PAUL).json["securityLabel"]) - 1
    unmask = {"op": "remove", "path": f"/securityLabel/{at}"}
    assert patch(house, path, PAUL, unmask).status == 200
    assert path.encode() in house.get("Provenance?_count=100", NINA).body


def test_a_search_of_all_types_is_bounded(house: House, record: str) -> None:
    values = ",".join(f"urn:x|{n}" for n in range(90))
    answer = house.get(f"?_tag={values}", NINA)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly")


def test_the_answers_of_a_bundle_are_bounded(shared_url: str, record: str) -> None:
    small = House(shared_url, max_body=20_000)
    sent = bundle("batch", *[entry("GET", f"Patient/{record}/_history")] * 150)
    done = small.post("", NINA, sent).json["entry"]
    small.close()
    assert done[0]["response"]["status"][:3] == "200"
    assert done[-1]["response"]["status"][:3] == "413"


CHANNELS = (
    "DocumentReference/{document}", "DocumentReference/{document}/_history",
    "DocumentReference/{document}/_history/1", "DocumentReference/{document}/$meta",
    "?_type=DocumentReference,List&_count=500", "?_lastUpdated=gt2020-01-01&_count=500",
    "_history?_count=500", "DocumentReference/_history?_count=500", "Patient/{record}/*?_count=500",
    "Patient/{record}/DocumentReference?_count=500", "Patient/{record}/$everything",
    "DocumentReference/$docref?patient={record}&start=2000-01-01",
    "DocumentReference?_include=*&_revinclude=*&_count=500", "$meta", "DocumentReference/$meta",
)  # fmt: skip


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("who", ["for another person", "a minor"])
def test_no_new_channel_shows_a_record_to_whom_it_is_closed(
    house: House, record: str, channel: str, who: str
) -> None:
    """A token is good for the record of its `person_id` alone; a minor does not act for himself."""
    document = deposit(house, record)
    young = new_ins()
    opened(house, identifier=[{"system": INS, "value": young}], birthDate="2015-01-01")
    reader = {
        "for another person": NINA.but(patient=f"{INS}|{young}"),
        "a minor": Person("holder", f"{INS}|{young}"),
    }[who]
    path = channel.format(record=record, document=document)
    answer, open_to_her = house.get(path, reader), house.get(path, NINA)
    if who == "a minor":
        assert answer.status == 403
    elif answer.status == 200:
        assert document.encode() not in answer.body
    else:
        assert answer.status in (403, 404), answer.body
    assert open_to_her.status == 200
    is_there = document.encode() in open_to_her.body
    assert is_there or "$meta" in channel or "$docref" in channel  # which is in pages
