"""Who declares, changes, withdraws and reads back which consent: R047, R050, R054, R091, K02."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.house import ANNE, BRUNO, CNAM, INSURER, NINA, OTTO, PAUL, Answer, House, Person
from tests.law.people import (
    SOCIAL,
    breaking_glass,
    contact_point,
    expert,
    of_profession,
    regulating,
    relative,
    somebody,
)
from tests.people import CONSENT_TYPES, consent, logical, stored, team
from tests.policy.record import Record, made

SECRETARY = Person("secretary", OTTO.sub, "Une secretaire", OTTO.organization)
AUTOMATE = Person("system", OTTO.organization, "Un automate", OTTO.organization)

C1, C2, C2B, C3 = (
    "dmp-existence", "dmp-pro-access", "dmp-pro-access-collected-by", "dmp-pro-block",
)  # fmt: skip
THE_HOLDERS = (
    "dmp-pro-access", "dmp-pro-block", "dmp-emergency-opposition", "dmp-centre15-opposition",
    "dmp-attending-equivalent", "dmp-cross-border", "dmp-post-mortem-opposition",
    "dmp-occupational", "dmp-team-opposition", "of-another-house",
)  # fmt: skip
EVERY = (*THE_HOLDERS, C1, C2B, "dmp-expertise")
DAY = 86_400_000
LABELS = {"dmp-mask": "MASQUE_PS", "dmp-minor-secret": "INVISIBLE_REPRESENTANTS_LEGAUX"}

# Who declares which types; what is not said is refused.
MAY: dict[str, tuple[str, ...]] = {
    "operator": EVERY, "holder": THE_HOLDERS, "parent": THE_HOLDERS, "guardian": THE_HOLDERS,
    "assistant": (), "another holder": (), "professional": (C2, C2B), "team member": (C2, C2B),
    "attending": (C2, C2B), "at another's": (C2B,), "secretary": (), "automate": (),
    "expert": (), "abroad": (), "heir": (),
}  # fmt: skip


def actor(record: Record, name: str) -> tuple[Person, Person]:
    """Somebody with this place in the record, and whom he names."""
    match name:
        case "operator" | "holder":
            return {"operator": CNAM, "holder": record.holder}[name], OTTO
        case "parent" | "guardian" | "assistant":
            who = somebody()
            codes = {"parent": "PRN", "guardian": "representation"}
            relative(record, who, codes.get(name, "assistance"))
            return who, OTTO
        case "another holder":
            return made(record.house, []).holder, OTTO
        case "heir":
            return somebody("heir").but(purpose="memory"), OTTO
        case "at another's":
            return NINA, OTTO
    people = {
        "professional": OTTO, "team member": NINA, "attending": PAUL, "secretary": SECRETARY,
        "automate": AUTOMATE, "expert": expert(), "abroad": contact_point(),
    }  # fmt: skip
    return people[name], people[name]


def of(house: House, name: str) -> Record:
    more = {"birthDate": "2015-03-01"} if name == "parent" else {}
    return made(house, [NINA], doctor=PAUL, **more)


def declare(record: Record, who: Person, code: str, named: Person) -> Answer:
    return record.consent(who, code, named, period={"start": "2026-11-01", "end": "2026-12-01"})


@pytest.mark.parametrize("name", MAY)
def test_who_declares_which_consent(house: House, name: str) -> None:
    record = of(house, name)
    who, named = actor(record, name)
    done = {code for code in EVERY if declare(record, who, code, named).status == 201}
    # The attending doctor cannot be blocked, and blocks nobody.
    assert done == set(MAY[name])


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("change", ["period", "status", "delete"])
def test_who_changes_and_withdraws_what_another_declared(
    house: House, name: str, change: str
) -> None:
    record = of(house, name)
    who, named = actor(record, name)
    done = set()
    for code in EVERY:
        id_ = stored(declare(record, CNAM, code, OTTO))
        body = record.house.get(f"Consent/{id_}", CNAM).json
        if change == "period":
            body["provision"]["period"]["end"] = "2026-12-24"
        elif change == "status":
            body["status"] = "inactive"
        call = record.house.call
        answer = (
            call("DELETE", f"Consent/{id_}", who)
            if change == "delete"
            else call("PUT", f"Consent/{id_}", who, body)
        )
        assert answer.status in (200, 204, 403, 404, 405)
        done |= {code} if answer.status < 300 else set()
    professional = name in ("professional", "team member", "attending", "at another's")
    assert done == (set() if professional else set(MAY[name]))


@pytest.mark.parametrize("code", LABELS)
@pytest.mark.parametrize("who", ["holder", "operator", "professional"])
def test_c6_and_c9_name_the_label_to_use_whoever_asks(
    record: Record, code: str, who: str
) -> None:
    answer = record.consent(actor(record, who)[0], code, OTTO)
    assert answer.status == 422 and f"`{LABELS[code]}`" in answer.diagnostics


def test_an_insurer_declares_nothing(record: Record) -> None:
    assert record.consent(INSURER, C2, OTTO).status == 403


def test_a_consent_has_one_type(record: Record) -> None:
    both = consent(record.id, C2, OTTO)
    both["category"].append({"coding": [{"system": CONSENT_TYPES, "code": C3}]})
    answer = record.house.post("Consent", record.holder, both)
    assert answer.status == 422 and f"`{C2}` and `{C3}`" in answer.diagnostics


# A professional and the consent he declared.


def test_r091_who_declared_a_consent_reads_it_back(record: Record) -> None:
    id_ = stored(record.consent(OTTO, C2, OTTO))
    assert record.house.get(f"Consent/{id_}", OTTO).status == 200
    assert record.found(OTTO, type_="Consent") == {id_}


def test_r091_whom_it_names_does_not_and_owns_nothing(record: Record) -> None:
    id_ = stored(record.consent(NINA, C2B, OTTO))
    assert record.found(NINA, type_="Consent") == {id_}
    colleague = Person("professional", ANNE.sub, "Une collegue", NINA.organization)
    for other in (OTTO, colleague):
        assert record.house.get(f"Consent/{id_}", other).status == 404
    assert record.find(colleague).status == 403


def test_r091_he_ends_it_and_reads_that_he_did(record: Record) -> None:
    id_ = stored(record.consent(OTTO, C2, OTTO))
    document = record.deposited(PAUL)
    assert record.sees(OTTO, document)
    assert record.patch(OTTO, id_, ("/status", "inactive"), type_="Consent").status == 200
    assert record.house.get(f"Consent/{id_}", OTTO).json["status"] == "inactive"
    assert not record.sees(OTTO, document)
    assert record.patch(OTTO, id_, ("/status", "active"), type_="Consent").status == 403


@pytest.mark.parametrize("change", ["inactive", "entered-in-error", "delete"])
def test_r091_of_its_withdrawal_by_the_holder_he_learns_nothing(
    record: Record, change: str
) -> None:
    id_ = stored(record.consent(OTTO, C2, OTTO))
    never = record.house.get("Consent/never", OTTO)
    if change == "delete":
        assert record.house.call("DELETE", f"Consent/{id_}", record.holder).status == 204
    else:
        answer = record.patch(record.holder, id_, ("/status", change), type_="Consent")
        assert answer.status == 200
    for rest in ("", "/_history", "/_history/1", "/_history/2"):
        assert record.house.get(f"Consent/{id_}{rest}", OTTO).status == 404
    assert record.house.get(f"Consent/{id_}", OTTO).body.replace(
        id_.encode(), b"never"
    ) == never.body
    assert record.find(OTTO, type_="Consent").status == 403
    assert record.house.get(f"Consent?_id={id_}", OTTO).json["total"] == 0


# Who declares a consent, or says who treats, is no author in the record.

ENDS: dict[str, Callable[[Record, str], Any]] = {
    "he ends it": lambda record, id_: record.patch(
        OTTO, id_, ("/status", "inactive"), type_="Consent"
    ).status,
    "he deletes it": lambda record, id_: record.house.call(
        "DELETE", f"Consent/{id_}", OTTO
    ).status,
    "the holder ends it": lambda record, id_: record.patch(
        record.holder, id_, ("/status", "inactive"), type_="Consent"
    ).status,
    "time passes": lambda record, id_: setattr(record.house, "now", record.house.now + 2 * DAY),
}
SEARCHED = ("DocumentReference", "Consent", "List", "CareTeam", "Observation")


@pytest.mark.parametrize("how", ENDS)
def test_r091_when_it_ends_its_declarer_is_a_stranger_again(record: Record, how: str) -> None:
    stranger = [record.find(OTTO, type_=type_).body for type_ in SEARCHED]
    id_ = stored(record.consent(OTTO, C2, OTTO, period={"end": "2026-11-24"}))
    assert [record.find(OTTO, type_=type_).status for type_ in SEARCHED] == [200] * 5
    assert ENDS[how](record, id_) in (200, 204, None)
    answers = [record.find(OTTO, type_=type_) for type_ in SEARCHED]
    assert [answer.status for answer in answers] == [403] * 5
    assert [answer.body for answer in answers] == stranger
    assert record.house.get(f"Patient/{record.id}", OTTO).json.get("name") is None


def test_r070_what_he_deposited_meanwhile_stays_his(record: Record) -> None:
    id_ = stored(record.consent(OTTO, C2, OTTO))
    mine, other = record.deposited(OTTO), record.deposited(PAUL)
    assert record.found(OTTO) == {mine, other}
    assert record.patch(OTTO, id_, ("/status", "inactive"), type_="Consent").status == 200
    assert record.found(OTTO) == {mine}
    assert record.found(OTTO, type_="Consent") == {id_}


def test_r091_nor_does_what_he_says_of_its_origin_make_him_an_author(record: Record) -> None:
    origin = {"resourceType": "Provenance", "recorded": "2026-11-24T00:00:00Z",
              "agent": [{"who": logical(OTTO)}]}  # fmt: skip
    body = consent(record.id, C2, OTTO)
    answer = record.house.post("Consent", OTTO, body, X_PROVENANCE=json.dumps(origin))
    id_ = stored(answer)
    found = record.house.get(f"Provenance?target=Consent/{id_}", OTTO)
    assert (found.status, found.json["total"]) == (200, 1)
    assert record.patch(OTTO, id_, ("/status", "inactive"), type_="Consent").status == 200
    assert record.find(OTTO).status == record.find(OTTO, type_="Provenance").status == 403


def test_a_consent_that_begins_later_makes_no_author_now(record: Record) -> None:
    id_ = stored(record.consent(OTTO, C2, OTTO, period={"start": "2026-12-01"}))
    assert record.find(OTTO).status == record.find(OTTO, type_="Consent").status == 403
    assert record.house.get(f"Consent/{id_}", OTTO).status == 200


def test_k07_who_composes_a_team_is_no_author_when_he_no_longer_treats(record: Record) -> None:
    stored(record.house.post("CareTeam", PAUL, team(record.id, NINA)))
    change = ("/generalPractitioner", [logical(ANNE)])
    assert record.patch(CNAM, record.id, change, type_="Patient").status == 200
    assert record.find(PAUL).status == record.find(PAUL, type_="CareTeam").status == 403


# C2b: for a colleague, by who has access himself.


def blocked_member(record: Record) -> Person:
    stored(record.consent(record.holder, C3, NINA))
    return NINA


def opposed_member(record: Record) -> Person:
    stored(record.consent(record.holder, "dmp-team-opposition", NINA))
    return NINA


def who_had_consent(record: Record) -> Person:
    stored(record.consent(record.holder, C2, OTTO, period={"end": "2026-11-23"}))
    return OTTO


def with_consent(record: Record) -> Person:
    stored(record.consent(record.holder, C2, OTTO))
    return OTTO


def an_author(record: Record) -> Person:
    record.deposited(ANNE)
    return ANNE


COLLECTS: dict[str, tuple[Callable[[Record], Person], int]] = {
    "of the team": (lambda record: NINA, 201), "attending": (lambda record: PAUL, 201),
    "with consent": (with_consent, 201), "a stranger": (lambda record: OTTO, 403),
    "an author": (an_author, 403), "blocked": (blocked_member, 403),
    "opposed": (opposed_member, 403), "whose consent has ended": (who_had_consent, 403),
    "who breaks the glass": (breaking_glass, 403), "centre 15": (regulating, 403),
    "of the team, of no profession": (lambda record: NINA.but(roles=()), 403),
    "social, of the team": (lambda record: of_profession(NINA, "1", SOCIAL), 403),
}  # fmt: skip


@pytest.mark.parametrize("name", COLLECTS)
def test_r091_for_a_colleague_declares_who_has_access_himself(record: Record, name: str) -> None:
    find, status = COLLECTS[name]
    who = find(record)
    assert record.consent(who, C2B, BRUNO).status == status
    assert record.find(BRUNO).status == (200 if status == 201 else 403)


def test_r091_he_ends_what_he_collected_when_he_has_no_access_any_more(record: Record) -> None:
    first = stored(record.consent(record.holder, C2, OTTO))
    id_ = stored(record.consent(OTTO, C2B, BRUNO))
    assert record.house.call("DELETE", f"Consent/{first}", record.holder).status == 204
    longer = ("/provision/period", {"end": "2030"})
    assert record.patch(OTTO, id_, longer, type_="Consent").status == 403
    assert record.patch(OTTO, id_, ("/status", "inactive"), type_="Consent").status == 200
    assert record.find(BRUNO).status == 403
