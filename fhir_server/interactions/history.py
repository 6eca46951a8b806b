"""Versions: one of them, all of a resource, of a type, of everything.

https://hl7.org/fhir/R4/http.html#vread, #history
"""

import re
from typing import Any

from fhir_server.auth.scopes import require
from fhir_server.fhir.bundle import Entry
from fhir_server.fhir.dates import NANOSECONDS, interval
from fhir_server.fhir.headers import prefer
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.json_format import read as read_json
from fhir_server.fhir.outcome import BadRequest, Gone, NotFound
from fhir_server.fhir.reference import Local, parse
from fhir_server.interactions.answer import representation, resource_text
from fhir_server.interactions.context import Context
from fhir_server.interactions.page import links, page
from fhir_server.interactions.routes import ID, Route
from fhir_server.interactions.search import parameters
from fhir_server.interactions.subsetted import NAMES as SUBSETS
from fhir_server.search.parse import CURSOR, SILENT
from fhir_server.search.terms import check_text, page_count, refuse_modifier, refuse_value
from fhir_server.storage.history import Wanted
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Writing
from profiles.dates import is_instant, nanoseconds

STATUS = {"POST": "201 Created", "PUT": "200 OK", "PATCH": "200 OK", "DELETE": "204 No Content"}
NEWEST_FIRST = "-_lastUpdated"
UNMODIFIED = ("_since", "_at", "_count", "_list", "_sort", *SUBSETS, *SILENT)
_VERSION = re.compile(r"\d{1,9}", re.ASCII)


def vread(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    version = stored.version(route.type_, route.id_, route.version)
    stored.note(
        context.note(call, "vread", route.type_, route.id_), [(version.record, version.rules)]
    )
    return representation(call, version, stored.shown([version])[0])


def history(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """At all three levels; the route says which resource or type, or none."""
    wanted = read_wanted(call, stored, route, context)
    found = stored.history(wanted, context.note(call, route.interaction, route.type_, route.id_))
    entries = [
        _entry(version, text, context.base)
        for version, text in zip(found.versions, stored.shown(found.versions), strict=True)
    ]
    to_others = links(found, wanted.asked, wanted.cursor, stored, context)
    return page("history", entries, to_others, context, total=found.total)


def read_wanted(call: Call, stored: Writing, route: Route, context: Context) -> Wanted:
    """The parameters of a history; of each the last value holds.

    BadRequest with code `value` for what cannot be read, and, when handling is strict, with
    `not-supported` for what is not done.
    """
    asked: dict[str, str] = {}
    for name, value in parameters(call):
        check_text(name + value)
        code, _, modifier = name.partition(":")
        if modifier and code in UNMODIFIED:
            refuse_modifier(code, modifier)
        if value:
            asked.pop(name, None)
            asked[name] = value
    settings = context.settings
    made: dict[str, Any] = {"count": min(settings.page_size, settings.max_page)}
    used = []
    for name, value in asked.items():
        if name in SILENT:
            continue
        if name in SUBSETS:
            used.append((name, value))
        elif (read := _read(name, value, stored, context)) is not None:
            made |= read
            used.append((name, str(made["count"]) if name == "_count" else value))
        elif prefer(call).get("handling") == "strict":
            raise BadRequest(f"not supported: `{name[:100]}`", code="not-supported")
    path = "/".join(part for part in (route.type_, route.id_, "_history") if part)
    of = (path, tuple(used))
    return Wanted(route.type_, route.id_, asked=of, cursor=asked.get(CURSOR, ""), **made)


def _read(name: str, value: str, stored: Writing, context: Context) -> dict[str, Any] | None:
    """What one parameter says, as members of `Wanted`; None when it is not one of a history."""
    text = value.replace(" ", "+")  # a `+` of a time zone that was not percent-encoded
    try:
        match name:
            case "_since":
                return {"since": _since(text)}
            case "_at":
                return {"at": interval(text)}
            case "_count":
                return {"count": page_count(value, context.settings.max_page)}
            case "_list" if ID.fullmatch(value.removeprefix("List/")):
                return {"listed": _listed(stored, value.removeprefix("List/"), context)}
            case "_sort" if value == NEWEST_FIRST:
                return {}
            case "_list":
                refuse_value(name, value)
    except ValueError:
        refuse_value(name, value)
    return None


def _since(text: str) -> int:
    """The first millisecond that is not before an instant, however fine; ValueError names it."""
    if not is_instant(text):
        raise ValueError(f"`{text[:100]}` is no instant")
    return -(-nanoseconds(text)[0] // NANOSECONDS)


def _listed(stored: Writing, id_: str, context: Context) -> tuple[tuple[str, str, int], ...]:
    """What a List names: a resource with all its versions, or one version of it (0 for all). Of a
    List that is not there, or not for this caller, nothing.
    """
    require(context.subject, "List", "r")
    try:
        list_ = stored.read("List", id_)
    except (NotFound, Gone):
        return ()
    found = []
    for entry in read_json(bytes(stored.shown([list_])[0])).get("entry", ()):
        target = _target(entry.get("item", {}).get("reference", ""), context.base)
        if target is not None and _VERSION.fullmatch(target.version or "0"):
            found.append((target.type_, target.id_, int(target.version or "0")))
    return tuple(found)


def _target(reference: str, base: str) -> Local | None:
    try:
        target = parse(reference, base=base)
    except ValueError:
        return None
    return target if isinstance(target, Local) else None


def _entry(version: Version, text: bytes, base: str) -> Entry:
    url = version.type_ if version.method == "POST" else version.address
    made = version.method == "PUT" and version.version == 1
    return Entry(
        f"{base}/{version.address}",
        b"" if version.deleted else resource_text(version, text),
        {
            "request": {"method": version.method, "url": url},
            "response": {
                "status": STATUS["POST" if made else version.method],
                "etag": version.etag,
                "lastModified": version.last_updated,
            },
        },
    )
