"""What becomes of one entry: its response, or a refusal that says which entry it is about.

https://hl7.org/fhir/R4/http.html#transaction-response
"""

from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Iterator

from fhir_server.fhir import json_format
from fhir_server.fhir.http import Reply
from fhir_server.fhir.outcome import FhirError, Issue, operation_outcome
from fhir_server.interactions.answer import OUTCOME
from fhir_server.interactions.entries import Planned


def response(entry: Planned, reply: Reply) -> tuple[bytes, dict[str, Any]]:
    made: dict[str, Any] = {"status": f"{reply.status} {HTTPStatus(reply.status).phrase}"}
    # A PATCH has a location too: MHD's answer wants one of every entry.
    names = {"Location": "location", "Content-Location": "location", "ETag": "etag"}
    for header, name in names.items():
        if header in reply.headers:
            made[name] = reply.headers[header]
    if reply.modified:
        made["lastModified"] = reply.modified
    preferred = entry.method not in ("GET", "HEAD") and reply.text.startswith(OUTCOME)
    if reply.status >= 400 or preferred:
        made["outcome"] = json_format.read(reply.text)
        return b"", {"response": made}
    if reply.warnings:
        made["outcome"] = operation_outcome(*reply.warnings)
    return b"" if entry.method == "HEAD" else reply.text, {"response": made}


@contextmanager
def of(entry: Planned) -> Iterator[None]:
    """A refusal within says which entry it is about."""
    try:
        yield
    except FhirError as refusal:
        raise _at(refusal, entry.place) from refusal


def _at(refusal: FhirError, place: int) -> FhirError:
    """The same refusal, saying which entry it is about."""
    issues = refusal.issues or (
        Issue(refusal.code or refusal.usual, refusal.text, refusal.expression),
    )
    located = tuple(replace(one, expression=_of_entry(one.expression, place)) for one in issues)
    return replace(refusal, expression="", issues=located)


def _of_entry(expression: str, place: int) -> str:
    """A path in the resource of an entry as one in the Bundle; without a path the entry itself."""
    inside = f".resource{expression[len(expression.partition('.')[0]) :]}" if expression else ""
    return f"Bundle.entry[{place}]{inside}"
