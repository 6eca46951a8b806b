"""A refusal is told in the log of the record it touched, however the request names that record.

`contract.md` section 7, Traces and More points; section 5: every refusal of a stored record leaves
an AuditEvent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from fhir_server.policy.labels import MASKED
from tests.house import ANNE, CNAM, INS, INSURER, NINA, OTTO, PAUL, Answer, House, Person
from tests.interactions.shared import new_ins
from tests.people import stored
from tests.policy.record import Record, document, made, user
from tests.rest.asking import FORM

SYSTEM = "urn:oid:1.2.250.1.999"


@dataclass
class World:
    """A record, and a document in it with a business identifier."""

    record: Record
    document: str
    identifier: str

    @property
    def house(self) -> House:
        return self.record.house

    def refusals(self, who: Person) -> int:
        found = self.record.traces(CNAM)
        return len([one for one in found if user(one) == who.sub and one["outcome"] != "0"])


@pytest.fixture
def world(house: House) -> World:
    record = made(house, [NINA], doctor=PAUL)
    value = new_ins()
    id_ = record.deposited(ANNE, MASKED, identifier=[{"system": SYSTEM, "value": value}])
    return World(record, id_, f"{SYSTEM}|{value}")


def observation(subject: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject
    } | more  # fmt: skip


def with_data(world: World) -> dict[str, Any]:
    return document(world.record.id)


Request = tuple[str, str, Any, str]  # method, address, resource, ifNoneExist

# How a request names the record, or the document in it; each is refused.
NAMES: dict[str, Callable[[World], Request]] = {
    "read by id": lambda w: ("GET", f"DocumentReference/{w.document}", None, ""),
    "search by identifier": lambda w: (
        "GET", f"DocumentReference?identifier={w.identifier}&_count=x", None, ""
    ),
    "patch by id": lambda w: ("PATCH", f"DocumentReference/{w.document}", PATCH, ""),
    "patch by identifier": lambda w: (
        "PATCH", f"DocumentReference?identifier={w.identifier}", PATCH, ""
    ),
    "patch by _id": lambda w: ("PATCH", f"DocumentReference?_id={w.document}", PATCH, ""),
    "patch by filter": lambda w: (
        "PATCH", f"DocumentReference?_filter=identifier eq {w.identifier}", PATCH, ""
    ),
    "delete by id": lambda w: ("DELETE", f"DocumentReference/{w.document}", None, ""),
    "delete by identifier": lambda w: (
        "DELETE", f"DocumentReference?identifier={w.identifier}", None, ""
    ),
    "delete by value alone": lambda w: (
        "DELETE", f"DocumentReference?identifier={w.identifier.split('|')[1]}", None, ""
    ),
    "put by id": lambda w: (
        "PUT", f"DocumentReference/{w.document}", document("never", id=w.document), ""
    ),
    "put by identifier": lambda w: (
        "PUT", f"DocumentReference?identifier={w.identifier}", document("never"), ""
    ),
    "create where there is none": lambda w: (
        "POST", "DocumentReference", document("never"), f"identifier={w.identifier}"
    ),
    "create where there is none, of a patient": lambda w: (
        "POST", "Observation", observation({"reference": "Patient/never"}),
        f"patient=Patient/{w.record.id}",
    ),
    "reference to what is hidden": lambda w: (
        "POST", "Observation",
        observation({"reference": f"Patient/{OTHER['id']}"},
                    derivedFrom=[{"reference": f"DocumentReference/{w.document}"}]), "",
    ),
    "reference by search": lambda w: (
        "POST", "Observation",
        observation({"reference": f"Patient/{OTHER['id']}"},
                    derivedFrom=[{"reference": f"DocumentReference?identifier={w.identifier}"}]),
        "",
    ),
}  # fmt: skip
PATCH = {
    "resourceType": "Parameters",
    "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "entered-in-error"},
    ]}],
}  # fmt: skip
OTHER: dict[str, str] = {}


def send(house: House, who: Person, request: Request, kind: str) -> int:
    """The status that the request ends with, alone or as an entry."""
    method, address, resource, condition = request
    path, _, query = address.partition("?")
    if not kind:
        headers = {"if_none_exist": condition} if condition else {}
        return house.call(method, path, who, resource, query=query, **headers).status
    url = f"{path}?{quote(query, '=&|:.')}" if query else path
    entry: dict[str, Any] = {"request": {"method": method, "url": url}}
    if condition:
        entry["request"]["ifNoneExist"] = condition
    if resource is not None:
        entry["resource"] = resource
    answer = house.post("", who, {"resourceType": "Bundle", "type": kind, "entry": [entry]})
    if kind == "transaction" or answer.status != 200:
        return answer.status
    return int(answer.json["entry"][0]["response"]["status"][:3])


@pytest.mark.parametrize("kind", ["", "batch", "transaction"])
@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_is_told_in_the_record_it_touched(world: World, name: str, kind: str) -> None:
    """By a nurse of the record from whom the document is hidden."""
    OTHER["id"] = made(world.house, [NINA]).id
    before, elsewhere = world.refusals(NINA), made(world.house, [NINA])
    status = send(world.house, NINA, NAMES[name](world), kind)
    assert 400 <= status < 500
    assert world.refusals(NINA) == before + 1, status
    found = elsewhere.traces(CNAM)
    assert not [one for one in found if user(one) == NINA.sub and one["outcome"] != "0"]


SUBJECTS: dict[str, Callable[[Record], dict[str, Any]]] = {
    "literal": lambda r: {"reference": f"Patient/{r.id}"},
    "absolute": lambda r: {"reference": f"{r.house.settings.base_url}/Patient/{r.id}"},
    "by INS": lambda r: {"identifier": {"system": INS, "value": r.holder.sub.split("|")[1]}},
    "by search": lambda r: {"reference": f"Patient?identifier={r.holder.sub}"},
    "contained": lambda r: {"reference": "#p"},
}


@pytest.mark.parametrize("kind", ["", "batch", "transaction"])
@pytest.mark.parametrize("how", SUBJECTS)
def test_the_subject_of_what_is_sent_names_the_record(house: House, how: str, kind: str) -> None:
    """An insurer's POST that names the patient in its body alone."""
    record = made(house, [])
    value = record.holder.sub.split("|")[1]
    inside = {"resourceType": "Patient", "id": "p", "identifier": [{"system": INS, "value": value}]}
    more = {"contained": [inside]} if how == "contained" else {}
    sent = observation(SUBJECTS[how](record), **more)
    world = World(record, "", "")
    assert send(house, INSURER, ("POST", "Observation", sent, ""), kind) == 403
    assert world.refusals(INSURER) == 1
    bare = {name: sent[name] for name in ("resourceType", "subject", "contained") if name in sent}
    assert send(house, INSURER, ("POST", "Observation", bare, ""), kind) == 403
    assert world.refusals(INSURER) == 2


