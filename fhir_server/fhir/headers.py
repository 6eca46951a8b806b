"""Headers that steer an interaction.

https://hl7.org/fhir/R4/http.html#ops, #versioning, #concurrency, #cread
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest

_ETAG = re.compile(r'(?:W/)?"([^"]*)"|([^",\s]+)')


def prefer(call: Call) -> dict[str, str]:
    """The preferences of `Prefer`: `return`, `handling`; unknown ones are kept, nothing refused."""
    found: dict[str, str] = {}
    for part in re.split(r"[,;]", call.header("prefer")):
        name, _, value = part.strip().partition("=")
        if name:
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def versions(text: str, header: str) -> tuple[str, ...]:
    """The version ids an ETag list names (weak, strong and unquoted forms); `*` stays. BadRequest
    when it is none.
    """
    found = tuple(quoted or plain for quoted, plain in _ETAG.findall(text))
    if not found:
        raise BadRequest(f"`{text[:100]}` is no version for {header}", code="value")
    return found


def knows(call: Call, version: int, updated: int) -> bool:
    """Whether the caller has this version already (304): by `If-None-Match`, or else by
    `If-Modified-Since`. `updated` is in seconds since 1970.

    https://www.rfc-editor.org/rfc/rfc9110#name-precedence-of-preconditions
    """
    etags = call.header("if-none-match")
    if etags:
        return bool({str(version), "*"} & set(versions(etags, "If-None-Match")))
    date = call.header("if-modified-since")
    since = seconds_of(date) if date else None
    return since is not None and updated <= since


def seconds_of(date: str) -> float | None:
    """An HTTP date, in any of its three forms, as seconds since 1970; None where it is none."""
    try:
        found = parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
