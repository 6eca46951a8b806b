"""The trail: append notes in the transaction of the answer, turn them into AuditEvents when
somebody asks.

Nothing is updated or deleted but the mark `pending`. A note is small and has two indexes; the
AuditEvent with its thirty index rows is made when the first search wants it, since most traces are
never read.
"""

from typing import Iterable

from fhir_server.audit.event import audit_event
from fhir_server.audit.note import Note, read
from fhir_server.fhir.dates import LATEST
from fhir_server.fhir.json_format import write as write_json
from fhir_server.policy.redaction import removable_links
from fhir_server.search.extract import extract
from fhir_server.storage.engine import Params, Row, Session
from fhir_server.storage.write import Facts, New, insert

COLUMNS = "id, record, at, agent, rules, note, pending"
APPEND = (
    f"INSERT INTO trail ({COLUMNS}) VALUES (:trace, :record, :now, :agent, :rules, :note, :pending)"
)
BATCH = 500


def append(
    session: Session,
    *,
    trace: str,
    now: int,
    agent: str,
    note: bytes,
    records: Iterable[tuple[int, str]],
) -> None:
    """One line for each record and the rules that settled the access to it; ids after the first get
    a number.
    """
    for n, (record, rules) in enumerate(records):
        session.run(
            APPEND,
            {
                "trace": f"{trace}.{n}" if n else trace,
                "record": record,
                "now": now,
                "agent": agent,
                "rules": rules,
                "note": note,
                "pending": True,
            },
        )


def make_events(session: Session, where: str, params: Params, *, base: str) -> int:
    """Turn the pending notes that meet `where` (SQL over `trail` t) into AuditEvents; how many."""
    made = 0
    while found := _take(session, where, params):
        for row in found:
            _make(session, row, base)
        made += len(found)
    return made


def _take(session: Session, where: str, params: Params) -> list[Row]:
    """The next pending notes, marked as done; another who wants the same ones waits."""
    lock = " FOR UPDATE OF t" if session.database.postgres else ""
    rows = session.rows(
        "SELECT t.id, t.record, t.at, t.agent, t.rules, t.note, k.patient FROM trail t"
        f" JOIN record k ON k.number = t.record WHERE t.pending AND {where} ORDER BY t.at, t.id "
        f"LIMIT {BATCH}"
        + lock,
        params,
    )
    session.many(
        "UPDATE trail SET pending = :done WHERE id = :id",
        [{"done": False, "id": row[0]} for row in rows],
    )
    return rows


def _make(session: Session, row: Row, base: str) -> None:
    id_, record, at, agent, rules, note, patient = row
    said = read(bytes(note))
    event = audit_event(said, id_=id_, at=at, patient=patient, rules=rules, base=base)
    new = New(
        record=record,
        type_="AuditEvent",
        id_=id_,
        version=1,
        updated=at,
        method="POST",
        body=write_json(event),
        linked=bool(removable_links(event)),
        facts=_facts(agent, said, set(rules.split())),
    )
    index = extract(event, base=base, registry=session.registry)
    insert(session, new, index, base=base)


def _facts(agent: str, said: Note, rules: set[str]) -> Facts:
    """A refusal because something is hidden from holder or representatives would tell them of it:
    it is hidden with it (R031, R051), like what was done by a secret connection (R052).
    """
    return Facts(
        (agent,) if agent else (),
        veiled_until=LATEST if "R031" in rules else 0,
        veiled_representatives=said.secret or "R051" in rules,
    )
