"""The end of a record: its archive is over, its holder has it destroyed, or he has died.

Design, `domain.md` 1.4 (R020, R022, R023) and 1.6.
"""

from urllib.parse import urlencode

import pytest

from fhir_server.jobs import WORKS, purge, run
from fhir_server.policy.life import EARLY_DELETION
from fhir_server.policy.relations import CLOSING
from fhir_server.storage.due import Waiting
from fhir_server.storage.keeping import Keeping
from fhir_server.storage.purge import KEPT, OF_A_RECORD, ONLY_SQLITE
from tests.house import ANNE, CNAM, LUCIEN, NINA, PAUL, House
from tests.law.timed import (
    destroy_me,
    existence,
    holding,
    jobs,
    notices,
    now,
    patch,
    proposed,
    reopen,
    rule_of,
    state,
    tables,
    unopened,
    wait,
)
from tests.people import stored
from tests.policy.record import Record, document
from tests.rest.asking import FORM
from tests.stores import at_once


def test_R022_an_archive_is_destroyed_after_ten_years_not_before(record: Record) -> None:
    record.closed()
    wait(record.house, months=120, milliseconds=-60_000)
    jobs(record.house)
    assert state(record) == "closed"
    wait(record.house, days=1)
    jobs(record.house)
    assert state(record) == "none"


def filled(record: Record) -> list[str]:
    """A record with a bit of everything; words that stand in it and nowhere else."""
    house, doc = record.house, document(record.id)
    letter = record.deposited(ANNE, "INVISIBLE_PATIENT")
    masked = record.deposited(ANNE, description="bathyscaphe")
    binary = record.read(ANNE, letter).json["content"][0]["attachment"]["url"].split("/")[-1]
    assert record.mask(record.holder, masked).status == 200
    stored(record.consent(record.holder, "dmp-pro-access", ANNE))
    seen = {"resourceType": "Observation", "status": "final", "code": {"text": "ornithorynque"}}
    pulse = stored(house.post("Observation", NINA, seen | {"subject": doc["subject"]}))
    for who in (PAUL, NINA, LUCIEN, record.holder):
        record.find(who)
        house.get(f"Patient?identifier={record.holder.sub}", who)
        form = urlencode({"identifier": record.holder.sub, "_count": "x"}).encode()
        house.call("POST", "Patient/_search", who, form, content_type=FORM)
        house.post("Observation", who, seen, if_none_exist=f"patient=Patient/{record.id}&a=b")
    record.traces(record.holder)
    record.find(LUCIEN)
    ins = record.holder.sub.split("|")[1]
    return [record.id, ins, letter, masked, binary, pulse, "bathyscaphe", "ornithorynque"]


def test_R022_nothing_is_left_of_a_destroyed_record_in_any_table(record: Record) -> None:
    words = filled(record)
    assert all(holding(record.house, word) for word in words)
    record.closed()
    wait(record.house, months=121)
    jobs(record.house)
    left = {word: holding(record.house, word) for word in words}
    # The id that the Patient had stands in the trace of the destruction, of which nobody asked yet.
    assert left.pop(record.id) == {"trail"}
    assert set().union(*left.values()) == set()


def test_R022_no_row_is_left_that_leads_to_nothing(record: Record) -> None:
    house = record.house
    session = house.database.session()
    text = "SELECT number FROM record WHERE patient = :patient"
    number = session.rows(text, {"patient": record.id})[0][0]
    filled(record)
    later = f"{int(now(house)[:4]) + 50}-01-01"
    stored(house.post("Consent", CNAM, existence(record, dateTime=later)))
    house.get("AuditEvent?_summary=count", CNAM)  # the refusals become AuditEvents
    record.closed()
    wait(house, months=121)
    jobs(house)
    for table, where in OF_A_RECORD.items():
        if table in ONLY_SQLITE and house.database.postgres:
            continue
        column = "number" if table == "record" else "record"
        his = f"{column} = {number}"
        if "{rows}" in where:
            all_rows = "SELECT pk FROM resource UNION ALL SELECT pk FROM contained"
            his = f"pk NOT IN ({all_rows})"
        if table == "contained":
            his = "container NOT IN (SELECT pk FROM resource)"
        if table == "attachment":
            his = "document NOT IN (SELECT id FROM resource WHERE type = 'DocumentReference')"
        assert session.rows(f"SELECT count(*) FROM {table} WHERE {his}", {})[0][0] == 0, table


def test_R022_its_one_trace_is_the_operators(record: Record) -> None:
    record.closed()
    wait(record.house, months=121)
    jobs(record.house)
    asked = "AuditEvent?type=record-purged&_count=500"
    found = record.house.get(asked, CNAM).entries
    mine = [e for e in found if e["entity"][0]["what"]["reference"] == f"Patient/{record.id}"]
    (event,) = mine
    assert rule_of(event) == "R022" and event["action"] == "D"
    assert record.house.get(f"AuditEvent/{event['id']}", record.holder).status == 404
    assert record.house.get(f"AuditEvent/{event['id']}", PAUL).status == 404


