"""What a search includes is what its caller sees, and is noted: row Q-19 with the policy on.

https://hl7.org/fhir/R4/search.html#include; `contract.md` sections 3, 5 and 7 of the design
"""

from itertools import count
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import ANNE, CNAM, INS, LUCIEN, NINA, OTTO, PAUL, PS, House, Person
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.rest.test_includes import found, to

SARA = Person("secretary", f"{PS}|810000000058", "Sara Secretaire", ANNE.organization)
_numbers = count(1)


def record(house: House, *members: Person, **more: Any) -> tuple[str, str]:
    """The address of a new Patient, and his INS."""
    ins = new_ins()
    identifier = [{"system": INS, "value": ins}]
    return f"Patient/{opened(house, *members, identifier=identifier, **more)}", ins


def doctor(house: House) -> str:
    body = {"resourceType": "Practitioner", "name": [{"family": "Essai"}]}
    return f"Practitioner/{stored(house.post('Practitioner', CNAM, body))}"


def document(house: House, patient: str, who: Person = ANNE, *, masked: bool = False,
             **more: Any) -> str:  # fmt: skip
    label = {"coding": [{"system": VISIBILITY, "code": MASKED}]}
    body = {
        "resourceType": "DocumentReference", "status": "current", "subject": to(patient),
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986",
                             "value": f"urn:oid:2.25.{next(_numbers)}77"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    } | ({"securityLabel": [label]} if masked else {}) | more  # fmt: skip
    return f"DocumentReference/{stored(house.post('DocumentReference', who, body))}"


def listed(house: House, patient: str, *documents: str) -> str:
    body = {
        "resourceType": "List", "status": "current", "mode": "working", "subject": to(patient),
        "entry": [{"item": to(one)} for one in documents],
    }  # fmt: skip
    return f"List/{stored(house.post('List', ANNE, body))}"


def of(address: str) -> str:
    """The search that finds this one alone."""
    type_, id_ = address.split("/")
    return f"{type_}?_id={id_}"


def test_Q19_a_hidden_target_is_not_there(house: House) -> None:
    patient, _ = record(house, NINA, doctor=PAUL)
    seen, hidden = document(house, patient), document(house, patient, masked=True)
    folder = listed(house, patient, seen, hidden)
    for way in ("_include=List:item", "_include=*", "_include:iterate=List:*"):
        assert seen in found(house.get(f"{of(folder)}&{way}", NINA))
        assert hidden not in found(house.get(f"{of(folder)}&{way}", NINA))
        assert hidden in found(house.get(f"{of(folder)}&{way}", PAUL))


def test_Q19_a_hidden_source_is_not_there(house: House) -> None:
    patient, _ = record(house, NINA, doctor=PAUL)
    seen, hidden = document(house, patient), document(house, patient, masked=True)
    for way in ("_revinclude=DocumentReference:subject", "_revinclude=*"):
        mine = found(house.get(f"{of(patient)}&{way}", NINA))
        assert (seen in mine, hidden in mine) == (True, False)
        assert hidden in found(house.get(f"{of(patient)}&{way}", PAUL))


CHANNELS = (
    "{patient}&_revinclude=DocumentReference:subject", "{patient}&_revinclude=*",
    "{patient}&_revinclude:iterate=*&_include:iterate=*", "{doctor}&_revinclude=*",
    "{doctor}&_revinclude=DocumentReference:author&_include:iterate=*",
    "DocumentReference?patient={patient_}&_revinclude=List:item&_include:iterate=List:item",
    "?_type=List&_include=List:item", "{patient_}/*?_include=*&_revinclude=*",
)  # fmt: skip


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("who", [NINA, OTTO], ids=["a nurse of the team", "a stranger"])
def test_Q19_what_is_hidden_changes_no_byte(house: House, channel: str, who: Person) -> None:
    author = doctor(house)
    patient, _ = record(house, NINA)
    seen = document(house, patient, author=[to(author)])
    listed(house, patient, seen)
    query = channel.format(patient=of(patient), patient_=patient, doctor=of(author))
    before = house.get(query, who)
    hidden = document(house, patient, masked=True, author=[to(author)])
    document(house, patient, masked=True, relatesTo=[{"code": "appends", "target": to(seen)}])
    listed(house, patient, hidden)
    after = house.get(query, who)
    assert blank(before.json) == blank(after.json)
    assert before.status == after.status


def blank(body: Any) -> Any:
    """An answer but for its own id and time."""
    return {name: value for name, value in body.items() if name not in ("id", "meta")}


