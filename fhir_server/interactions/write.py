"""Create, update, patch and delete one resource.

https://hl7.org/fhir/R4/http.html#create, #update, #patch, #delete
"""

from dataclasses import replace

from fhir_server.fhir import json_format
from fhir_server.fhir.formats import PATCHES, split
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import (
    BadRequest,
    Forbidden,
    Gone,
    NotAllowed,
    NotFound,
    PreconditionFailed,
)
from fhir_server.fhir.patch import fhirpath_patch, json_patch
from fhir_server.interactions import documents
from fhir_server.interactions.answer import check_if_match, resource_text, version_headers, written
from fhir_server.interactions.body import check, check_whole, read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.records import with_closing
from fhir_server.interactions.routes import Route
from fhir_server.interactions.search import named, parameters, read_query
from fhir_server.search.query import EVERYTHING
from fhir_server.storage.content import content_of
from fhir_server.storage.opened import NO_ACCESS
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Draft, Writing, Written


def create(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    if call.header("if-none-exist"):
        raise PreconditionFailed("conditional create is not offered here", code="not-supported")
    if route.type_ == "Binary":
        done = documents.create_binary(call, stored, context)
    else:
        draft = read_body(call, context)
        _check_type(draft, route.type_)
        check(draft.resource, call, context)
        done = create_one(draft, stored, context)
    stored.note(
        context.note(call, "create", route.type_, done.version.id_, status=201),
        [(done.record, done.rules)],
    )
    return written(call, done, context.base, stored.shown([done.version])[0])


def create_one(draft: Draft, stored: Writing, context: Context, id_: str = "") -> Written:
    """Store a checked resource under `id_`, or a new one; a document with its bytes inside is
    published (ITI-105).
    """
    id_ = id_ or context.new_id()
    if (
        draft.type_ == "DocumentReference"
        and documents.has_data(draft.resource)
        and context.policed
    ):
        return documents.publish(draft, stored, context, id_)
    if draft.type_ == "DocumentReference" and context.policed:
        documents.check_unique(draft.resource, stored, context)
        return documents.create_document(draft.resource, id_, stored)
    return stored.create(draft, id_)


def _check_type(draft: Draft, type_: str) -> None:
    if draft.type_ != type_:
        raise BadRequest(
            f"a {draft.type_[:100]} cannot be sent to `/{type_}`",
            code="invalid",
            expression="resourceType",
        )


def update(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """PUT: 200, or 201 where clients may choose ids; NotAllowed on an id the caller does not see
    (contract 7).
    """
    binary = route.type_ == "Binary"
    draft = documents.binary_body(call, context, route.id_) if binary else read_body(call, context)
    _check_type(draft, route.type_)
    if draft.resource.get("id") != route.id_:
        raise BadRequest(
            f"the id in the body is not `{route.id_}`",
            code="invalid",
            expression=f"{route.type_}.id",
        )
    current = visible(stored, route.type_, route.id_)
    if current is None or current.deleted:
        return _put_new(call, draft, current, stored, route, context)
    check_if_match(call, current)
    check(draft.resource, call, context)
    check_whole(draft.resource)
    if draft.type_ == "Patient" and context.policed:
        draft = with_closing(content_of(current.body), draft, context.now)
    done = stored.update(current, draft)
    stored.note(context.note(call, "update", route.type_, route.id_), [(done.record, done.rules)])
    return written(call, done, context.base, stored.shown([done.version])[0])


def visible(stored: Writing, type_: str, id_: str) -> Version | None:
    """The current version, deleted or not, if the caller may see it."""
    try:
        return stored.versions(type_, id_)[0]
    except NotFound:
        return None


def _put_new(
    call: Call,
    draft: Draft,
    current: Version | None,
    stored: Writing,
    route: Route,
    context: Context,
) -> Reply:
    if context.policed and not stored.chooses_ids(route.type_):
        raise NotAllowed(
            "ids are given by the server: use POST", headers={"Allow": "GET, HEAD, PATCH, DELETE"}
        )
    if call.header("if-match"):
        raise PreconditionFailed(
            f"there is no version `{call.header('if-match')[:100]}` of this resource"
        )
    check(draft.resource, call, context)
    done = stored.create(draft, route.id_) if current is None else stored.revive(current, draft)
    stored.note(
        context.note(call, "update", route.type_, route.id_, status=201),
        [(done.record, done.rules)],
    )
    return written(call, done, context.base, stored.shown([done.version])[0])


def patch(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    return _patched(call, stored.read(route.type_, route.id_), stored, context)


def conditional_patch(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """PATCH by a search: 404 for none, 412 for several."""
    pairs = parameters(call)
    query = read_query(pairs, route.type_, call, context, stored)
    if query.where == EVERYTHING:
        raise BadRequest("a conditional PATCH needs a criterion", code="required")
    query = replace(query, count=1, cursor="")  # what is found, whatever page was asked for
    found = stored.search(query, named(pairs, route.type_, context))
    if found.total != 1:
        many = PreconditionFailed(
            f"{found.total} resources meet the criterion", code="multiple-matches"
        )
        raise many if found.total else NotFound("nothing meets the criterion")
    return _patched(call, found.versions[0], stored, context)


def _patched(call: Call, current: Version, stored: Writing, context: Context) -> Reply:
    if not current.full:  # tests of a patch would tell what is hidden of this Patient
        raise Forbidden(NO_ACCESS, record=current.record)
    check_if_match(call, current)
    content = patched_content(call, current, stored.shown([current])[0], context)
    check(content, Call(call.method, call.path), context)
    draft = documents.binary_draft(content) if current.type_ == "Binary" else Draft(content)
    if draft.type_ == "Patient" and context.policed:
        draft = with_closing(content_of(current.body), draft, context.now)
    done = stored.update(current, draft, method="PATCH")
    note = context.note(
        call, "patch", current.type_, current.id_, detail=documents.label_detail(current, draft)
    )
    stored.note(note, [(done.record, done.rules)])
    if done.version.deleted:
        return Reply(204, headers=version_headers(done.version))
    return written(call, done, context.base, stored.shown([done.version])[0])


def patched_content(
    call: Call, current: Version, shown: bytes, context: Context
) -> dict[str, object]:
    """What the patch makes of `shown`, the version as this caller sees it."""
    old = content_of(resource_text(current, shown))
    media = split(call.header("content-type"))[0]
    if media in PATCHES:
        new = json_patch(
            old, json_format.read_patch(call.body, max_depth=context.settings.max_depth)
        )
    else:
        parameters_ = read_body(call, context).resource
        if parameters_["resourceType"] != "Parameters":
            raise BadRequest("a patch is a JSON Patch, or Parameters", code="structure")
        check(parameters_, call, context)
        new = fhirpath_patch(old, parameters_)
    if new.get("id") != current.id_ or new.get("resourceType") != current.type_:
        raise BadRequest("a patch cannot change id or type", code="invalid")
    json_format.check_depth(new, context.settings.max_depth)
    return new


def delete(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """204, also when it is deleted already."""
    try:
        current = stored.read(route.type_, route.id_)
    except Gone:
        return Reply(204)
    check_if_match(call, current)
    done = stored.delete(current)
    stored.note(
        context.note(call, "delete", route.type_, route.id_, status=204),
        [(done.record, done.rules)],
    )
    return Reply(204, headers={"ETag": done.version.etag})
