"""Headers that steer an interaction.

https://hl7.org/fhir/R4/http.html#ops, #versioning, #concurrency
"""

import re

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
