"""Read one resource: the current version, or an old one; always through visible rows.

https://hl7.org/fhir/R4/http.html#read, #vread
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from fhir_server.policy.subject import PROFESSIONALS
from fhir_server.storage.engine import Session
from fhir_server.storage.rows import (
    Named,
    Rows,
    Shape,
    asks_everybody,
    standing,
    visible_rows,
)
from fhir_server.storage.version import COLUMNS, Version, columns
from fhir_server.storage.version import version as version_of
from fhir_server.storage.write import Facts, facts_at

NOTED = (
    "noted AS (INSERT INTO trail (id, record, at, agent, rules, note, pending)"
    " SELECT :trace, seen.record, :at, :agent, seen.rules, :note, true FROM seen WHERE NOT "
    "seen.deleted)"
)


@lru_cache(maxsize=1024)
def read_text(type_: str, shape: Shape, traced: bool) -> str:
    """SELECT of one visible row by its address; `traced` appends the note in the same statement
    (PostgreSQL).
    """
    seen = visible_rows("d", type_, shape, type_ == "Patient" and is_professional(shape), True)
    parts = []
    if not shape.everything:
        named = "SELECT n.record FROM resource n WHERE n.type = :named_type AND n.id = :named_id"
        operator = ("actor", "operator") in shape.known
        everybody = asks_everybody(shape)
        text = standing(named, shape.me, shape.postgres, operator, everybody)
        parts.append(f"standing AS MATERIALIZED ({text})")
    parts.append(
        f"seen AS (SELECT {columns('d')}, {seen.full} AS full_, {seen.rules} AS rules FROM "
        f"{seen.source}"
        f" WHERE d.type = :named_type AND d.id = :named_id AND {seen.where})"
    )
    if traced:
        parts.append(NOTED)
    return f"WITH {', '.join(parts)} SELECT {', '.join(COLUMNS)}, full_, rules FROM seen"


_PROFESSIONALS = frozenset(("actor", actor) for actor in PROFESSIONALS)


def is_professional(shape: Shape) -> bool:
    """That a record exists is no secret to professionals (contract 7): a Patient by id or exact
    INS, the minimum of it.
    """
    return not _PROFESSIONALS.isdisjoint(shape.known)


def read_row(
    session: Session, rows: Rows, type_: str, id_: str, trace: dict[str, object] | None
) -> Version | None:
    """The current version if the caller may see it, deleted or not; None else.

    `trace` (trace, at, agent, note): written in the same statement when it is disclosed; only with
    PostgreSQL.
    """
    text = read_text(type_, rows.shape, trace is not None)
    params = rows.params | {"named_type": type_, "named_id": id_} | (trace or {})
    found = session.rows(text, params)
    return Version(*found[0]) if found else None


PAST = (
    "SELECT 0, h.record, h.type, h.id, h.version, h.updated, h.deleted, h.method, h.media, "
    "h.body, h.data FROM history h WHERE h.type = :type AND h.id = :id AND h.version = :version"
)


def past_version(session: Session, current: Version, number: int) -> Version | None:
    """A version before `current`; the caller has been found to see `current`."""
    rows = session.rows(
        PAST, {"type": current.type_, "id": current.id_, "version": number}
    )
    # Whether an old one leads to documents is not stored: it is always looked at.
    return version_of(rows[0], True, current.full) if rows else None


def visible_addresses(
    session: Session, rows: Rows, type_: str, ids: list[str], *, deleted: bool
) -> set[str]:
    """Which of these ids the caller may see; `deleted`: those deleted count too."""
    seen = rows.visible("d", type_, minimal=type_ == "Patient" and is_professional(rows.shape))
    inside = ", ".join(rows.add("id", id_) for id_ in ids)
    parts = rows.with_()
    begin = f"WITH {', '.join(parts)} " if parts else ""
    alive = "" if deleted else " AND NOT d.deleted"
    text = (
        f"{begin}SELECT d.id FROM {seen.source} WHERE d.type = :type AND d.id IN ({inside})"
        f" AND {seen.where}{alive}"
    )
    return {row[0] for row in session.rows(text, rows.params | {"type": type_})}


def types_with(
    session: Session, id_: str, types: Sequence[str], *, deleted: bool = False
) -> list[str]:
    """Those of these types of which there is a resource with this id, whoever asks; `deleted`: or
    was.
    """
    names = {f"type_{n}": type_ for n, type_ in enumerate(types)}
    inside = ", ".join(f":{name}" for name in names)
    text = f"SELECT type FROM resource WHERE id = :id AND type IN ({inside})"
    text += "" if deleted else " AND NOT deleted"
    return [row[0] for row in session.rows(text, names | {"id": id_})]


def visible_versions(session: Session, rows: Rows, type_: str, ids: list[str]) -> list[Version]:
    """The current versions of those of these ids that the caller may see."""
    seen = rows.visible("d", type_, minimal=type_ == "Patient" and is_professional(rows.shape))
    inside = ", ".join(rows.add("id", id_) for id_ in ids)
    parts = rows.with_()
    begin = f"WITH {', '.join(parts)} " if parts else ""
    text = (
        f"{begin}SELECT {columns('d')}, {seen.full}, {seen.rules} FROM {seen.source}"
        f" WHERE d.type = :type AND d.id IN ({inside}) AND {seen.where} AND NOT d.deleted"
    )
    return [version_of(row) for row in session.rows(text, rows.params | {"type": type_})]


def records_named(session: Session, named: Named, rows: Rows) -> list[int]:
    """The numbers of the records a request touches, whoever asks: for the trail alone."""
    if not named:
        return []
    parts = Rows(rows.scope, rows.postgres, rows.now, rows.adult_before, named)
    text = f"SELECT record FROM ({parts.named_records()}) m WHERE record > 0"
    return [row[0] for row in session.rows(text, parts.params)]


def patients_of(session: Session, records: Iterable[int]) -> list[tuple[int, str]]:
    """These records with the ids of their Patients: for the trail alone."""
    text = "SELECT number, patient FROM record WHERE number = :record"
    found = (session.rows(text, {"record": record}) for record in sorted(records))
    return [(int(rows[0][0]), str(rows[0][1])) for rows in found if rows]


def raw_version(session: Session, type_: str, id_: str) -> Version | None:
    """The current version, deleted or not, whoever asks: for what follows from a permitted write,
    never for an answer.
    """
    rows = session.rows(
        f"SELECT {columns('d')} FROM resource d WHERE d.type = :type AND d.id = :id",
        {"type": type_, "id": id_},
    )
    return version_of(rows[0]) if rows else None


def facts_of(session: Session, type_: str, id_: str) -> Facts:
    """What the rules may know of a row that exists, whoever asks; for decisions alone."""
    return facts_at(session, type_, id_)[0]


def referring(session: Session, type_: str, id_: str) -> list[tuple[str, str]]:
    """Type and id of resources that refer to this one, whoever asks, a thousand at most: to be
    looked at through visible rows. A trace names what was, and holds nothing.
    """
    text = (
        "SELECT DISTINCT d.type, d.id FROM reference f JOIN resource d ON d.pk = f.pk WHERE NOT "
        "d.deleted AND f.target_type = :type AND f.target_id = :id"
        " AND d.type <> 'AuditEvent' LIMIT 1000"
    )
    return [(row[0], row[1]) for row in session.rows(text, {"type": type_, "id": id_})]
