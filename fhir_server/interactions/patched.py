"""The body of a PATCH, in any of its three forms, applied to what the caller was shown.

https://hl7.org/fhir/R4/http.html#patch
"""

from typing import Any

from fhir_server.fhir import json_format
from fhir_server.fhir.fhirpath_patch import fhirpath_patch
from fhir_server.fhir.formats import ACCEPT_PATCH, JSON_PATCH, XML_PATCH, split
from fhir_server.fhir.http import Call
from fhir_server.fhir.json_patch import json_patch
from fhir_server.fhir.outcome import BadRequest, UnsupportedMedia
from fhir_server.fhir.patch import too_costly
from fhir_server.fhir.xml_patch import xml_patch
from fhir_server.interactions.answer import resource_text
from fhir_server.interactions.body import check, read_body
from fhir_server.interactions.context import Context
from fhir_server.storage.content import content_of
from fhir_server.storage.version import Version
from profiles.validate import validate


def patched_content(
    call: Call, current: Version, shown: bytes, context: Context
) -> dict[str, object]:
    """What the patch makes of `shown`, the version as this caller sees it.

    It is not validated yet. BadRequest for what is no patch, or changes id or type;
    UnsupportedMedia, with `Accept-Patch`, for any other body; Unprocessable for what cannot be
    applied, or leaves more than a body may have.
    """
    new = _applied(call, content_of(resource_text(current, shown)), context)
    if new.get("id") != current.id_ or new.get("resourceType") != current.type_:
        raise BadRequest("a patch cannot change id or type", code="invalid")
    json_format.check_depth(new, context.settings.max_depth)
    most = context.settings.max_body
    try:
        size = len(json_format.write(new))
    except RecursionError:
        raise too_costly("what the patch leaves is nested too deep") from None
    if size > most:
        raise too_costly(f"what a patch leaves has at most {most} bytes")
    return new


def _applied(call: Call, old: dict[str, Any], context: Context) -> dict[str, Any]:
    media, depth = split(call.header("content-type"))[0], context.settings.max_depth
    if media == JSON_PATCH:
        return json_patch(old, json_format.read_patch(call.body, max_depth=depth))
    if media == XML_PATCH:
        size = context.settings.max_body
        return xml_patch(old, call.body, max_depth=depth, max_size=size)
    try:
        parameters = read_body(call, context).resource
    except UnsupportedMedia as refusal:
        raise UnsupportedMedia(refusal.text, headers=ACCEPT_PATCH) from None
    if parameters["resourceType"] != "Parameters":
        raise BadRequest("a patch is a JSON Patch, an XML Patch or Parameters", code="structure")
    # Values may refer to what the patched resource contains; all else is judged here.
    if any(not issue.text.startswith("ref-1") for issue in validate(parameters, limit=100_000)):
        check(parameters, call, context)
    return fhirpath_patch(old, parameters)
