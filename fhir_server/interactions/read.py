"""Read one resource: its current version, an old one, its history.

https://hl7.org/fhir/R4/http.html#read, #vread, #history
"""

from fhir_server.fhir.bundle import Entry, bundle
from fhir_server.fhir.dates import instant
from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions.answer import representation, resource_text
from fhir_server.interactions.context import Context
from fhir_server.interactions.routes import Route
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Writing

STATUS = {"POST": "201 Created", "PUT": "200 OK", "PATCH": "200 OK", "DELETE": "204 No Content"}


def read(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    note = context.note(call, "read", route.type_, route.id_)
    version = stored.read(route.type_, route.id_, note)
    return representation(call, version, stored.shown([version])[0])


def vread(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    version = stored.version(route.type_, route.id_, route.version)
    stored.note(
        context.note(call, "vread", route.type_, route.id_), [(version.record, version.rules)]
    )
    return representation(call, version, stored.shown([version])[0])


def history(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """All versions, newest first; paging comes with the other levels of history."""
    versions = stored.versions(route.type_, route.id_)
    stored.note(
        context.note(call, "history-instance", route.type_, route.id_),
        [(versions[0].record, versions[0].rules)],
    )
    entries = [
        _entry(version, text, context.base)
        for version, text in zip(versions, stored.shown(versions), strict=True)
    ]
    links = [("self", f"{context.base}/{route.type_}/{route.id_}/_history")]
    text = bundle(
        "history",
        entries,
        total=len(entries),
        links=links,
        id_=context.new_id(),
        updated=instant(context.now),
    )
    return Reply(200, text)


def _entry(version: Version, text: bytes, base: str) -> Entry:
    url = version.type_ if version.method == "POST" else version.address
    return Entry(
        f"{base}/{version.address}",
        b"" if version.deleted else resource_text(version, text),
        {
            "request": {"method": version.method, "url": url},
            "response": {
                "status": STATUS[version.method],
                "etag": version.etag,
                "lastModified": version.last_updated,
            },
        },
    )
