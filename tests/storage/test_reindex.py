"""What lies there already is indexed by new parameters, while others read and write.

The issue: a SearchParameter that an operator stores works after `$reindex`, which can be begun
again where it stopped.
"""

from collections.abc import Iterator
from math import inf
from threading import Thread
from time import monotonic
from typing import Any

import pytest

from fhir_server.search.extract import Index, extract
from fhir_server.storage import migrate, parameters, reindex
from fhir_server.storage.content import content_of
from fhir_server.storage.engine import Database
from fhir_server.storage.indexed import INDEX, index_columns
from fhir_server.storage.reindex import Progress, begin, progress, reached, run, step
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Draft
from tests import postgres
from tests.stores import BASE, create, delete, observation, query, update, writing

ISSUED: dict[str, Any] = {
    "resourceType": "SearchParameter", "url": "http://a.example/said", "name": "said",
    "description": "a", "status": "active", "code": "said", "base": ["Observation"],
    "type": "string", "expression": "Observation.code.text",
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindex, "BATCH", 2)


def store(database: Database, **more: Any) -> None:
    """Store the SearchParameter `s`, or change it."""
    stored, draft = writing(database), Draft(ISSUED | more)
    with stored.session.transaction():
        there = stored.current("SearchParameter", "s")
        stored.update(there, draft) if there else stored.create(draft, "s")


def withdraw(database: Database) -> None:
    stored = writing(database)
    with stored.session.transaction():
        stored.delete(stored.read("SearchParameter", "s"))


def found(database: Database, value: str, name: str = "said") -> list[str] | None:
    """The ids of what is found by the parameter; None while it is not searched by."""
    stored = writing(database)
    asked = query("Observation", (name, value), offer=stored.offer)
    versions = stored.search(asked, Named()).versions
    return None if asked.ignored else sorted(version.id_ for version in versions)


def done(database: Database) -> Progress:
    return run(database.session(), base=BASE, guarded=False, until=inf)


def told(database: Database) -> list[tuple[str, str]]:
    return [(one.code, one.state) for one in progress(database.session(), guarded=False).parameters]


def stepped(database: Database) -> bool:
    return step(database.session(), base=BASE, until=inf)


def index_of(database: Database, id_: str) -> list[str]:
    """All rows of the index of an Observation, sorted; those that are there twice twice."""
    session = database.session()
    one = "SELECT pk FROM resource WHERE type = 'Observation' AND id = :id"
    found: list[str] = []
    for table in ("string", "moment", "number", "reference", "token"):
        names = ", ".join(INDEX[table])
        rows = session.rows(f"SELECT {names} FROM {table} WHERE pk = ({one})", {"id": id_})
        found += [repr((table, *row)) for row in rows]
    keys = f"SELECT hash FROM key WHERE pk = ({one})"
    if database.postgres:
        keys = one.replace("pk", "unnest(keys)", 1)
    return sorted(found + [repr(("key", row[0])) for row in session.rows(keys, {"id": id_})])


def expected(database: Database, id_: str) -> list[str]:
    """The rows that the content of an Observation has."""
    current = writing(database).read("Observation", id_)
    registry = parameters.current(database.session())
    index = extract(content_of(current.body), base=BASE, registry=registry)
    return sorted(map(repr, _rows(index)))


def _rows(index: Index) -> Iterator[tuple[Any, ...]]:
    for table, rows in index_columns(index).items():
        yield from ((table, *row) for row in rows)
    yield from (("key", key) for key in index.keys)


def differing(database: Database, *ids: str) -> list[str]:
    """Those whose index is not that of their content."""
    return [id_ for id_ in ids if index_of(database, id_) != expected(database, id_)]


def test_a_parameter_is_searched_by_once_all_is_indexed(database: Database) -> None:
    for n in range(5):
        create(database, f"o{n}", code="word" if n % 2 else "other")
    store(database)
    assert found(database, "word") is None
    assert done(database).finished
    assert found(database, "word") == ["o1", "o3"]
    create(database, "later", code="word")
    assert found(database, "word") == ["later", "o1", "o3"]


