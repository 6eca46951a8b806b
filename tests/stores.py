"""Resources put straight into storage, without policy: for the contracts of storage."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from fhir_server.fhir.outcome import Conflict
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject
from fhir_server.search.parse import parse
from fhir_server.search.query import Query
from fhir_server.search.registry import DEFINED, Offer
from fhir_server.storage.engine import Database, StorageConflict
from fhir_server.storage.history import Wanted
from fhir_server.storage.opened import House, Moment
from fhir_server.storage.rows import Named
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Draft, Writing

BASE = "http://127.0.0.1:8080/fhir"
NOW = 1_795_521_600_000  # 2026-11-24T12:00:00Z
ANYBODY = Subject("operator", "urn:somebody|1")
SCOPE = Scope.all_rows(because="tests of storage, without policy")


def writing(database: Database, *, now: int = NOW, who: Subject = ANYBODY) -> Writing:
    house = House(None, BASE, b"key of cursors")
    return Writing(database.session(), house, who, SCOPE, Moment(now, NOW, f"trace-{now}", "r"))


def observation(code: str = "a", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": code}} | more


def create(database: Database, id_: str, *, now: int = NOW, **more: Any) -> None:
    stored = writing(database, now=now)
    with stored.session.transaction():
        stored.create(Draft(observation(**more)), id_)


def update(database: Database, id_: str, *, now: int = NOW, **more: Any) -> None:
    stored = writing(database, now=now)
    with stored.session.transaction():
        stored.update(stored.read("Observation", id_), Draft(observation(**more)))


def delete(database: Database, id_: str, *, now: int = NOW) -> None:
    stored = writing(database, now=now)
    with stored.session.transaction():
        stored.delete(stored.read("Observation", id_))


def versions(stored: Writing, type_: str, id_: str) -> list[Version]:
    """All of one resource, newest first."""
    asked = (f"{type_}/{id_}/_history", ())
    return stored.history(Wanted(type_, id_, count=1000, asked=asked)).versions


def query(type_: str, *pairs: tuple[str, str], offer: Offer = DEFINED) -> Query:
    return parse(type_, pairs, base=BASE, now=NOW, page_size=20, max_page=500, offer=offer)


def total(database: Database, type_: str, *pairs: tuple[str, str]) -> int:
    return writing(database).search(query(type_, *pairs), Named()).total


def at_once(works: Sequence[Callable[[], Any]], *databases: Database) -> list[Any]:
    """Run each in a thread of its own, all let go together; what each gave, or how it failed."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait(30)
        try:
            return work()
        except (Conflict, StorageConflict) as conflict:
            return conflict
        finally:
            for database in databases:
                database.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
