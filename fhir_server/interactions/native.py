"""A Binary as the bytes it holds: its type, a part of it, its security context as a header.

https://hl7.org/fhir/R4/binary.html#rest, https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

import re

from fhir_server.fhir import json_format
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, RangeNotSatisfiable
from fhir_server.fhir.reference import Conditional, Contained, parse
from fhir_server.storage.version import Version

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.ASCII)


def native(call: Call, version: Version, text: bytes, headers: dict[str, str]) -> Reply:
    """200 with all of the bytes, 206 with the part that `Range` names; RangeNotSatisfiable beyond
    their end. `text` is the JSON of the version.
    """
    data = version.data or b""
    headers["Accept-Ranges"] = "bytes"
    if b'"securityContext"' in text:
        context = json_format.read(text).get("securityContext", {}).get("reference", "")
        if sendable(context):
            headers["X-Security-Context"] = context
    media = version.media if sendable(version.media) else "application/octet-stream"
    wanted = call.header("range")
    # Our ETags are weak: a part cannot be known to fit the one the caller has (`If-Range`).
    if not wanted or call.method != "GET" or call.header("if-range"):
        return Reply(200, headers=headers, raw=data, media=media)
    first, last = _part(wanted, len(data))
    if (first, last) == (0, len(data)):
        return Reply(200, headers=headers, raw=data, media=media)
    headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(data)}"
    return Reply(206, headers=headers, raw=data[first:last], media=media)


def sendable(value: str) -> bool:
    """Whether a header can hold it: a `code` of FHIR may be more than that."""
    return bool(value) and value.isascii() and value.isprintable()


def _part(wanted: str, length: int) -> tuple[int, int]:
    """Where the part begins and ends, of `length` bytes; all of them for a `Range` that is none, or
    names several parts.
    """
    found = _RANGE.fullmatch(wanted.strip())
    if not found or (found[2] and int(found[2]) < int(found[1])):
        return 0, length
    if found[3]:
        first, last = max(length - int(found[3]), 0), length
    else:
        first = int(found[1])
        last = min(int(found[2]) + 1, length) if found[2] else length
    if first >= last:
        raise RangeNotSatisfiable(
            f"`{wanted[:100]}` is not within {length} bytes",
            headers={"Content-Range": f"bytes */{length}"},
        )
    return first, last


def security_context(call: Call, base: str) -> dict[str, object]:
    """`Binary.securityContext` of bytes that come as they are, from the header; BadRequest when it
    is no literal reference to a resource of its own.
    """
    value = call.header("x-security-context")
    if not value:
        return {}
    try:
        alone = not isinstance(parse(value, base=base), Contained | Conditional)
    except ValueError:
        alone = False
    if not alone:
        raise BadRequest(
            f"`{value[:100]}` is no reference for X-Security-Context",
            code="value",
            expression="Binary.securityContext.reference",
        )
    return {"securityContext": {"reference": value}}