@pytest.mark.parametrize("path", ["Observation/$validate", "$validate", "", "Observation"])
@pytest.mark.parametrize("inside", [True, False])
def test_what_is_sent_elsewhere_names_the_record_too(
    house: House, path: str, inside: bool
) -> None:
    record = made(house, [])
    sent = observation({"reference": f"Patient/{record.id}"})
    if inside:
        parameter = {"name": "resource", "resource": sent}
        sent = {"resourceType": "Parameters", "parameter": [parameter]}
    assert house.post(path, INSURER, sent).status == 403
    assert World(record, "", "").refusals(INSURER) == 1


def test_a_compartment_names_the_record_of_what_it_is_of(house: House) -> None:
    record = made(house, [NINA])
    encounter = {
        "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{record.id}"},
    }  # fmt: skip
    id_ = stored(house.post("Encounter", NINA, encounter))
    assert house.get(f"Encounter/{id_}/Observation", OTTO).status == 404
    assert World(record, "", "").refusals(OTTO) == 1


@pytest.mark.parametrize(
    "path",
    ["DocumentReference", "Observation/never", "Observation/never/_history", "Practitioner/x",
     "nonsense", "Patient?name=x", "$nonsense"],
)  # fmt: skip
def test_the_person_of_the_token_names_the_record(house: House, path: str) -> None:
    record = made(house, [])
    for who in (INSURER, OTTO):
        bound = who.but(patient=record.holder.sub)
        answer = house.get(f"{path}", bound)
        told = World(record, "", "").refusals(who)
        assert told == (1 if answer.status >= 400 else 0)
    entry = {"request": {"method": "GET", "url": "Observation/never"}}
    body = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    before = World(record, "", "").refusals(OTTO)
    house.post("", OTTO.but(patient=record.holder.sub), body)
    assert World(record, "", "").refusals(OTTO) == before + 1


