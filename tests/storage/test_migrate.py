"""A database of an earlier schema is brought to the newest, with all that is in it."""

import json
from collections.abc import Iterator
from math import inf
from typing import Any

import pytest
import sqlalchemy

from fhir_server.fhir.dates import EARLIEST, LATEST
from fhir_server.policy.relation import Relation
from fhir_server.search import registry
from fhir_server.storage import migrate, parameters, write
from fhir_server.storage.engine import Database
from fhir_server.storage.reindex import progress, run
from tests.house import ANNE, INS, NINA, OTTO, PAUL
from tests.people import consent, team
from tests.stores import BASE, create, query, update, versions, writing

# What each revision after the first has brought: indexes by table, and tables.
BROUGHT = {
    "0002": {"resource": {"resource_time"}, "history": {"history_updated", "history_time"}},
    "0003": {"trail": {"trail_nobody"}},
}
TABLES = {
    "0003": {"due": {"due_at", "due_record"}, "lease": set[str]()},
    "0004": {"parameter": set[str](), "indexing": set[str]()},
    "0006": {"contained": {"contained_container", "contained_type"}},
    "0010": {"attachment": {"attachment_bytes"}},
    "0011": {"inward": {"inward_pk", "inward_target"}},
}
COLUMNS = {"resource": ("superseded", "kind"), "string": ("rest", "whole")}  # of 0005, 0007


@pytest.fixture
def first(database_url: str) -> Iterator[Database]:
    """A database with data, as the first schema had it."""
    found = Database(database_url)
    migrate.upgrade(found)
    create(found, "o", code="one")
    update(found, "o", code="two")
    session = found.session()
    for tables in BROUGHT.values():
        for names in tables.values():
            for name in names:
                session.run(f"DROP INDEX {name}", {})
    for table, column in ((table, column) for table in COLUMNS for column in COLUMNS[table]):
        session.run(f"ALTER TABLE {table} DROP COLUMN {column}", {})
    session.run("ALTER TABLE string ADD COLUMN exact TEXT NOT NULL DEFAULT ''", {})
    for table in (name for tables in TABLES.values() for name in tables):
        session.run(f"DROP TABLE {table}", {})
    session.run("UPDATE alembic_version SET version_num = '0001'", {})
    yield found
    found.close()
    found.engine.dispose()


def indexes(database: Database, table: str) -> set[str | None]:
    return {index["name"] for index in sqlalchemy.inspect(database.engine).get_indexes(table)}


def test_an_old_schema_is_refused_until_it_is_upgraded(first: Database) -> None:
    with pytest.raises(migrate.SchemaError, match="0001"):
        migrate.check(first)
    assert migrate.upgrade(first) == migrate.newest()
    migrate.check(first)


def test_an_upgrade_brings_what_is_new_and_keeps_what_is_there(first: Database) -> None:
    migrate.upgrade(first)
    for tables in (*BROUGHT.values(), *TABLES.values()):
        for table, names in tables.items():
            assert names <= indexes(first, table)
    found = [version.version for version in versions(writing(first), "Observation", "o")]
    assert found == [2, 1]


def lay(database: Database, id_: str, resource: dict[str, Any], until: int = 0) -> None:
    """Put a resource into record 7 as the first schema had it."""
    common = "version, updated, deleted, method, media, body, masked"
    common += ", veiled_representatives, owners, linked"
    keys = ("", "") if not database.postgres else (", keys", ", CAST('{}' AS bigint[])")
    values = ":version, 1000, :no, 'POST', '', :body, :no, :no, '', :no"
    database.session().run(
        f"INSERT INTO resource (record, type, id, {common}, veiled_until{keys[0]})"
        f" VALUES (7, :type, :id, {values}, :until{keys[1]})",
        {"type": resource["resourceType"], "id": id_, "until": until, "no": False, "version": 1,
         "body": json.dumps(resource).encode()},
    )  # fmt: skip


