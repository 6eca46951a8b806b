"""Two readers agree on what is contained: SQL finds the containers of what `search.match` finds.

https://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Iterator
from random import Random

import pytest

from fhir_server.fhir.json_format import write as write_json
from fhir_server.fhir.outcome import BadRequest
from fhir_server.policy.facts import SHARED
from fhir_server.search.extract import Index, extract
from fhir_server.search.inside import check
from fhir_server.search.match import matches
from fhir_server.search.query import Query
from fhir_server.storage import migrate, write
from fhir_server.storage.across import Part, find_across
from fhir_server.storage.engine import Database
from fhir_server.storage.rows import Rows
from fhir_server.storage.write import New
from tests.storage.asker import Asker
from tests.storage.test_compile import SCOPE
from tests.storage.values import BASE, COUNTS, NOW, SEED, Maker

CONTAINERS, QUERIES = 60, 400


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    migrate.upgrade(found)
    yield found
    found.close()
    found.engine.dispose()


def fill(database: Database, random: Random) -> dict[str, Index]:
    """Containers with up to three contained resources; some have a second version with others."""
    maker, session, found = Maker(random), database.session(), dict[str, Index]()
    for n in range(CONTAINERS):
        pk: int | None = None
        for version in range(1, random.choice((2, 2, 3))):
            inner = [
                maker.resource(random.choice(list(COUNTS))) | {"id": f"{type_}-{n % 3}"}
                for type_ in ("a", "b", "c")[: random.randrange(4)]
            ]
            resource = {"resourceType": "Basic", "code": {"text": "x"}, "contained": inner}
            index = extract(resource, base=BASE)
            new = New(record=SHARED, type_="Basic", id_=f"b{n}", version=version, updated=NOW,
                      method="PUT", body=write_json(resource))  # fmt: skip
            with session.transaction():
                if pk is None:
                    pk = write.insert(session, new, index, base=BASE)
                else:
                    write.replace(session, pk, new, index, base=BASE)
            found[f"b{n}"] = index
    return found


def asked(asker: Asker) -> Query:
    while True:
        query = asker.query()
        try:
            check([query.where], (("_contained", "true"), *query.used))
        except BadRequest:
            continue
        return query


def test_sql_finds_the_containers_of_what_the_reader_in_memory_finds(database: Database) -> None:
    random = Random(SEED)
    stored, asker, hits = fill(database, random), Asker(random), 0
    for _ in range(QUERIES):
        query = asked(asker)
        expected = sorted(
            id_ for id_, index in stored.items()
            if any(
                type_ == query.type_
                and matches(query.where, one, id_=inner, updated=NOW, follow=lambda *_: None)
                for type_, inner, one, _ in index.contained
            )
        )
        rows = Rows(SCOPE, database.postgres, NOW, NOW)
        part = Part(("Basic",), query.where, inside=query.type_)
        found = find_across(database.session(), rows, [part], [], 500)
        assert [v.id_ for v in found.versions] == expected, (query.type_, query.used)
        assert found.total == len(expected)
        hits += len(expected)
    assert hits > QUERIES / 4, "queries that find nothing compare nothing"


def test_what_is_stored_anew_leaves_nothing_of_what_it_contained(database: Database) -> None:
    stored, session = fill(database, Random(SEED)), database.session()
    inside = sum(len(index.contained) for index in stored.values())
    assert session.rows("SELECT count(*) FROM contained", {})[0][0] == inside
    for table in ("string", "moment", "number", "reference", "token"):
        left = f"SELECT count(*) FROM {table} WHERE pk < 0 AND pk NOT IN (SELECT pk FROM contained)"
        assert session.rows(left, {})[0][0] == 0, table
