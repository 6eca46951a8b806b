"""A search that names the patient by INS answers as one that names him by address, for everybody
and however it is spelled.

`contract.md` section 7, Status, EU; DMP TD3.1a and TD3.1b
"""

from typing import Any
from urllib.parse import urlencode

import pytest

from fhir_server.policy.labels import MASKED
from tests.house import ANNE, CNAM, INS, NINA, OTTO, PAUL, Answer, Person
from tests.law.people import contact_point
from tests.people import stored
from tests.policy.record import Record, labelled

SUMMARY = {"type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]}}
INDIRECT = ANNE.but(auth_mode="INDIRECTE")
SECRETARY = Person("secretary", "urn:oid:1.2.250.1.71.4.2.1|810000000090", "S", ANNE.organization)
AUTOMATE = Person("system", ANNE.organization, "A", ANNE.organization)
ABROAD = contact_point()
CALLERS = {
    "attending": PAUL, "team": NINA, "author": ANNE, "stranger": OTTO, "operator": CNAM,
    "abroad": ABROAD,
}  # fmt: skip
SPELLINGS = [
    "patient.identifier={ins}", "subject.identifier={ins}", "patient:Patient.identifier={ins}",
    "subject:Patient.identifier={ins}", "patient:identifier={ins}", "subject:identifier={ins}",
    "_filter=patient.identifier eq \"{ins}\"", "_filter=subject.identifier eq \"{ins}\"",
    "subject=Patient/{id}", "subject:Patient={id}", "patient._id={id}",
    "patient.identifier={upper}", "patient:identifier={upper}", "subject.identifier={bare}",
    "_filter=patient.identifier eq \"{upper}\"", "patient.identifier=urn:ietf:rfc:3986|{urn}",
]  # fmt: skip


def filed(record: Record) -> Record:
    """Five documents of which some are masked or of a kind that few read."""
    record.deposited(ANNE, **SUMMARY)
    record.deposited(ANNE, MASKED, **SUMMARY)
    record.deposited(PAUL, **SUMMARY)
    record.deposited(ANNE)
    record.deposited(OTTO, securityLabel=labelled(MASKED))
    return record


def by_form(record: Record, who: Person, pairs: list[tuple[str, str]]) -> Answer:
    form, media = urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    return record.house.call("POST", "DocumentReference/_search", who, form, content_type=media)


def asked(record: Record, who: Person, query: str, way: str) -> tuple[int, set[str]]:
    ins = record.holder.sub
    query = query.format(
        ins=ins, id=record.id, upper=ins.upper(), bare=ins[8:], urn=ins.replace("|", "^")
    )
    name, _, value = query.partition("=")
    pairs: list[tuple[str, str]] = [(name, value), ("_count", "500")]
    found: Answer
    if way == "POST":
        found = by_form(record, who, pairs)
    elif way == "types":
        more = [*pairs, ("_type", "DocumentReference,Observation")]
        found = record.house.call("GET", "", who, query=more)
    else:
        found = record.house.call("GET", "DocumentReference", who, query=pairs)
    return found.status, {one["id"] for one in found.entries} if found.status == 200 else set()


@pytest.mark.parametrize("way", ["GET", "POST", "types"])
@pytest.mark.parametrize("caller", [*CALLERS, "holder"])
def test_each_spelling_finds_what_the_address_finds(
    record: Record, caller: str, way: str
) -> None:
    stored(record.consent(record.holder, "dmp-cross-border", ABROAD))
    filed(record)
    who = CALLERS.get(caller, record.holder)
    status, ids = asked(record, who, "patient={id}", way)
    if caller in ("attending", "team", "author", "abroad", "holder"):
        assert status == 200 and ids
    for spelling in SPELLINGS:
        assert asked(record, who, spelling, way) == (status, ids), spelling


def test_abroad_nothing_is_learnt_of_another_record(record: Record, house: Any) -> None:
    filed(record)
    for spelling in ("patient={id}", *SPELLINGS):
        assert asked(record, ABROAD, spelling, "GET") == (403, set()), spelling
    assert record.house.get(f"Patient?identifier={record.holder.sub}", ABROAD).status == 403


CHAINS = [
    ("List", "item:DocumentReference.patient"), ("List", "item.subject"),
    ("List", "item:DocumentReference.subject:Patient"), ("DocumentReference", "relatesto.patient"),
    ("DocumentReference", "_has:List:item:patient"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "chain"), CHAINS)
@pytest.mark.parametrize("caller", ["attending", "team", "author", "holder", "stranger"])
def test_at_the_end_of_a_chain_too(record: Record, caller: str, type_: str, chain: str) -> None:
    first = record.deposited(ANNE)
    target = {"reference": f"DocumentReference/{first}"}
    record.deposited(ANNE, relatesTo=[{"code": "appends", "target": target}])
    who = CALLERS.get(caller, record.holder)

    def found(pairs: list[tuple[str, str]]) -> set[str]:
        answer = record.house.call("GET", type_, who, query=[*pairs, ("_count", "500")])
        assert answer.status == 200, answer.body
        return {one["id"] for one in answer.entries}

    bare = chain.endswith(":Patient")
    by_address = found([(chain, record.id if bare else f"Patient/{record.id}")])
    assert found([(f"{chain}.identifier", record.holder.sub)]) == by_address
    assert bool(by_address) == (caller != "stranger")
    assert found([(f"{chain}.identifier", f"{INS}|199999999999945")]) == set()


def unique(record: Record, who: Person = ANNE, n: int = 1, **more: Any) -> str:
    """Deposit a document; its identifier as one searches for it."""
    value = f"urn:oid:1.2.250.1.998.{int(record.id[:8], 36)}.{n}"
    record.deposited(who, masterIdentifier={"system": "urn:ietf:rfc:3986", "value": value}, **more)
    return f"urn:ietf:rfc:3986|{value}"


# what is asked beside `identifier` → how it ends for who may not consult
BESIDE = [
    ("", 200), ("patient={id}", 200), ("patient.identifier={ins}", 200),
    ("subject:Patient.identifier={ins}", 200), ("patient:identifier={ins}", 200),
    ("status=current", 200), ("patient.identifier={ins}&status=current&_count=5", 200),
    ("patient.identifier={ins}&_elements=status", 200), ("_summary=count", 200),
    ("_sort=-_lastUpdated", 200), ("_total=accurate", 200), ("_format=json", 200),
    ("type=11488-4", 403), ("patient.name=Essai", 403), ("_include=DocumentReference:subject", 403),
    ("identifier:not=x", 403), ("_revinclude=List:item", 403), ("_has:List:item:_id=x", 403),
    ("_filter=status eq current", 403), ("author.name=x", 403), ("patient.gender=female", 403),
]  # fmt: skip


@pytest.mark.parametrize("who", [INDIRECT, SECRETARY, AUTOMATE])
@pytest.mark.parametrize(("beside", "status"), BESIDE)
@pytest.mark.parametrize("way", ["GET", "POST"])
def test_TD31b_ones_own_documents_are_found_without_a_right_to_consult(
    record: Record, who: Person, beside: str, status: int, way: str
) -> None:
    own = unique(record)
    foreign = unique(record, PAUL, 2)
    for identifier, total in ((own, 1), (foreign, 0), (f"{own},{foreign}", 1)):
        text = beside.format(ins=record.holder.sub, id=record.id)
        pairs = [("identifier", identifier)]
        pairs += [tuple(part.split("=", 1)) for part in text.split("&") if part]  # type: ignore
        if way == "POST":
            answer = by_form(record, who, pairs)
        else:
            answer = record.house.call("GET", "DocumentReference", who, query=pairs)
        assert answer.status == status, answer.body
        if status == 200:
            assert answer.json["total"] == total


@pytest.mark.parametrize("who", [INDIRECT, SECRETARY, AUTOMATE])
def test_TD31b_what_is_not_ones_own_is_not_found_by_naming_the_patient(
    record: Record, who: Person
) -> None:
    unique(record)
    for query in ("patient={id}", "patient.identifier={ins}", "identifier=x&patient={id}&type=1"):
        text = query.format(ins=record.holder.sub, id=record.id)
        assert record.house.get(f"DocumentReference?{text}", who).status == 403


@pytest.mark.parametrize(
    "said", ["", ",", "urn:ietf:rfc:3986|", "{own},urn:ietf:rfc:3986|", "|"]
)
@pytest.mark.parametrize("who", [INDIRECT, SECRETARY, AUTOMATE])
def test_TD31b_who_says_no_identifier_lists_nothing(
    record: Record, who: Person, said: str
) -> None:
    pairs = [("identifier", said.format(own=unique(record)))]
    assert record.house.call("GET", "DocumentReference", who, query=pairs).status == 403
    pairs.append(("patient", record.id))
    assert record.house.call("GET", "DocumentReference", who, query=pairs).status == 403


def test_TD31b_a_record_without_ones_own_documents_gives_no_right(record: Record) -> None:
    identifier = unique(record, PAUL)
    for text in (f"patient={record.id}", f"patient.identifier={INS}|{record.holder.sub[-15:]}"):
        answer = record.house.get(f"DocumentReference?{text}&identifier={identifier}", INDIRECT)
        assert answer.status == 403


def test_TD31b_what_one_has_deposited_is_not_created_again(record: Record) -> None:
    own = unique(record)
    for query in (f"identifier={own}", f"patient.identifier={record.holder.sub}&identifier={own}"):
        body = {"resourceType": "DocumentReference", "status": "current"}
        answer = record.house.post("DocumentReference", INDIRECT, body, if_none_exist=query)
        assert answer.status == 200, answer.body
