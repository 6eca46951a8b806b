"""A stored version as an answer.

https://hl7.org/fhir/R4/http.html#ops (Prefer), #versioning (ETag, Last-Modified),
https://hl7.org/fhir/R4/binary.html#rest
"""

from base64 import b64encode
from email.utils import formatdate
from functools import lru_cache

from fhir_server.fhir import json_format
from fhir_server.fhir.formats import asks_for_resource
from fhir_server.fhir.headers import prefer, versions
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import Issue, PreconditionFailed, operation_outcome
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Written


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def version_headers(version: Version) -> dict[str, str]:
    return {"ETag": version.etag, "Last-Modified": http_date(version.updated // 1000)}


def representation(call: Call, version: Version, text: bytes) -> Reply:
    """200 with the resource; the bytes of a Binary as they are, unless a FHIR format is named; 304
    when it is known.
    """
    headers = version_headers(version)
    known = call.header("if-none-match")
    if known and {str(version.version), "*"} & set(versions(known, "If-None-Match")):
        return Reply(304, headers=headers)
    if version.type_ == "Binary" and not asks_for_resource(call):
        media = version.media  # a `code` of FHIR may hold what no header may
        if not (media.isascii() and media.isprintable()):
            media = "application/octet-stream"
        return Reply(200, headers=headers, raw=version.data or b"", media=media)
    return Reply(200, resource_text(version, text), headers)


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
    """201 with Location, or 200; the content by `Prefer`: representation when nothing is said."""
    version = done.version
    headers = version_headers(version)
    where = f"{base}/{version.address}/_history/{version.version}"
    headers["Location" if done.created else "Content-Location"] = where
    status = 201 if done.created else 200
    wanted = prefer(call).get("return", "representation")
    if wanted == "minimal":
        return Reply(status, headers=headers)
    if wanted.lower() == "operationoutcome":
        what = "created" if done.created else "updated"
        issue = Issue("informational", f"{what} {version.address}", severity="information")
        return Reply(status, json_format.write(operation_outcome(issue)), headers)
    return Reply(status, resource_text(version, text), headers)