def test_it_is_not_searched_by_while_some_lack_it(database: Database) -> None:
    for n in range(5):
        create(database, f"o{n}", code="word")
    store(database)
    begin(database.session(), guarded=False)
    while not stepped(database):
        assert found(database, "word") is None
        assert told(database) == [("said", "indexing")]
    assert found(database, "word") == [f"o{n}" for n in range(5)]
    assert told(database) == [("said", "active")]


def test_who_is_killed_goes_on_where_he_was(database: Database, other: Database) -> None:
    for n in range(7):
        create(database, f"o{n}", code="word")
    store(database)
    begin(database.session(), guarded=False)
    numbers = []
    for _ in range(3):
        assert not stepped(database)
        numbers.append(reached(database.session()))
    assert numbers == [(0, 7), (2, 7), (4, 7)]
    stored = writing(database)
    with pytest.raises(KeyboardInterrupt), stored.session.transaction():
        reindex._go_on(stored.session, reindex._walk(stored.session), BASE)
        raise KeyboardInterrupt
    begin(other.session(), guarded=False)  # as another process would
    assert reached(other.session()) == (4, 7)
    assert done(other) == Progress(True, 7, 7, progress(other.session(), guarded=False).parameters)
    assert found(other, "word") == [f"o{n}" for n in range(7)]
    assert not differing(other, *(f"o{n}" for n in range(7)))


def test_two_at_once_take_turns(database: Database, other: Database) -> None:
    for n in range(6):
        create(database, f"o{n}", code="word")
    store(database)
    begin(database.session(), guarded=False)
    begin(other.session(), guarded=False)
    steps = 0
    while not stepped(other if steps % 2 else database):
        steps += 1
    assert steps == 4  # to set out, and three batches; then one finds nothing more
    assert found(other, "word") == [f"o{n}" for n in range(6)]


def test_who_has_not_heard_of_a_parameter_writes_by_it(database: Database, other: Database) -> None:
    create(other, "o1", code="before")
    store(database)
    done(database)
    assert other.session().registry.generation != database.session().registry.generation
    create(other, "o2", code="word")
    update(other, "o1", code="word")
    assert found(database, "word") == ["o1", "o2"]
    assert not differing(database, "o1", "o2")


def test_who_has_not_heard_of_a_parameter_searches_by_it(
    database: Database, other: Database
) -> None:
    create(other, "o1", code="word")
    assert found(other, "word") is None
    store(database)
    done(database)
    assert found(other, "word") == ["o1"]
    withdraw(database)
    assert found(other, "word") is None