def test_what_lay_there_already_has_its_clocks(first: Database) -> None:
    session = first.session()
    closed = "INSERT INTO record (number, state, born, patient) VALUES (7, 'closed', 0, 'p')"
    session.run(closed, {})
    for type_, until in (("DocumentReference", 3_000_000_000), ("Patient", 0), ("List", 0)):
        lay(first, "p", {"resourceType": type_}, until)
    migrate.upgrade(first)
    found = session.rows("SELECT source, kind, record FROM due ORDER BY source, kind", {})
    assert [tuple(row) for row in found] == [
        ("DocumentReference/p", "notice", 7),
        ("DocumentReference/p", "release", 7),
        ("Patient/p", "purge", 7),
    ]


def test_what_lay_there_already_tells_the_rules_of_today(first: Database) -> None:
    opened = "INSERT INTO record (number, state, born, patient) VALUES (7, 'open', 0, 'p')"
    first.session().run(opened, {})
    opposed = consent("p", "dmp-emergency-opposition", deny=True)
    mother = {
        "resourceType": "RelatedPerson", "identifier": [{"system": INS, "value": "1"}],
        "relationship": [{"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "PRN"}
        ]}],
    }  # fmt: skip
    attached = [{"attachment": {"url": "Binary/b"}}]
    summary = {
        "resourceType": "DocumentReference", "status": "superseded", "content": attached,
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]},
    }  # fmt: skip
    for id_, resource in (("c", opposed), ("m", mother), ("d", summary)):
        lay(first, id_, resource)
    lay(first, "b", {"resourceType": "Binary"})
    migrate.upgrade(first)
    said = "SELECT source, actor, kind FROM relation WHERE record = 7 ORDER BY source, kind"
    assert [tuple(row) for row in first.session().rows(said, {})] == [
        ("Consent/c", "*", "emergency_opposed"),
        ("RelatedPerson/m", f"{INS}|1", "guardian"),
        ("RelatedPerson/m", f"{INS}|1", "kin"),
    ]
    known = "SELECT id, superseded, kind FROM resource WHERE record = 7 ORDER BY id"
    found = {row[0]: (bool(row[1]), row[2]) for row in first.session().rows(known, {})}
    assert found["d"] == found["b"] == (True, "60591-5")
    assert found["c"] == found["m"] == (False, "none")


def test_days_are_those_of_paris_and_declarers_no_authors(first: Database) -> None:
    opened = "INSERT INTO record (number, state, born, patient) VALUES (7, 'open', 0, 'p')"
    session = first.session()
    session.run(opened, {})
    period = {"start": "2026-12-01", "end": "2026-12-01"}
    lay(first, "c", consent("p", "dmp-pro-access", OTTO, period=period))
    lay(first, "t", team("p", NINA, period=period))
    lay(first, "d", {"resourceType": "DocumentReference", "status": "current"})
    owning = {"Consent": [OTTO, ANNE], "CareTeam": [PAUL], "DocumentReference": [ANNE]}
    for type_, owners in owning.items():
        lines = "".join(f"\n{one.sub}" for one in owners) + "\n"
        session.run("UPDATE resource SET owners = :lines WHERE record = 7 AND type = :type",
                    {"lines": lines, "type": type_})  # fmt: skip
        write.add_owners(session, 7, [Relation(one.sub, "author") for one in owners])
    migrate.upgrade(first)
    said = "SELECT actor, kind, since, until FROM relation WHERE record = 7 ORDER BY kind, actor"
    midnight = 1_796_079_600_000  # 2026-11-30T23:00:00Z
    day = (midnight, midnight + 86_400_000)
    assert [tuple(row) for row in session.rows(said, {})] == [
        (ANNE.sub, "author", EARLIEST, LATEST),
        (NINA.sub, "care_team", *day),
        (OTTO.sub, "consented", *day),
        (OTTO.sub, "declarer", EARLIEST, LATEST),
        (ANNE.sub, "declarer", EARLIEST, LATEST),
    ]
    assert session.rows("SELECT owners FROM resource WHERE type = 'CareTeam'", {})[0][0] == ""