def test_the_rules_of_a_refusal_are_those_of_each_record(world: World) -> None:
    send(world.house, NINA, NAMES["delete by identifier"](world), "")
    by_identifier = world.record.rules(NINA)
    send(world.house, NINA, NAMES["delete by id"](world), "")
    assert by_identifier == world.record.rules(NINA) == {"R081"}


def test_what_the_caller_reads_of_it_is_the_same_for_what_never_was(world: World) -> None:
    def own() -> dict[str, Any]:
        found = world.house.get("AuditEvent?_sort=-_lastUpdated&_count=1", NINA).entries[0]
        return {name: found[name] for name in ("agent", "outcome", "outcomeDesc", "type")} | {
            "entities": len(found["entity"])
        }

    def agents(told: dict[str, Any]) -> Any:
        policies = told["agent"][2].pop("policy")
        return told, [one for one in policies if "rule" in one]

    never = World(world.record, "never", f"{SYSTEM}|never")
    for name in ("delete by identifier", "patch by id", "put by identifier"):
        told = []
        for one in (world, never):
            send(world.house, NINA, NAMES[name](one), "")
            told.append(agents(own()))
        assert told[0] == told[1]


# Who is shown one's own refusals.


def test_own_refusals_of_no_record_are_shown_to_a_token_without_a_person_alone(
    house: House,
) -> None:
    record = made(house, [NINA])
    bound = NINA.but(patient=record.holder.sub)

    def shown(who: Person, query: str = "") -> list[Any]:
        found = house.get(f"AuditEvent?_count=500{query}", who)
        assert found.status == 200, found.body
        return [one for one in found.entries if one["outcome"] != "0"]

    asked = f"Observation/{new_ins()}"
    assert house.get(asked, NINA).status == house.get(asked, bound).status == 404
    assert shown(NINA) and not shown(bound)
    (one, *_) = shown(NINA)
    assert house.get(f"AuditEvent/{one['id']}", NINA).status == 200
    assert house.get(f"AuditEvent/{one['id']}", bound).status == 404


def answered(answer: Answer) -> str:
    return answer.body.decode() + " ".join(answer.headers.values())


def test_a_search_by_form_of_who_may_nothing_is_told(house: House) -> None:
    record = made(house, [])
    form = f"identifier={record.holder.sub}".encode()
    answer = house.call("POST", "Patient/_search", INSURER, form, content_type=FORM)
    assert answer.status == 403
    assert World(record, "", "").refusals(INSURER) == 1


def test_a_refused_deposit_is_told_in_the_record_of_its_subject(house: House) -> None:
    record = made(house, [NINA])
    wrong = document(record.id)
    wrong["content"][0]["attachment"]["hash"] = "YQ=="
    assert house.post("DocumentReference", ANNE, wrong).status == 422
    assert World(record, "", "").refusals(ANNE) == 1
    assert stored(house.post("DocumentReference", ANNE, document(record.id)))
