"""Interaction → the function that does it.

https://hl7.org/fhir/R4/http.html
"""

from typing import Callable

from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions import capabilities, read, search, transaction, write
from fhir_server.interactions.context import Context
from fhir_server.interactions.routes import Route
from fhir_server.storage.writing import Writing

Perform = Callable[[Call, Writing, Route, Context], Reply]

SINGLE: dict[str, Perform] = {
    "read": read.read,
    "vread": read.vread,
    "history-instance": read.history,
    "search-type": search.search,
    "create": write.create,
    "update": write.update,
    "patch": write.patch,
    "conditional-patch": write.conditional_patch,
    "delete": write.delete,
}
WRITES = frozenset({"create", "update", "patch", "conditional-patch", "delete", "transaction"})


def perform(
    call: Call, stored: Writing, route: Route, context: Context, admit: transaction.Admit
) -> Reply:
    """Do what `route` says; `admit` is asked again for each entry of a Bundle."""
    if route.interaction == "transaction":
        return transaction.bundle_of_requests(call, stored, context, SINGLE, admit)
    if route.interaction == "capabilities":
        return capabilities.capabilities(context)
    return SINGLE[route.interaction](call, stored, route, context)
