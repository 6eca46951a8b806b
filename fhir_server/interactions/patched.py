"""The body of a PATCH, in any of its three forms, applied to what the caller was shown.

https://hl7.org/fhir/R4/http.html#patch
"""

from collections.abc import Callable
from typing import Any

from fhir_server.fhir import elements, json_format
from fhir_server.fhir.formats import ACCEPT_PATCH, JSON_PATCH, XML_PATCH, split
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest, UnsupportedMedia
from fhir_server.fhir.patch import too_costly
from fhir_server.interactions.answer import resource_text
from fhir_server.interactions.body import check, read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.links import added
from fhir_server.interactions.patch_parts import (
    ARCHIVE,
    FIRST_EXTENSION,
    FIRST_LABEL,
    Part,
    of_json,
    of_parameters,
    of_xml,
)
from fhir_server.policy.guide_labels import as_the_guide_means
from fhir_server.policy.labels import ARCHIVED
from fhir_server.policy.writes import Act
from fhir_server.storage.content import content_of
from fhir_server.storage.version import Version
from profiles.validate import validate


def patched_content(
    call: Call,
    current: Version,
    shown: bytes,
    context: Context,
    *,
    may: Callable[[Act], bool] | None = None,
) -> dict[str, object]:
    """What the patch makes of `shown`, the version as this caller sees it. `may`: what they may do
    to a document that a condition has found, where the DMP guide's meaning counts.

    It is not validated yet. BadRequest for what is no patch, or changes id or type;
    UnsupportedMedia, with `Accept-Patch`, for any other body; Unprocessable for what cannot be
    applied, or leaves more than a body may have.
    """
    new = old = content_of(resource_text(current, shown))
    for part in _parts(call, context):
        new = _done(part, new, may)
    if new.get("id") != current.id_ or new.get("resourceType") != current.type_:
        raise BadRequest("a patch cannot change id or type", code="invalid")
    json_format.check_depth(new, context.settings.max_depth)
    if links := call.read.get("links"):  # of the transaction it is in
        new = added(old, new, links)
    try:
        text = json_format.write(new)
    except RecursionError:
        raise too_costly("what the patch leaves is nested too deep") from None
    most = context.settings.max_body
    if len(text) > most:
        raise too_costly(f"what a patch leaves has at most {most} bytes")
    most = context.settings.max_elements
    if not elements.json_within(text, most):
        raise too_costly(f"what a patch leaves has at most {most} elements")
    return new


def _done(part: Part, old: dict[str, Any], may: Callable[[Act], bool] | None) -> dict[str, Any]:
    """One part done; what the guide means more than it says is meant of documents alone."""
    if old.get("resourceType") != "DocumentReference":
        return part.apply(old)
    if part.meaning == ARCHIVE or (part.meaning == FIRST_EXTENSION and "extension" not in old):
        return part.apply(_with_archive_mark(old))
    new = part.apply(old)
    return as_the_guide_means(old, new, may) if part.meaning == FIRST_LABEL and may else new


def _with_archive_mark(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its extension isArchived, which says no where there was none."""
    found = document.get("extension", [])
    if not isinstance(found, list) or any(
        not isinstance(one, dict) or one.get("url") == ARCHIVED for one in found
    ):
        return document
    return document | {"extension": [*found, {"url": ARCHIVED, "valueBoolean": False}]}


def _parts(call: Call, context: Context) -> list[Part]:
    media, depth = split(call.header("content-type"))[0], context.settings.max_depth
    most = context.settings.max_elements
    if media == JSON_PATCH:
        elements.check_json(call.body, most)
        return of_json(json_format.read_patch(call.body, max_depth=depth))
    if media == XML_PATCH:
        elements.check_xml(call.body, most)
        return of_xml(call.body, max_depth=depth, max_size=context.settings.max_body)
    try:
        parameters = read_body(call, context).resource
    except UnsupportedMedia as refusal:
        raise UnsupportedMedia(refusal.text, headers=ACCEPT_PATCH) from None
    if parameters["resourceType"] != "Parameters":
        raise BadRequest("a patch is a JSON Patch, an XML Patch or Parameters", code="structure")
    # Values may refer to what the patched resource contains; all else is judged here.
    if any(not issue.text.startswith("ref-1") for issue in validate(parameters, limit=100_000)):
        check(parameters, call, context)
    return of_parameters(parameters)
