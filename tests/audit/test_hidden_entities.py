"""A trace names nothing that is hidden from its reader, whatever its type: neither in its entities,
nor by a search for them.

`contract.md` section 7, More points: what is hidden is taken out of every entity of a trace,
whatever its type (a Provenance of a hidden document too).
"""

import json
from typing import Any
from urllib.parse import quote

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED
from tests.house import ANNE, CNAM, NINA, PAUL, House, Person
from tests.law.people import relative, somebody
from tests.people import stored
from tests.policy.record import PATCH, Record, labelled, made, user

PROVENANCE = json.dumps({
    "resourceType": "Provenance", "recorded": "2026-11-24T12:00:00Z",
    "agent": [{"who": {"display": "Dr Anne Exemple"}}],
})  # fmt: skip


@pytest.fixture
def record(house: House) -> Record:
    return made(house, [NINA], doctor=PAUL, birthDate="2015-03-01")


def told_of(record: Record, *flags: str) -> list[str]:
    """A document with these flags, and what came with a deposit and a patch of it: addresses."""
    house = record.house
    id_ = record.deposited(ANNE, *flags, identifier=[{"system": "urn:x", "value": "a"}])
    changed = [{"op": "add", "path": "/securityLabel", "value": labelled(*flags, level="R")}]
    answer = house.call(
        "PATCH", f"DocumentReference/{id_}", ANNE, json.dumps(changed).encode(),
        content_type=PATCH, x_provenance=PROVENANCE,
    )  # fmt: skip
    assert answer.status == 200, answer.body
    url = answer.json["content"][0]["attachment"]["url"].partition("/fhir/")[2]
    found = house.get(f"Provenance?target=DocumentReference/{id_}", ANNE).entries
    for one in (f"Provenance/{found[0]['id']}", url, f"{url}/_history/1"):
        assert house.get(one, ANNE).status == 200
    return [f"DocumentReference/{id_}", f"Provenance/{found[0]['id']}", url]


def named_in(record: Record, who: Person) -> set[str]:
    """What the entities of the record's log lead to, as `who` is shown it."""
    events = record.traces(who)
    found = {
        entity["what"]["reference"].partition("/_history/")[0]
        for event in events
        for entity in event["entity"]
        if "reference" in entity.get("what", {})
    }
    for event in events:
        alone = record.house.get(f"AuditEvent/{event['id']}", who)
        assert alone.json == event
        version = record.house.get(f"AuditEvent/{event['id']}/_history/1", who)
        assert version.json["entity"] == event["entity"]
    return found


WAYS = (
    "entity={address}", "entity={id}", "entity:{type}={id}", "entity={base}/{address}",
    "entity={address}/_history/1", "_filter=entity eq {address}", "entity={address},Basic/never",
)  # fmt: skip


def ways(address: str, base: str) -> list[str]:
    type_, id_ = address.split("/")
    texts = [way.format(address=address, type=type_, id=id_, base=base) for way in WAYS]
    return [quote(text, safe="=:/,") for text in texts]


def found_by(record: Record, who: Person, way: str) -> int:
    answer = record.find(who, f"&{way}", "AuditEvent")
    assert answer.status == 200, answer.body
    total: int = answer.json["total"]
    return total


@pytest.mark.parametrize("side", ["holder", "representative"])
@pytest.mark.parametrize("place", range(3), ids=["document", "provenance", "bytes"])
def test_the_log_names_nothing_that_is_hidden(
    house: House, side: str, place: int
) -> None:
    born = {} if side == "holder" else {"birthDate": "2015-03-01"}
    record = made(house, [NINA], doctor=PAUL, **born)
    who, flag = record.holder, VEILED
    if side == "representative":
        who, flag = somebody(name="La mere"), SECRET
        relative(record, who, "PRN")
    hidden, shown = told_of(record, flag)[place], told_of(record)[place]
    assert hidden not in named_in(record, who) and shown in named_in(record, who)
    base, never = house.settings.base_url, f"{hidden.split('/')[0]}/never"
    for way, absent in zip(ways(hidden, base), ways(never, base), strict=True):
        assert found_by(record, who, way) == found_by(record, who, absent) == 0, way
    for way in ways(shown, base)[:4]:
        assert found_by(record, who, way) > 0, way
    for reader in (PAUL, CNAM):
        assert found_by(record, reader, f"entity={hidden}") > 0 or reader is CNAM


def test_what_a_holder_is_told_comes_back_with_the_announcement(house: House) -> None:
    record = made(house, [NINA])
    hidden = told_of(record, VEILED)
    assert not set(hidden) & named_in(record, record.holder)
    record.label(ANNE, hidden[0].split("/")[1])
    assert set(hidden) <= named_in(record, record.holder)


def test_ones_own_log_names_what_one_sees_still(house: House) -> None:
    """A nurse has read a document, and what speaks of it, before it was masked."""
    record = made(house, [NINA])
    document, about, url = told_of(record)
    for address in (document, about, url):
        assert house.get(address, NINA).status == 200

    def named() -> set[str]:
        own = [event for event in record.traces(NINA) if user(event) == NINA.sub]
        whats = [entity.get("what", {}) for event in own for entity in event["entity"]]
        return {what["reference"] for what in whats if "reference" in what}

    assert {document, about, url} <= named()
    record.label(ANNE, document.split("/")[1], MASKED)
    assert not {document, about, url} & named()
    assert found_by(record, NINA, f"entity={about}") == 0


def test_an_entity_of_an_ordinary_resource_stays(record: Record) -> None:
    observation: dict[str, Any] = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": f"Patient/{record.id}"},
    }  # fmt: skip
    address = f"Observation/{stored(record.house.post('Observation', NINA, observation))}"
    team = f"CareTeam/{record.team()['id']}"
    for reader in (PAUL, NINA):
        assert record.house.get(address, reader).status == 200
    assert {address, team} <= named_in(record, PAUL)
    assert found_by(record, PAUL, f"entity={address}") == 3
    assert found_by(record, PAUL, f"entity={address.split('/')[1]}") == 3
    assert address in named_in(record, NINA)


@pytest.mark.parametrize(
    "query",
    ["_has:AuditEvent:patient:entity={}", "_sort=entity", "_has:AuditEvent:entity:entity={}"],
)
def test_nor_is_it_told_by_another_way(house: House, query: str) -> None:
    record = made(house, [])
    hidden = told_of(record, VEILED)[1]
    type_ = "AuditEvent" if query.startswith("_sort") else "Patient"
    answer = house.get(f"{type_}?{query.format(hidden)}", record.holder)
    assert answer.status == 400


def test_a_hidden_provenance_is_neither_included_nor_led_to(house: House) -> None:
    record = made(house, [])
    hidden = told_of(record, VEILED)[1]
    query = "&_include=AuditEvent:entity&_include:iterate=*&_revinclude=AuditEvent:entity&_count=99"
    found = record.find(record.holder, query, "AuditEvent")
    assert found.status == 200 and hidden.split("/")[1].encode() not in found.body
    chained = record.find(record.holder, "&entity:Provenance.recorded=gt2000", "AuditEvent")
    assert chained.status == 200 and chained.json["total"] == 0
