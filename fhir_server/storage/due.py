"""What clocks make due: one row for each, made and unmade with the resource it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass

from fhir_server.fhir.dates import EARLIEST
from fhir_server.policy.life import Due
from fhir_server.storage.engine import Session

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row: what is due, in which record, by which resource (`Type/id`)."""

    at: int
    source: str
    kind: str
    record: int

    @property
    def address(self) -> tuple[str, str]:
        type_, _, id_ = self.source.partition("/")
        return type_, id_


BEGINNING = Waiting(EARLIEST, "", "", 0)


def set_due(session: Session, source: str, record: int, dues: Iterable[Due]) -> None:
    """What `source` makes due, in place of what it made due before."""
    session.run("DELETE FROM due WHERE source = :source", {"source": source})
    add_due(session, source, record, dues)


def add_due(session: Session, source: str, record: int, dues: Iterable[Due]) -> None:
    rows = [{"source": source, "kind": d.kind, "record": record, "at": d.at} for d in dues]
    if rows:
        session.many(
            "INSERT INTO due (source, kind, record, at) VALUES (:source, :kind, :record, :at)", rows
        )


def waiting(session: Session, now: int, last: Waiting) -> list[Waiting]:
    """What is due at `now` and comes after `last`, oldest first, AT_ONCE at most."""
    rows = session.rows(
        "SELECT at, source, kind, record FROM due WHERE at <= :now AND (at, source, kind) >"
        f" (:at, :source, :kind) ORDER BY at, source, kind LIMIT {AT_ONCE}",
        {"now": now, "at": last.at, "source": last.source, "kind": last.kind},
    )
    return [Waiting(*row) for row in rows]


def claim(session: Session, due: Waiting) -> bool:
    """Take it away, within the transaction that does it; False when another has done so.

    Its resource is locked first, as by whoever changes it: nobody waits for the other in a ring.
    """
    if session.database.postgres:
        type_, id_ = due.address
        text = "SELECT 1 FROM resource r WHERE r.type = :type AND r.id = :id FOR UPDATE"
        session.rows(text, {"type": type_, "id": id_})
    params = {"source": due.source, "kind": due.kind, "at": due.at}
    text = "DELETE FROM due WHERE source = :source AND kind = :kind AND at = :at"
    return session.run(text, params) == 1


def take_lease(session: Session, holder: str, *, now: int, until: int) -> bool:
    """Be the one that works until then; False while somebody else is."""
    params = {"holder": holder, "now": now, "until": until}
    text = (
        "UPDATE lease SET holder = :holder, until = :until WHERE name = 'jobs'"
        " AND (until <= :now OR holder = :holder)"
    )
    return session.run(text, params) == 1


def end_lease(session: Session, holder: str) -> None:
    text = "UPDATE lease SET until = 0 WHERE name = 'jobs' AND holder = :holder"
    session.run(text, {"holder": holder})