def test_what_others_write_meanwhile_is_neither_lost_nor_doubled(
    database: Database, database_url: str
) -> None:
    for n in range(30):
        create(database, f"o{n}", code="word")

    def write(name: str) -> None:
        mine = Database(database_url)
        for n in range(10):
            create(mine, f"{name}{n}", code="word")
            update(mine, f"o{n * 3 + ord(name) % 3}", code="word", status="amended")
        delete(mine, f"{name}9")
        mine.close()
        mine.engine.dispose()

    store(database)
    writers = [Thread(target=write, args=(name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    assert done(database).finished
    for writer in writers:
        writer.join()
    ids = sorted([f"o{n}" for n in range(30)] + [f"{name}{n}" for name in "ab" for n in range(9)])
    everything = writing(database).search(query("Observation", ("_count", "0")), Named())
    assert everything.total == len(ids)
    assert not differing(database, *ids)
    assert (found(database, "word") or [])[:20] == ids[:20]


@pytest.fixture
def postgres_only() -> Iterator[tuple[Database, Database]]:
    """Two connections to a database in which there may be several writers."""
    url = postgres.postgres_url("test")
    migrate.upgrade(one := Database(url))
    yield one, (two := Database(url))
    for database in (one, two):
        database.close()
        database.engine.dispose()
    postgres.drop_database(url)


def test_what_a_writer_has_not_committed_yet_is_waited_for(
    postgres_only: tuple[Database, Database],
) -> None:
    database, other = postgres_only
    create(database, "o1", code="word")
    store(database)
    slow = writing(other)
    with slow.session.transaction():
        slow.create(Draft(observation(code="word")), "o2")
        begin(database.session(), guarded=False)
        assert not step(database.session(), base=BASE, until=monotonic())
        assert reached(database.session()) == (0, 0)  # it has not set out
    assert done(database).finished
    assert found(database, "word") == ["o1", "o2"]


def test_a_row_that_somebody_holds_is_waited_for_and_he_is_not_hindered(
    postgres_only: tuple[Database, Database],
) -> None:
    database, other = postgres_only
    create(database, "o1", code="word")
    store(database)
    begin(database.session(), guarded=False)
    assert not stepped(database)
    slow = writing(other)
    with slow.session.transaction():
        slow.update(slow.read("Observation", "o1"), Draft(observation(code="new")))
        assert not stepped(database)
        assert reached(database.session()) == (0, 1)
    assert done(database).finished
    assert found(database, "new") == ["o1"]


def test_what_is_deleted_is_no_more_searched_by_and_its_rows_go(database: Database) -> None:
    create(database, "o1", code="word")
    before = index_of(database, "o1")
    store(database)
    done(database)
    assert index_of(database, "o1") != before
    withdraw(database)
    assert found(database, "word") is None
    assert told(database) == [("said", "retired")]
    assert done(database).finished
    assert index_of(database, "o1") == before
    assert told(database) == []


@pytest.mark.parametrize("change", [{"status": "retired"}, {"expression": "Observation.status"}])
def test_what_is_changed_is_not_searched_by_until_all_is_indexed_again(
    database: Database, change: dict[str, Any]
) -> None:
    create(database, "o1", code="word")
    store(database)
    done(database)
    store(database, **change)
    assert found(database, "word") is None
    done(database)
    assert found(database, "final") == (["o1"] if "expression" in change else None)


def test_what_means_the_same_is_searched_by_as_before(database: Database) -> None:
    create(database, "o1", code="word")
    store(database)
    done(database)
    store(database, description="in other words", version="2")
    assert found(database, "word") == ["o1"]
    assert progress(database.session(), guarded=False).finished


def test_a_deletion_that_is_undone_changes_nothing(database: Database) -> None:
    create(database, "o1", code="word")
    store(database)
    done(database)
    stored = writing(database)
    with pytest.raises(KeyboardInterrupt), stored.session.transaction():
        stored.delete(stored.read("SearchParameter", "s"))
        assert found(database, "word") is None
        raise KeyboardInterrupt
    assert found(database, "word") == ["o1"]


def test_a_change_in_the_middle_begins_anew(database: Database) -> None:
    for n in range(5):
        create(database, f"o{n}", code="word")
    store(database)
    begin(database.session(), guarded=False)
    for _ in range(2):
        assert not stepped(database)
    store(database, code="spoken")
    assert sorted(told(database)) == [("said", "retired"), ("spoken", "waiting")]
    assert done(database).finished
    assert found(database, "word") is None
    assert found(database, "word", "spoken") == [f"o{n}" for n in range(5)]
    assert not differing(database, *(f"o{n}" for n in range(5)))


def test_all_is_indexed_again_when_the_program_reads_otherwise(database: Database) -> None:
    for n in range(5):
        create(database, f"o{n}", code="word")
    session = database.session()
    session.run("UPDATE indexing SET made_with = 'older'", {})
    session.run("DELETE FROM string", {})
    assert not progress(session, guarded=False).finished
    assert done(database).total == 5
    assert not differing(database, *(f"o{n}" for n in range(5)))


def test_where_nothing_is_due_nothing_is_done(database: Database) -> None:
    create(database, "o1")
    assert done(database) == Progress(True, 0, 0, ())
    assert database.session().registry.generation == 0


def test_what_cannot_be_searched_by_is_told_and_hinders_nothing(database: Database) -> None:
    create(database, "o1", code="word")
    store(database)
    stored = writing(database)
    with stored.session.transaction():
        stored.create(Draft(ISSUED | {"expression": "Observation.nonsense", "code": "x"}), "bad")
    made = done(database)
    assert made.finished
    (bad,) = [one for one in made.parameters if one.state == "refused"]
    assert (bad.id_, bad.reason) == ("bad", "`Observation` has no `nonsense`")
    assert found(database, "word") == ["o1"]
