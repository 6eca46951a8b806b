"""Time that goes by in a house, and the job that does what it makes due."""

from typing import Any

from fhir_server.audit.event import RULE
from fhir_server.fhir.dates import instant
from fhir_server.jobs import Report, run
from fhir_server.policy.clocks import after
from fhir_server.policy.life import EARLY_DELETION
from tests.house import CNAM, INS, House, Person
from tests.interactions.shared import new_ins
from tests.people import consent, patient, stored
from tests.policy.record import Record


def wait(house: House, *, days: int = 0, months: int = 0, milliseconds: int = 0) -> None:
    """Let civil days and months go by."""
    house.now = after(house.clock(), days=days, months=months) + milliseconds


def jobs(house: House) -> Report:
    """One pass of the job; nothing may fail in it."""
    report = run(house.services, house.clock())
    assert not report.busy and report.failed == []
    return report


def now(house: House) -> str:
    return instant(house.clock())


def unopened(house: House, **more: Any) -> Record:
    """A Patient whose record is not opened yet."""
    ins = new_ins()
    patient_id = stored(house.post("Patient", CNAM, patient(ins, active=False, **more)))
    return Record(house, patient_id, Person("holder", f"{INS}|{ins}", "Claire Essai"))


def existence(record: Record, status: str = "proposed", **more: Any) -> dict[str, Any]:
    """C1: the opening of a record, announced now, or an objection."""
    proposal = consent(record.id, "dmp-existence") | {"status": status}
    proposal["provision"] = {"type": "permit"}
    return proposal | {"dateTime": now(record.house)} | more


def proposed(house: House) -> Record:
    """A record that is announced now, to be opened in six weeks."""
    record = unopened(house)
    stored(house.post("Consent", CNAM, existence(record)))
    return record


def destroy_me(record: Record, who: Person | None = None) -> None:
    """The holder of a closed record, or `who`, wants it destroyed."""
    held = record.house.get(f"Patient/{record.id}", who or record.holder).json
    wish = {"url": EARLY_DELETION, "valueDateTime": "1999-01-01"}
    extensions = [*held.get("extension", ()), wish]
    answer = record.house.call(
        "PUT", f"Patient/{record.id}", who or record.holder, held | {"extension": extensions}
    )
    assert answer.status == 200, answer.body


def notices(record: Record, who: Person, kind: str = "") -> list[dict[str, Any]]:
    """The notices `who` finds in a record, of one kind or all."""
    found = record.find(who, "&_count=200", "Communication")
    assert found.status == 200, found.body
    return [
        one for one in found.entries if kind in ("", one["category"][0]["coding"][0]["code"])
    ]


def state(record: Record) -> str:
    session = record.house.database.session()
    text = "SELECT state FROM record WHERE patient = :patient"
    rows = session.rows(text, {"patient": record.id})
    return str(rows[0][0]) if rows else "none"


def patch(record: Record, who: Person, *operations: tuple[str, str, object]) -> int:
    body = [
        {"op": op, "path": path} | ({} if value is None else {"value": value})
        for op, path, value in operations
    ]
    return record.house.call(
        "PATCH", f"Patient/{record.id}", who, body, content_type="application/json-patch+json"
    ).status


def reopen(record: Record, who: Person) -> int:
    return patch(record, who, ("replace", "/active", True))


def events(record: Record, code: str, who: Person = CNAM) -> list[dict[str, object]]:
    """The events of this code in the log of a record."""
    return [event for event in record.traces(who) if event["type"]["code"] == code]


def rule_of(event: dict[str, object]) -> str:
    agents: list[dict[str, list[str]]] = event["agent"]  # type: ignore[assignment]
    return agents[2]["policy"][0].removeprefix(RULE)


def tables(house: House) -> list[str]:
    """The names of all tables there are."""
    postgres = house.database.postgres
    text = (
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        if postgres
        else "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    return sorted(row[0] for row in house.database.session().rows(text, {}))


def holding(house: House, word: str) -> set[str]:
    """The tables with a row that holds this word, in whatever column."""
    session, found = house.database.session(), set()
    for table in tables(house):
        columns = f'"{table}"::text' if house.database.postgres else "*"
        for row in session.rows(f'SELECT {columns} FROM "{table}"', {}):
            if any(_holds(cell, word) for cell in row):
                found.add(table)
    return found


def _holds(cell: Any, word: str) -> bool:
    """PostgreSQL writes bytes in hexadecimal."""
    text = bytes(cell).decode(errors="replace") if isinstance(cell, bytes) else str(cell)
    return word in text or word.encode().hex() in text
