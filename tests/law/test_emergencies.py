"""Break-glass and the emergency call centre, over HTTP: R110 to R122 (L.1111-17 I CSP)."""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VEILED
from tests.house import ANNE, BRUNO, CNAM, NINA, OTTO, PAUL, Person
from tests.law.people import SOCIAL, breaking_glass, of_profession, regulating
from tests.law.timed import notices
from tests.people import stored
from tests.policy.record import Record, made, user


def oppose(record: Record, code: str, **more: Any) -> str:
    return stored(record.consent(record.holder, code, **more))


def test_r110_break_glass_opens_the_record_of_the_patient_it_names(record: Record) -> None:
    id_, other = record.deposited(ANNE), made(record.house, [], doctor=PAUL)
    there = other.deposited(ANNE)
    rescuer = breaking_glass(record)
    assert record.sees(rescuer, id_)
    assert record.rules(OTTO) == {"R110"}
    assert record.house.get(f"Patient/{record.id}", rescuer).json["gender"] == "male"
    assert other.read(rescuer, there).status == 404 and other.find(rescuer).status == 403
    found = record.house.get("DocumentReference?_count=500", rescuer).entries
    assert {entry["id"] for entry in found} == {id_}


def test_r110_holder_and_attending_doctor_are_told_and_the_trace_says_why(record: Record) -> None:
    record.deposited(ANNE)
    record.find(breaking_glass(record))
    assert len(notices(record, record.holder)) == len(notices(record, PAUL)) == 2  # one for each
    (trace,) = [t for t in record.traces(record.holder) if "R110" in str(t)]
    assert trace["agent"][2]["purposeOfUse"][0]["coding"][0]["code"] in ("BTG", "ETREAT")


def test_r110_without_the_record_of_a_named_patient_break_glass_opens_nothing(
    record: Record,
) -> None:
    id_ = record.deposited(ANNE)
    for who in (OTTO, NINA, PAUL, ANNE):
        unbound = who.but(purpose="bris_de_glace", reason="unconscious")
        assert record.read(unbound, id_).status == 404
        assert record.find(unbound).status == 403
        assert record.house.get("DocumentReference", unbound).json["total"] == 0


def test_r110_consents_and_traces_are_not_opened(record: Record) -> None:
    rescuer = breaking_glass(record)
    record.consent(record.holder, "dmp-pro-access", BRUNO)
    assert record.found(rescuer, type_="Consent") == set()
    record.find(NINA)
    assert {user(trace) for trace in record.traces(rescuer)} == {OTTO.sub}  # his own


def test_r111_who_has_opposed_it_beforehand_is_not_opened(record: Record) -> None:
    id_, rescuer = record.deposited(ANNE), breaking_glass(record)
    opposed = oppose(record, "dmp-emergency-opposition")
    refused, stranger = record.find(rescuer), record.find(OTTO)
    assert (refused.status, refused.body) == (403, stranger.body)
    assert record.read(rescuer, id_).status == 404
    assert "R111" in record.rules(OTTO)
    assert record.sees(regulating(record), id_)  # that is another opposition
    consent = record.house.get(f"Consent/{opposed}", record.holder).json | {"status": "inactive"}
    assert record.house.call("PUT", f"Consent/{opposed}", record.holder, consent).status == 200
    assert record.sees(rescuer, id_)


def test_r111_an_opposition_counts_for_as_long_as_it_says(record: Record) -> None:
    id_, rescuer = record.deposited(ANNE), breaking_glass(record)
    oppose(record, "dmp-emergency-opposition", period={"end": "2026-11-23"})
    assert record.sees(rescuer, id_)


def test_r111_the_attending_doctor_and_the_author_keep_their_own_rights(record: Record) -> None:
    id_ = record.deposited(ANNE)
    oppose(record, "dmp-emergency-opposition")
    assert record.sees(breaking_glass(record, PAUL), id_)
    assert record.sees(breaking_glass(record, ANNE), id_)
    assert not record.sees(breaking_glass(record, NINA), id_)


@pytest.mark.parametrize("mode", [breaking_glass, regulating])
def test_r112_what_is_masked_stays_hidden_in_emergencies(record: Record, mode: Any) -> None:
    masked, plain = record.deposited(ANNE, MASKED), record.deposited(ANNE, VEILED)
    assert record.found(mode(record)) == {plain}
    assert record.read(mode(record), masked).status == 404
    assert record.sees(mode(record, ANNE), masked) and record.sees(mode(record, PAUL), masked)
    assert "R112" in record.rules(OTTO)


def test_r113_in_an_emergency_the_record_may_be_fed(record: Record) -> None:
    rescuer = breaking_glass(record)
    record.deposited(rescuer)
    assert record.rules(OTTO) == {"R113"}


