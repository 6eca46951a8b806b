"""The order of a search is that of the rows of the index, on each database, page by page.

https://hl7.org/fhir/R4/search.html#sort
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from fhir_server.search.extract import Index
from fhir_server.search.match import Found
from fhir_server.search.parse import parse
from fhir_server.search.query import Query, Sort
from fhir_server.storage.find import find
from fhir_server.storage.indexed import KEY
from fhir_server.storage.rows import Rows
from tests.storage.test_compile import SCOPE, Stored
from tests.storage.values import BASE, NOW, SEED

ORDERS = {
    "DocumentReference": "identifier status type subject date description security-label relatesto"
    " period _lastUpdated _id",
    "Patient": "identifier name family birthdate gender address-city",
    "Observation": "code subject has-member date value-quantity value-string",
    "ChargeItem": "factor-override quantity price-override subject", "ValueSet": "url title date",
}  # fmt: skip
SINGLE = [(type_, code) for type_, codes in ORDERS.items() for code in codes.split()]
SEVERAL = [
    ("DocumentReference", "status,-subject,date"), ("Patient", "-gender,family,-birthdate"),
    ("Observation", "-subject,-value-quantity"), ("ValueSet", "title,-url"),
]  # fmt: skip


def value(sort: Sort, found: Found) -> Any:
    """What one resource is sorted by, None where it has none."""
    index, id_, updated, _ = found
    if sort.kind in ("id", "updated"):
        return id_ if sort.kind == "id" else updated
    values = list(_values(sort, index))
    return (max if sort.descending else min)(values, default=None)


def _values(sort: Sort, index: Index) -> Iterator[Any]:
    match sort.kind:
        case "date":
            yield from (row[1 + sort.descending] for row in index.dates if row[0] == sort.parameter)
        case "string":
            rows = (row[1] for row in index.strings if row[2] and row[0] == sort.parameter)
            yield from (text[:KEY] for text in rows)  # README, Limits: what is sorted by is cut
        case "number":
            yield from (row[1] for row in index.numbers if row[0] == sort.parameter)
        case "token":
            yield from (row[1] for row in index.tokens if row[0] == sort.parameter)
        case "reference":
            rows = (row for row in index.references if row[0] == sort.parameter)
            yield from (f"{type_}/{id_}" for _, type_, id_ in rows)


def expected(stored: Stored, query: Query) -> list[str]:
    """Keys from the last to the first, each keeping the order of those after it; then by id."""
    found = [one for (type_, _), one in stored.found.items() if type_ == query.type_]
    found.sort(key=lambda one: one[1])
    for sort in reversed(query.sort):
        there = [one for one in found if value(sort, one) is not None]
        there.sort(key=lambda one: value(sort, one), reverse=sort.descending)
        if sort.descending:  # equal ones were turned round with the others
            there.sort(key=lambda one: value(sort, one), reverse=True)
        found = there + [one for one in found if value(sort, one) is None]
    return [one.id_ for one in found]


def asked(type_: str, keys: str, count: int) -> Query:
    pairs = [("_sort", keys)]
    found = parse(type_, pairs, base=BASE, now=NOW, page_size=count, max_page=500, strict=True)
    assert found.ignored == ()
    return found


def paged(stored: Stored, query: Query) -> list[str]:
    ids: list[str] = []
    last: list[Any] = []
    while True:
        rows = Rows(SCOPE, stored.database.postgres, NOW, NOW)
        page = find(stored.database.session(), rows, query, last, None)
        ids += [version.id_ for version in page.versions]
        last = page.last
        if not last:
            return ids


def test_every_key_sorts_both_ways_with_missing_values_last(stored: Stored) -> None:
    for type_, code in SINGLE:
        for key in (code, f"-{code}"):
            query = asked(type_, key, 500)
            assert paged(stored, query) == expected(stored, query), (type_, key)


def test_several_keys_sort_one_after_the_other(stored: Stored) -> None:
    for type_, keys in SEVERAL:
        query = asked(type_, keys, 500)
        assert paged(stored, query) == expected(stored, query), (type_, keys)


def test_pages_of_any_size_are_the_whole_order(stored: Stored) -> None:
    random = Random(SEED)
    for type_, keys in [*SINGLE, *SEVERAL]:
        whole = asked(type_, keys, 500)
        pages = asked(type_, keys, random.choice((1, 2, 3, 5)))
        assert paged(stored, pages) == expected(stored, whole), (type_, keys)


@pytest.mark.parametrize("key", ["relationship", "-relationship", "nothing"])
def test_what_has_no_order_is_ignored(key: str) -> None:
    found = parse(
        "DocumentReference", [("_sort", key)], base=BASE, now=NOW, page_size=1, max_page=1
    )
    assert (found.sort, found.ignored, found.used) == ((), (f"_sort={key}",), ())
