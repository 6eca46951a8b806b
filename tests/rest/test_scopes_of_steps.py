"""Each step of a search needs the scope of its type: what it asks there is a search of that type.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html; `contract.md` section 3
of the design: scopes limit what the policy allows.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.house import CNAM, INS, NINA, PAUL, Answer, House, Person
from tests.people import stored
from tests.rest.asking import FORM
from tests.rest.test_includes import to
from tests.rest.test_includes_under_policy import document, listed, record
from tests.rest.test_search_interactions import addresses

INSUFFICIENT = 'Bearer error="insufficient_scope"'


@dataclass(frozen=True)
class Case:
    """A search that takes a step: `needs` is the type that the token must cover beside its own."""

    search: str
    needs: str


CASES = {
    "chain": Case("DocumentReference?patient.birthdate=1924-01-15", "Patient"),
    "typed chain": Case("DocumentReference?subject:Patient.birthdate=1924-01-15", "Patient"),
    "untyped chain": Case("DocumentReference?subject.birthdate=1924-01-15", "Patient"),
    "chain of a modifier": Case("DocumentReference?patient.name:contains=ess", "Patient"),
    "chain of what is missing": Case("DocumentReference?patient.deceased:missing=true", "Patient"),
    "chain of a system": Case("DocumentReference?patient.identifier=%INS%|", "Patient"),
    "chain of no identifier": Case("DocumentReference?patient.identifier:missing=false", "Patient"),
    "two steps": Case(
        "DocumentReference?patient.general-practitioner.identifier=%PAUL%", "Patient"
    ),
    "doctor by reference": Case(
        "DocumentReference?patient.general-practitioner=Practitioner/a", "Patient"
    ),
    "chain then who refers": Case(
        "DocumentReference?patient._has:CareTeam:patient:status=active", "CareTeam"
    ),
    "who refers": Case("DocumentReference?_has:List:item:status=current", "List"),
    "who refers, by name": Case("DocumentReference?_has:List:item:_id=%LIST%", "List"),
    "traces that refer": Case("DocumentReference?_has:AuditEvent:entity:action=R", "AuditEvent"),
    "who refers, then on": Case(
        "DocumentReference?_has:List:item:patient.birthdate=1924-01-15", "Patient"
    ),
    "list": Case("DocumentReference?_list=%LIST%", "List"),
    "chain of a list": Case("DocumentReference?patient._list=%LIST%", "List"),
    "filter": Case("DocumentReference?_filter=patient.birthdate eq 1924-01-15", "Patient"),
    "filter's brackets": Case(
        "DocumentReference?_filter=patient[birthdate eq 1924-01-15].identifier eq %LUCIEN%",
        "Patient",
    ),
    "filter, not": Case("DocumentReference?_filter=not (patient.gender eq female)", "Patient"),
    "filter's unequal": Case("DocumentReference?_filter=patient.identifier ne 1", "Patient"),
    "filter, who refers": Case(
        "DocumentReference?_filter=_has:List:item:status eq current", "List"
    ),
    "beside others": Case(
        "DocumentReference?status=current&patient.birthdate=1924-01-15&_count=1", "Patient"
    ),
    "total alone": Case(
        "DocumentReference?patient.birthdate=1924-01-15&_summary=count", "Patient"
    ),
    "several types": Case("?_type=Observation,Condition&subject.birthdate=1924-01-15", "Patient"),
    "compartment": Case("%PATIENT%/DocumentReference?patient.gender=male", "Patient"),
    "whole compartment": Case("%PATIENT%/*?_type=DocumentReference&patient.gender=male", "Patient"),
}


@dataclass
class World:
    house: House
    patient: str
    ins: str
    document: str
    list_: str

    def text(self, search: str) -> str:
        values = {
            "%PAUL%": PAUL.sub, "%LUCIEN%": f"{INS}|{self.ins}", "%INS%": INS,
            "%LIST%": self.list_.split("/")[1], "%PATIENT%": self.patient,
        }  # fmt: skip
        for name, value in values.items():
            search = search.replace(name, value)
        path, _, query = search.partition("?")
        return f"{path}?{quote(query, safe='=&_.:-,|')}"


@pytest.fixture
def world(house: House) -> World:
    patient, ins = record(house, NINA, doctor=PAUL)
    one = document(house, patient)
    return World(house, patient, ins, one, listed(house, patient, one))


def token(*scopes: str, who: Person = NINA) -> Person:
    return who.but(scope=" ".join(scopes))


OWN = "user/DocumentReference.rs user/Observation.rs user/Condition.rs"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_to_a_type_that_the_token_does_not_cover_is_refused(
    world: World, case: Case
) -> None:
    text = world.text(case.search)
    path, _, query = text.partition("?")
    place = f"{path}/_search" if path else "_search"
    for who in (token(OWN), token(OWN, f"user/{case.needs}.cud"), token(OWN, "user/Device.s")):
        for refused in (
            world.house.get(text, who),
            world.house.call("POST", place, who, query.encode(), content_type=FORM),
        ):
            assert refused.status == 403, refused.body
            assert refused.headers["WWW-Authenticate"] == INSUFFICIENT
            assert case.needs in refused.diagnostics
    covered = token(OWN, "user/List.s user/AuditEvent.s user/CareTeam.s user/Patient.s")
    whole = token("user/*.cruds")
    assert blank(world.house.get(text, covered)) == blank(world.house.get(text, whole))


def blank(answer: Answer) -> tuple[int, Any, list[str]]:
    found = answer.json
    return answer.status, found.get("total"), [one["id"] for one in answer.entries]


@pytest.mark.parametrize("level", ["user", "patient", "system"])
def test_all_levels_of_scopes_are_read(world: World, level: str) -> None:
    search = f"DocumentReference?patient={world.patient}&patient.gender=male"
    bound = {"patient": f"{INS}|{world.ins}"} if level == "patient" else {}

    def asked(scopes: str) -> int:
        return world.house.get(search, NINA.but(scope=scopes, **bound)).status

    assert asked(f"{level}/DocumentReference.rs") == 403
    assert asked(f"{level}/DocumentReference.rs {level}/Patient.s") == 200
    assert asked(f"{level}/DocumentReference.read {level}/Patient.read") == 200
    if level == "patient":  # which grants nothing without a patient
        alone = NINA.but(scope="user/DocumentReference.rs patient/Patient.rs")
        assert world.house.get(search, alone).status == 403


def test_a_chain_goes_to_those_types_that_the_token_covers(world: World) -> None:
    """`author.family` is asked of people of all kinds; who may search one kind asks that kind."""
    family = "Motunique"
    person = stored(
        world.house.post(
            "Practitioner", CNAM, {"resourceType": "Practitioner", "name": [{"family": family}]}
        )
    )
    one = document(world.house, world.patient, author=[to(f"Practitioner/{person}")])
    search = f"DocumentReference?author.family={family}"
    assert addresses(world.house.get(search, token(OWN, "user/Practitioner.s"))) == [one]
    assert addresses(world.house.get(search, token(OWN, "user/Patient.s"))) == []
    assert world.house.get(search, token(OWN)).status == 403
    assert addresses(world.house.get(search, token("ITI-67"))) == [one]  # MHD 2:3.67.4.1.2
    typed = f"DocumentReference?author:Practitioner.family={family}"
    assert world.house.get(typed, token(OWN, "user/Patient.s")).status == 403


@pytest.mark.parametrize(
    "search",
    [
        "DocumentReference?patient.identifier=%LUCIEN%",
        "DocumentReference?subject.identifier=%LUCIEN%",
        "DocumentReference?patient._id=%ID%",
        "DocumentReference?_filter=patient.identifier eq %LUCIEN%",
    ],
)
def test_who_is_named_by_an_identifier_is_named_as_by_a_reference(
    world: World, search: str
) -> None:
    """A token for ITI-67 finds the documents of a patient whose INS it names."""
    text = world.text(search.replace("%ID%", world.patient.split("/")[1]))
    for scopes in ("user/DocumentReference.s", "ITI-67"):
        found = world.house.get(text, token(scopes))
        assert found.status == 200 and world.document.split("/")[1] in {
            one["id"] for one in found.entries
        }


def write(method: str, address: str, resource: Any = None, **request: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"request": {"method": method, "url": address} | request}
    return entry | ({"resource": resource} if resource else {})


def observation(patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": to(patient),
    } | more  # fmt: skip


WRITES = "user/Observation.cruds user/DocumentReference.cruds"
BY_BIRTH = "patient.birthdate=1924-01-15"


@pytest.mark.parametrize("kind", ["", "batch", "transaction"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "reference", "GET"])
def test_a_condition_takes_no_step_that_a_search_may_not(
    world: World, method: str, kind: str
) -> None:
    house, who, body = world.house, token(WRITES), observation(world.patient)
    address, more = f"Observation?{BY_BIRTH}", dict[str, str]()
    resource: Any = body
    if method == "POST":
        address, more = "Observation", {"ifNoneExist": BY_BIRTH}
    elif method == "reference":
        method, address = "POST", "Observation"
        resource = body | {"derivedFrom": [to(f"DocumentReference?{BY_BIRTH}")]}
    elif method in ("DELETE", "GET"):
        resource = None
    elif method == "PATCH":
        resource = {"resourceType": "Parameters"}
    if kind:
        bundle = {
            "resourceType": "Bundle", "type": kind,
            "entry": [write(method, address, resource, **more)],
        }  # fmt: skip
        answer = house.post("", who, bundle)
        status = (
            int(answer.json["entry"][0]["response"]["status"][:3])
            if kind == "batch"
            else answer.status
        )
    else:
        path, _, query = address.partition("?")
        headers = {"if_none_exist": more["ifNoneExist"]} if more else {}
        status = house.call(method, path, who, resource, query=query, **headers).status
    assert status == 403


def test_what_is_included_is_what_the_token_covers(world: World) -> None:
    house, patient, list_ = world.house, world.patient, world.list_
    query = f"DocumentReference?_id={world.document.split('/')[1]}&_include=*&_revinclude=*"
    assert set(addresses(house.get(query, token(OWN)))) == {world.document}
    assert list_ in addresses(house.get(query, token(OWN, "user/List.r")))
    assert patient in addresses(house.get(query, token(OWN, "user/Patient.s")))


def test_a_history_of_a_list_needs_the_scope_of_lists(world: World) -> None:
    path = f"DocumentReference/_history?_list={world.list_}"
    assert world.house.get(path, token(OWN)).status == 403
    assert world.house.get(path, token(OWN, "user/List.r")).json["total"] == 1


def test_everything_and_docref_tell_what_the_token_covers(world: World) -> None:
    patient = world.patient.split("/")[1]
    everything = world.house.get(f"{world.patient}/$everything", token("user/Patient.r"))
    assert {one["resourceType"] for one in everything.entries} == {"Patient"}
    for scopes, status in (("user/Patient.rs", 403), ("user/DocumentReference.s", 200)):
        answer = world.house.get(f"DocumentReference/$docref?patient={patient}", token(scopes))
        assert answer.status == status


def test_without_tokens_every_step_is_taken(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient", "gender": "male"}))
    stored(plain.post("Observation", None, observation(f"Patient/{id_}")))
    found = plain.get(f"Observation?patient.gender=male&patient={id_}")
    assert found.json["total"] == 1
    assert json.loads(found.body)["link"][0]["url"].endswith(f"patient={id_}")