def test_Q19_the_minimum_of_a_patient_is_not_included_and_leads_nowhere(house: House) -> None:
    general = doctor(house)
    patient, ins = record(house, NINA, generalPractitioner=[to(general)])
    own = document(house, patient, OTTO)
    query = f"Patient?identifier={INS}|{ins}&_include=*&_include=Patient:general-practitioner"
    assert found(house.get(query, NINA)) == [general]
    stranger = house.get(query, OTTO)
    assert (stranger.json["total"], found(stranger)) == (1, [])
    assert "SUBSETTED" in str(stranger.entries[0]["meta"])
    includes = house.get(f"{of(own)}&_include=DocumentReference:subject", OTTO)
    assert found(includes, "match") == [own]
    assert [one for one in includes.entries if "name" in one or "generalPractitioner" in one] == []


def test_Q19_a_list_is_included_without_what_is_hidden_in_it(house: House) -> None:
    patient, _ = record(house, NINA)
    seen, hidden = document(house, patient), document(house, patient, masked=True)
    folder = listed(house, patient, seen, hidden)
    answer = house.get(f"{of(seen)}&_revinclude=List:item", NINA)
    assert folder in found(answer)
    assert hidden not in answer.body.decode()


# Traces.


def trails(house: House, patient: str) -> int:
    """How many traces of searches by the nurse the record has."""
    events = house.get(f"AuditEvent?patient={patient}&_count=200", CNAM).entries
    return len([
        event
        for event in events
        if NINA.sub.split("|")[1] in str(event["agent"])
        and "search-type" in str(event.get("subtype"))
    ])  # fmt: skip


def test_Q19_each_record_that_something_is_included_of_has_a_trace(house: House) -> None:
    author = doctor(house)
    ones = [record(house, NINA)[0] for _ in range(2)]
    stranger = record(house)[0]
    for patient in (*ones, stranger):
        document(house, patient, author=[to(author)])
    before = [trails(house, patient) for patient in (*ones, stranger)]
    answer = house.get(f"{of(author)}&_revinclude=DocumentReference:author", NINA)
    assert len(found(answer)) == 2
    after = [trails(house, patient) for patient in (*ones, stranger)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0]


def test_Q19_a_record_that_is_searched_has_one_trace(house: House) -> None:
    patient, _ = record(house, NINA)
    document(house, patient)
    before = trails(house, patient)
    house.get(f"{of(patient)}&_revinclude=DocumentReference:subject", NINA)
    assert trails(house, patient) == before + 1


def test_Q19_traces_are_included_where_they_are_named(house: House) -> None:
    patient, _ = record(house, NINA, doctor=PAUL)
    document(house, patient)
    assert not any(a.startswith("AuditEvent") for a in found(
        house.get(f"{of(patient)}&_revinclude=*", PAUL)))  # fmt: skip
    named = found(house.get(f"{of(patient)}&_revinclude=AuditEvent:patient", PAUL))
    assert named and all(address.startswith("AuditEvent/") for address in named)


# Tokens.


def test_Q19_what_the_token_does_not_cover_is_not_included(house: House) -> None:
    patient, _ = record(house, NINA)
    seen = document(house, patient)
    query = f"{of(patient)}&_revinclude=DocumentReference:subject&_revinclude=CareTeam:subject"
    few = NINA.but(scope="user/Patient.rs user/DocumentReference.s")
    assert found(house.get(query, few)) == [seen]
    assert found(house.get(query, NINA.but(scope="user/Patient.rs"))) == []


def test_Q19_a_token_for_one_person_includes_of_his_record_alone(house: House) -> None:
    author = doctor(house)
    (mine, ins), (other, _) = record(house, NINA), record(house, NINA)
    one = document(house, mine, author=[to(author)])
    document(house, other, author=[to(author)])
    for_one = NINA.but(patient=f"{INS}|{ins}")
    query = f"{of(author)}&_revinclude=DocumentReference:author"
    assert found(house.get(query, for_one)) == [one]
    assert len(found(house.get(query, NINA))) == 2


@pytest.mark.parametrize("who", [NINA.but(auth_mode="INDIRECTE"), SARA])
def test_Q19_who_may_not_consult_includes_nothing_of_a_record(house: House, who: Person) -> None:
    author = doctor(house)
    patient, ins = record(house, NINA)
    document(house, patient, author=[to(author)])
    ways = (
        f"{of(author)}&_revinclude=DocumentReference:author", f"{of(author)}&_revinclude=*",
        f"Patient?identifier={INS}|{ins}&_revinclude=DocumentReference:subject",
    )  # fmt: skip
    assert [house.get(way, who).status for way in ways] == [403] * 3
    assert house.get(f"{of(author)}&_include=Practitioner:nonsense", who).status == 200


def test_Q19_a_patient_includes_what_is_his(house: House) -> None:
    patient = f"Patient/{opened(house, NINA)}"
    one, other = document(house, patient), document(house, record(house, NINA)[0])
    query = "DocumentReference?_include=DocumentReference:subject"
    answer = house.get(query, LUCIEN)
    assert one in found(answer, "match") and other not in found(answer, "match")
    assert found(answer) == [patient]
