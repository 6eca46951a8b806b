"""Give every stored resource the index rows it would have if it were stored now, while others read
and write.

Begun in one transaction, from whose end on every writer indexes by the new parameters. Then the
resources are walked in the order of their row numbers, each batch a short transaction that also
keeps the place reached: who is killed goes on there, and two who walk at once take turns.
"""

from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from fhir_server.search.custom import Judged, definition_of, types_of
from fhir_server.search.extract import extract
from fhir_server.search.registry import made_with
from fhir_server.storage import parameters, write
from fhir_server.storage.content import content_of
from fhir_server.storage.engine import Session, StorageConflict

BATCH = 100  # resources; for as long others wait to write to these, in SQLite to anything
PAUSE = 0.05  # seconds between two looks at who is still writing
PATIENCE = "SET LOCAL lock_timeout = 300"  # ms; a writer is never the one to give way


@dataclass(frozen=True, slots=True)
class Told:
    """One SearchParameter: `state` as in the table, `waiting` for the next reindex, or `refused`
    for a reason.
    """

    id_: str
    code: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """`finished`: nothing is left to do, and nothing waits for a reindex to begin."""

    finished: bool
    total: int
    done: int
    parameters: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class _Walk:
    generation: int
    position: int
    last: int
    total: int
    done: int
    phase: str
    made_with: str
    goal: str


def _walk(session: Session, *, held: bool = False) -> _Walk:
    """How far it has come; `held`: nobody else changes it until the end of the transaction."""
    lock = " FOR UPDATE" if held and session.database.postgres else ""
    columns = ", ".join(_Walk.__slots__)
    return _Walk(*session.rows(f"SELECT {columns} FROM indexing{lock}", {})[0])


@dataclass(frozen=True, slots=True)
class _Due:
    """What the next reindex would change: SearchParameters to index by, numbers of rows in the
    table `parameter` whose index rows go, and whether there is more than that.
    """

    new: tuple[Judged, ...]
    leaving: tuple[int, ...]
    all_: bool

    def __bool__(self) -> bool:
        return bool(self.new or self.leaving or self.all_)


def _due(kept: list[Any], found: list[Judged], bodies: dict[str, bytes], walk: _Walk) -> _Due:
    wanted = {one.id_: one for one in found if not one.reason}
    same = {
        of: number
        for number, of, state, body in kept
        if state in ("indexing", "active")
        and of in wanted
        and definition_of(body) == definition_of(content_of(bodies[of]))
    }
    leaving = [n for n, _, state, _ in kept if state != "leaving" and n not in same.values()]
    made = made_with()
    other = walk.made_with != made if walk.phase == "done" else walk.goal != made
    new = tuple(one for id_, one in wanted.items() if id_ not in same)
    return _Due(new, tuple(leaving), other)


def progress(session: Session, *, guarded: bool) -> Progress:
    """How far it has come, and what becomes of each SearchParameter."""
    with session.transaction():
        walk, kept = _walk(session), parameters.kept(session)
        found, bodies = parameters.stored(session, guarded=guarded)
    due = _due(kept, found, bodies, walk)
    told = [Told(of, body.get("code", ""), state) for _, of, state, body in kept]
    told += [Told(one.id_, one.code, "waiting") for one in due.new]
    told += [Told(one.id_, one.code, "refused", one.reason) for one in found if one.reason]
    finished = walk.phase == "done" and not due
    return Progress(finished, walk.total, min(walk.done, walk.total), tuple(told))


def reached(session: Session) -> tuple[int, int]:
    """How many resources are done, of how many."""
    walk = _walk(session)
    return min(walk.done, walk.total), walk.total


def begin(session: Session, *, guarded: bool) -> None:
    """Let every writer index by what is stored now, and what is not walked yet be walked; nothing
    where all is done, or under way already.
    """
    with session.transaction():
        walk, kept = _walk(session, held=True), parameters.kept(session)
        found, bodies = parameters.stored(session, guarded=guarded)
        due = _due(kept, found, bodies, walk)
        if not due:
            return
        for number in due.leaving:
            leaving = "UPDATE parameter SET state = 'leaving' WHERE number = :number"
            session.run(leaving, {"number": number})
        for one in due.new:
            session.run(
                "INSERT INTO parameter (id, state, body) VALUES (:id, 'indexing', :body)",
                {"id": one.id_, "body": bodies[one.id_]},
            )
        _keep(session, phase="begun", position=0, last=0, total=0, done=0, goal=made_with())
        parameters.renew(session)


