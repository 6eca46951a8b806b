"""`fhir-server jobs`: what it does to documents, says, and bears; on both databases.

Design, `domain.md` 1.6: evaluated at read time and by a job.
"""

from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main
from fhir_server.jobs import WORKS, run
from fhir_server.storage.due import take_lease
from tests.house import ANNE, NINA, PAUL, House
from tests.law.timed import holding, jobs, notices, now, proposed, wait
from tests.policy.record import Record, document
from tests.stores import at_once

VEILED = "INVISIBLE_PATIENT"


def hidden(record: Record, *flags: str) -> str:
    """A document that is hidden from the holder until it is announced."""
    return record.deposited(ANNE, VEILED, *flags)


def flags(record: Record, id_: str) -> set[str]:
    labels = record.read(ANNE, id_).json["securityLabel"]
    return {coding["code"] for label in labels for coding in label["coding"]}


# Documents hidden from the holder.


def test_R032_after_a_month_the_job_takes_the_label_off_in_a_new_version(record: Record) -> None:
    letter = hidden(record)
    wait(record.house, months=1)
    jobs(record.house)
    assert flags(record, letter) == {"N"}
    assert record.read(ANNE, letter).headers["ETag"] == 'W/"2"'
    assert record.sees(record.holder, letter)


def test_R032_not_a_minute_before(record: Record) -> None:
    letter = hidden(record)
    wait(record.house, months=1, milliseconds=-60_000)
    jobs(record.house)
    assert VEILED in flags(record, letter)
    assert record.read(record.holder, letter).status == 404


def test_R032_a_job_that_stands_still_keeps_nothing_hidden(record: Record) -> None:
    letter = hidden(record)
    wait(record.house, months=1)
    assert record.sees(record.holder, letter)


def test_R032_the_release_is_in_the_log_with_its_rule_and_in_it_alone(record: Record) -> None:
    letter = hidden(record)
    wait(record.house, months=1)
    jobs(record.house)
    events = record.traces(record.holder, "&type=document-released")
    (event,) = events
    assert event["agent"][2]["policy"] == ["https://fhir-server.example/fhir/rule/R032"]
    assert event["entity"][1]["what"]["reference"] == f"DocumentReference/{letter}"


def test_R032_other_labels_stay(record: Record) -> None:
    letter = hidden(record, "MASQUE_PS")
    wait(record.house, months=1)
    jobs(record.house)
    assert flags(record, letter) == {"N", "MASQUE_PS"}
    assert not record.sees(NINA, letter)


def test_R032_a_replaced_document_is_released_a_month_after_its_own_deposit(
    record: Record,
) -> None:
    first = hidden(record)
    wait(record.house, days=20)
    more = document(record.id, VEILED)
    relates = [{"code": "replaces", "target": {"reference": f"DocumentReference/{first}"}}]
    second = record.house.post("DocumentReference", ANNE, more | {"relatesTo": relates}).id
    wait(record.house, days=15)
    jobs(record.house)
    assert record.read(record.holder, first).status == 200
    assert record.read(record.holder, second).status == 404
    wait(record.house, days=20)
    jobs(record.house)
    assert record.read(record.holder, second).status == 200


def test_R077_what_was_announced_is_neither_told_nor_released_again(record: Record) -> None:
    letter = hidden(record)
    assert record.label(ANNE, letter).status == 200
    wait(record.house, months=2)
    jobs(record.house)
    assert record.read(ANNE, letter).headers["ETag"] == 'W/"2"'
    assert notices(record, record.holder) == []


def test_R073_a_document_deleted_before_is_neither_told_nor_released(record: Record) -> None:
    letter = hidden(record)
    assert record.house.call("DELETE", f"DocumentReference/{letter}", ANNE).status == 204
    assert "due" not in holding(record.house, letter)
    wait(record.house, months=2)
    jobs(record.house)
    assert notices(record, record.holder) == []
    assert record.traces(record.holder, "&type=document-released") == []


# The job itself.


def test_a_second_pass_finds_nothing_to_do(record: Record) -> None:
    hidden(record)
    wait(record.house, months=2)
    assert jobs(record.house).done["release"] >= 1
    assert not jobs(record.house).done


def test_two_jobs_at_once_do_everything_once(record: Record, shared_url: str) -> None:
    letters = [hidden(record) for _ in range(5)]
    house = record.house
    wait(house, months=2)
    moment = house.clock()

    def work() -> int:
        return run(house.services, moment).done["release"]

    found = at_once([work, work, work], house.database)
    assert sum(found) == 5
    assert {record.read(ANNE, one).headers["ETag"] for one in letters} == {'W/"2"'}


