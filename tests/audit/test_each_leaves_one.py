"""Each interaction leaves its trace in the record it was in, alone and as an entry of a batch or a
transaction, done or refused.

`contract.md` section 5: no trace, no data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.house import ANNE, CNAM, NINA, PAUL, Answer, House, Person
from tests.interactions.shared import new_ins
from tests.people import stored
from tests.policy.record import Record, document, made, user

SYSTEM = "urn:oid:1.2.250.1.998"


@dataclass
class World:
    """A record with an Observation of Nina's, and its business identifier."""

    record: Record
    observation: str
    value: str

    def body(self, **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{self.record.id}"},
            "identifier": [{"system": SYSTEM, "value": self.value}],
        } | more  # fmt: skip

    def traces(self, who: Person) -> list[dict[str, Any]]:
        return [event for event in self.record.traces(CNAM) if user(event) == who.sub]


@pytest.fixture
def world(house: House) -> World:
    record = made(house, [NINA], doctor=PAUL)
    made_ = World(record, "", new_ins())
    made_.observation = stored(house.post("Observation", NINA, made_.body()))
    return made_


CHANGE = {
    "resourceType": "Parameters",
    "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Observation.code.text"},
        {"name": "value", "valueString": "y"},
    ]}],
}  # fmt: skip

Request = tuple[str, str, Any, str]  # method, address, resource, ifNoneExist
# Each with the code of the interaction and the outcome that stand in its trace.
ACTS: dict[str, tuple[Callable[[World], Request], str, str]] = {
    "read": (lambda w: ("GET", f"Observation/{w.observation}", None, ""), "read", "0"),
    "vread": (lambda w: ("GET", f"Observation/{w.observation}/_history/1", None, ""), "vread", "0"),
    "history": (
        lambda w: ("GET", f"Observation/{w.observation}/_history", None, ""),
        "history-instance", "0",
    ),
    "search": (
        lambda w: ("GET", f"Observation?patient={w.record.id}", None, ""), "search-type", "0"
    ),
    "search that finds nothing": (
        lambda w: ("GET", f"Observation?patient={w.record.id}&code=never", None, ""),
        "search-type", "0",
    ),
    "search of several types": (
        lambda w: ("GET", f"?_type=Observation,List&patient={w.record.id}", None, ""),
        "search-system", "0",
    ),
    "search of a compartment": (
        lambda w: ("GET", f"Patient/{w.record.id}/Observation", None, ""), "search-type", "0"
    ),
    "everything": (
        lambda w: ("GET", f"Patient/{w.record.id}/$everything", None, ""), "operation", "0"
    ),
    "create": (lambda w: ("POST", "Observation", w.body(), ""), "create", "0"),
    "create what is there": (
        lambda w: ("POST", "Observation", w.body(), f"identifier={SYSTEM}|{w.value}"), "read", "0"
    ),
    "create what is not there": (
        lambda w: ("POST", "Observation", w.body(), f"identifier={SYSTEM}|never"), "create", "0"
    ),
    "deposit": (
        lambda w: ("POST", "DocumentReference", document(w.record.id), ""), "create", "0"
    ),
    "update": (
        lambda w: ("PUT", f"Observation/{w.observation}", w.body(id=w.observation,
                   code={"text": "y"}), ""), "update", "0",
    ),
    "update by a condition": (
        lambda w: ("PUT", f"Observation?identifier={SYSTEM}|{w.value}",
                   w.body(code={"text": "y"}), ""), "update", "0",
    ),
    "patch": (lambda w: ("PATCH", f"Observation/{w.observation}", CHANGE, ""), "patch", "0"),
    "patch by a condition": (
        lambda w: ("PATCH", f"Observation?identifier={SYSTEM}|{w.value}", CHANGE, ""),
        "patch", "0",
    ),
    "delete": (lambda w: ("DELETE", f"Observation/{w.observation}", None, ""), "delete", "0"),
    "delete by a condition": (
        lambda w: ("DELETE", f"Observation?identifier={SYSTEM}|{w.value}", None, ""),
        "delete", "0",
    ),
    "refused update": (
        lambda w: ("PUT", f"Observation/{w.observation}", w.body(id=w.observation, status="no"),
                   ""), "update", "4",
    ),
    "refused search": (
        lambda w: ("GET", f"Observation?patient={w.record.id}&date=no", None, ""),
        "search-type", "4",
    ),
}  # fmt: skip


def send(house: House, who: Person, request: Request, kind: str) -> Answer:
    method, address, resource, condition = request
    path, _, query = address.partition("?")
    if not kind:
        headers = {"if_none_exist": condition} if condition else {}
        return house.call(method, path, who, resource, query=query, **headers)
    url = f"{path}?{quote(query, '=&|:.,')}" if query else path
    entry: dict[str, Any] = {"request": {"method": method, "url": url}}
    entry |= {"resource": resource} if resource else {}
    entry["request"] |= {"ifNoneExist": condition} if condition else {}
    return house.post("", who, {"resourceType": "Bundle", "type": kind, "entry": [entry]})


@pytest.mark.parametrize("kind", ["", "batch", "transaction"])
@pytest.mark.parametrize("name", ACTS)
def test_each_leaves_its_trace_in_the_record(world: World, name: str, kind: str) -> None:
    request, code, outcome = ACTS[name]
    before = len(world.traces(NINA))
    answer = send(world.record.house, NINA, request(world), kind)
    refused = answer.status >= 400 or (
        kind == "batch" and answer.json["entry"][0]["response"]["status"] >= "4"
    )
    assert refused == (outcome != "0"), answer.body
    found = world.traces(NINA)
    assert len(found) == before + 1
    assert found[0]["outcome"] == outcome
    told = found[0]["subtype"][0]["code"]
    wanted = {"batch": "operation", "transaction": "transaction"}.get(kind, code)
    assert told == (wanted if refused else code)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_each_entry_leaves_its_own(world: World, kind: str) -> None:
    other = made(world.record.house, [NINA])
    requests = [
        ACTS[name][0](world)
        for name in ("create", "update", "deposit", "read", "search", "everything")
    ]
    requests.append(("POST", "Observation",
                     world.body(subject={"reference": f"Patient/{other.id}"}), ""))  # fmt: skip
    entries = []
    for method, url, resource, _ in requests:
        entry: dict[str, Any] = {"request": {"method": method, "url": url}}
        entries.append(entry | ({"resource": resource} if resource else {}))
    before = len(world.traces(NINA))
    body = {"resourceType": "Bundle", "type": kind, "entry": entries}
    answer = world.record.house.post("", NINA, body)
    assert answer.status == 200, answer.body
    found = world.traces(NINA)
    assert len(found) == before + len(requests) - 1
    assert len({event["id"] for event in found}) == len(found)
    elsewhere = [event for event in other.traces(CNAM) if user(event) == NINA.sub]
    assert len(elsewhere) == 1


def test_the_bytes_of_a_document_are_traced_when_they_are_read(world: World) -> None:
    id_ = world.record.deposited(ANNE)
    url = world.record.read(ANNE, id_).json["content"][0]["attachment"]["url"]
    before = len(world.traces(NINA))
    for _ in range(2):
        world.record.house.get(url.partition("/fhir/")[2], NINA)
    assert len(world.traces(NINA)) == before + 2
