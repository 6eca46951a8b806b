"""Profiles, security labels and tags: of one resource, of one of its versions, of all of a type.

https://hl7.org/fhir/R4/resource-operation-meta.html, -meta-add.html, -meta-delete.html

To change them is an update: it needs the same permission and makes a new version, so that an ETag
and the history stay true.
"""

from typing import Any, Callable, Iterable

from fhir_server.fhir import json_format
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import Forbidden
from fhir_server.interactions import documents
from fhir_server.interactions.answer import check_if_match, resource_text, version_headers
from fhir_server.interactions.body import check, check_whole
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.arguments import Arguments
from fhir_server.interactions.operations.gather import SETS, gathered, identity
from fhir_server.interactions.routes import Route
from fhir_server.storage.content import content_of
from fhir_server.storage.opened import NO_ACCESS
from fhir_server.storage.writing import Draft, Writing

Meta = dict[str, Any]


def meta(call: Call, stored: Writing, route: Route, context: Context, given: Arguments) -> Reply:
    """The meta of what the caller sees; without an id the sets in use, of what he sees alone."""
    if not route.id_:
        found, records = gathered(route.type_, stored)
        note = context.note(call, "operation", route.type_, detail=_detail(route))
        stored.note(note, records or [(0, "")])
        return _answer(found)
    if route.version:
        version = stored.version(route.type_, route.id_, route.version)
    else:
        version = stored.read(route.type_, route.id_)
    note = context.note(call, "operation", route.type_, route.id_, detail=_detail(route))
    stored.note(note, [(version.record, version.rules)])
    resource = content_of(stored.shown([version])[0])
    return _answer(resource.get("meta", {}), version_headers(version))


def add(call: Call, stored: Writing, route: Route, context: Context, given: Arguments) -> Reply:
    return _changed(call, stored, route, context, given.one("meta") or {}, _with)


def delete(call: Call, stored: Writing, route: Route, context: Context, given: Arguments) -> Reply:
    return _changed(call, stored, route, context, given.one("meta") or {}, _without)


def _changed(
    call: Call, stored: Writing, route: Route, context: Context, by: Meta,
    change: Callable[[Meta, Meta], Meta],
) -> Reply:  # fmt: skip
    """The same permission as for any update; nothing is written when nothing changes."""
    stored.hold(route.type_, route.id_)
    current = stored.read(route.type_, route.id_)
    if not current.full:
        raise Forbidden(NO_ACCESS, record=current.record)
    check_if_match(call, current)
    old = content_of(resource_text(current, stored.shown([current])[0]))
    new = old | {"meta": change(old.get("meta", {}), by)}
    record, rules, version = current.record, current.rules, current
    if new != old:
        check(new, Call(call.method, call.path), context)
        check_whole(new)
        draft = documents.binary_draft(new) if current.type_ == "Binary" else Draft(new)
        done = stored.update(current, draft, method="PATCH")
        record, rules, version = done.record, done.rules, done.version
    note = context.note(call, "operation", route.type_, route.id_, detail=_detail(route))
    stored.note(note, [(record, rules)])
    found = content_of(stored.shown([version])[0])
    return _answer(found["meta"], version_headers(version))


def _with(old: Meta, more: Meta) -> Meta:
    """`old` and what of `more` it has not: the identity of a coding is its system and code."""
    made = dict(old)
    for name in SETS:
        known = {identity(item) for item in old.get(name, ())}
        added = [item for item in more.get(name, ()) if identity(item) not in known]
        if added:
            made[name] = [*old.get(name, ()), *_once(added)]
    return made


def _without(old: Meta, less: Meta) -> Meta:
    made = dict(old)
    for name in SETS:
        gone = {identity(item) for item in less.get(name, ())}
        kept = [item for item in old.get(name, ()) if identity(item) not in gone]
        if kept:
            made[name] = kept
        else:
            made.pop(name, None)
    return made


def _once(items: Iterable[Any]) -> list[Any]:
    return list({identity(item): item for item in reversed(list(items))}.values())[::-1]


def _detail(route: Route) -> tuple[tuple[str, str], ...]:
    assert route.operation is not None
    return (("operation", f"${route.operation.code}"),)


def _answer(found: Meta, headers: dict[str, str] | None = None) -> Reply:
    """A Meta is no resource, so that it stands in Parameters; one with nothing in it cannot stand
    anywhere (inv-1 of Parameters, ele-1).
    """
    made: Meta = {"resourceType": "Parameters"}
    if found:
        made["parameter"] = [{"name": "return", "valueMeta": found}]
    return Reply(200, json_format.write(made), headers or {})
