"""Would this resource be taken: its structure, and with the mode of a write all of that, which is
undone; with the mode `profile` the stored resource is judged.

https://hl7.org/fhir/R4/resource-operation-validate.html

What it tells of the store is what the write itself would have told, and it leaves the same trace.
"""

from dataclasses import replace
from typing import Any, Mapping

from fhir_server.auth.scopes import require
from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.formats import JSON, content
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, FhirError, Issue, operation_outcome
from fhir_server.interactions import touched, write
from fhir_server.interactions.answer import resource_text
from fhir_server.interactions.body import check_ins, check_understood
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.arguments import Arguments
from fhir_server.interactions.routes import Route
from fhir_server.storage.content import content_of
from fhir_server.storage.writing import Writing
from profiles.definitions import r4
from profiles.validate import validate as faults_of

MODES = {"system": ("create",), "type": ("create",), "instance": ("update", "delete", "profile")}
BASE = "http://hl7.org/fhir/StructureDefinition/"
MOST = 500  # issues of one answer

Resource = Mapping[str, Any]


class _Undo(Exception):
    """The write went well: now take it back."""


def validate(
    call: Call, stored: Writing, route: Route, context: Context, given: Arguments
) -> Reply:
    """200 with an OperationOutcome, valid or not; NotFound for an instance the caller does not see,
    BadRequest for a mode the level does not have, or a profile that is not known here.
    """
    mode, current = given.one("mode") or "", None
    if route.id_:
        current = stored.read(route.type_, route.id_)
        note = context.note(call, "operation", route.type_, route.id_)
        stored.note(note, [(current.record, current.rules)])
    _check_mode(mode, route, context)
    if given.unread is not None:
        return _outcome(*given.unread.issues)
    if mode == "delete":
        return _outcome(*_tried(mode, {}, call, stored, route, context))
    if mode == "profile" and current is not None:
        text = resource_text(current, stored.shown([current])[0])
        given, call, mode = _stored(content_of(text), given), Call("GET", call.path), ""
    resource = given.one("resource")
    if resource is None:
        raise BadRequest("`$validate` needs `resource`", code="required")
    _check_profile(given.one("profile") or "", resource)
    if not route.type_ and r4().is_resource(resource["resourceType"]):
        route = replace(route, type_=resource["resourceType"])
        require(context.subject, route.type_, "c")
    issues = _structure(resource, call, given) or _business(resource, route, context)
    if not issues and mode:
        issues = _tried(mode, resource, call, stored, route, context)
    return _outcome(*issues, *_unknown_profiles(resource))


def _stored(resource: Resource, given: Arguments) -> Arguments:
    """The arguments with what is stored as the resource; BadRequest where one was sent."""
    if given.one("resource") is not None:
        raise BadRequest("with mode `profile` the stored resource is validated", code="invalid")
    return Arguments({**given.values, "resource": (resource,)})


def _check_mode(mode: str, route: Route, context: Context) -> None:
    if mode and mode not in MODES[route.level]:
        every = ", ".join(f"`{mode}` on {level}" for level in MODES for mode in MODES[level])
        raise BadRequest(f"`mode` is `{mode[:100]}`, and may be {every}", code="value")
    if mode == "delete":
        require(context.subject, route.type_, "d")


def _check_profile(profile: str, resource: Resource) -> None:
    """The standard wants an error for a profile that cannot be validated against."""
    if profile and not _is_base(profile, str(resource.get("resourceType"))):
        raise BadRequest(f"the profile `{profile[:100]}` is not known here", code="not-supported")


def _is_base(profile: str, type_: str) -> bool:
    url, _, version = profile.partition("|")
    names = (type_, "Resource", "DomainResource")
    return url.removeprefix(BASE) in names and url.startswith(BASE) and version in ("", "4.0.1")


def _structure(resource: Resource, call: Call, given: Arguments) -> list[Issue]:
    """What is wrong with it as a resource of base R4; in XML with line and column."""
    found = faults_of(resource, limit=MOST)
    root = given.place
    places = dict[str, str]()

    def in_body(expression: str) -> str:
        return root + expression[len(expression.partition(".")[0]) :] if root else expression

    if found and call.header("content-type") and content(call) != JSON:
        places = xml_format.locate(call.body, [in_body(issue.expression) for issue in found])
    return [
        Issue(i.code, i.text, i.expression, location=places.get(in_body(i.expression), ""))
        for i in found
    ]


def _business(resource: Resource, route: Route, context: Context) -> list[Issue]:
    """What is asked of every resource here beyond its structure, whatever becomes of it."""
    type_ = str(resource["resourceType"])
    if route.type_ and type_ != route.type_:
        text = f"a {type_} is not validated at `/{route.type_}`"
        return [Issue("invalid", text, type_)]
    try:
        if context.policed:
            check_understood(resource, Call("POST", ""))
            check_ins(resource, context)
    except FhirError as problem:
        return _issues(problem)
    return []


def _tried(
    mode: str, resource: Resource, call: Call, stored: Writing, route: Route, context: Context
) -> list[Issue]:
    """The write itself, undone: nothing of it stays but, when it is refused, the trace of that."""
    method = {"create": "POST", "update": "PUT", "delete": "DELETE"}[mode]
    path = f"{route.type_}/{route.id_}".strip("/")
    headers = {"content-type": JSON} | (
        {"if-match": call.header("if-match")} if call.header("if-match") else {}
    )
    body = json_format.write(resource) if resource else b""
    asked = Call(method, path, "", headers, body)
    perform = {"create": write.create, "update": write.update, "delete": write.delete}[mode]
    noted = stored.noted
    stored.next_trace()
    before, stored.created, stored.deleted = (
        (stored.created, stored.deleted), set(stored.created), set[tuple[str, str]]()
    )  # fmt: skip
    try:
        with stored.savepoint():
            reply = perform(asked, stored, Route(mode, route.type_, route.id_), context)
            stored.settle()
            raise _Undo
    except _Undo:
        refusal = None
    except FhirError as problem:
        refusal = problem
    stored.created, stored.deleted = before
    if refusal is None:
        stored.noted = noted
        return list(reply.warnings)
    if context.policed:
        note = context.note(
            call, "operation", route.type_, route.id_, status=refusal.status
        )
        about = touched.by_entry(path, "", resource, context)
        stored.note_refusal(note, (*about, *touched.by_token(context.subject)), refusal)
        stored.noted = True
    return _issues(refusal)


def _unknown_profiles(resource: Resource) -> list[Issue]:
    meta = resource.get("meta")
    named = meta.get("profile", ()) if isinstance(meta, Mapping) else ()
    type_ = str(resource.get("resourceType"))
    return [
        Issue(
            "not-supported",
            f"not validated against `{str(profile)[:100]}`, which is not known here",
            f"{type_}.meta.profile[{n}]",
            severity="information",
        )
        for n, profile in enumerate(named if isinstance(named, list) else ())
        if not _is_base(str(profile), type_)
    ]


def _issues(problem: FhirError) -> list[Issue]:
    return list(
        problem.issues or (Issue(problem.code or problem.usual, problem.text, problem.expression),)
    )


def _outcome(*issues: Issue) -> Reply:
    if not any(issue.severity == "error" for issue in issues):
        issues = (
            Issue("informational", "no fault has been found", severity="information"), *issues,
        )  # fmt: skip
    return Reply(200, json_format.write(operation_outcome(*issues)))
