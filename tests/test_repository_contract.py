"""What storage promises of versions, writers and transactions, the same on every database.

Design, `architecture.md` section 4: the contract that SQLite and PostgreSQL pass alike.
"""

from functools import partial
from typing import Any

import pytest
import sqlalchemy

from fhir_server.audit.note import note_of, write
from fhir_server.fhir.outcome import Conflict, Gone, NotFound
from fhir_server.storage import migrate, trail
from fhir_server.storage.engine import Database, StorageConflict
from fhir_server.storage.writing import Draft, Writing
from tests.house import ANNE, NINA, House
from tests.people import logical, opened, patient
from tests.stores import (
    ANYBODY,
    NOW,
    at_once,
    create,
    delete,
    observation,
    total,
    update,
    versions,
    writing,
)

LETTER = {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}
AT_ONCE = 30


# Versions.


def test_values_lie_there_as_they_were_sent(database: Database) -> None:
    stored = writing(database)
    text = b'{"resourceType":"Observation", "valueQuantity" : {"value":1.00},"status":"final"}'
    with stored.session.transaction():
        stored.create(Draft({"resourceType": "Observation"}, text), "o")
    head = b'{"resourceType":"Observation","id":"o","meta":{"versionId":"1","lastUpdated":'
    rest = b'"2026-11-24T12:00:00.000Z"},"valueQuantity":{"value":1.00},"status":"final"}'
    assert stored.read("Observation", "o").body == head + rest


def test_each_version_can_be_read_again(database: Database) -> None:
    create(database, "o", code="first")
    update(database, "o", code="second", now=NOW + 1)
    update(database, "o", code="third", now=NOW + 2)
    stored = writing(database)
    assert b"third" in stored.read("Observation", "o").body
    found = [(v.version, v.updated, v.method) for v in versions(stored, "Observation", "o")]
    assert found == [(3, NOW + 2, "PUT"), (2, NOW + 1, "PUT"), (1, NOW, "POST")]
    for number, word in enumerate((b"first", b"second", b"third"), 1):
        assert word in stored.version("Observation", "o", number).body


def test_a_version_that_never_was_is_not_found(database: Database) -> None:
    create(database, "o")
    for number in (0, 2, 99):
        with pytest.raises(NotFound):
            writing(database).version("Observation", "o", number)


def test_what_is_deleted_is_gone_but_its_versions_stay(database: Database) -> None:
    create(database, "o", code="first")
    delete(database, "o", now=NOW + 1)
    stored = writing(database)
    with pytest.raises(Gone):
        stored.read("Observation", "o")
    with pytest.raises(Gone):
        stored.version("Observation", "o", 2)
    assert b"first" in stored.version("Observation", "o", 1).body
    assert [v.method for v in versions(stored, "Observation", "o")] == ["DELETE", "POST"]


def test_what_was_deleted_can_come_back(database: Database) -> None:
    create(database, "o")
    delete(database, "o")
    stored = writing(database)
    with stored.session.transaction():
        stored.revive(versions(stored, "Observation", "o")[0], Draft(observation("again")))
    assert stored.read("Observation", "o").version == 3


# Writers at the same time.


def conflicts(results: list[Any]) -> int:
    return sum(isinstance(result, Conflict | StorageConflict) for result in results)


def test_of_two_writers_of_one_version_the_second_conflicts(
    database: Database, other: Database
) -> None:
    create(database, "o")
    first, second = writing(database), writing(other)
    seen, seen_too = first.read("Observation", "o"), second.read("Observation", "o")
    with first.session.transaction():
        first.update(seen, Draft(observation("first")))
    with pytest.raises(StorageConflict), second.session.transaction():
        second.update(seen_too, Draft(observation("second")))
    assert [v.version for v in versions(second, "Observation", "o")] == [2, 1]
    assert b"first" in second.read("Observation", "o").body


