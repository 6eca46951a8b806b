"""Create, update, patch and delete one resource, by its address or by a condition.

https://hl7.org/fhir/R4/http.html#create, #update, #patch, #delete
"""

from dataclasses import replace
from typing import Any

from fhir_server.auth.scopes import grants
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    NotAllowed,
    NotFound,
    PreconditionFailed,
)
from fhir_server.interactions import conditional, documents, provenance
from fhir_server.interactions.answer import (
    answered,
    check_if_match,
    deleted,
    written,
)
from fhir_server.interactions.body import check, check_whole, read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.patched import patched_content
from fhir_server.interactions.records import with_life
from fhir_server.interactions.routes import Route
from fhir_server.storage.content import content_of
from fhir_server.storage.opened import NO_ACCESS
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Draft, Writing, Written
from profiles.definitions import r4


def create(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """POST: 201; with `If-None-Exist` 200 when what it asks for is there already."""
    if call.header("if-none-exist"):
        condition = conditional.read(route.type_, call.header("if-none-exist"), stored, context)
        conditional.hold([condition], stored)
        version = conditional.one(condition, stored)
        if version is not None:
            return known(call, version, stored, context)
    if route.type_ == "Binary":
        return _made(call, documents.create_binary(call, stored, context), stored, context)
    draft = read_body(call, context)
    _check_type(draft, route.type_)
    check(draft.resource, call, context)
    draft = with_references(draft, stored, context)
    return _made(call, create_one(draft, stored, context), stored, context)


def known(call: Call, version: Version, stored: Writing, context: Context) -> Reply:
    """200 with the address of what need not be created: in the trail it has been read."""
    stored.note(
        context.note(call, "read", version.type_, version.id_), [(version.record, version.rules)]
    )
    text, call = stored.shown([version])[0], covered(call, version.type_, context)
    return answered(call, version, 200, context.base, text, where="Location")


def covered(call: Call, type_: str, context: Context) -> Call:
    """The call, answered without content where the token does not cover reading: what lies there
    is not what its caller sent.
    """
    if grants(context.subject, type_, "r"):
        return call
    return replace(call, headers={**call.headers, "prefer": "return=minimal"})


def _made(
    call: Call, done: Written, stored: Writing, context: Context, interaction: str = "create"
) -> Reply:
    version = done.version
    note = context.note(call, interaction, version.type_, version.id_, status=201)
    stored.note(note, [(done.record, done.rules)])
    provenance.keep(call, done, stored, context)
    return written(call, done, context.base, stored.shown([version])[0])


def with_references(draft: Draft, stored: Writing, context: Context) -> Draft:
    """The draft with its references by search replaced by what they find."""
    found = conditional.resolved(draft.resource, stored, context)
    return draft if found is None else replace(draft, resource=found, text=b"")


def create_one(draft: Draft, stored: Writing, context: Context, id_: str = "") -> Written:
    """Store a checked resource under `id_`, or a new one; a document with its bytes inside is
    published (ITI-105), and so is a FHIR document.
    """
    id_ = id_ or context.new_id()
    if draft.type_ == "Bundle" and context.policed:
        return documents.publish_bundle(draft, stored, context, id_)
    if (
        draft.type_ == "DocumentReference"
        and documents.has_data(draft.resource)
        and context.policed
    ):
        return documents.publish(draft, stored, context, id_)
    if draft.type_ == "DocumentReference" and context.policed:
        documents.check_unique(draft.resource, stored)
        return documents.create_document(draft.resource, id_, stored)
    return stored.create(draft, id_)


def _check_type(draft: Draft, type_: str) -> None:
    if draft.type_ != type_:
        raise BadRequest(
            f"a {draft.type_[:100]} cannot be sent to `/{type_}`",
            code="invalid",
            expression=draft.type_ if r4().is_resource(draft.type_) else "",
        )


def update(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """PUT: 200, or 201 where clients may choose ids; NotAllowed on an id the caller does not see
    (contract 7).
    """
    draft = _put_body(call, route, stored, context)
    if draft.resource.get("id") != route.id_:
        raise BadRequest(
            f"the id in the body is not `{route.id_}`",
            code="invalid",
            expression=f"{route.type_}.id",
        )
    stored.hold(route.type_, route.id_)
    current = visible(stored, route.type_, route.id_)
    return put(call, draft, current, route.id_, stored, context)


def _put_body(call: Call, route: Route, stored: Writing, context: Context) -> Draft:
    binary = route.type_ == "Binary"
    draft = documents.binary_body(call, context, route.id_) if binary else read_body(call, context)
    _check_type(draft, route.type_)
    return draft


def put(
    call: Call,
    draft: Draft,
    current: Version | None,
    id_: str,
    stored: Writing,
    context: Context,
) -> Reply:
    """Put `draft` in place of `current`, or at `id_` when there is none or it is deleted."""
    if current is None or current.deleted:
        return _put_new(call, draft, current, id_, stored, context)
    if call.header("if-none-match") == "*":
        raise PreconditionFailed(f"`{current.address}` exists already")
    check_if_match(call, current)
    check(draft.resource, call, context)
    check_whole(draft.resource)
    draft = with_references(draft, stored, context)
    if draft.type_ == "Patient" and context.policed:
        draft = with_life(content_of(current.body), draft, context)
    done = stored.update(current, draft)
    stored.note(
        context.note(call, "update", current.type_, current.id_), [(done.record, done.rules)]
    )
    provenance.keep(call, done, stored, context)
    return written(call, done, context.base, stored.shown([done.version])[0])


def conditional_update(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """PUT by a search: creates what is not there, changes the one that is, 412 for several."""
    condition = conditional.read(route.type_, call.query, stored, context)
    conditional.hold([condition], stored)
    draft = _put_body(call, route, stored, context)
    version = conditional.one(condition, stored)
    id_ = chosen_id(draft.resource, version)
    if version is None and not id_:
        refuse_version(call)
        check(draft.resource, call, context)
        draft = with_references(draft, stored, context)
        return _made(call, create_one(draft, stored, context), stored, context, "update")
    if version is None and visible(stored, route.type_, id_) is not None:
        raise Conflict(f"`{route.type_}/{id_}` does not meet `{condition.text[:100]}`")
    return put(call, draft, version, id_, stored, context)


def chosen_id(resource: dict[str, Any], version: Version | None) -> str:
    """The id that a conditional update is of; "" for one the server gives.

    BadRequest when the body has another than what was found.
    """
    id_ = str(resource.get("id", ""))
    if version is not None and id_ not in ("", version.id_):
        raise BadRequest(
            f"the id in the body is `{id_[:100]}`, what meets the condition is `{version.address}`",
            code="invalid",
            expression=f"{version.type_}.id",
        )
    return version.id_ if version is not None else id_


def visible(stored: Writing, type_: str, id_: str) -> Version | None:
    """The current version, deleted or not, if the caller may see it."""
    return stored.current(type_, id_)


def _put_new(
    call: Call,
    draft: Draft,
    current: Version | None,
    id_: str,
    stored: Writing,
    context: Context,
) -> Reply:
    if context.policed and not stored.chooses_ids(draft.type_):
        raise NotAllowed(
            "ids are given by the server: use POST", headers={"Allow": "GET, HEAD, PATCH, DELETE"}
        )
    refuse_version(call)
    check(draft.resource, call, context)
    draft = with_references(draft, stored, context)
    is_document = draft.type_ == "DocumentReference" and context.policed
    if is_document and current is not None:
        raise Conflict(f"`{draft.type_}/{id_}` is deleted: it is deposited anew under another id")
    if is_document:
        done = create_one(draft, stored, context, id_)
    elif current is None:
        done = stored.create(draft, id_, method="PUT")
    else:
        done = stored.revive(current, draft)
    return _made(call, done, stored, context, "update")


def refuse_version(call: Call) -> None:
    """PreconditionFailed when `If-Match` names a version of what is not there."""
    if call.header("if-match"):
        raise PreconditionFailed(
            f"there is no version `{call.header('if-match')[:100]}` of this resource"
        )


def patch(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    return _patched(call, _found(route, stored), stored, context)


def conditional_patch(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """PATCH by a search: 404 for none, 412 for several. In a transaction the route says what the
    condition has found.
    """
    if route.id_:
        version = _found(route, stored)
    else:
        version = conditional.exactly_one(route.type_, call.query, stored, context)
    return _patched(call, version, stored, context, by_condition=True)


def _found(route: Route, stored: Writing) -> Version:
    """What is to be changed: one's own documents are, without a right to read."""
    stored.hold(route.type_, route.id_)
    if route.type_ != "DocumentReference":
        return stored.read(route.type_, route.id_)
    with stored.asking("identifier"):
        return stored.read(route.type_, route.id_)


def _patched(
    call: Call,
    current: Version,
    stored: Writing,
    context: Context,
    *,
    by_condition: bool = False,
) -> Reply:
    if not current.full:  # tests of a patch would tell what is hidden of this Patient
        raise Forbidden(NO_ACCESS, record=current.record)
    check_if_match(call, current)
    may = (lambda act: stored.may(act, current)) if by_condition and context.policed else None
    content = patched_content(call, current, stored.shown([current])[0], context, may=may)
    check(content, Call(call.method, call.path), context)
    draft = documents.binary_draft(content) if current.type_ == "Binary" else Draft(content)
    draft = with_references(draft, stored, context)
    if draft.type_ == "Patient" and context.policed:
        draft = with_life(content_of(current.body), draft, context)
    done = stored.update(current, draft, method="PATCH")
    note = context.note(
        call, "patch", current.type_, current.id_, detail=documents.label_detail(current, draft)
    )
    stored.note(note, [(done.record, done.rules)])
    if done.version.deleted:  # TD3.3c: the answer has the document as its author deleted it
        text = stored.text_of(draft, done.version.id_, done.version.version)
        return written(covered(call, current.type_, context), done, context.base, text)
    provenance.keep(call, done, stored, context)
    text = stored.shown([done.version])[0]
    return written(covered(call, current.type_, context), done, context.base, text)


def delete(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """204, also when it is deleted already, or was never there."""
    try:
        current = _found(route, stored)
    except Gone:
        return deleted(call, None)
    except NotFound:
        return nothing_to_delete(call, context)
    return _deleted(call, current, stored, context)


def conditional_delete(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """DELETE by a search: what it finds is deleted if it is one, 412 for several."""
    condition = conditional.read(route.type_, call.query, stored, context)
    conditional.hold([condition], stored)
    current = conditional.one(condition, stored)
    if current is None:
        return nothing_to_delete(call, context)
    return _deleted(call, current, stored, context)


def nothing_to_delete(call: Call, context: Context) -> Reply:
    """Deleting what is not there has succeeded; in a medical record the mistake is told (404), in
    the same words for what is hidden.
    """
    if context.policed:
        raise NotFound("there is nothing to delete")
    return deleted(call, None)


def _deleted(call: Call, current: Version, stored: Writing, context: Context) -> Reply:
    if not current.full:
        raise Forbidden(NO_ACCESS, record=current.record)
    check_if_match(call, current)
    done = stored.delete(current)
    stored.note(
        context.note(call, "delete", current.type_, current.id_, status=204),
        [(done.record, done.rules)],
    )
    return deleted(call, done.version)
