"""Read the current version of one resource.

https://hl7.org/fhir/R4/http.html#read
"""

from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions.answer import representation
from fhir_server.interactions.context import Context
from fhir_server.interactions.routes import Route
from fhir_server.storage.writing import Writing


def read(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    note = context.note(call, "read", route.type_, route.id_)
    version = stored.read(route.type_, route.id_, note)
    return representation(call, version, stored.shown([version])[0])
