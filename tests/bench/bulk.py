"""Fill an empty database with the corpus, past the server: the rows it would have written, in bulk.

Indexes are taken away and built again at the end. The tables are those of `storage.write`.
https://www.postgresql.org/docs/current/populate.html
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import psycopg

from fhir_server.fhir.dates import instant
from fhir_server.fhir.json_format import splice, write
from fhir_server.policy.facts import nature_of
from fhir_server.policy.labels import labels
from fhir_server.policy.relation import Relation
from fhir_server.policy.people import identifier_text
from fhir_server.policy.relations import relations_of
from fhir_server.search.extract import Index, extract
from fhir_server.storage.condition import BITS
from fhir_server.storage.content import birth
from fhir_server.storage.engine import Database
from fhir_server.storage.indexed import INDEX, SHARE, index_columns
from fhir_server.storage.write import COLUMNS, Facts, New
from tests.bench import corpus
from tests.house import BASE, PS

AT_ONCE = 500  # patients
DAY = 86_400_000
NOW = 1_795_521_600_000  # 2026-11-24T12:00:00Z
RECORD = ("number", "state", "born", "patient")
RELATION = ("record", "actor", "kind", "bit", "since", "until", "source")

Rows = dict[str, list[tuple[Any, ...]]]


def fill(database: Database, patients: int, *, seed: int = 1) -> int:
    """Load `patients` records; how many resources. The schema is there, and nothing else."""
    session = database.session()
    put = _copy if database.postgres else _insert
    maker = _Maker(database.postgres)
    if not database.postgres:  # the keys come in no order: their tree must fit into memory
        session.driver.execute("PRAGMA cache_size = -800000")
        session.driver.execute("PRAGMA synchronous = OFF")
    with _without_indexes(session.driver, database.postgres) as _:
        for rows in _batches(maker, patients, seed):
            put(session.driver, rows)
    if database.postgres:
        for table, column in (("resource", "pk"), ("record", "number")):
            session.driver.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column}))"
                f" FROM {table}"
            )
        session.driver.execute("VACUUM ANALYZE")  # as autovacuum would; SQLite has none
    database.close()  # the next session of this thread has the settings of the server
    return maker.pk


def _batches(maker: "_Maker", patients: int, seed: int) -> Iterator[Rows]:
    for resource in corpus.shared(patients):
        maker.add(resource, 0)
    for number in range(patients):
        maker.open(number + 1, corpus.record(number, seed=seed))
        if (number + 1) % AT_ONCE == 0:
            yield maker.take()
    yield maker.take()


class _Maker:
    """Resources to rows of each table."""

    def __init__(self, postgres: bool) -> None:
        self.postgres, self.pk = postgres, 0
        self.rows: Rows = defaultdict(list)

    def take(self) -> Rows:
        rows, self.rows = self.rows, defaultdict(list)
        return rows

    def open(self, number: int, resources: list[corpus.Resource]) -> None:
        holder, authors = resources[0], set[str]()
        self.rows["record"].append((number, "open", birth(holder), holder["id"]))
        for resource in resources:
            authors |= set(self.add(resource, number))
            self._relate(f"{resource['resourceType']}/{resource['id']}", number,
                         relations_of(resource, _who))  # fmt: skip
        self._relate("", number, [Relation(author, "author") for author in sorted(authors)])

    def _relate(self, source: str, number: int, relations: Iterable[Relation]) -> None:
        self.rows["relation"] += [
            (number, r.actor, r.kind, BITS[r.kind], r.since, r.until, source) for r in relations
        ]

    def add(self, resource: corpus.Resource, record: int) -> tuple[str, ...]:
        """One resource; whose it is."""
        self.pk += 1
        owners = tuple(
            identifier_text(author.get("identifier", {})) for author in resource.get("author", ())
        )
        new = self._new(resource, record, _facts(resource, owners))
        index = extract(resource, base=BASE)
        columns = new.columns()
        row = (self.pk, *(columns[name] for name in COLUMNS))
        if self.postgres:
            row = (*row, list(index.keys))
        else:
            self.rows["key"] += [(hash_, self.pk) for hash_ in index.keys]
        self.rows["resource"].append(row)
        for table, found in index_columns(index).items():
            self.rows[table] += [(self.pk, *each) for each in found]
        self._contain(index)
        return owners

    def _contain(self, index: Index) -> None:
        for number, (type_, id_, inner) in enumerate(index.contained):
            pk = -(self.pk * SHARE + number)
            keys = [list(inner.keys)] if self.postgres else []
            self.rows["contained"].append((pk, self.pk, type_, id_, *keys))
            if not self.postgres:
                self.rows["key"] += [(hash_, pk) for hash_ in inner.keys]
            for table, found in index_columns(inner).items():
                self.rows[table] += [(pk, *each) for each in found]

    def _new(self, resource: corpus.Resource, record: int, facts: Facts) -> New:
        updated = NOW - 400 * DAY + self.pk * 10  # each its own, in the order of the load
        meta = {"versionId": "1", "lastUpdated": instant(updated)}
        members = {"id": f'"{resource["id"]}"'.encode(), "meta": write(meta)}
        body = splice(write(resource), members)
        return New(record, resource["resourceType"], resource["id"], 1, updated, "POST", body,
                   facts=facts)  # fmt: skip


def _facts(resource: corpus.Resource, owners: tuple[str, ...]) -> Facts:
    if nature_of(resource["resourceType"]) != "document":
        return Facts(owners)
    found = labels(resource)
    return Facts(owners, found.masked, NOW + 14 * DAY if found.veiled else 0, found.secret)


def _who(reference: Mapping[str, Any]) -> tuple[str, ...]:
    """Whom a reference of the corpus names."""
    kind, _, number = reference.get("reference", "").partition("/pro-")
    text = f"{PS}|{corpus.professional(int(number))}" if kind == "Practitioner" else ""
    text = text or identifier_text(reference.get("identifier", {}))
    return (text,) if text else ()


def _columns(table: str, postgres: bool) -> tuple[str, ...]:
    known = {"record": RECORD, "relation": RELATION, "key": ("hash", "pk")}
    if table in ("resource", "contained"):
        columns = COLUMNS if table == "resource" else ("container", "type", "id")
        return ("pk", *columns, *(("keys",) if postgres else ()))
    return known.get(table) or ("pk", *INDEX[table])


def _copy(connection: "psycopg.Connection[Any]", rows: Rows) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        for table, found in rows.items():
            names = ", ".join(_columns(table, True))
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in found:
                    copy.write_row(row)


def _insert(connection: Any, rows: Rows) -> None:
    connection.execute("BEGIN")
    for table, found in rows.items():
        names = _columns(table, False)
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", found)
    connection.execute("COMMIT")


class _without_indexes:
    """Within, the indexes that keep no promise are gone."""

    def __init__(self, connection: Any, postgres: bool) -> None:
        self.run: Callable[[str], Any] = connection.execute
        self.definitions = [tuple(row) for row in self.run(_INDEXES[postgres]).fetchall()]

    def __enter__(self) -> None:
        for name, _ in self.definitions:
            self.run(f'DROP INDEX "{name}"')

    def __exit__(self, *_: object) -> None:
        for _, definition in self.definitions:
            self.run(definition)


_INDEXES = {
    True: "SELECT i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = 'public' AND NOT"
    " EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)",
    False: "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
}
