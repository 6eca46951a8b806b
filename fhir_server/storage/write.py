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
from fhir_server.storage.engine import Session


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
_INDEX = {
    "string": ("parameter", "value", "exact"),
    "moment": ("parameter", "low", "high"),
    "number": ("parameter", "low", "high"),
    "reference": ("parameter", "target_type", "target_id"),
    "token": ("parameter", "value"),
}
_ARRAY = {
    "parameter": "bigint",
    "value": "text",
    "exact": "text",
    "target_type": "text",
    "target_id": "text",
}


def _array_type(table: str, column: str) -> str:
    return _ARRAY.get(column, "bigint" if table == "moment" else "double precision")


def _index_parts(new: str) -> Iterable[str]:
    """PostgreSQL: one part of a WITH for each index table, fed by arrays."""
    for table, columns in _INDEX.items():
        arrays = ", ".join(
            f"CAST(:{table}_{column} AS {_array_type(table, column)}[])" for column in columns
        )
        names = ", ".join(columns)
        yield (
            f"i_{table} AS (INSERT INTO {table} (pk, {names}) SELECT {new}.pk, v.* FROM {new}, "
            f"unnest({arrays}) AS v({names}))"
        )


PG_INSERT = (
    f"WITH new AS (INSERT INTO resource ({', '.join(COLUMNS)}, keys) VALUES ({_VALUES}, "
    "CAST(:keys AS bigint[]))"
    f" ON CONFLICT (type, id) DO NOTHING RETURNING pk), {', '.join(_index_parts('new'))} SELECT "
    f"pk, {parameters.GENERATION} FROM new"
)
# The parts of a WITH see what was there before it: none deletes what another inserts.
_GONE = ", ".join(f"d_{table} AS (DELETE FROM {table} WHERE pk = :pk)" for table in _INDEX)
PG_INDEX = (
    f"WITH new AS (SELECT CAST(:pk AS bigint) AS pk), {_GONE}, {', '.join(_index_parts('new'))}"
    f" SELECT pk, {parameters.GENERATION} FROM new"
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


def _index_columns(index: Index) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "string": list(index.strings),
        "moment": list(index.dates),
        "number": list(index.numbers),
        "reference": list(index.references),
        "token": list(index.tokens),
    }


def _arrays(index: Index) -> dict[str, Any]:
    params: dict[str, Any] = {"keys": list(index.keys)}
    for table, rows in _index_columns(index).items():
        for position, column in enumerate(_INDEX[table]):
            params[f"{table}_{column}"] = [row[position] for row in rows]
    return params


def insert(session: Session, new: New, index: Index, *, base: str) -> int | None:
    """Store the first version; its row number, or None when the address is taken. `base`: this
    server's address.
    """
    if session.database.postgres:
        found = session.rows(PG_INSERT, new.columns() | _arrays(index))
        if not found:
            return None
        pk, generation = found[0]
    else:
        found = session.rows(LITE_INSERT, new.columns())
        if not found:
            return None
        pk = found[0][0]
        generation = _lite_index(session, pk, index)
    _check_generation(session, pk, new, generation, base)
    return int(pk)


def replace(session: Session, pk: int, new: New, index: Index, *, base: str) -> bool:
    """Store a further version and keep the one before in the history; False when another writer was
    first. `base`: this server's address.
    """
    postgres = session.database.postgres
    # Two writers of one version: the second waits for the row, then finds that it has moved on.
    keep = f"{KEEP} FOR UPDATE" if postgres else KEEP
    if session.run(keep, {"pk": pk, "version": new.version}) != 1:
        return False
    keys = {"keys": list(index.keys)} if postgres else {}
    text = UPDATE.format(keys=", keys = CAST(:keys AS bigint[])" if postgres else "")
    if session.run(text, new.columns() | {"pk": pk} | keys) != 1:
        return False
    generation = _put_again(session, pk, index)
    _check_generation(session, pk, new, generation, base)
    return True


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
        arrays = {name: value for name, value in _arrays(index).items() if name != "keys"}
        return int(session.rows(PG_INDEX, {"pk": pk} | arrays)[0][1])
    for table in (*_INDEX, "key"):
        session.run(f"DELETE FROM {table} WHERE pk = :pk", {"pk": pk})
    return _lite_index(session, pk, index)


def _lite_index(session: Session, pk: int, index: Index) -> int:
    """The rows of the index; the generation they are of."""
    session.many(
        "INSERT INTO key (hash, pk) VALUES (:hash, :pk)",
        [{"hash": h, "pk": pk} for h in index.keys],
    )
    for table, rows in _index_columns(index).items():
        if rows:
            columns = _INDEX[table]
            names = ", ".join(f":{column}" for column in columns)
            text = f"INSERT INTO {table} (pk, {', '.join(columns)}) VALUES (:pk, {names})"
            session.many(text, [dict(zip(columns, row, strict=True)) | {"pk": pk} for row in rows])
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


ADD_AUTHOR = (
    "INSERT INTO relation (record, actor, kind, bit, since, until, source)"
    f" SELECT :record, :actor, 'author', {BITS['author']}, :since, :until, '' WHERE NOT EXISTS"
    " (SELECT 1 FROM relation WHERE record = :record AND actor = :actor AND kind = 'author')"
)


def add_authors(session: Session, record: int, relations: Iterable[Relation]) -> None:
    """Note that these have documents of their own in the record, once."""
    for r in relations:
        session.run(
            ADD_AUTHOR, {"record": record, "actor": r.actor, "since": r.since, "until": r.until}
        )


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