def test_who_comes_while_another_is_at_work_leaves_it_to_him(record: Record) -> None:
    house = record.house
    real = house.clock()
    assert take_lease(house.database.session(), "another", now=real, until=real + 60_000)
    report = run(house.services, house.clock())
    assert report.busy and report.lines() == ["another job is at work"]
    wait(house, days=1)  # he has died: his lease ends
    assert not run(house.services, house.clock()).busy


def test_what_fails_is_told_undone_and_done_the_next_time(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = hidden(record)
    wait(record.house, months=1)
    with monkeypatch.context() as broken:
        broken.setitem(WORKS, "release", ("documents released", lambda kept, due: 1 // 0 > 0))
        report = run(record.house.services, record.house.clock())
    assert [line for line in report.failed if letter in line]
    assert VEILED in flags(record, letter)
    jobs(record.house)
    assert VEILED not in flags(record, letter)


def test_without_its_trace_nothing_is_done(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = hidden(record)
    wait(record.house, months=1)
    with monkeypatch.context() as broken:
        broken.setattr("fhir_server.storage.trail.append", lambda *_, **__: 1 // 0)
        assert run(record.house.services, record.house.clock()).failed
    assert VEILED in flags(record, letter)


def test_the_server_answers_while_the_job_works(record: Record) -> None:
    letters = [hidden(record) for _ in range(5)]
    house = record.house
    wait(house, months=2)
    moment = house.clock()

    def read() -> set[int]:
        return {record.read(NINA, one).status for one in letters * 5}

    _, statuses = at_once([lambda: run(house.services, moment), read], house.database)
    assert statuses == {200}


# The command.


def command(house: House, *arguments: str) -> Result:
    environment = {
        "FHIR_DATABASE_URL": house.settings.database_url, "FHIR_JWKS": "unused.json",
    }  # fmt: skip
    return CliRunner().invoke(main, ["jobs", *arguments], env=environment)


def test_the_command_says_a_line_for_each_kind_of_work(house: House) -> None:
    record = proposed(house)
    wait(house, days=43)
    jobs_due = now(house)
    result = command(house, "--now", jobs_due)
    assert result.exit_code == 0, result.output
    lines = dict(line.split(": ") for line in result.stdout.splitlines())
    assert set(lines) == {says for says, _ in WORKS.values()}
    assert lines["records opened"] == "1"
    assert record.find(record.holder).status == 200


def test_the_command_fails_when_something_failed(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden(record)
    wait(record.house, months=1)
    with monkeypatch.context() as broken:
        broken.setitem(WORKS, "release", ("documents released", lambda kept, due: 1 // 0 > 0))
        result = command(record.house, "--once", "--now", now(record.house))
    assert result.exit_code == 1
    assert result.stderr.startswith("fhir-server: release of DocumentReference/")
    jobs(record.house)


def test_a_pass_that_cannot_be_is_told_in_one_line(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OSError("the database\nis away")

    monkeypatch.setattr("fhir_server.jobs.waiting", away)
    result = command(house, "--once", "--now", now(house))
    assert result.exit_code == 1
    assert result.stderr == "fhir-server: OSError: the database is away\n"


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-24"])
def test_the_command_refuses_what_is_no_instant(house: House, text: str) -> None:
    result = command(house, "--now", text)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"fhir-server: --now: `{text}` is no instant")


def test_without_policy_there_is_nothing_to_do(plain: House) -> None:
    environment = {"FHIR_DATABASE_URL": plain.settings.database_url}
    more = {"FHIR_AUTH": "off", "FHIR_POLICY": "off"}
    result = CliRunner().invoke(main, ["jobs", "--once"], env=environment | more)
    assert result.exit_code == 1
    assert result.stderr == "fhir-server: FHIR_POLICY=off: no record has a life\n"


def files(house: House) -> list[Path]:
    """Those of a SQLite database."""
    name = house.database.engine.url.database or ""
    found = [] if house.database.postgres else [Path(name), Path(f"{name}-wal")]
    return [path for path in found if path.exists()]


def test_the_bytes_of_a_destroyed_document_are_nowhere(record: Record) -> None:
    text = "coelacanthe"
    attachment = {"contentType": "text/plain", "data": b64encode(text.encode()).decode()}
    record.deposited(ANNE, content=[{"attachment": attachment}])
    assert holding(record.house, text) == {"resource"}
    record.closed()
    wait(record.house, months=121)
    jobs(record.house)
    assert holding(record.house, text) == set()
    assert record.find(PAUL).status == 200  # like a patient who never was
    for path in files(record.house):
        assert text.encode() not in path.read_bytes()
