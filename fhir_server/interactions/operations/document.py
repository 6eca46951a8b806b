"""A Composition and all it refers to as one document.

https://hl7.org/fhir/R4/composition-operation-document.html, https://hl7.org/fhir/R4/documents.html

Everything that literal references lead to, directly or not, is in it, so that whoever gets the
document needs no more; what the caller does not see is left out like what does not exist.
"""

from fhir_server.fhir import json_format
from fhir_server.fhir.bundle import Entry, bundle
from fhir_server.fhir.dates import instant
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, NotAllowed, TooLarge
from fhir_server.interactions.answer import resource_text
from fhir_server.interactions.body import check
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.arguments import Arguments
from fhir_server.interactions.operations.closure import followed
from fhir_server.interactions.routes import Route
from fhir_server.interactions.write import create_one
from fhir_server.storage.content import local
from fhir_server.storage.version import Version, settled
from fhir_server.storage.writing import Draft, Writing

URI = "urn:ietf:rfc:3986"


def document(
    call: Call, stored: Writing, route: Route, context: Context, given: Arguments
) -> Reply:
    """200 with the Bundle; with `persist` it is stored too, and `Location` says where.

    TooLarge when it would have more entries than a Bundle may have here.
    """
    persist = given.one("persist") is True
    id_ = composition_id(route, given, context)
    if given.one("graph"):
        raise BadRequest("`graph` is not offered here", code="not-supported")
    if persist and call.method != "POST":
        raise NotAllowed("`persist` stores a document: use POST", headers={"Allow": "POST"})
    if persist and context.policed:  # it would show each reader what the maker saw
        raise BadRequest("`persist` is not offered here", code="not-supported")
    inside = _inside(stored, id_, context)
    note = context.note(call, "operation", "Composition", id_, detail=(("operation", "$document"),))
    stored.note(note, settled(inside))
    text = _bundle(inside, stored, context)
    if not persist:
        return Reply(200, text)
    return _kept(text, stored, context)


def composition_id(route: Route, given: Arguments, context: Context) -> str:
    """The id in the address, or in the parameter `id`: an id, or an address of this server."""
    text = given.one("id")
    if route.id_ and text is not None:
        raise BadRequest("`id` is already in the address", code="invalid")
    if route.id_:
        return route.id_
    if not text:
        raise BadRequest("`$document` needs `id`", code="required")
    found = local(text if "/" in text else f"Composition/{text}", context.base)
    if found is None or found.type_ != "Composition":
        raise BadRequest(f"`id`: `{text[:100]}` is no Composition of this server", code="value")
    return found.id_


def _inside(stored: Writing, id_: str, context: Context) -> list[Version]:
    """The Composition, then what it leads to, in the order in which it does."""
    most = context.settings.max_entries
    composition = stored.read("Composition", id_)
    others = [
        version
        for version in followed(stored.shown([composition]), stored, context, _any, most)
        if version.address != composition.address
    ]
    if len(others) >= most:
        raise TooLarge(f"a Bundle has at most {most} entries", code="too-costly")
    return [composition, *others]


def _any(type_: str) -> bool:
    return True


def _bundle(inside: list[Version], stored: Writing, context: Context) -> bytes:
    id_ = context.new_id()
    entries = [
        Entry(f"{context.base}/{version.address}", resource_text(version, text), {})
        for version, text in zip(inside, stored.shown(inside), strict=True)
    ]
    more = {
        "identifier": {"system": URI, "value": f"urn:uuid:{id_}"},
        "timestamp": instant(context.now),
    }
    return bundle("document", entries, id_=id_, updated=instant(context.now), more=more)


def _kept(text: bytes, stored: Writing, context: Context) -> Reply:
    resource = json_format.read(text, max_depth=1_000_000)
    check(resource, Call("POST", "Bundle"), context)
    done = create_one(Draft(resource), stored, context, resource["id"])
    version = done.version
    where = f"{context.base}/{version.address}/_history/{version.version}"
    return Reply(200, version.body, {"Location": where, "ETag": version.etag})