def test_R022_a_destroyed_record_is_answered_like_one_that_never_was(record: Record) -> None:
    letter = record.deposited(ANNE)
    record.closed()
    wait(record.house, months=121)
    jobs(record.house)
    for who in (NINA, PAUL, record.holder):
        assert record.read(who, letter).status == 404
        gone, never = record.find(who), record.house.get("DocumentReference?patient=never", who)
        assert (gone.status, gone.json.get("total")) == (never.status, never.json.get("total"))


def test_R022_other_records_stay_as_they_are(record: Record, house: House) -> None:
    other = proposed(house)
    wait(house, days=43)
    jobs(house)
    letter = other.deposited(ANNE)
    record.closed()
    wait(house, months=121)
    jobs(house)
    assert other.sees(PAUL, letter) is False and other.sees(ANNE, letter)
    assert other.rules(ANNE)


def test_R022_every_table_is_looked_through(house: House) -> None:
    known = set(OF_A_RECORD) | KEPT
    assert set(tables(house)) == known - (ONLY_SQLITE if house.database.postgres else set())


def test_R020_the_holder_of_a_closed_record_has_it_destroyed_within_three_months(
    record: Record,
) -> None:
    record.closed()
    destroy_me(record)
    (told,) = notices(record, record.holder, "deletion-requested")
    assert "détruit au plus tard" in told["payload"][0]["contentString"]
    wait(record.house, months=1)
    jobs(record.house)
    assert state(record) == "closed"
    wait(record.house, months=2, milliseconds=-60_000)
    jobs(record.house)
    assert state(record) == "none"


def test_R020_the_trace_of_it_names_the_rule(record: Record) -> None:
    record.closed()
    destroy_me(record)
    wait(record.house, months=3)
    jobs(record.house)
    found = record.house.get("AuditEvent?type=record-purged&_count=500", CNAM).entries
    (event,) = [e for e in found if e["entity"][0]["what"]["reference"].endswith(record.id)]
    assert rule_of(event) == "R020"


def test_R020_the_server_says_since_when_it_is_wanted(record: Record) -> None:
    record.closed()
    destroy_me(record)
    held = record.house.get(f"Patient/{record.id}", record.holder).json
    (wish,) = [one for one in held["extension"] if one["url"] == EARLY_DELETION]
    assert wish["valueDateTime"][:10] == now(record.house)[:10]


def test_R020_a_reopening_takes_the_wish_back(record: Record) -> None:
    record.closed()
    destroy_me(record)
    assert reopen(record, record.holder) == 200
    wait(record.house, months=6)
    jobs(record.house)
    assert state(record) == "open"


def test_R020_an_open_record_is_not_destroyed_and_no_professional_wants_it(record: Record) -> None:
    wish = [{"url": EARLY_DELETION, "valueDateTime": now(record.house)}]
    for who in (record.holder, PAUL, NINA):
        assert patch(record, who, ("add", "/extension", wish)) == 403


def test_R023_a_death_closes_the_record_and_its_archive_begins(record: Record) -> None:
    letter = record.deposited(ANNE)
    assert patch(record, CNAM, ("add", "/deceasedBoolean", True)) == 200
    assert state(record) == "deceased"
    assert record.find(PAUL).status == record.find(NINA).status == 403
    assert record.read(ANNE, letter).status == 404
    wait(record.house, months=119)
    jobs(record.house)
    assert state(record) == "deceased"
    wait(record.house, months=2)
    jobs(record.house)
    assert state(record) == "none"


def test_R022_a_record_that_was_closed_long_ago_elsewhere_has_had_its_ten_years(
    house: House,
) -> None:
    dated = {"url": CLOSING, "extension": [{"url": "dateFermeture", "valueDate": "1969-12-01"}]}
    record = unopened(house, extension=[dated])
    assert state(record) == "closed"
    jobs(house)
    assert state(record) == "none"


def test_R022_a_note_of_what_was_read_while_it_was_destroyed_goes_too(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, session = record.house, record.house.database.session()
    text = "SELECT number FROM record WHERE patient = :patient"
    number = session.rows(text, {"patient": record.id})[0][0]
    record.closed()
    wait(house, months=121)

    def late(kept: Keeping, due: Waiting) -> bool:
        done = purge(kept, due)
        kept.next_trace()
        kept.leave_trace("read", number, "R030")
        return done

    with monkeypatch.context() as slow:
        slow.setitem(WORKS, "purge", ("records destroyed", late))
        jobs(house)
    assert session.rows("SELECT id FROM trail WHERE record = :n", {"n": number}) == []


@pytest.mark.parametrize("_", range(3))
def test_R022_who_reopens_at_the_last_moment_has_all_of_it_or_nothing(
    record: Record, _: int
) -> None:
    house, letters = record.house, [record.deposited(ANNE) for _ in range(5)]
    record.closed()
    wait(house, months=121)
    moment = house.clock()
    house.token(record.holder)
    _, status = at_once(
        [lambda: run(house.services, moment), lambda: reopen(record, record.holder)],
        house.database,
    )
    found = {record.read(ANNE, letter).status for letter in letters}
    assert (status, state(record), found) in [
        (200, "open", {200}), (404, "none", {404}), (409, "none", {404}), (403, "none", {404}),
    ]  # fmt: skip
    jobs(house)