# Who deposits in break-glass though the holder has opposed it, and by which rule, as in `normal`.
FEEDS = {"a stranger": "R093", "of the team": "R084", "the attending doctor": "R084"}


def feeding(record: Record, name: str) -> Person:
    return {"a stranger": OTTO, "of the team": NINA, "the attending doctor": PAUL}[name]


@pytest.mark.parametrize("name", FEEDS)
def test_r111_opposed_break_glass_hinders_no_deposit_that_needs_none(
    record: Record, name: str
) -> None:
    oppose(record, "dmp-emergency-opposition")
    who = feeding(record, name)
    id_ = record.deposited(breaking_glass(record, who))
    assert record.rules(who) == {FEEDS[name]}
    assert record.read(PAUL, id_).status == 200
    assert record.read(NINA, record.deposited(PAUL)).status == 200
    assert record.found(record.holder, type_="Communication") == set()  # nothing was opened


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("code", ["dmp-pro-block", "dmp-team-opposition"])
def test_what_hinders_it_in_normal_does_in_break_glass(
    record: Record, name: str, code: str
) -> None:
    oppose(record, "dmp-emergency-opposition")
    who = feeding(record, name)
    if name == "the attending doctor":
        code = "dmp-team-opposition"  # he is not blocked, nor opposed
    stored(record.consent(record.holder, code, who))
    found = {record.deposit(one).status for one in (who, breaking_glass(record, who))}
    assert found == ({201} if name == "the attending doctor" else {403})


@pytest.mark.parametrize("sector", ["SA15", "SA17", "SA47", "SA13"])
def test_a_sector_that_needs_consent_needs_it_then_too(record: Record, sector: str) -> None:
    oppose(record, "dmp-emergency-opposition")
    who = OTTO.but(sector=sector)
    assert record.deposit(who).status == record.deposit(breaking_glass(record, who)).status == 403


def test_r114_a_reason_is_needed(record: Record) -> None:
    id_ = record.deposited(ANNE)
    for reason in ("", "   "):
        answer = record.read(breaking_glass(record, reason=reason), id_)
        assert (answer.status, answer.json["issue"][0]["code"]) == (403, "required")


@pytest.mark.parametrize("action", ["mask", "archive"])
def test_break_glass_changes_nothing(record: Record, action: str) -> None:
    id_, rescuer = record.deposited(ANNE), breaking_glass(record)
    answer = record.mask(rescuer, id_) if action == "mask" else record.house.call(
        "DELETE", f"DocumentReference/{id_}", rescuer
    )
    assert answer.status == 403


def test_r102_a_blocked_professional_has_no_break_glass(record: Record) -> None:
    id_ = record.deposited(ANNE)
    record.consent(record.holder, "dmp-pro-block", BRUNO)
    assert record.find(breaking_glass(record, BRUNO)).status == 403
    assert record.read(breaking_glass(record, BRUNO), id_).status == 404
    assert "R102" in record.rules(BRUNO)
    assert record.find(regulating(record, BRUNO)).status == 403


def test_who_has_no_health_profession_has_no_emergency_access(record: Record) -> None:
    record.deposited(ANNE)
    for who in (of_profession(OTTO, "1", SOCIAL), OTTO.but(sector="SA13")):
        assert record.find(breaking_glass(record, who)).status == 403
        assert record.find(regulating(record, who)).status == 403


# The emergency call centre.


def test_r120_the_regulator_reads_the_record_of_the_patient_he_names(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.sees(regulating(record), id_)
    assert record.rules(OTTO) == {"R120"}
    assert len(notices(record, record.holder)) == len(notices(record, PAUL)) == 2  # one for each
    assert record.read(OTTO.but(purpose="centre_15"), id_).status == 404


def test_r121_who_has_opposed_it_beforehand_is_not_read(record: Record) -> None:
    id_ = record.deposited(ANNE)
    oppose(record, "dmp-centre15-opposition")
    assert record.find(regulating(record)).status == 403
    assert record.read(regulating(record), id_).status == 404
    assert "R121" in record.rules(OTTO)
    assert record.sees(breaking_glass(record), id_)


@pytest.mark.parametrize("who", [OTTO, NINA, PAUL, ANNE])
def test_r122_the_regulator_only_consults(record: Record, who: Person) -> None:
    id_ = record.deposited(ANNE)
    regulator = regulating(record, who)
    assert record.deposit(regulator).status == 403
    assert record.mask(regulator, id_).status == 403
    assert record.house.call("DELETE", f"DocumentReference/{id_}", regulator).status == 403
    assert "R122" in record.rules(who)


def test_a_closed_record_is_opened_by_no_emergency(record: Record) -> None:
    id_ = record.deposited(ANNE)
    record.closed(CNAM)
    for who in (breaking_glass(record), regulating(record)):
        assert record.find(who).status == 403 and record.read(who, id_).status == 404
    assert "R021" in record.rules(OTTO)
