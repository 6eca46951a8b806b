"""`_summary` and `_elements` on every interaction that answers with resources, in one place.

https://hl7.org/fhir/R4/http.html#parameters, https://hl7.org/fhir/R4/search.html#summary
"""

from typing import Any, Callable

from fhir_server.fhir import json_format
from fhir_server.fhir.headers import prefer
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.subset import Subset, subset_asked
from fhir_server.interactions.routes import Route
from fhir_server.interactions.search import parameters
from fhir_server.search.parse import SILENT
from fhir_server.search.terms import refuse_modifier

NAMES = ("_summary", "_elements")
# Their Bundle is the answer, not what was asked for: the resources in it are.
RESULTS = frozenset({"searchset", "history", "batch-response", "transaction-response"})
# What an operation or a write tells of itself is no resource of the record.
TOLD = frozenset({"OperationOutcome", "Parameters"})
STORED = frozenset({"read", "vread", "create", "update", "patch"})
OF_ONE_TYPE = frozenset({"search-type", "history-type", "history-instance"})


def cut(call: Call, route: Route, do: Callable[[], Reply]) -> Reply:
    """The answer of `do`, each resource in it as the caller wants it."""
    subset = wanted(call, route)
    reply = do()
    return reply if subset is None else subsetted(reply, subset, route)


def wanted(call: Call, route: Route) -> Subset | None:
    """What the caller wants of each resource, None for all of it: BadRequest before anything is
    done.
    """
    searches = route.interaction.startswith("search-")
    pairs = parameters(call) if searches else call.pairs() if call.query else []
    for name, _ in pairs:
        code, _, modifier = name.partition(":")
        if modifier and code in (*NAMES, *SILENT):
            refuse_modifier(code, modifier)
    asked = [pair for pair in pairs if pair[0] in NAMES]
    if not asked:
        return None
    strict = prefer(call).get("handling") == "strict"
    return subset_asked(asked, type_=_type(route), counts=searches, strict=strict)


def subsetted(reply: Reply, subset: Subset, route: Route) -> Reply:
    """The reply with its resources cut; refusals, bytes and what has no body stay as they are."""
    if reply.status >= 300 or reply.raw is not None or not reply.text:
        return reply
    content = json_format.read(reply.text, max_depth=1_000_000)
    if content["resourceType"] in TOLD and content["resourceType"] != route.type_:
        return reply
    if not _is_stored(route) and _is_result(content):
        reply.text = json_format.write(_result(content, subset))
    else:
        reply.text = json_format.write(subset.of(content))
    return reply


def _type(route: Route) -> str:
    if route.interaction == "capabilities":
        return "CapabilityStatement"
    return route.type_ if _is_stored(route) or route.interaction in OF_ONE_TYPE else ""


def _is_stored(route: Route) -> bool:
    """Whether the answer is the resource itself that the address names or a write has stored."""
    return route.interaction.removeprefix("conditional-") in STORED


def _is_result(content: dict[str, Any]) -> bool:
    return content["resourceType"] == "Bundle" and content.get("type") in RESULTS


def _result(content: dict[str, Any], subset: Subset) -> dict[str, Any]:
    if "entry" not in content:
        return content
    return content | {"entry": [_entry(entry, subset) for entry in content["entry"]]}


def _entry(entry: dict[str, Any], subset: Subset) -> dict[str, Any]:
    resource = entry.get("resource")
    mode = entry.get("search", {}).get("mode", "match")
    if resource is None or mode == "outcome" or resource["resourceType"] == "OperationOutcome":
        return entry
    if mode == "include" and subset.elements:  # the list is of what was searched for
        return entry
    if _is_result(resource):  # a search that was an entry of a batch
        return entry | {"resource": _result(resource, subset)}
    return entry | {"resource": subset.of(resource)}
