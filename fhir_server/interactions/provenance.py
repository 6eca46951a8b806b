"""`X-Provenance`: a Provenance sent with a write is stored about the version that was written.

https://hl7.org/fhir/R4/provenance.html#header
"""

from fhir_server.auth.scopes import require
from fhir_server.fhir import json_format
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest
from fhir_server.interactions.body import check
from fhir_server.interactions.context import Context
from fhir_server.storage.writing import Draft, Writing, Written


def keep(call: Call, done: Written, stored: Writing, context: Context) -> None:
    """Store the Provenance of the header, if there is one, in the record of what was written.

    BadRequest where it is none, or says itself what it is about; Forbidden when the token does not
    cover its creation.
    """
    text = call.header("x-provenance")
    if not text:
        return
    require(context.subject, "Provenance", "c")
    # WSGI hands a header over as Latin-1 (PEP 3333).
    body = text.encode("latin-1", "replace")
    resource = json_format.read(body, max_depth=context.settings.max_depth)
    if resource.get("resourceType") != "Provenance" or "target" in resource:
        raise BadRequest(
            "X-Provenance holds a Provenance without target: the server knows what it is about",
            code="invalid",
            expression="Provenance.target",
        )
    version = done.version
    target = {"reference": f"{version.address}/_history/{version.version}"}
    resource = resource | {"target": [target]}
    check(resource, Call(call.method, call.path), context)
    stored.next_trace()
    about = stored.create_about(Draft(resource), context.new_id(), done.version)
    note = context.note(call, "create", "Provenance", about.version.id_, status=201)
    stored.note(note, [(about.record, about.rules)])