def test_a_document_without_a_type_counts_as_one_of_each(first: Database) -> None:
    attached = [{"attachment": {"url": "https://elsewhere.example/fhir/Binary/b"}}]
    document = {"resourceType": "DocumentReference", "status": "current", "content": attached}
    lay(first, "d", document)
    lay(first, "b", {"resourceType": "Binary"})
    lay(first, "t", document | {"content": [], "type": {"coding": [{"code": "11488-4"}]}})
    migrate.upgrade(first)
    known = "SELECT id, kind FROM resource WHERE record = 7"
    found = {row[0]: row[1] for row in first.session().rows(known, {})}
    assert found == {"d": "mixed", "b": "mixed", "t": "none"}


def test_what_lay_there_leads_to_the_same_under_any_address(first: Database) -> None:
    opened = "INSERT INTO record (number, state, born, patient) VALUES (7, 'open', 0, 'p')"
    session = first.session()
    session.run(opened, {})
    old, other = "https://old.example/fhir", "https://other.example/fhir"

    def document(base: str, binary: str) -> dict[str, Any]:
        return {
            "resourceType": "DocumentReference", "status": "superseded",
            "subject": {"reference": f"{base}/Patient/p"},
            "content": [{"attachment": {"url": f"{base}/Binary/{binary}"}}],
        }  # fmt: skip

    listed = {"resourceType": "List", "entry": [{"item": {"reference": f"{old}/List/2"}}]}
    task = {"for": {"reference": f"{old}/Patient/1"}}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": task}]}
    laid = {
        "d": document(old, "b"), "elsewhere": document(other, "unknown"), "l": listed, "u": bundle,
        "foreign": document("https://foreign.example/fhir", "later"),  # of another deposit
    }  # fmt: skip
    for id_, resource in laid.items():
        lay(first, id_, resource)
    for id_ in ("b", "later"):
        lay(first, id_, {"resourceType": "Binary"})
    session.run("UPDATE resource SET updated = 2000 WHERE id = 'later'", {})
    session.run("UPDATE resource SET masked = :yes WHERE id = 'd'", {"yes": True})
    migrate.upgrade(first)
    rows = session.rows("SELECT document, type, id FROM attachment", {})
    assert [tuple(row) for row in rows] == [("d", "Binary", "b")]
    found = session.rows("SELECT id, masked, body FROM resource WHERE record = 7", {})
    bodies = {row[0]: json.loads(bytes(row[2])) for row in found}
    assert bodies["d"]["subject"] == {"reference": "Patient/p"}
    assert bodies["d"]["content"] == [{"attachment": {"url": "Binary/b"}}]
    assert b'"url":"Binary/b"' in next(bytes(row[2]) for row in found if row[0] == "d")
    assert bodies["l"]["entry"] == [{"item": {"reference": "List/2"}}]
    assert all(bodies[id_] == laid[id_] for id_ in ("elsewhere", "u", "foreign"))
    assert {row[0] for row in found if row[1]} == {"d", "b"}


def test_what_lay_there_before_is_to_be_indexed_again(first: Database) -> None:
    migrate.upgrade(first)
    session = first.session()
    assert not progress(session, guarded=False).finished
    assert run(session, base=BASE, guarded=False, until=inf).total == 1
    assert progress(session, guarded=False).finished


def test_until_then_it_is_not_searched_by_what_r4_does_not_have(
    first: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "HL7", "http://hl7.org/fhir/SearchParameter/Observation-")
    migrate.upgrade(first)
    parameters.load(first.session())
    number = registry.parameters("Observation")["code"].number  # of clinical-code, for many types
    assert number in first.session().registry.missing
    assert query("Observation", ("code", "a"), offer=writing(first).offer).ignored == ("code",)
    run(first.session(), base=BASE, guarded=False, until=inf)
    assert query("Observation", ("code", "a"), offer=writing(first).offer).ignored == ()


def test_a_database_with_nothing_in_it_has_nothing_to_index(database: Database) -> None:
    assert progress(database.session(), guarded=False).finished
