"""Put rows in: one resource version with its index rows, one relation, one record.

Nothing here asks who writes: `repository` has decided before it calls.
"""

from dataclasses import dataclass
from typing import Any, Iterable

from fhir_server.policy.matrix import NO_KIND
from fhir_server.policy.relation import Relation
from fhir_server.search.extract import Index, extract
from fhir_server.storage import parameters
from fhir_server.storage.condition import BITS
from fhir_server.storage.content import content_of
from fhir_server.storage.engine import Session, StorageConflict
from fhir_server.storage.indexed import (
    INDEX,
    arrays,
    index_parts,
    put_contained,
    put_rows,
    take_contained,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a row that the rules read; see `policy.facts`."""

    owners: tuple[str, ...] = ()
    masked: bool = False
    veiled_until: int = 0
    veiled_representatives: bool = False
    superseded: bool = False
    kind: str = NO_KIND

    @property
    def lines(self) -> str:
        """The owners as they lie there: one a line, a newline first and last."""
        return "".join(f"\n{owner}" for owner in self.owners) + "\n" if self.owners else ""

    def columns(self) -> dict[str, Any]:
        return {
            "owners": self.lines,
            "masked": self.masked,
            "veiled_until": self.veiled_until,
            "veiled_representatives": self.veiled_representatives,
            "superseded": self.superseded,
            "kind": self.kind,
        }


@dataclass(frozen=True, slots=True)
class New:
    """One version of a resource, ready to lie down."""

    record: int
    type_: str
    id_: str
    version: int
    updated: int
    method: str
    body: bytes
    media: str = ""
    data: bytes | None = None
    linked: bool = False
    facts: Facts = Facts()

    def columns(self) -> dict[str, Any]:
        return {
            "record": self.record,
            "type": self.type_,
            "id": self.id_,
            "version": self.version,
            "updated": self.updated,
            "deleted": self.method == "DELETE",
            "method": self.method,
            "body": self.body,
            "media": self.media,
            "data": self.data,
            "linked": self.linked,
        } | self.facts.columns()


COLUMNS = (
    "record",
    "type",
    "id",
    "version",
    "updated",
    "deleted",
    "method",
    "body",
    "media",
    "data",
    "linked",
    "owners",
    "masked",
    "veiled_until",
    "veiled_representatives",
    "superseded",
    "kind",
)
_VALUES = ", ".join(f":{name}" for name in COLUMNS)
PG_INSERT = (
    f"WITH new AS (INSERT INTO resource ({', '.join(COLUMNS)}, keys) VALUES ({_VALUES}, "
    "CAST(:keys AS bigint[]))"
    f" ON CONFLICT (type, id) DO NOTHING RETURNING pk), {', '.join(index_parts('new'))} SELECT "
    f"pk, {parameters.GENERATION} FROM new"
)
# The parts of a WITH see what was there before it: none deletes what another inserts.
_GONE = ", ".join(f"d_{table} AS (DELETE FROM {table} WHERE pk = :pk)" for table in INDEX)
PG_INDEX = (
    f"WITH new AS (SELECT CAST(:pk AS bigint) AS pk), {_GONE}, {', '.join(index_parts('new'))},"
    " gone AS (DELETE FROM contained WHERE container = :pk RETURNING pk)"
    f" SELECT {parameters.GENERATION}, (SELECT count(*) FROM gone) FROM new"
)
LITE_INSERT = (
    f"INSERT INTO resource ({', '.join(COLUMNS)}) VALUES ({_VALUES})"
    " ON CONFLICT (type, id) DO NOTHING RETURNING pk"
)
_SET = ", ".join(f"{name} = :{name}" for name in COLUMNS if name not in ("record", "type", "id"))
UPDATE = (
    f"UPDATE resource SET {_SET}, record = :record{{keys}}"
    " WHERE pk = :pk AND version = :version - 1"
)
_PAST = "record, type, id, version, updated, deleted, method, media, body, data"
KEEP = (
    f"INSERT INTO history ({_PAST}) SELECT {_PAST} FROM resource"
    " WHERE pk = :pk AND version = :version - 1"
)


def insert(session: Session, new: New, index: Index, *, base: str) -> int | None:
    """Store the first version; its row number, or None when the address is taken. `base`: this
    server's address.
    """
    if session.database.postgres:
        found = session.rows(PG_INSERT, new.columns() | arrays(index))
        if not found:
            return None
        pk, generation = found[0]
    else:
        found = session.rows(LITE_INSERT, new.columns())
        if not found:
            return None
        pk = found[0][0]
        generation = _lite_index(session, pk, index)
    put_contained(session, int(pk), index)
    _check_generation(session, pk, new, generation, base)
    return int(pk)


def replace(session: Session, pk: int, new: New, index: Index, *, base: str) -> None:
    """Store a further version and keep the one before in the history; StorageConflict when another
    writer was first. `base`: this server's address.
    """
    postgres = session.database.postgres
    # Two writers of one version: the second waits for the row, then finds that it has moved on.
    keep = f"{KEEP} FOR UPDATE" if postgres else KEEP
    if session.run(keep, {"pk": pk, "version": new.version}) != 1:
        raise _overtaken(new)
    keys = {"keys": list(index.keys)} if postgres else {}
    text = UPDATE.format(keys=", keys = CAST(:keys AS bigint[])" if postgres else "")
    if session.run(text, new.columns() | {"pk": pk} | keys) != 1:
        raise _overtaken(new)
    generation = _put_again(session, pk, index)
    _check_generation(session, pk, new, generation, base)


def _overtaken(new: New) -> StorageConflict:
    return StorageConflict(f"another writer has made version {new.version} of this {new.type_}")


# Sets of keys that are the same are not written: the index of an array costs its length.
SET_KEYS = (
    "UPDATE resource SET keys = CAST(:keys AS bigint[]) WHERE pk = :pk"
    " AND NOT (keys @> CAST(:keys AS bigint[]) AND keys <@ CAST(:keys AS bigint[]))"
)


def index_again(session: Session, pk: int, index: Index) -> int:
    """Give a row, by its number, this index in place of the one it has; the generation it is of."""
    if session.database.postgres:
        session.run(SET_KEYS, {"pk": pk, "keys": list(index.keys)})
    return _put_again(session, pk, index)


def _check_generation(session: Session, pk: int, new: New, generation: int, base: str) -> None:
    """Index once more where the parameters have changed since this thread last heard of them."""
    while generation != session.registry.generation and new.body:
        registry = parameters.load(session)
        index = extract(content_of(new.body), base=base, registry=registry)
        generation = index_again(session, pk, index)


def _put_again(session: Session, pk: int, index: Index) -> int:
    """The rows of the index in place of those there are, but for PostgreSQL's keys; the generation
    they are of.
    """
    if session.database.postgres:
        values = {name: value for name, value in arrays(index).items() if name != "keys"}
        generation, contained = session.rows(PG_INDEX, {"pk": pk} | values)[0]
    else:
        for table in (*INDEX, "key"):
            session.run(f"DELETE FROM {table} WHERE pk = :pk", {"pk": pk})
        contained = session.run("DELETE FROM contained WHERE container = :pk", {"pk": pk})
        generation = _lite_index(session, pk, index)
    if contained:
        take_contained(session, pk)
    put_contained(session, pk, index)
    return int(generation)


def _lite_index(session: Session, pk: int, index: Index) -> int:
    """The rows of the index; the generation they are of."""
    put_rows(session, pk, index)
    return int(session.rows(f"SELECT {parameters.GENERATION}", {})[0][0])


_FACTS = ("owners", "masked", "veiled_until", "veiled_representatives", "superseded", "kind")
SET_FACTS = (
    f"UPDATE resource SET {', '.join(f'{name} = :{name}' for name in _FACTS)}, record = :record"
    " WHERE type = :type AND id = :id"
)


def facts_at(session: Session, type_: str, id_: str) -> list[Facts]:
    """The facts of the row at this address, whoever asks; none where there is no such row."""
    rows = session.rows(
        f"SELECT {', '.join(f'd.{name}' for name in _FACTS)} FROM resource d"
        " WHERE d.type = :type AND d.id = :id",
        {"type": type_, "id": id_},
    )
    return [
        Facts(
            tuple(owners.split("\n")[1:-1]), bool(masked), int(veiled_until), bool(secret),
            bool(superseded), kind,
        )
        for owners, masked, veiled_until, secret, superseded, kind in rows
    ]  # fmt: skip


def set_facts(session: Session, address: tuple[str, str], record: int, facts: Facts) -> None:
    """Give a row the facts of another: the bytes of a document are seen by those who see the
    document.
    """
    session.run(
        SET_FACTS, facts.columns() | {"record": record, "type": address[0], "id": address[1]}
    )


def set_relations(
    session: Session, source: str, record: int, relations: Iterable[Relation]
) -> None:
    """The relations that `source` (`Type/id`) says, in place of those it said before."""
    session.run("DELETE FROM relation WHERE source = :source", {"source": source})
    rows = [
        {
            "record": record,
            "actor": r.actor,
            "kind": r.kind,
            "bit": BITS[r.kind],
            "since": r.since,
            "until": r.until,
            "source": source,
        }
        for r in relations
    ]
    if rows:
        session.many(
            "INSERT INTO relation (record, actor, kind, bit, since, until, source)"
            " VALUES (:record, :actor, :kind, :bit, :since, :until, :source)",
            rows,
        )


ADD_OWNER = (
    "INSERT INTO relation (record, actor, kind, bit, since, until, source)"
    " SELECT :record, :actor, :kind, :bit, :since, :until, '' WHERE NOT EXISTS"
    " (SELECT 1 FROM relation WHERE record = :record AND actor = :actor AND kind = :kind)"
)


def add_owners(session: Session, record: int, relations: Iterable[Relation]) -> None:
    """Note that these have something of their own in the record (`facts.ownership`), once."""
    for r in relations:
        session.run(
            ADD_OWNER,
            {
                "record": record, "actor": r.actor, "kind": r.kind, "bit": BITS[r.kind],
                "since": r.since, "until": r.until,
            },
        )  # fmt: skip


def open_record(session: Session, *, state: str, born: int, patient: str) -> int:
    """A new record; its number."""
    found = session.rows(
        "INSERT INTO record (state, born, patient) VALUES (:state, :born, :patient) RETURNING "
        "number",
        {"state": state, "born": born, "patient": patient},
    )
    return int(found[0][0])


def change_record(session: Session, number: int, *, state: str, born: int) -> None:
    session.run(
        "UPDATE record SET state = :state, born = :born WHERE number = :number",
        {"state": state, "born": born, "number": number},
    )
