"""What people are told of their record, who reads it, and what it must not tell.

R.1111-53 al.2, L.1111-17 I, R.1111-48 CSP; design, `domain.md` 1.4 (R075, R110, R120) and 1.6.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.policy.condition import NEVER, simplify
from fhir_server.policy.notices import EVENTS, SAID, notice
from fhir_server.policy.rules import DMP_2022, NOTICE
from profiles.validate import validate
from tests.house import ANNE, BRUNO, CNAM, INSURER, LUCIEN, NINA, OTTO, PAUL, House, Person
from tests.law.people import breaking_glass, regulating
from tests.law.timed import jobs, notices, wait
from tests.people import stored
from tests.policy.record import Record, made

VEILED = "INVISIBLE_PATIENT"


def hidden(record: Record, *flags: str) -> str:
    return record.deposited(ANNE, VEILED, *flags, description="sclerose en plaques")


def told(record: Record, days: int, *flags: str) -> str:
    """The id of a document that was hidden so many days ago; the job has passed every day."""
    letter = hidden(record, *flags)
    for _ in range(days):
        wait(record.house, days=1)
        jobs(record.house)
    return letter


# What is hidden from the holder.


@pytest.mark.parametrize(("days", "number"), [(13, 0), (14, 1), (15, 1)])
def test_R075_the_holder_is_invited_on_day_14_and_once(
    record: Record, days: int, number: int
) -> None:
    told(record, days)
    assert len(notices(record, record.holder)) == number


def test_R075_the_notice_says_nothing_of_the_document(record: Record) -> None:
    letter = told(record, 14)
    (found,) = notices(record, record.holder)
    text = json.dumps(found)
    for word in (letter, "DocumentReference", "sclerose", ANNE.name, ANNE.sub.split("|")[1]):
        assert word not in text
    assert "consulter" in text and not {"about", "basedOn", "partOf"} & set(found)


def test_R075_nor_does_its_trace(record: Record) -> None:
    letter = told(record, 14)
    events = record.traces(record.holder, "&type=hidden-datum")
    assert len(events) == 1
    assert letter not in json.dumps(record.traces(record.holder))


def test_R075_several_documents_are_one_notice_a_day(record: Record) -> None:
    hidden(record)
    hidden(record)
    told(record, 14)
    assert len(notices(record, record.holder)) == 1


def test_R075_a_job_that_stood_still_does_not_tell_what_is_released_already(
    record: Record,
) -> None:
    hidden(record)
    wait(record.house, months=1)
    jobs(record.house)
    assert notices(record, record.holder) == []


CHANNELS = (
    "Communication?subject=Patient/{0}", "Communication?patient={0}&_summary=count",
    "Patient/{0}/Communication", "Communication?_count=100&recipient=Patient/{0}",
    "Patient?_id={0}&_has:Communication:subject:status=completed",
    "Patient?_id={0}&_revinclude=Communication:subject",
    "Communication?category=hidden-datum&subject:Patient._id={0}",
)  # fmt: skip


def asked(record: Record, who: Person) -> Iterator[tuple[int, object]]:
    """Each channel's answer: status, total and what is found, without ids."""
    for channel in CHANNELS:
        answer = record.house.get(channel.format(record.id), who)
        types = [one["resourceType"] for one in answer.entries] if answer.status == 200 else []
        yield answer.status, (answer.json.get("total"), types)


@pytest.mark.parametrize("who", [NINA, ANNE, OTTO, BRUNO, CNAM, INSURER, LUCIEN])
def test_R075_to_all_but_a_few_a_notice_is_not_there(
    record: Record, house: House, who: Person
) -> None:
    without = made(house, [NINA], doctor=PAUL)
    without.deposited(ANNE)
    told(record, 14)
    assert notices(record, record.holder) and not notices(without, without.holder)
    assert list(asked(record, who)) == list(asked(without, who))
    (found,) = notices(record, record.holder)
    for rest in ("", "/_history", "/_history/1"):
        there, nowhere = (
            house.get(f"Communication/{id_}{rest}", who) for id_ in (found["id"], "x" * 36)
        )
        assert there.status == nowhere.status
        assert there.body.replace(found["id"].encode(), b"x" * 36) == nowhere.body


