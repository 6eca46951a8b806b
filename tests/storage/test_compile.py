"""Two readers of a search agree: SQL over the store finds what `search.match` finds in memory.

https://hl7.org/fhir/R4/search.html

Resources and queries come from one seed (FHIR_TEST_SEED); values are few, so that they meet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from fhir_server.fhir.json_format import write as write_json
from fhir_server.policy.condition import ALWAYS
from fhir_server.policy.facts import SHARED, subject_facts
from fhir_server.policy.rules import PERMIT, READ, Rule, RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject
from fhir_server.search.extract import Index, extract
from fhir_server.search.match import Found, matches
from fhir_server.search.query import Query
from fhir_server.search.registry import NOTHING_STORED, Registry
from fhir_server.storage import find as searching
from fhir_server.storage import migrate, write
from fhir_server.storage.compile import Compiler
from fhir_server.storage.engine import Database
from fhir_server.storage.find import find
from fhir_server.storage.rows import Named, Rows
from fhir_server.storage.write import New
from tests.storage.asker import Asker
from tests.storage.values import BASE, COUNTS, DAY, NOW, SEED, Maker

QUERIES = 2_000
# Everything is visible; a record that is named says only that rows are probed one by one.
RULES = RuleSet("everything", (Rule("all", PERMIT, READ, ALWAYS, "", ""),))
ANYBODY = Subject("operator", "urn:a|1")
SCOPE = Scope.of(ANYBODY, RULES, subject_facts(ANYBODY, action="read"))
NO_INDEX = Index(frozenset(), (), (), (), ())


@dataclass
class Stored:
    """One database and the same resources in memory: those not deleted."""

    database: Database
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    registry: Registry = NOTHING_STORED

    def fill(self, random: Random) -> None:
        """Some resources have a second version, some are deleted."""
        maker, session = Maker(random), self.database.session()
        for type_, count in COUNTS.items():
            for n in range(count):
                with session.transaction():
                    self.put(maker, type_, f"{type_.lower()}-{n}", random)

    def put(self, maker: Maker, type_: str, id_: str, random: Random) -> None:
        session, address = self.database.session(), (type_, id_)
        steps = random.choice(("P", "P", "P", "PP", "PD", "PDP"))
        for version, step in enumerate(steps, 1):
            updated, resource = NOW + random.randrange(-400, 5) * DAY, maker.resource(type_)
            made = extract(resource, base=BASE, registry=self.registry)
            index = made if step == "P" else NO_INDEX
            new = New(
                record=SHARED, type_=type_, id_=id_, version=version, updated=updated,
                method="PUT" if step == "P" else "DELETE", body=write_json(resource),
            )
            if version == 1:
                pk = write.insert(session, new, index, base=BASE)
            else:
                write.replace(session, pk, new, index, base=BASE)
            self.found[address] = Found(index, id_, updated)
        if steps[-1] == "D":
            del self.found[address]

    def by_sql(self, query: Query, named: Named) -> tuple[list[str], int]:
        rows = Rows(SCOPE, self.database.postgres, NOW, NOW, named)
        found = find(self.database.session(), rows, query, [], None)
        return sorted(version.id_ for version in found.versions), found.total

    def in_memory(self, query: Query) -> list[str]:
        def meets(index: Index, id_: str, updated: int) -> bool:
            where, follow, leading = query.where, self.follow, self.leading
            return matches(where, index, id_=id_, updated=updated, follow=follow, leading=leading)

        return sorted(
            id_ for (type_, id_), found in self.found.items()
            if type_ == query.type_ and meets(*found[:3])
        )

    def follow(self, type_: str, id_: str) -> Found | None:
        return self.found.get((type_, id_))

    def leading(self, type_: str, parameter: int, target: str, id_: str) -> Iterator[Found]:
        for (found_type, _), found in self.found.items():
            if found_type == type_ and (parameter, target, id_) in found.rows.references:
                yield found
            for one in found.rows.contained:
                if one.type_ == type_ and (parameter, target, id_) in one.rows.references:
                    yield Found(one.rows, "", 0, found.rows)


@pytest.fixture
def stored(database_url: str) -> Iterator[Stored]:
    database = Database(database_url)
    migrate.upgrade(database)
    made = Stored(database)
    made.fill(Random(SEED))
    yield made
    database.close()
    database.engine.dispose()


def disagreements(stored: Stored, kind: type[Asker] = Asker) -> tuple[list[str], int, int]:
    """What the two readers see differently; how many pairs of query and resource, and matches."""
    random = Random(SEED)
    asker, found, pairs, hits = kind(random, stored.registry), [], 0, 0
    for n in range(QUERIES):
        query = asker.query()
        named = Named(patients=("patient-1",)) if random.random() < 0.3 else Named()
        expected, got = stored.in_memory(query), stored.by_sql(query, named)
        pairs, hits = pairs + COUNTS[query.type_], hits + len(expected)
        if got != (expected, len(expected)):
            asked = f"{query.type_}?{query.used} {named} {query.where}"
            found.append(f"query {n}: {asked}: {got}, not {expected}")
    return found, pairs, hits


def test_sql_finds_what_the_reader_in_memory_finds(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    found, pairs, hits = disagreements(stored)
    run = f"{stored.database.dialect}, seed {SEED}: {QUERIES} queries, {pairs} pairs, {hits} hits"
    with capsys.disabled():
        print(run, end=" ")
    assert not found, (run, found[:3])
    assert pairs / 20 < hits < pairs / 2, "queries that find nothing, or all, compare nothing"


def test_a_reader_that_reads_otherwise_is_noticed(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(self: Compiler, _: str, low: float, __: float, bounds: dict[str, str]) -> str:
        return f"{next(iter(bounds.values()))} >= {self.rows.add('low', low)}"

    monkeypatch.setattr(Compiler, "_bounded", shifted)
    monkeypatch.setattr(searching, "prepared", searching.statement)  # texts of before are no help
    assert disagreements(stored)[0]


def test_a_reader_that_does_not_look_inside_is_noticed(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Compiler, "_to_inside", lambda *_: "SELECT NULL WHERE 1 = 0")
    monkeypatch.setattr(searching, "prepared", searching.statement)  # texts of before are no help
    assert disagreements(stored)[0]