def step(session: Session, *, base: str, until: float) -> bool:
    """Do a little, in transactions of its own; whether all is done. `until`, by the monotonic
    clock: no longer is waited for others. `base`: this server's address.
    """
    walk = _walk(session)
    if walk.phase == "begun" and not _writers_are_gone(session, until):
        return False
    try:
        with session.transaction():
            now = _walk(session, held=True)
            if now.phase == "done":
                return True
            if session.database.postgres:
                session.run(PATIENCE, {})
            if now.phase == "begun":
                if now.generation == walk.generation:  # else others were to be waited for
                    _set_out(session, now)
                return False
            return _go_on(session, now, base)
    except StorageConflict:  # somebody holds one of these rows: let him
        sleep(PAUSE)
        return False


def run(session: Session, *, base: str, guarded: bool, until: float) -> Progress:
    """Begin or go on, until all is done or the time, by the monotonic clock, has come."""
    begin(session, guarded=guarded)
    while not step(session, base=base, until=until) and monotonic() < until:
        pass
    return progress(session, guarded=guarded)


WRITERS = (
    "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE relation = 'resource'::regclass"
    " AND mode = 'RowExclusiveLock' AND granted AND database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _writers_are_gone(session: Session, until: float) -> bool:
    """Wait for the transactions that may have written by the old parameters what nobody sees yet;
    whether they have ended. In SQLite there is no other writer in a transaction.
    """
    if not session.database.postgres:
        return True
    writing = before = {row[0] for row in session.rows(WRITERS, {})}
    while writing:
        if monotonic() > until:
            return False
        sleep(PAUSE)
        writing = before & {row[0] for row in session.rows(WRITERS, {})}
    return True


def _set_out(session: Session, walk: _Walk) -> None:
    """What is stored after this is indexed by its writer."""
    where = f"NOT deleted{_of_types(session, walk)}"
    found = session.rows(
        f"SELECT COALESCE(max(pk), 0), count(*) FROM resource WHERE {where}", {}
    )
    last, total = found[0]
    _keep(session, phase="walking", position=0, last=last, total=total, done=0)


def _of_types(session: Session, walk: _Walk) -> str:
    """SQL for the types whose rows may change; "" for all."""
    if walk.made_with != walk.goal:
        return ""
    types = set[str]()
    for _, _, state, body in parameters.kept(session):
        if state in ("indexing", "leaving"):
            types |= set(types_of(definition_of(body)))
    inside = ", ".join(f"'{type_}'" for type_ in sorted(types))
    plus = "" if session.database.postgres else "+"  # keeps SQLite in the order of the walk
    return f" AND {plus}type IN ({inside})" if inside else " AND 1 = 0"


def _go_on(session: Session, walk: _Walk, base: str) -> bool:
    """One batch; whether it was the last."""
    lock = " FOR UPDATE" if session.database.postgres else ""
    rows = session.rows(
        f"SELECT pk, body FROM resource WHERE pk > :position AND pk <= :last AND NOT deleted"
        f"{_of_types(session, walk)} ORDER BY pk LIMIT {BATCH}{lock}",
        {"position": walk.position, "last": walk.last},
    )
    registry = parameters.current(session)
    for pk, body in rows:
        write.index_again(session, pk, extract(content_of(body), base=base, registry=registry))
    if len(rows) == BATCH:
        _keep(session, position=rows[-1][0], done=walk.done + BATCH)
        return False
    session.run("DELETE FROM parameter WHERE state = 'leaving'", {})
    session.run("UPDATE parameter SET state = 'active' WHERE state = 'indexing'", {})
    _keep(session, phase="done", position=walk.last, done=walk.total, made_with=walk.goal)
    parameters.renew(session)
    return True


def _keep(session: Session, **columns: Any) -> None:
    session.run(f"UPDATE indexing SET {', '.join(f'{name} = :{name}' for name in columns)}",
                columns)  # fmt: skip