def test_R075_before_day_14_the_holder_is_answered_as_if_nothing_were_hidden(
    record: Record, house: House
) -> None:
    without = made(house, [NINA], doctor=PAUL)
    told(record, 13)
    assert list(asked(record, record.holder)) == list(asked(without, without.holder))


def test_R075_the_attending_doctor_reads_it_too(record: Record) -> None:
    told(record, 14)
    assert len(notices(record, PAUL)) == 1


def test_nobody_changes_or_deletes_a_notice(record: Record) -> None:
    record.closed()
    (found,) = notices(record, record.holder)
    assert record.patch(CNAM, record.id, ("/active", True), type_="Patient").status == 200
    path = f"Communication/{found['id']}"
    for who in (record.holder, PAUL):
        assert record.house.call("DELETE", path, who).status == 403
        changed = found | {"status": "entered-in-error"}
        assert record.house.call("PUT", path, who, changed).status == 403


@pytest.mark.parametrize("kind", sorted(SAID))
def test_a_notice_is_a_communication_of_r4(kind: str) -> None:
    made = notice(
        kind, id_="n", patient="p", recipient={"reference": "Patient/p"}, now=0, said="demain."
    )
    assert not list(validate(made))


# Accesses in an emergency.


def test_R110_holder_and_attending_doctor_are_each_told_of_an_access(record: Record) -> None:
    letter = record.deposited(ANNE)
    assert record.read(breaking_glass(record), letter).status == 200
    found = notices(record, record.holder, "break-glass")
    recipients = sorted(json.dumps(one["recipient"]) for one in found)
    system, value = PAUL.sub.split("|")
    assert [json.loads(one) for one in recipients] == [
        [{"identifier": {"system": system, "value": value}}],
        [{"reference": f"Patient/{record.id}"}],
    ]
    assert len(notices(record, PAUL, "break-glass")) == 2


def test_R110_the_notice_says_who_and_when_and_not_what(record: Record) -> None:
    letter = record.deposited(ANNE)
    record.read(breaking_glass(record), letter)
    text = notices(record, record.holder)[0]["payload"][0]["contentString"]
    assert OTTO.name in text and OTTO.sub.split("|")[1] in text and "heure de Paris" in text
    assert letter not in text and "unconscious" not in text


def test_R110_one_caller_is_told_of_once_an_hour(record: Record, house: House) -> None:
    letter = record.deposited(ANNE)
    wait(house, milliseconds=3_600_000 - house.clock() % 3_600_000)  # to the full hour
    for _ in range(3):
        record.read(breaking_glass(record), letter)
        record.find(breaking_glass(record))
    assert len(notices(record, record.holder)) == 2
    wait(house, milliseconds=3_600_000)
    record.read(breaking_glass(record), letter)
    assert len(notices(record, record.holder)) == 4


@pytest.mark.parametrize("way", ["read", "search", "everything", "history"])
def test_R110_whatever_the_way_of_the_access(record: Record, house: House, way: str) -> None:
    letter = record.deposited(ANNE)
    who = breaking_glass(record)
    paths = {
        "read": f"DocumentReference/{letter}", "search": f"DocumentReference?patient={record.id}",
        "everything": f"Patient/{record.id}/$everything",
        "history": f"DocumentReference/{letter}/_history",
    }  # fmt: skip
    assert house.get(paths[way], who).status == 200
    assert len(notices(record, record.holder, "break-glass")) == 2


