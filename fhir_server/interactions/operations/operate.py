"""Operation → the function that does it, once its parameters are read.

https://hl7.org/fhir/R4/operations.html#executing
"""

from typing import Callable, Mapping

from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations import everything, meta, validate
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
}


def operate(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    assert route.operation is not None
    given = arguments(call, route.operation, context)
    return FUNCTIONS[route.operation.code](call, stored, route, context, given)


def named(call: Call, route: Route, context: Context) -> Named:
    """The record an operation is about: of what its address names, or of its patient parameter."""
    operation = route.operation
    if operation is None or not operation.patient:
        return Named(resource=(route.type_, route.id_)) if route.id_ else Named()
    patient = arguments(call, operation, context).one(operation.patient)
    return Named(patients=(str(patient),))
