"""Servers that leak: each looks at one kind of row, or says one kind of thing, without rights.

A leak is what stands at a place instead of the honest thing, while questions are asked.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import pytest

from fhir_server.search.query import Query
from fhir_server.storage.across import find_across
from fhir_server.storage.compile import Compiler
from fhir_server.storage.engine import Session
from fhir_server.storage.find import Found, find
from fhir_server.storage.history import Wanted
from fhir_server.storage.includes import Included, include
from fhir_server.storage.outline import Remembered
from fhir_server.storage.read import read_text
from fhir_server.storage.repository import Repository
from fhir_server.storage.rows import Rows, Visible
from fhir_server.storage.version import Version

HONEST = Rows.visible


def raw_alias(rows: Rows, alias: str, type_: str, *, minimal: bool = False) -> Visible:
    """An alias is made without looking at rights."""
    return Visible(f"resource {alias}", "1 = 1", "1", "''")


def raw_base(rows: Rows, alias: str, type_: str, *, minimal: bool = False) -> Visible:
    """Of what is searched for, but not of what leads to it."""
    make = raw_alias if alias == "d" else HONEST
    return make(rows, alias, type_, minimal=minimal)


def raw_within(honest: Callable[..., Any]) -> Callable[..., Any]:
    """The same method of a compiler, with all rows there are."""

    def method(self: Compiler, *more: Any) -> Any:
        self.rows.visible = lambda *one, **two: raw_alias(self.rows, *one, **two)  # type: ignore
        try:
            return honest(self, *more)
        finally:
            vars(self.rows).pop("visible", None)

    return method


def raw_total(session: Session, rows: Rows, query: Query, *more: Any) -> Found:
    """The total counts all rows of the type; but for the uniqueId of a deposit."""
    if query.used[:1] and query.used[0][0] == "identifier":
        return find(session, rows, query, *more)
    text = "SELECT count(*) FROM resource WHERE type = :type AND NOT deleted"
    total = session.rows(text, {"type": query.type_})[0][0]
    return replace(find(session, rows, query, *more), total=total)


def raw_number(session: Session, rows: Rows, *more: Any) -> Found:
    """The number of what is in a record counts what is hidden too."""
    total = session.rows("SELECT count(*) FROM resource WHERE NOT deleted", {})[0][0]
    return replace(find_across(session, rows, *more), total=total)


def no_mention(type_: str, pairs: Any, **more: Any) -> frozenset[Any]:
    """A search may mention what is hidden."""
    return frozenset()


def whole_text(opened: Repository, version: Version, *_: Any, **__: Any) -> bytes:
    """Entries that lead to something hidden are left in."""
    return version.body


def raw_history(rows: Rows, wanted: Wanted) -> list[Visible]:
    """A history of everything that lies there."""
    return [Visible("resource d", "1 = 1", "1", "''")]


def raw_rows(alias: str, type_: str, *more: Any) -> Visible:
    """What is read by its address is not looked at with rights."""
    return Visible(f"resource {alias}", "1 = 1", "1", "''")


class RawRows(Rows):
    """All rows there are."""

    visible = raw_alias


def raw_include(session: Session, rows: Any, *more: Any) -> Included:
    """What is included is not looked at with rights."""
    return include(session, lambda: RawRows(**vars_of(rows())), *more)


def vars_of(rows: Rows) -> dict[str, Any]:
    return {one.name: getattr(rows, one.name) for one in fields(rows) if one.name != "params"}


def raw_addresses(
    session: Session, rows: Rows, type_: str, ids: list[str], *, deleted: bool
) -> set[str]:
    """What is referred to is looked up among all rows."""
    found = session.rows("SELECT id FROM resource WHERE type = :type", {"type": type_})
    return {id_ for (id_,) in found if id_ in ids}


REPOSITORY, STORAGE = "fhir_server.storage.repository.", "fhir_server.storage."
BASE_ALIAS = (STORAGE + "find.Rows.visible", raw_base)
# What leaks → the places that are changed, and the beginning of the questions that show it.
LEAKS: dict[str, tuple[dict[str, Any], str]] = {
    "rows of a search": (dict([BASE_ALIAS]), "GET DocumentReference?"),
    "rows of _list": (dict([BASE_ALIAS]), "GET DocumentReference?_list="),
    "rows of _filter": (dict([BASE_ALIAS]), "GET DocumentReference?_filter="),
    "pages": (dict([BASE_ALIAS]), "GET DocumentReference?subject="),
    "chain": ({STORAGE + "compile.Compiler._to_stored": raw_within(Compiler._to_stored)},
              "GET List?item:"),
    "_has": ({STORAGE + "compile.Compiler._led_by": raw_within(Compiler._led_by)},
             "GET Patient?_has:"),
    "include": ({REPOSITORY + "include": raw_include}, "GET Patient?_id="),
    "mention": ({"fhir_server.interactions.search.mentioned": no_mention}, "GET List?item="),
    "total": ({REPOSITORY + "find": raw_total}, "GET DocumentReference?"),
    "number of a record": ({REPOSITORY + "find_across": raw_number}, "GET Patient/"),
    "entries": ({REPOSITORY + "Repository._shown": whole_text}, "GET List/"),
    "read": ({STORAGE + "read.visible_rows": raw_rows, STORAGE + "read.read_text":
              read_text.__wrapped__}, "GET DocumentReference/"),
    "history": ({STORAGE + "history._visible": raw_history}, "GET DocumentReference/_history"),
    "conditional patch": (dict([BASE_ALIAS]), "PATCH DocumentReference?"),
    "conditional create": (dict([BASE_ALIAS]), "POST DocumentReference"),
    "references": ({STORAGE + "read.visible_addresses": raw_addresses}, "POST List"),
}  # fmt: skip


@contextmanager
def leaking(leak: str) -> Iterator[None]:
    """What the honest server has made is not remembered, nor what this one makes."""
    with pytest.MonkeyPatch.context() as patch:
        for place, raw in LEAKS[leak][0].items():
            patch.setattr(place, raw)
        patch.setattr("fhir_server.storage.find._texts", Remembered())
        yield
