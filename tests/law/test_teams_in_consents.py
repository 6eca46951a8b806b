"""A CareTeam that a consent names means those who are of it, from one day to the next: C12 opposes
them (R042, R085, contract 7), C2 lets them in (R090, domain.md 6.2).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.house import ANNE, BRUNO, CNAM, NINA, OTTO, PAUL, Answer, House, Person
from tests.people import consent, logical, stored, team
from tests.policy.record import Record, made

C2, C2B, C12 = "dmp-pro-access", "dmp-pro-access-collected-by", "dmp-team-opposition"
IRCP = consent("p", C2, OTTO)["provision"]["actor"][0]["role"]
FAMILY = {"system": "urn:oid:1.2.250.1.71.4.2.2.99", "value": "equipe-1"}
IN_OTTOS_HOUSE = Person("professional", ANNE.sub, "Une collegue", OTTO.organization)


def naming(record: Record, code: str, *references: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = consent(record.id, code, deny=code != C2 and code != C2B, **more)
    body["provision"]["actor"] = [{"role": IRCP, "reference": one} for one in references]
    return body


def to(id_: str) -> dict[str, Any]:
    return {"reference": f"CareTeam/{id_}"}


def declare(record: Record, code: str, *references: dict[str, Any], **more: Any) -> Answer:
    body = naming(record, code, *references, **more)
    return record.house.post("Consent", record.holder, body)


def of(record: Record, *people: Person, **more: Any) -> str:
    """A CareTeam of the record, kept by the operator."""
    body = team(record.id, *people, **more)
    if not people:
        del body["participant"]
    return stored(record.house.post("CareTeam", CNAM, body))


def change(record: Record, id_: str, **more: Any) -> None:
    body = record.house.get(f"CareTeam/{id_}", CNAM).json | more
    assert record.house.call("PUT", f"CareTeam/{id_}", CNAM, body).status == 200


def participants(*people: Person, **more: Any) -> list[dict[str, Any]]:
    return [{"member": logical(one)} | more for one in people]


# However it is named.


def by_address(record: Record, id_: str) -> dict[str, Any]:
    return to(id_)


def by_absolute_address(record: Record, id_: str) -> dict[str, Any]:
    return {"reference": f"{record.house.settings.base_url}/CareTeam/{id_}"}


def by_version(record: Record, id_: str) -> dict[str, Any]:
    return {"reference": f"CareTeam/{id_}/_history/1"}


def by_identifier(record: Record, id_: str) -> dict[str, Any]:
    return {"type": "CareTeam", "identifier": FAMILY}


def by_identifier_alone(record: Record, id_: str) -> dict[str, Any]:
    return {"identifier": FAMILY}


def by_both(record: Record, id_: str) -> dict[str, Any]:
    return to(id_) | {"identifier": FAMILY}


WAYS = {found.__name__: found for found in (
    by_address, by_absolute_address, by_version, by_identifier, by_identifier_alone, by_both,
)}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_r085_who_is_of_an_opposed_team_does_not_read(record: Record, way: str) -> None:
    id_ = of(record, OTTO, identifier=[FAMILY])
    document = record.deposited(PAUL)
    assert record.sees(OTTO, document) and record.sees(NINA, document)
    stored(declare(record, C12, WAYS[way](record, id_)))
    assert not record.sees(OTTO, document) and record.sees(NINA, document)
    assert record.find(OTTO).status == 403


def test_one_inside_the_consent_too(record: Record) -> None:
    body = naming(record, C12, {"reference": "#t"})
    inside = team(record.id, NINA) | {"id": "t"}
    del inside["subject"]
    stored(record.house.post("Consent", record.holder, body | {"contained": [inside]}))
    assert record.find(NINA).status == 403 and record.find(PAUL).status == 200


# Who is of it, and what he may not.


def opposed(record: Record, *people: Person) -> str:
    """The id of a team that the holder has opposed."""
    id_ = of(record, *people)
    stored(declare(record, C12, to(id_)))
    return id_


def test_r042_he_does_not_deposit(record: Record) -> None:
    opposed(record, OTTO)
    assert record.deposit(OTTO).status == 403 and record.deposit(NINA).status == 201


def test_a_house_in_it_means_its_people(record: Record) -> None:
    clinic = Person("system", OTTO.organization, "Clinique")
    document = record.deposited(PAUL)
    opposed(record, clinic)
    for who in (OTTO, IN_OTTOS_HOUSE):
        assert not record.sees(who, document) and record.deposit(who).status == 403


def test_r061_the_attending_doctor_in_it_keeps_his_access_and_it_is_told(record: Record) -> None:
    id_, document = of(record, PAUL, OTTO), record.deposited(ANNE)
    answer = declare(record, C12, to(id_))
    assert "no effect on the attending doctor" in answer.headers["Warning"]
    assert record.sees(PAUL, document) and record.deposit(PAUL).status == 201
    assert record.find(OTTO).status == 403


def test_r070_his_own_documents_stay_his(record: Record) -> None:
    mine = record.deposited(OTTO)
    opposed(record, OTTO)
    assert record.found(OTTO) == {mine}


def test_whoever_else_lets_him_in_the_opposition_wins(record: Record) -> None:
    stored(record.consent(record.holder, C2, OTTO))
    opposed(record, OTTO)
    assert record.find(OTTO).status == 403


# It follows the team.


def added(record: Record, id_: str) -> None:
    change(record, id_, participant=participants(OTTO, BRUNO))


def added_by_a_member(record: Record, id_: str) -> None:
    """By another member, who is of another team too."""
    change(record, id_, participant=participants(OTTO, PAUL))
    body = record.house.get(f"CareTeam/{id_}", PAUL).json
    body["participant"] += participants(BRUNO)
    assert record.house.call("PUT", f"CareTeam/{id_}", PAUL, body).status == 200


def added_in_a_transaction(record: Record, id_: str) -> None:
    body = record.house.get(f"CareTeam/{id_}", CNAM).json
    body["participant"] += participants(BRUNO)
    entry = {"request": {"method": "PUT", "url": f"CareTeam/{id_}"}, "resource": body}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert record.house.post("", CNAM, bundle).status == 200


@pytest.mark.parametrize("add", [added, added_by_a_member, added_in_a_transaction])
def test_who_comes_to_it_later_is_opposed_too(
    record: Record, add: Callable[[Record, str], None]
) -> None:
    stored(record.consent(record.holder, C2, BRUNO))
    document, id_ = record.deposited(PAUL), opposed(record, OTTO)
    assert record.sees(BRUNO, document)
    add(record, id_)
    assert not record.sees(BRUNO, document) and record.deposit(BRUNO).status == 403


def test_one_that_has_nobody_is_taken_with_a_word_and_followed(record: Record) -> None:
    id_ = of(record, OTTO, status="inactive")
    answer = declare(record, C12, to(id_))
    assert answer.status == 201 and "has no member" in answer.headers["Warning"]
    stored(record.consent(record.holder, C2, OTTO))
    assert record.find(OTTO).status == 200
    change(record, id_, status="active")
    assert record.find(OTTO).status == 403


def test_who_comes_to_it_while_it_is_opposed_is_opposed_too(record: Record, house: House) -> None:
    document = record.deposited(PAUL)
    stored(record.consent(record.holder, C2, BRUNO))
    for _ in range(8):
        id_ = of(record, OTTO)
        body = house.get(f"CareTeam/{id_}", CNAM).json
        body["participant"] += participants(BRUNO)
        with ThreadPoolExecutor(2) as both:
            add = both.submit(house.call, "PUT", f"CareTeam/{id_}", CNAM, body)
            oppose = both.submit(declare, record, C12, to(id_))
        assert (add.result().status, oppose.result().status) == (200, 201)
        assert not record.sees(BRUNO, document)
        ended = f"Consent/{oppose.result().id}"
        assert house.call("DELETE", ended, record.holder).status == 204
        change(record, id_, status="inactive")
        assert record.sees(BRUNO, document)


LEFT: dict[str, Callable[[Record, str], Any]] = {
    "he leaves it": lambda record, id_: change(record, id_, participant=participants(BRUNO)),
    "it ends": lambda record, id_: change(record, id_, status="inactive"),
    "his time ends": lambda record, id_: change(
        record, id_, participant=participants(OTTO, period={"end": "2026-11-23"})
    ),
}


@pytest.mark.parametrize("how", LEFT)
def test_who_is_no_longer_of_it_is_no_longer_opposed(record: Record, how: str) -> None:
    id_ = opposed(record, OTTO)
    stored(record.consent(record.holder, C2, OTTO))
    assert record.find(OTTO).status == 403
    LEFT[how](record, id_)
    assert record.find(OTTO).status == 200


def test_a_member_whose_number_changes_is_opposed_by_the_new_one(record: Record) -> None:
    system, value = BRUNO.sub.split("|")
    body = {"resourceType": "Practitioner", "identifier": [{"system": system, "value": value}]}
    practitioner = stored(record.house.post("Practitioner", CNAM, body))
    id_ = of(record)
    change(record, id_, participant=[{"member": {"reference": f"Practitioner/{practitioner}"}}])
    stored(declare(record, C12, to(id_)))
    assert record.deposit(BRUNO).status == 403 and record.deposit(OTTO).status == 201
    body = record.house.get(f"Practitioner/{practitioner}", CNAM).json
    body["identifier"] = [{"system": system, "value": OTTO.sub.split("|")[1]}]
    assert record.house.call("PUT", f"Practitioner/{practitioner}", CNAM, body).status == 200
    assert record.deposit(BRUNO).status == 201 and record.deposit(OTTO).status == 403


def test_it_ends_with_the_consent_and_with_its_period(record: Record) -> None:
    id_ = of(record, OTTO)
    over = declare(record, C12, to(id_), period={"end": "2026-11-23"})
    assert "has ended" in over.headers["Warning"]
    assert record.find(OTTO).status == 200
    consent_id = stored(declare(record, C12, to(id_)))
    assert record.find(OTTO).status == 403
    change_ = ("/status", "inactive")
    assert record.patch(record.holder, consent_id, change_, type_="Consent").status == 200
    assert record.find(OTTO).status == 200


@pytest.mark.parametrize("consent_first", [True, False])
def test_team_and_consent_in_one_transaction(record: Record, consent_first: bool) -> None:
    urn, person = (f"urn:uuid:9d4f6e9e-0000-4000-8000-00000000000{n}" for n in (1, 2))
    system, value = OTTO.sub.split("|")
    resources = [
        (None, naming(record, C12, {"reference": urn})),
        (urn, team(record.id) | {"participant": [{"member": {"reference": person}}]}),
        (person, {"resourceType": "Practitioner",
                  "identifier": [{"system": system, "value": value}]}),
    ]  # fmt: skip
    resources = resources if consent_first else resources[::-1]
    entries = [
        {"request": {"method": "POST", "url": body["resourceType"]}, "resource": body}
        | ({"fullUrl": address} if address else {})
        for address, body in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = record.house.post("", CNAM, bundle)
    assert answer.status == 200, answer.body
    types = [one["response"]["location"].split("/")[-4] for one in answer.json["entry"]]
    assert types == [body["resourceType"] for _, body in resources]
    assert record.deposit(OTTO).status == 403 and record.deposit(BRUNO).status == 201


# C2, and what names no team here.


def test_r090_a_team_is_let_in_as_it_is_from_one_day_to_the_next(record: Record) -> None:
    document = record.deposited(PAUL)
    id_ = of(record, period={"end": "2026-12-24"})
    change(record, id_, participant=participants(OTTO))
    stored(declare(record, C2, to(id_), period={"start": "2026-11-01", "end": "2026-12-31"}))
    change(record, id_, participant=participants(BRUNO))
    assert record.sees(BRUNO, document) and not record.sees(OTTO, document)


def test_an_exception_may_name_one(record: Record) -> None:
    id_, clinic = of(record, OTTO), Person("system", OTTO.organization, "Clinique")
    denied = naming(record, C12, to(id_))["provision"]
    body = naming(record, C2, logical(clinic), provision=[denied])
    answer = record.house.post("Consent", record.holder, body)
    assert "Warning" not in answer.headers and answer.status == 201
    assert record.find(IN_OTTOS_HOUSE).status == 200 and record.find(OTTO).status == 403


@pytest.mark.parametrize("also_himself", [True, False])
def test_r091_a_professional_opens_it_to_no_team_by_a_consent_of_his_own(
    record: Record, also_himself: bool
) -> None:
    id_ = of(record, BRUNO, status="inactive")
    stored(record.consent(record.holder, C2, OTTO))  # he sees the team
    people = [to(id_), *([logical(OTTO)] if also_himself else [])]
    assert record.house.post("Consent", OTTO, naming(record, C2, *people)).status == 403


@pytest.mark.parametrize("inside", [True, False])
def test_r091_nor_under_his_own_number(record: Record, inside: bool) -> None:
    system, value = OTTO.sub.split("|")
    number = {"system": system, "value": value}
    crowd = team(record.id, BRUNO) | {"id": "t", "identifier": [number]}
    del crowd["subject"]
    if inside:
        body = naming(record, C2, {"reference": "#t"}) | {"contained": [crowd]}
    else:
        id_ = of(record, BRUNO, identifier=[number], period={"end": "2026-11-01"})
        body = naming(record, C2, to(id_) | {"identifier": number})
    assert record.house.post("Consent", OTTO, body).status in (403, 422)
    assert record.find(BRUNO).status == 403


def elsewhere(house: House) -> dict[str, Any]:
    return to(of(made(house, []), OTTO))


NOT_HERE: dict[str, Callable[[Record], dict[str, Any]]] = {
    "of another record": lambda record: elsewhere(record.house),
    "that is not there": lambda record: to("never"),
    "of an unknown number": lambda record: {"type": "CareTeam", "identifier": FAMILY},
    "of two names": lambda record: to(of(record, OTTO)) | {"identifier": FAMILY},
}


@pytest.mark.parametrize("which", NOT_HERE)
@pytest.mark.parametrize("who", ["holder", "operator"])
def test_a_team_that_is_none_of_the_record_opposes_nobody_and_is_refused(
    record: Record, which: str, who: str
) -> None:
    body = naming(record, C12, NOT_HERE[which](record), logical(NINA))
    declarer = record.holder if who == "holder" else CNAM
    assert record.house.post("Consent", declarer, body).status == 422
    assert record.find(NINA).status == 200


@pytest.mark.parametrize("code", ["dmp-pro-block", "dmp-emergency-opposition"])
def test_a_denial_of_another_type_that_names_a_team_is_refused(record: Record, code: str) -> None:
    assert declare(record, code, to(of(record, OTTO))).status == 422


# What the one who is opposed learns of it: nothing, by his own traces either.

ASKED = (
    "Patient/{id}", "Patient?identifier={ins}", "DocumentReference?patient={id}",
    "Patient/{id}/$everything", "Patient/{id}/*", "CareTeam?patient={id}",
    "Consent?patient={id}", "AuditEvent?patient={id}", "_history",
)  # fmt: skip


def policies(record: Record, who: Person) -> list[list[str]]:
    """The rules in the traces `who` reads of what they have asked, one after the other."""
    for path in ASKED:
        record.house.get(path.format(id=record.id, ins=record.holder.sub), who)
    found = record.house.get(f"AuditEvent?patient={record.id}&_count=100", who)
    assert found.status == 200
    return sorted(
        [one for agent in event["agent"] for one in agent.get("policy", ()) if "/rule/" in one]
        for event in found.entries
    )


def test_r039_who_is_opposed_reads_the_traces_of_a_stranger(house: House) -> None:
    record, other = made(house, [OTTO], doctor=PAUL), made(house, [NINA], doctor=PAUL)
    stored(record.consent(record.holder, C12, OTTO))
    assert policies(record, OTTO) == policies(other, BRUNO)
