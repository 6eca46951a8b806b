"""Interaction → the function that does it.

https://hl7.org/fhir/R4/http.html
"""

from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions import (
    capabilities,
    history,
    read,
    search,
    search_across,
    transaction,
    write,
)
from fhir_server.interactions.context import Context
from fhir_server.interactions.desk import Admit, Perform
from fhir_server.interactions.operations import operate
from fhir_server.interactions.routes import Route
from fhir_server.interactions.subsetted import cut
from fhir_server.storage.writing import Writing


def _traced(perform: Perform) -> Perform:
    """What leaves no trace of its own, such as a deletion of what is deleted, is noted: no trace,
    no data.
    """

    def traced(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
        reply = cut(call, route, lambda: perform(call, stored, route, context))
        if context.policed and not stored.noted:
            stored.note(context.note(call, route.code, route.type_, route.id_), [(0, "")])
        return reply

    return traced


_OWN: dict[str, Perform] = {
    "read": read.read,
    "vread": history.vread,
    "history-instance": history.history,
    "history-type": history.history,
    "history-system": history.history,
    "search-type": search.search,
    "search-compartment": search.search,
    "search-whole-compartment": search_across.search_across,
    "search-system": search_across.search_across,
    "create": write.create,
    "update": write.update,
    "patch": write.patch,
    "conditional-update": write.conditional_update,
    "conditional-patch": write.conditional_patch,
    "delete": write.delete,
    "conditional-delete": write.conditional_delete,
    "operation": operate.operate,
}
SINGLE = {interaction: _traced(perform) for interaction, perform in _OWN.items()}
# One statement reads and leaves its trace (`Repository.read`, `search`); all others are several.
IN_ONE_STATEMENT = frozenset({"read", "search-type", "capabilities"})


def perform(
    call: Call, stored: Writing, route: Route, context: Context, admit: Admit
) -> Reply:
    """Do what `route` says; `admit` is asked again for each entry of a Bundle."""
    if route.interaction == "transaction":
        return cut(
            call,
            route,
            lambda: transaction.bundle_of_requests(call, stored, context, SINGLE, admit),
        )
    if route.interaction == "capabilities":
        return cut(call, route, lambda: capabilities.capabilities(call, stored, context))
    reply = SINGLE[route.interaction](call, stored, route, context)
    stored.settle()
    return reply
