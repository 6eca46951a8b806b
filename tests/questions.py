"""The questions a caller may ask of a generated record, and how they are asked.

`contract.md` section 5: none of the answers may tell what is hidden.
"""

import json
from collections.abc import Iterator
from typing import Any

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import (
    ANNE,
    BASE,
    CLAIRE,
    LUCIEN,
    OTTO,
    Person,
)
from tests.silence import URI, Document, Script, Still

Question = tuple[str, str, Any, dict[str, str]]  # method, path and query, body, headers


def questions(script: Script, hidden: frozenset[str]) -> Iterator[Question]:
    """Reads, searches, and writes about what is hidden."""
    yield from reads(script)
    yield from (("GET", path, None, {}) for path in searches(script))
    unseen = [d for d in script.documents if d.id_ in hidden]
    for document in unseen[:3]:
        yield from writes(document)
    yield from deposits(script, unseen[:3])


def reads(script: Script) -> Iterator[Question]:
    raw, as_resource = {"accept": "*/*"}, {"accept": "application/fhir+json"}
    for document in script.documents:
        path = f"DocumentReference/{document.id_}"
        for rest in ("", "/_history", "/_history/1", "/_history/2", "/_history/3"):
            yield "GET", path + rest, None, {}
        yield "HEAD", path, None, {}
        yield "GET", path, None, {"accept": "application/fhir+xml"}
        for headers in (raw, as_resource):
            yield "GET", f"Binary/{document.binary}", None, headers
        yield "GET", f"Binary/{document.binary}/_history/1", None, raw
        yield "GET", f"Binary/{document.binary}/_history", None, as_resource
    for type_, ids in (("List", script.lists), ("Consent", script.consents)):
        for id_ in ids:
            yield from (("GET", f"{type_}/{id_}{r}", None, {}) for r in ("", "/_history/1"))
    for record in script.records:
        yield from (("GET", f"Patient/{record}{rest}", None, {}) for rest in ("", "/_history"))


def searches(script: Script) -> Iterator[str]:
    """Of each type, plain and by every way that leads through another resource."""
    of_document, of_list = script.documents, script.lists
    for record in script.records:
        for type_ in ("DocumentReference", "List", "Consent", "CareTeam"):
            yield f"{type_}?patient={record}"
        yield f"DocumentReference?patient={record}&_count=1&_sort=date"
        yield f"DocumentReference?subject=Patient/{record}&_count=2&_sort=-description,type"
        yield f"List?patient={record}&_count=1"
        yield f"List?patient={record}&item:missing=true"
        yield f"Consent?patient={record}&data:missing=true"
    for claimed in (LUCIEN, CLAIRE):
        yield f"DocumentReference?patient.identifier={claimed.sub}&status=current"
        yield f"List?patient.identifier={claimed.sub}"
        yield f"Patient?identifier={claimed.sub}"
    for query in (
        "", "status=current", "status=superseded", "type=11488-4", "type:not=11488-4",
        "date=ge2026-03", "description=lettre", "_lastUpdated=ge2026-11-24", "_count=0",
        "_summary=count", "_count=1&_sort=status", "relatesto:missing=false", "relation=replaces",
        "relation:missing=true", f"security-label={MASKED}", f"security-label:not={MASKED}",
        f"author=Practitioner/{script.practitioner}", f"author.identifier={ANNE.sub}",
        f"author:identifier={ANNE.sub}", f"relatesto:DocumentReference.security-label={MASKED}",
        "relatesto.status=superseded", "relatesto:DocumentReference.author.identifier=|x",
    ):  # fmt: skip
        yield f"DocumentReference?{query}"
    for query in ("", "item:missing=false", "_count=1", "item.status=current",
                  f"item:DocumentReference.security-label={MASKED}",
                  "item:DocumentReference.relatesto.status=superseded"):  # fmt: skip
        yield f"List?{query}"
    yield from ("Binary?", "Consent?", "Patient?", "CareTeam?", "Binary?_count=1&_sort=_id")
    yield "Consent?data:DocumentReference.status=current"
    for document in of_document:
        yield f"DocumentReference?identifier={URI}|{document.unique}"
        yield f"List?item:DocumentReference.identifier={URI}|{document.unique}"
        yield f"DocumentReference?_id={document.id_}"
        yield f"Binary?_id={document.binary}"
        yield f"List?item=DocumentReference/{document.id_}"
        yield f"List?item:missing=true&item={document.id_}"
        yield f"DocumentReference?relatesto={document.id_}"
        yield f"DocumentReference?relatesto:DocumentReference.identifier={document.unique}"
        yield f"Consent?data=DocumentReference/{document.id_}"
        yield f"List?item.relatesto=DocumentReference/{document.id_}"
    yield from (f"List?_id={id_}" for id_ in of_list)