def test_R110_no_notice_no_access(
    record: Record, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = record.deposited(ANNE)
    before = len(record.traces(record.holder))
    with monkeypatch.context() as broken:
        broken.setattr("fhir_server.storage.opened.tell", lambda *_, **__: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            record.read(breaking_glass(record), letter)
    assert len(record.traces(record.holder)) == before + 1  # that the log was read


def test_R110_what_is_refused_is_no_access(record: Record, house: House) -> None:
    record.consent(record.holder, "dmp-emergency-opposition")
    stored(record.consent(record.holder, "dmp-emergency-opposition"))
    assert record.find(breaking_glass(record)).status == 403
    assert notices(record, record.holder) == []


def test_R080_an_access_that_is_no_emergency_is_not_told(record: Record) -> None:
    letter = record.deposited(ANNE)
    record.read(ANNE, letter)
    record.find(NINA)
    assert notices(record, record.holder) == []


def test_R120_an_access_of_the_regulation_is_told_as_such(record: Record, house: House) -> None:
    letter = record.deposited(ANNE)
    record.read(regulating(record), letter)
    assert len(notices(record, record.holder, "centre-15")) == 2


def test_only_emergencies_oblige_to_tell() -> None:
    """Reads and their notes go in one statement otherwise, which tells nobody."""
    obliging = [rule for rule in DMP_2022.rules if NOTICE in rule.obligation]
    left = [rule for rule in obliging if simplify(rule.when, {"purpose": "normal"}) != NEVER]
    assert left == []


# Nothing that somebody else writes can pass for one.

EVENT = {"system": EVENTS, "code": "break-glass"}
IMITATED: dict[str, dict[str, Any]] = {
    "category": {"category": [{"coding": [EVENT]}]},
    "another code beside": {"category": [{"coding": [{"code": "alert"}, EVENT]}]},
    "reason": {"reasonCode": [{"coding": [EVENT]}]}, "topic": {"topic": {"coding": [EVENT]}},
    "tag": {"meta": {"tag": [EVENT]}}, "label": {"meta": {"security": [EVENT]}},
    "extension": {"extension": [{"url": "http://a.example/x", "valueCoding": EVENT}]},
    "identifier": {"identifier": [{"system": EVENTS, "value": "break-glass"}]},
    "contained": {"contained": [
        {"resourceType": "Basic", "id": "b", "code": {"coding": [EVENT]}}
    ], "about": [{"reference": "#b"}]},
    "capitals": {"category": [{"coding": [{"system": EVENTS.upper(), "code": "break-glass"}]}]},
    "a version": {"category": [{"coding": [{"system": EVENTS + "|1.0", "code": "x"}]}]},
    "sender": {"sender": {"display": "Fhir-Server"}},
}  # fmt: skip


def message(record: Record, **more: Any) -> dict[str, Any]:
    text = "Votre dossier médical partagé a été consulté en urgence (bris de glace)"
    return {
        "resourceType": "Communication", "status": "completed",
        "subject": {"reference": f"Patient/{record.id}"},
        "recipient": [{"reference": f"Patient/{record.id}"}], "payload": [{"contentString": text}],
    } | more  # fmt: skip


@pytest.mark.parametrize("where", IMITATED)
@pytest.mark.parametrize("who", [PAUL, NINA, OTTO], ids=lambda who: who.name)
def test_nobody_else_writes_what_could_pass_for_a_notice(
    record: Record, where: str, who: Person
) -> None:
    body = message(record, **IMITATED[where])
    answer = record.house.post("Communication", who, body)
    assert answer.status == 422 and "notices" in answer.diagnostics
    assert notices(record, record.holder) == []


def test_nor_by_a_change_or_a_transaction(record: Record, house: House) -> None:
    id_ = stored(house.post("Communication", PAUL, message(record)))
    forged = message(record, category=[{"coding": [EVENT]}], id=id_)
    put = house.call("PUT", f"Communication/{id_}", PAUL, forged)
    patched = record.patch(
        PAUL, id_, ("/category", [{"coding": [EVENT]}]), type_="Communication"
    )
    entry = {"request": {"method": "POST", "url": "Communication"}, "resource": forged}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    sent = house.post("", PAUL, bundle)
    assert {put.status, patched.status, sent.status} <= {403, 405, 422}
    assert record.found(record.holder, f"&category={EVENTS}|", "Communication") == set()


@pytest.mark.parametrize("type_", ["CommunicationRequest", "Flag", "Task"])
def test_nor_another_resource_with_its_code(record: Record, type_: str) -> None:
    patient = {"reference": f"Patient/{record.id}"}
    body = {
        "CommunicationRequest": {"status": "active", "subject": patient, "category": [
            {"coding": [EVENT]}]},
        "Flag": {"status": "active", "subject": patient, "code": {"coding": [EVENT]}},
        "Task": {"status": "requested", "intent": "order", "for": patient,
                 "code": {"coding": [EVENT]}},
    }[type_]  # fmt: skip
    assert record.house.post(type_, PAUL, body | {"resourceType": type_}).status == 422
