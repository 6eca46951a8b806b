"""Operation → the function that does it, once its parameters are read.

https://hl7.org/fhir/R4/operations.html#executing
"""

from typing import Callable, Mapping

from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations import (
    docref,
    document,
    everything,
    explain,
    meta,
    reindex,
    validate,
)
from fhir_server.interactions.operations.arguments import Arguments, arguments
from fhir_server.interactions.routes import Route
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing

Operate = Callable[[Call, Writing, Route, Context, Arguments], Reply]

FUNCTIONS: Mapping[str, Operate] = {
    "validate": validate.validate,
    "meta": meta.meta,
    "meta-add": meta.add,
    "meta-delete": meta.delete,
    "everything": everything.everything,
    "document": document.document,
    "docref": docref.docref,
    "reindex": reindex.reindex,
    "explain-access": explain.explain_access,
}


def operate(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    assert route.operation is not None
    given = arguments(call, route.operation, context)
    return FUNCTIONS[route.operation.code](call, stored, route, context, given)


def named(call: Call, route: Route, context: Context) -> Named:
    """What an operation is about: what its address names, or a parameter that stands for it."""
    if route.id_:
        return Named(resource=(route.type_, route.id_))
    assert route.operation is not None
    if route.operation.code == "document":
        given = arguments(call, route.operation, context)
        return Named(resource=("Composition", document.composition_id(route, given, context)))
    if route.operation.code == "docref":
        given = arguments(call, route.operation, context)
        return Named(patients=(str(given.one("patient")),))
    return Named()