def writes(document: Document) -> Iterator[Question]:
    """Attempts at a hidden document: each must end as with one that is not there."""
    path, unique = f"DocumentReference/{document.id_}", f"identifier={URI}|{document.unique}"
    label = {"coding": [{"system": VISIBILITY, "code": MASKED}]}
    patch = [{"op": "add", "path": "/securityLabel/-", "value": label}]
    by_json = {"content_type": "application/json-patch+json"}
    body = {"resourceType": "DocumentReference", "id": document.id_, "status": "current",
            "content": [{"attachment": {"contentType": "text/plain"}}]}  # fmt: skip
    for if_match in ({}, {"if_match": 'W/"1"'}):
        yield "PATCH", path, patch, by_json | if_match
        yield "PUT", path, body, if_match
        yield "DELETE", path, None, if_match
    yield "PATCH", f"DocumentReference?{unique}", patch, by_json
    yield "PATCH", f"DocumentReference?{unique}&status=current", patch, by_json
    for method in ("PUT", "DELETE"):
        yield method, f"Binary/{document.binary}", {"resourceType": "Binary"}, {}
    entries = [{"request": {"method": method, "url": path}} for method in ("GET", "DELETE")]
    yield "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries}, {}


def deposits(script: Script, unseen: list[Document]) -> Iterator[Question]:
    """Of what mentions a hidden document, and of its uniqueId, which is free."""
    for document in unseen:
        body = script.content(0, document.patient, OTTO, frozenset())
        body["masterIdentifier"] = {"system": URI, "value": document.unique}
        attachment = {"contentType": "text/plain", "data": "YQ=="}
        whole = body | {"content": [{"attachment": attachment}]}
        target = {"reference": f"DocumentReference/{document.id_}"}
        relates = [{"code": "replaces", "target": target}]
        yield "POST", "DocumentReference", whole | {"relatesTo": relates}, {}
        entry = {"fullUrl": "urn:uuid:1", "resource": whole | {"relatesTo": relates}}
        request = {"request": {"method": "POST", "url": "DocumentReference"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry | request]}
        yield "POST", "", bundle, {}
        listed = script.list_of(document.patient, [target["reference"]])
        yield "POST", "List", listed, {}
        url = f"{BASE}/Binary/{document.binary}"
        yield "POST", "DocumentReference", body | {
            "content": [{"attachment": {"contentType": "text/plain", "url": url}}]
        }, {}
        yield "POST", "DocumentReference", whole, {}
        yield "POST", "DocumentReference", whole, {}  # now it is in use
        yield "GET", f"DocumentReference?identifier={URI}|{document.unique}", None, {}


def ask(house: Still, who: Person, asked: list[Question]) -> Iterator[tuple[str, int, Any, bytes]]:
    """Each question and its answer: status, headers, body; of a search all pages."""
    number = 10_000
    for method, path, body, headers in asked:
        while path is not None:
            number += 1
            house.begin(number)
            place, _, query = path.partition("?")
            said = who.but(token_id="same")
            answer = house.call(method, place, said, body, query=query, **headers)
            yield f"{method} {path}", answer.status, answer.headers, answer.body
            path = _next(answer.body) if method == "GET" else None


def _next(body: bytes) -> str | None:
    if not body.startswith(b'{"resourceType":"Bundle"'):
        return None
    links = json.loads(body).get("link", ())
    return next((link["url"].removeprefix(f"{BASE}/") for link in links
                 if link["relation"] == "next"), None)
