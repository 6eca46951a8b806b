"""A stored version as an answer.

https://hl7.org/fhir/R4/http.html#ops (Prefer), #versioning (ETag, Last-Modified),
https://hl7.org/fhir/R4/binary.html#rest
"""

from base64 import b64encode
from email.utils import formatdate
from dataclasses import replace
from functools import lru_cache

from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.formats import JSON, XML, asks_for_resource, split, wanted
from fhir_server.fhir.headers import knows, prefer, versions
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, Issue, PreconditionFailed, operation_outcome
from fhir_server.interactions.native import native
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Written


OUTCOME = b'{"resourceType":"OperationOutcome"'


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def version_headers(version: Version) -> dict[str, str]:
    return {"ETag": version.etag, "Last-Modified": http_date(version.updated // 1000)}


def representation(call: Call, version: Version, text: bytes) -> Reply:
    """200 with the resource; the bytes of a Binary as they are, unless a FHIR format is named; of
    one that holds FHIR its content in that format; 304 when it is known.
    """
    headers = version_headers(version)
    if knows(call, version.version, version.updated // 1000):
        return Reply(304, headers=headers, modified=version.last_updated)
    if version.type_ == "Binary" and not asks_for_resource(call, version.media):
        return native(call, version, text, headers)
    if version.type_ == "Binary" and (holds := split(version.media)[0]) in (JSON, XML):
        if wanted(call) == holds:
            return native(call, version, text, headers)
        text = _content(version, holds) or resource_text(version, text)
        return Reply(200, text, headers, modified=version.last_updated)
    return Reply(200, resource_text(version, text), headers, modified=version.last_updated)


def _content(version: Version, format_: str) -> bytes:
    """The JSON of the resource that a Binary holds, which is in this format; b"" for none."""
    data = version.data or b""
    try:
        read = json_format.read(data) if format_ == JSON else xml_format.read(data)
    except BadRequest:
        return b""
    return json_format.write(read)


def resource_text(version: Version, text: bytes) -> bytes:
    """The JSON of a version; of a Binary with its bytes."""
    if version.type_ == "Binary" and version.data:
        return json_format.splice(text, {"data": b'"' + b64encode(version.data) + b'"'})
    return text


def check_if_match(call: Call, version: Version) -> None:
    """PreconditionFailed when `If-Match` names another version than the one that lies there."""
    wanted = call.header("if-match")
    if wanted and not {str(version.version), "*"} & set(versions(wanted, "If-Match")):
        raise PreconditionFailed(
            f"version {version.version} is the current one, not `{wanted[:100]}`"
        )


def written(call: Call, done: Written, base: str, text: bytes) -> Reply:
    """201 with Location, or 200 with Content-Location."""
    status, where = (201, "Location") if done.created else (200, "Content-Location")
    reply = answered(call, done.version, status, base, text, where=where)
    return warned(reply, done.remarks) if done.remarks else reply


def warned(reply: Reply, warnings: tuple[Issue, ...]) -> Reply:
    """The answer with its warnings: in its OperationOutcome if it is one, and in the header
    `Warning`, whatever the client prefers.

    https://www.rfc-editor.org/rfc/rfc7234#section-5.5
    """
    text = reply.text
    if text.startswith(OUTCOME):
        outcome = json_format.read(text)
        outcome["issue"] += [issue.as_json() for issue in warnings]
        text = json_format.write(outcome)
    said = "; ".join(f"{issue.expression}: {issue.text}" for issue in warnings)[:1000]
    plain = "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in said)
    headers = reply.headers | {"Warning": f'299 - "{plain}"'}
    return replace(reply, text=text, headers=headers, warnings=warnings)


def answered(
    call: Call, version: Version, status: int, base: str, text: bytes, *, where: str
) -> Reply:
    """The answer to a write, with the address of the version in the header `where`; the content by
    `Prefer`: representation when nothing is said.
    """
    headers = version_headers(version)
    headers[where] = f"{base}/{version.address}/_history/{version.version}"
    wanted = prefer(call).get("return", "representation")
    if wanted == "minimal":
        told = b""
    elif wanted.lower() == "operationoutcome":
        told = _told(f"{'created' if status == 201 else 'stored'}: {version.address}")
    else:
        told = resource_text(version, text)
    return Reply(status, told, headers, modified=version.last_updated)


def deleted(call: Call, version: Version | None) -> Reply:
    """204, or 200 with an OperationOutcome where one is preferred; `version`: the deletion, None
    when there was nothing to delete.
    """
    headers = {"ETag": version.etag} if version else {}
    if prefer(call).get("return", "").lower() == "operationoutcome":
        address = f": {version.address}" if version else ""
        return Reply(200, _told(f"deleted{address}"), headers)
    return Reply(204, headers=headers)


def _told(what: str) -> bytes:
    issue = Issue("informational", what, severity="information")
    return json_format.write(operation_outcome(issue))