def test_of_many_writers_of_one_version_one_wins(database: Database, other: Database) -> None:
    create(database, "o")
    current = writing(database).read("Observation", "o")

    def work(one: Database) -> None:
        stored = writing(one)
        with stored.session.transaction():
            stored.update(current, Draft(observation("another")))

    works = [partial(work, one) for one in (database, other) * (AT_ONCE // 2)]
    assert conflicts(at_once(works, database, other)) == AT_ONCE - 1
    assert [v.version for v in versions(writing(database), "Observation", "o")] == [2, 1]


def test_of_many_who_create_one_id_one_wins(database: Database, other: Database) -> None:
    works = [partial(create, one, "same") for one in (database, other) * (AT_ONCE // 2)]
    assert conflicts(at_once(works, database, other)) == AT_ONCE - 1
    assert [v.version for v in versions(writing(database), "Observation", "same")] == [1]
    assert total(database, "Observation") == 1


def test_of_many_who_deposit_one_unique_id_one_wins(database_url: str) -> None:
    house = House(database_url)
    record = opened(house, ANNE, NINA)
    body = {
        "resourceType": "DocumentReference", "status": "current", "type": LETTER,
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.1"},
        "subject": {"reference": f"Patient/{record}"}, "author": [logical(ANNE)],
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    }  # fmt: skip
    who = (ANNE, NINA) * (AT_ONCE // 2)
    works = [partial(house.post, "DocumentReference", person, body) for person in who]
    results = [answer.status for answer in at_once(works, house.database)]
    found = house.get(f"DocumentReference?patient={record}", ANNE).json["total"]
    house.close()
    assert sorted(results) == [201] + [409] * (AT_ONCE - 1)
    assert found == 1


# Transactions.


def counts(database: Database) -> dict[str, int]:
    """Rows of each table."""
    tables = sqlalchemy.inspect(database.engine).get_table_names()
    session = database.session()
    return {table: session.rows(f"SELECT count(*) FROM {table}", {})[0][0] for table in tables}


class Stop(Exception):
    """Something went wrong on the way."""


def do_everything(stored: Writing) -> None:
    stored.create(Draft(patient()), "p")
    subject = {"reference": "Patient/p"}
    stored.create(Draft(observation(subject=subject, valueQuantity={"value": 1})), "o")
    stored.update(stored.read("Observation", "o"), Draft(observation(subject=subject)))
    stored.delete(stored.read("Observation", "o"))
    note = write(note_of(ANYBODY, interaction="create", status=201, request_id="r"))
    trail.append(stored.session, trace="t", now=NOW, agent="", note=note, records=[(0, "")])


def test_what_is_rolled_back_leaves_nothing(database: Database) -> None:
    stored, before = writing(database), counts(database)
    with pytest.raises(Stop), stored.session.transaction():
        do_everything(stored)
        raise Stop
    assert counts(database) == before
    with stored.session.transaction():
        do_everything(stored)
    grown = {table for table, rows in counts(database).items() if rows > before[table]}
    assert {"resource", "history", "record", "relation", "trail", "string", "token"} <= grown


def test_nobody_sees_what_is_not_committed(database: Database, other: Database) -> None:
    stored, reader = writing(database), writing(other)
    with stored.session.transaction():
        stored.create(Draft(observation()), "o")
        if database.postgres:  # with SQLite a reader that writes its trace waits for the writer
            with pytest.raises(NotFound):
                reader.read("Observation", "o")
    assert reader.read("Observation", "o").version == 1


def test_what_fails_in_a_savepoint_is_undone_alone(database: Database) -> None:
    create(database, "there")
    stored = writing(database)
    with stored.session.transaction():
        stored.create(Draft(observation()), "before")
        with pytest.raises(Stop), stored.savepoint():
            stored.create(Draft(observation()), "within")
            raise Stop
        with pytest.raises(Conflict), stored.savepoint():
            stored.create(Draft(observation()), "there")
        stored.create(Draft(observation()), "after")
    found = stored.visible(("Observation", id_) for id_ in ("before", "within", "after"))
    assert {id_ for _, id_ in found} == {"before", "after"}


# The index.

INDEXES = ("string", "moment", "number", "reference", "token", "key")
WHOLE = {
    "resourceType": "ChargeItem", "status": "billable", "code": {"coding": [{"code": "c"}]},
    "subject": {"reference": "Patient/p"}, "enteredDate": "2026-11-24", "factorOverride": 1,
}  # fmt: skip


def index_rows(database: Database, type_: str, id_: str) -> set[str]:
    """The index tables that have rows of a resource; `key` is a column with PostgreSQL."""
    session = database.session()
    where = f"pk = (SELECT pk FROM resource WHERE type = '{type_}' AND id = '{id_}')"
    tables = [table for table in INDEXES if table != "key" or not database.postgres]
    found = {t for t in tables if session.rows(f"SELECT 1 FROM {t} WHERE {where}", {})}
    keyed = f"SELECT 1 FROM resource WHERE {where} AND cardinality(keys) > 0"
    return found | ({"key"} if database.postgres and session.rows(keyed, {}) else set())


@pytest.mark.parametrize(
    ("resource", "tables"),
    [
        (patient(), {"string", "moment", "token", "key"}),
        (WHOLE, {"moment", "number", "reference", "token", "key"}),
    ],
    ids=["Patient", "ChargeItem"],
)
def test_what_is_deleted_has_no_row_in_any_index(
    database: Database, resource: dict[str, Any], tables: set[str]
) -> None:
    stored, type_ = writing(database), resource["resourceType"]
    stored.enforce = False
    with stored.session.transaction():
        stored.create(Draft(resource), "x")
    assert index_rows(database, type_, "x") == tables
    with stored.session.transaction():
        stored.delete(stored.read(type_, "x"))
    assert index_rows(database, type_, "x") == set()


def test_what_is_changed_is_found_by_its_new_values_alone(database: Database) -> None:
    create(database, "o", valueString="before", valueQuantity={"value": 1})
    update(database, "o", valueString="after")
    assert total(database, "Observation", ("value-string", "after")) == 1
    assert total(database, "Observation", ("value-string", "before")) == 0
    assert total(database, "Observation", ("value-quantity", "1")) == 0
    assert total(database, "Observation", ("value-quantity:missing", "true")) == 1


# The schema.


def test_a_new_database_has_the_newest_schema(database: Database) -> None:
    assert migrate.current(database) == migrate.newest()
    migrate.check(database)
    assert migrate.upgrade(database) == migrate.newest()


def test_a_database_without_schema_is_refused(database_url: str) -> None:
    with pytest.raises(migrate.SchemaError, match="none"):
        migrate.check(Database(database_url))


def test_a_schema_of_another_program_is_refused(database: Database) -> None:
    database.session().run("UPDATE alembic_version SET version_num = '9999'", {})
    with pytest.raises(migrate.SchemaError, match="9999"):
        migrate.check(database)
