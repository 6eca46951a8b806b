"""What storage promises of the pages of a search, the same on every database.

https://hl7.org/fhir/R4/http.html#paging
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fhir_server.fhir.outcome import Gone
from fhir_server.policy.subject import Subject
from fhir_server.storage.content import content_of
from fhir_server.storage.engine import Database
from fhir_server.storage.rows import Named
from tests.stores import ANYBODY, NOW, create, delete, query, total, update, writing


def pages(
    database: Database, *pairs: tuple[str, str], between: Callable[[int], None] = lambda n: None
) -> tuple[list[str], list[int]]:
    """The ids on all pages, and the total each told; `between` is called after each page."""
    asked, ids, totals = query("Observation", *pairs), list[str](), list[int]()
    while True:
        stored = writing(database)
        found = stored.search(asked, Named())
        ids, totals = [*ids, *(v.id_ for v in found.versions)], [*totals, found.total]
        cursor = stored.cursor_after(found, asked.asked)
        if not cursor:
            return ids, totals
        between(len(totals))
        asked = replace(asked, cursor=cursor)


def fill(database: Database, count: int = 23) -> list[str]:
    ids = [f"o{n:02}" for n in range(count)]
    for n, id_ in enumerate(ids):
        value = {"valueString": "nm"[n % 2]} if n % 3 else {}
        create(database, id_, now=NOW + n // 2, effectiveDateTime=f"2026-0{1 + n % 4}", **value)
    return ids


SORTS = ("", "_lastUpdated", "_id", "-_id", "date", "-date", "value-string,-date", "status")


def test_all_pages_together_are_the_search(database: Database) -> None:
    expected = fill(database)
    for sort in SORTS:
        whole, _ = pages(database, ("_sort", sort), ("_count", "500"))
        assert sorted(whole) == expected, sort
        for count in (1, 7, 23):
            ids, totals = pages(database, ("_sort", sort), ("_count", str(count)))
            assert (ids, set(totals)) == (whole, {len(whole)}), (sort, count)


@pytest.mark.parametrize("sort", SORTS)
def test_pages_stay_stable_while_others_write(
    database: Database, other: Database, sort: str
) -> None:
    """What is there from the first page to the last is found once; but for one that is changed
    while the pages go by its time.
    """
    expected = fill(database)

    def write(n: int) -> None:
        create(other, f"a-new{n}", now=NOW - n, effectiveDateTime="2026-01")
        create(other, f"z-new{n}", now=NOW + 100 + n, effectiveDateTime="2026-04")
        delete(other, expected.pop(n), now=NOW + 100)
        if sort not in ("", "_lastUpdated"):
            same = content_of(writing(other).read("Observation", expected[-n]).body)
            update(other, expected[-n], **{**same, "status": "final", "code": "b"})

    ids, _ = pages(database, ("_sort", sort), ("_count", "4"), between=write)
    assert [ids.count(id_) for id_ in expected] == [1] * len(expected)


def test_the_total_is_exact_whatever_the_page(database: Database) -> None:
    fill(database)
    delete(database, "o03")
    for count in ("0", "1", "22", "24"):
        assert total(database, "Observation", ("_count", count)) == 22
        assert total(database, "Observation", ("_count", count), ("date", "2026-01")) == 6


def a_cursor(database: Database) -> str:
    fill(database)
    stored, asked = writing(database), query("Observation", ("_count", "2"))
    return stored.cursor_after(stored.search(asked, Named()), asked.asked)


def gone(database: Database, cursor: str, *pairs: tuple[str, str], who: Subject = ANYBODY) -> bool:
    asked = replace(query("Observation", *(pairs or (("_count", "2"),))), cursor=cursor)
    try:
        writing(database, who=who).search(asked, Named())
    except Gone as refusal:
        return refusal.status == 410
    return False


def test_a_cursor_is_good_for_its_caller_and_search_alone(database: Database) -> None:
    cursor = a_cursor(database)
    assert not gone(database, cursor)
    assert gone(database, cursor, who=Subject("operator", "urn:somebody|2"))
    assert gone(database, cursor, who=Subject("holder", "urn:somebody|1"))
    assert gone(database, cursor, ("_count", "3"))
    assert gone(database, cursor, ("_count", "2"), ("date", "2026-01"))


def test_a_cursor_that_is_none_is_gone(database: Database) -> None:
    cursor = a_cursor(database)
    changed = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    for bad in ("x", "é", "AAAA", "A" * 200, "../..", "{}", "=", "a b", "\0", cursor[:-4], changed):
        assert gone(database, bad), bad
