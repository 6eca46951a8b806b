"""Index what is stored by the parameters there are now: SearchParameter resources an operator has
stored, changed or deleted, and what a new version of this program reads otherwise.

https://hl7.org/fhir/R4/searchparameter.html; the operation is ours.

A POST begins or goes on for about a second, and tells how far it has come; it is sent again until
`finished` is true. A GET only tells. Others read and write all the while.
"""

from typing import Any

from fhir_server.fhir import json_format
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import Forbidden
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.arguments import Arguments
from fhir_server.interactions.routes import Route
from fhir_server.storage.reindex import Progress, Told
from fhir_server.storage.writing import Writing

SECONDS = 1.0  # one call keeps a thread of the server no longer


def reindex(
    call: Call, stored: Writing, route: Route, context: Context, given: Arguments
) -> Reply:
    """Parameters: `finished`, `total` and `done` (resources), and each `parameter` with its
    SearchParameter, code, state (waiting, indexing, active, retired, leaving, refused) and reason.
    Forbidden, under the policy, for anybody but the operator.
    """
    if context.policed and context.subject.actor != "operator":
        raise Forbidden("the operator alone does this", rule="no-rule-permits")
    seconds = min(SECONDS, context.settings.timeout / 2) if call.method == "POST" else 0
    return Reply(200, json_format.write(_told(stored.reindex(seconds))))


def _told(progress: Progress) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        {"name": "finished", "valueBoolean": progress.finished},
        {"name": "total", "valueInteger": progress.total},
        {"name": "done", "valueInteger": progress.done},
    ]
    found += [{"name": "parameter", "part": _parts(one)} for one in progress.parameters]
    return {"resourceType": "Parameters", "parameter": found}


def _parts(one: Told) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"name": "resource", "valueReference": {"reference": f"SearchParameter/{one.id_}"}},
        {"name": "code", "valueCode": one.code},
        {"name": "state", "valueCode": one.state},
    ]
    return parts + ([{"name": "reason", "valueString": one.reason}] if one.reason else [])
