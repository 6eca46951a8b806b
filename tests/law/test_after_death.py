"""Heirs and experts, over HTTP: R170 to R175 (L.1110-4 V, L.1111-18 al.6 CSP)."""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED
from tests.house import ANNE, CNAM, NINA, PAUL, Person
from tests.law.people import everything_of, expert, relative, somebody
from tests.people import stored
from tests.policy.record import Record

PURPOSES = ["cause-of-death", "memory", "own-rights"]


def dies(record: Record) -> None:
    died = ("/deceasedDateTime", "2026-11-20")
    assert record.patch(CNAM, record.id, died, type_="Patient").status == 200


def heir(record: Record, purpose: str = "memory", **more: Any) -> Person:
    who = somebody("heir", "Une fille", purpose=purpose)
    relative(record, who, "CHILD", **more)
    return who


def charged(record: Record, who: Person, **more: Any) -> str:
    period = {"start": "2026-11-01", "end": "2026-12-31"} | more
    return stored(record.consent(CNAM, "dmp-expertise", who, period=period))


@pytest.mark.parametrize("purpose", PURPOSES)
def test_r170_an_heir_reads_for_one_of_three_purposes(record: Record, purpose: str) -> None:
    id_, who = record.deposited(ANNE), heir(record, purpose)
    assert record.find(who).status == 403  # he lives
    dies(record)
    assert record.sees(who, id_) and "R170" in record.rules(who)
    assert record.house.get(f"Patient/{record.id}", who).status == 200
    assert record.found(who, type_="Consent") == record.found(who, type_="AuditEvent") == set()


def test_r170_an_heir_writes_nothing(record: Record) -> None:
    id_, who = record.deposited(ANNE), heir(record)
    dies(record)
    theirs = {"type": {"coding": [{"system": "http://loinc.org", "code": "74465-6"}]}}
    assert record.deposit(who, **theirs).status == 403
    assert record.mask(who, id_).status == 403
    assert record.consent(who, "dmp-pro-access", NINA).status == 403


def test_r170_only_who_is_known_as_a_relative_is_an_heir(record: Record) -> None:
    id_, stranger = record.deposited(ANNE), somebody("heir", purpose="memory")
    past = heir(record, period={"end": "2026-11-23"})
    dies(record)
    for who in (stranger, past):
        assert record.find(who).status == 403 and record.read(who, id_).status == 404


@pytest.mark.parametrize("purpose", ["normal", "legal-expertise"])
def test_r171_no_other_purpose_opens(record: Record, purpose: str) -> None:
    id_, who = record.deposited(ANNE), heir(record, purpose)
    dies(record)
    assert record.find(who).status == 403 and record.read(who, id_).status == 404
    assert "R171" in record.rules(who)


def test_r172_the_deceased_had_opposed_it(record: Record) -> None:
    id_, who = record.deposited(ANNE), heir(record)
    stored(record.consent(record.holder, "dmp-post-mortem-opposition"))
    dies(record)
    assert record.find(who).status == 403 and record.read(who, id_).status == 404
    assert record.house.get("DocumentReference", who).json["total"] == 0
    assert "R172" in record.rules(who)


def test_r173_what_he_had_masked_stays_hidden(record: Record) -> None:
    ids = {flag: record.deposited(ANNE, *([flag] if flag else [])) for flag in ("", MASKED, SECRET)}
    who = heir(record)
    dies(record)
    assert record.found(who) == {ids[""]}
    assert record.read(who, ids[MASKED]).status == 404
    assert "R173" in record.rules(who)


@pytest.mark.parametrize("state", ["open", "closed", "deceased"])
def test_r174_an_expert_reads_while_he_is_charged(record: Record, state: str) -> None:
    id_, masked, who = record.deposited(ANNE), record.deposited(ANNE, MASKED), expert()
    assert record.find(who).status == 403
    charged(record, who)
    if state == "closed":
        record.closed(CNAM)
    elif state == "deceased":
        dies(record)
    assert record.sees(who, id_) and "R174" in record.rules(who)
    assert record.found(who) == {id_} and record.read(who, masked).status == 404
    assert record.mask(who, id_).status == 403
    assert record.find(who.but(purpose="normal")).status == 403


def test_r174_the_charge_has_an_end_and_the_operator_gives_it(record: Record) -> None:
    id_, who = record.deposited(ANNE), expert()
    charged(record, who, end="2026-11-23")
    assert record.find(who).status == 403 and record.read(who, id_).status == 404
    for giver in (record.holder, PAUL, NINA):
        assert record.consent(giver, "dmp-expertise", who).status == 403


@pytest.mark.parametrize("who", [PAUL, NINA, ANNE])
def test_r175_no_professional_reads_or_deposits_after_death(record: Record, who: Person) -> None:
    id_ = record.deposited(ANNE)
    dies(record)
    assert everything_of(record, who) <= {403, 200} and record.read(who, id_).status == 404
    assert record.find(who).status == 403 and record.deposit(who).status == 403
    assert "R175" in record.rules(who)


def test_r175_what_was_hidden_from_the_holder_is_released_to_nobody_by_death(
    record: Record,
) -> None:
    id_ = record.deposited(ANNE, VEILED)
    dies(record)
    assert record.read(record.holder, id_).status == 404
