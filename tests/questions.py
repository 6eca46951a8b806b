"""The questions a caller may ask of a generated record, and how they are asked.

`contract.md` section 5: none of the answers may tell what is hidden.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from fhir_server.fhir.dates import instant
from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import (
    ANNE,
    BASE,
    CLAIRE,
    LUCIEN,
    NOON,
    OTTO,
    Person,
)
from tests.silence import URI, Document, Script, Still

Question = tuple[str, str, Any, dict[str, str]]  # method, path and query, body, headers


def questions(script: Script, hidden: frozenset[str]) -> Iterator[Question]:
    """Reads, searches, and writes about what is hidden."""
    unseen = [document for document in script.documents if document.id_ in hidden]
    seen = [document for document in script.documents if document.id_ not in hidden]
    yield from reads(script)
    asked = [*searches(script), *(way for d in unseen[:5] + seen[:2] for way in ways_to(d))]
    yield from (("GET", path, None, {}) for path in asked)
    for document in unseen[:2]:
        yield from writes(document)
        yield from deposits(script, document)


def reads(script: Script) -> Iterator[Question]:
    for document in script.documents:
        path, binary = f"DocumentReference/{document.id_}", f"Binary/{document.binary}"
        for rest in ("", "/_history", "/_history/1", "/_history/2", "/$meta", "/_history/1/$meta"):
            yield "GET", path + rest, None, {}
        yield "GET", f"{path}/$explain-access?who={ANNE.sub}", None, {}
        yield "GET", f"Composition/{document.id_}/$document", None, {}
        for known in ({"if_none_match": 'W/"1"'}, {"if_none_match": 'W/"2"'},
                      {"if_modified_since": "Tue, 24 Nov 2026 11:00:00 GMT"},
                      {"if_modified_since": "Wed, 24 Nov 2027 12:00:00 GMT"}):
            yield "GET", path, None, known
        yield "HEAD", path, None, {}
        yield "GET", path, None, {"accept": "application/fhir+xml"}
        yield "GET", binary, None, {"accept": "*/*"}
        yield "GET", binary, None, {"accept": "application/fhir+json"}
        yield "GET", f"{binary}/_history/1", None, {"accept": "*/*"}
    for type_, ids in (("List", script.lists), ("Consent", script.consents)):
        for id_ in ids:
            yield from (("GET", f"{type_}/{id_}{r}", None, {}) for r in ("", "/_history/1"))
            yield ("GET", f"{type_}/{id_}/$explain-access?who={ANNE.sub}", None, {})
    for record in script.records:
        yield from (("GET", f"Patient/{record}{rest}", None, {}) for rest in ("", "/_history"))


def searches(script: Script) -> Iterator[str]:
    """Of each type, plain and by ways that lead through another resource."""
    for record, holder in zip(script.records, (LUCIEN, CLAIRE), strict=True):
        for type_ in ("DocumentReference", "List", "Consent", "CareTeam", "Communication"):
            yield f"{type_}?patient={record}"
        for query in ("_count=1", "", "_type=DocumentReference,Binary&start=2026-02", "_count=0"):
            yield f"Patient/{record}/$everything?{query}"
        for query in ("", "&start=2026-02-01&end=2026-04-30", "&type=11488-4"):
            yield f"DocumentReference/$docref?patient={record}{query}"
        yield f"DocumentReference?patient={record}&_count=1&_sort=date"
        yield f"DocumentReference?subject=Patient/{record}&_count=2&_sort=-description,type"
        yield f"DocumentReference?patient.identifier={holder.sub}&status=current"
        yield f"List?patient.identifier={holder.sub}"
        yield f"Patient?identifier={holder.sub}"
    for query in (
        "", "status=current", "status=superseded", "type=11488-4", "type:not=11488-4",
        "date=ge2026-03", "description=lettre", "_lastUpdated=ge2026-11-24", "_count=0",
        "_summary=count", "_count=1&_sort=status", "relatesto:missing=false", "relation=replaces",
        f"security-label={MASKED}", f"security-label:not={MASKED}",
        f"author=Practitioner/{script.practitioner}", f"author.identifier={ANNE.sub}",
        f"author:identifier={ANNE.sub}", f"relatesto:DocumentReference.security-label={MASKED}",
        "nonsense=x&_sort=nonsense&_count=2",
        "relatesto.relatesto:DocumentReference.status=current",
        "relatesto.status=superseded", "type:text=a", "security-label:text=m",
        "_source:below=http://a.example",
        "relationship=DocumentReference/1$replaces", "status:not-in=http://hl7.org/fhir/ValueSet/"
        "document-reference-status", "relatesto:DocumentReference.author.identifier=|x",
        "creation=ge2000", "isArchived:missing=true", "period-start=ge2026-02", "_sort=creation",
        "security-label:below=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R",
        "_profile:below=http://a.example|1",
    ):  # fmt: skip
        yield f"DocumentReference?{query}"
    for query in (
        "", "item:missing=false", "_count=1", "item.status=current",
        f"item:DocumentReference.security-label={MASKED}",
        "item:DocumentReference.relatesto.status=superseded",
        "item:DocumentReference.authenticator:Practitioner.active=true",
    ):  # fmt: skip
        yield f"List?{query}"
    yield from of_the_operator(script)
    yield from histories(script)
    yield from includes(script)
    yield from lists(script)
    yield from filters(script)
    for value in ("true", "both"):
        inside = f"_contained={value}"
        yield f"Practitioner?{inside}&_count=3"
        yield f"DocumentReference?authenticator.active={value.replace('both', 'false')}&_count=2"
        yield f"Practitioner?{inside}&active=true&_count=0"
        yield f"Practitioner?{inside}&active:not=true&_summary=count"
        yield f"DocumentReference?{inside}&status=current&_count=2"
    yield from ("Binary?", "Consent?", "Patient?", "CareTeam?", "Binary?_count=1&_sort=_id")
    yield from ("$meta", "DocumentReference/$meta", "List/$meta", "Binary/$meta")
    yield from ("Consent?data:DocumentReference.status=current", "Consent?data:missing=true")
    for query in (
        f"Patient?_has:DocumentReference:patient:security-label={MASKED}",
        "Patient?_has:DocumentReference:subject:status=superseded",
        "Patient?_has:DocumentReference:patient:_has:List:item:status=current",
        f"Practitioner?_has:DocumentReference:author:security-label={MASKED}",
        "DocumentReference?_has:List:item:status=current",
        "DocumentReference?_has:DocumentReference:relatesto:status=current",
        "Patient?_has:List:patient:item:missing=false", "?_has:List:patient:status=current",
        "List?patient._has:DocumentReference:patient:status=superseded",
        "DocumentReference?_content=lettre", "DocumentReference?_text:missing=true",
        "?_content=bilan%20OR%20suivi", "List?item:DocumentReference._content=lettre",
        "Patient?_has:DocumentReference:patient:_content=suivi", "List?_content=lettre",
        "DocumentReference?description:contains=ttre", "Patient?_content=essai",
    ):  # fmt: skip
        yield query


def of_the_operator(script: Script) -> Iterator[str]:
    """By parameters that are stored as SearchParameter resources."""
    for record in script.records:
        yield f"DocumentReference?holder={record}&_sort=-said&_count=2"
        yield f"Patient?_id={record}&_revinclude=DocumentReference:holder"
        yield f"List?holder=Patient/{record}&_include=List:listed"
        yield f"Patient?_id={record}&_has:DocumentReference:holder:label={MASKED}"
    for query in (
        f"DocumentReference?label={MASKED}", f"DocumentReference?label:not={MASKED}",
        "DocumentReference?said:contains=e", "DocumentReference?said:missing=true&_count=0",
        "DocumentReference?holder._has:DocumentReference:holder:master=urn:ietf:rfc:3986|",
        "List?listed:missing=false", f"List?holder._has:DocumentReference:holder:label={MASKED}",
        f"List?listed:DocumentReference.label={MASKED}",
        f"List?item:DocumentReference.label={MASKED}",
        "List?item.said=lettre", f"Practitioner?_has:DocumentReference:author:label={MASKED}",
    ):  # fmt: skip
        yield query


def includes(script: Script) -> Iterator[str]:
    """What comes with the matches, by ways that lead to what is hidden, and from it."""
    every = "_include:iterate=*&_revinclude:iterate=*"
    author = f"Practitioner?_id={script.practitioner}"
    for record, holder in zip(script.records, (LUCIEN, CLAIRE), strict=True):
        yield f"DocumentReference?patient={record}&_revinclude=List:item&_count=2"
        yield f"Patient?identifier={holder.sub}&_revinclude=*"
        yield f"Patient?_id={record}&_revinclude=DocumentReference:subject&{every}"
        yield f"Patient/{record}/*?_include=*&_count=3"
    for way in ("DocumentReference:author", "DocumentReference:*", "*"):
        yield f"{author}&_revinclude={way}"
    yield f"{author}&_revinclude=DocumentReference:author&{every}"
    for type_, keys in (("List", ("item", "subject,-_id")), ("Consent", ("-data", "patient")),
                        ("DocumentReference", ("-relatesto", "author,-subject", "_source"))):
        yield from (f"{type_}?_count=3&_sort={key}" for key in keys)
    yield "List?_include=List:item&_include:iterate=DocumentReference:relatesto"
    yield "DocumentReference?_include=*&_revinclude=DocumentReference:relatesto&_count=4"
    yield "Consent?_include=Consent:data&_include=Consent:patient"
    yield "DocumentReference?_summary=count&_include=*"


def lists(script: Script) -> Iterator[str]:
    """What is in Lists, some of them hidden, or holding what is."""
    for list_ in script.lists:
        yield f"DocumentReference?_list={list_}&_count=2"
        yield f"List?item._list={list_}"
    some = ",".join(script.lists[:20])
    yield f"?_type=DocumentReference,List,Binary,Consent&_list={some}"
    yield f"DocumentReference?_list={some}&_sort=_id&status:not=superseded"
    yield f"Patient?_has:DocumentReference:patient:_list={script.lists[0]}"


def filters(script: Script) -> Iterator[str]:
    """By tests that meet what is hidden, deny it, or name whose it is."""
    for record, holder in zip(script.records, (LUCIEN, CLAIRE), strict=True):
        for filter_ in (
            f"patient eq Patient/{record}", f"patient eq {record} or status eq superseded",
            f"not (patient eq Patient/{record})", f"patient.identifier eq {holder.sub}",
            f"patient[identifier eq {holder.sub}].active eq true", f"patient ne {record}",
        ):  # fmt: skip
            yield f"DocumentReference?_filter={filter_}&_count=3"
        yield f"Patient?_filter=identifier eq {holder.sub}"
        yield f"Patient?_filter=identifier eq {holder.sub} or birthdate gt 1900"
    for filter_ in (
        f"security-label eq {MASKED}", f"not (security-label eq {MASKED})",
        f"author.identifier eq {ANNE.sub}", "relatesto pr true", "relation eq replaces",
        "not (relatesto.status eq superseded)", "description co e and not (description sw l)",
    ):  # fmt: skip
        yield f"DocumentReference?_filter={filter_}"
    for filter_ in (
        f"item.security-label eq {MASKED}", "item pr false", "item ne DocumentReference/x",
        f"not (item:DocumentReference.security-label eq {MASKED})", "item.relatesto pr true",
    ):  # fmt: skip
        yield f"List?_filter={filter_}"
    yield f"Patient?_filter=_has:DocumentReference:patient:security-label eq {MASKED}"
    yield "Patient?_filter=not (_has:DocumentReference:patient:status eq superseded)"
    yield "Consent?_filter=data ne DocumentReference/x or data pr false"


def histories(script: Script) -> Iterator[str]:
    """Of everything and of types, page by page."""
    yield from ("_history", "_history?_count=5", "_history?_count=0")
    for type_ in ("DocumentReference", "Binary", "List", "Consent", "Patient", "Practitioner"):
        yield f"{type_}/_history?_count=3"
    middle, late = instant(NOON + len(script.steps) * 50), "2027-01-01T00:00:00Z"
    for query in (f"_since={middle}", f"_at={middle}", "_at=2026-11-24", f"_since={late}"):
        yield f"DocumentReference/_history?{query}"
        yield f"_history?{query}&_count=7"
    for list_ in script.lists:
        yield f"DocumentReference/_history?_list={list_}"
    yield f"_history?_list={script.lists[0]}&_count=1"
    for document in script.documents[:6]:
        yield f"DocumentReference/{document.id_}/_history?_count=1"


def ways_to(document: Document) -> Iterator[str]:
    """Searches that lead to one document."""
    id_, address = document.id_, f"DocumentReference/{document.id_}"
    yield f"DocumentReference?identifier={URI}|{document.unique}"
    yield f"DocumentReference?_id={id_}"
    yield f"DocumentReference?master={URI}|{document.unique}"
    yield f"List?item:DocumentReference.master={document.unique}"
    yield f"List?listed={address}"
    yield f"Binary?_id={document.binary}"
    yield f"List?item={address}"
    yield f"List?item={id_}"
    yield f"List?item:DocumentReference.identifier={URI}|{document.unique}"
    yield f"List?item:DocumentReference.relatesto={address}"
    yield f"List?item.relatesto={address}"
    yield f"DocumentReference?relatesto={id_}"
    yield f"DocumentReference?relatesto:DocumentReference.identifier={document.unique}"
    yield f"Consent?data={address}"
    for filter_ in (f"item eq {address}", f"not (item re {id_})", f"item eq {id_} or status eq a"):
        yield f"List?_filter={filter_}"
    yield f"DocumentReference?_filter=not (_id eq {id_})"
    yield f"DocumentReference?_filter=relatesto ne {address}"
    yield f"DocumentReference?_filter=not (relatesto eq {address})"
    yield f"Consent?_filter=not (data eq {address})"
    yield f"Patient?_has:DocumentReference:patient:identifier={URI}|{document.unique}"
    yield f"Patient?_has:DocumentReference:patient:_id={id_}"
    yield f"Patient?_has:List:patient:item={address}"


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
        yield "POST", f"{path}/$validate?mode=update", body, if_match
        yield "POST", f"{path}/$validate?mode=delete", None, if_match
    yield "PATCH", path, b"<diff/>", {"content_type": "application/xml-patch+xml"}
    yield "PATCH", path, {"resourceType": "Parameters"}, {}
    yield "PATCH", f"DocumentReference?{unique}", patch, by_json
    yield "PATCH", f"DocumentReference?{unique}&status=current", patch, by_json
    yield "PUT", f"DocumentReference?{unique}", body, {}
    yield "DELETE", f"DocumentReference?{unique}", None, {}
    yield "DELETE", f"Binary?_id={document.binary}", None, {}
    for method in ("PUT", "DELETE"):
        binary = {"resourceType": "Binary", "id": document.binary, "contentType": "text/plain"}
        yield method, f"Binary/{document.binary}", binary, {}
    entries = [{"request": {"method": method, "url": path}} for method in ("GET", "DELETE")]
    yield "POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries}, {}


def deposits(script: Script, document: Document) -> Iterator[Question]:
    """Of what mentions a hidden document, and of its uniqueId, which is free."""
    address, where = f"DocumentReference/{document.id_}", "DocumentReference"
    attachment = {"contentType": "text/plain", "data": "YQ=="}
    body = script.content(0, document.patient, OTTO, frozenset())
    body |= {
        "masterIdentifier": {"system": URI, "value": document.unique},
        "content": [{"attachment": attachment}],
    }
    relates = {"relatesTo": [{"code": "replaces", "target": {"reference": address}}]}
    yield "POST", where, body | relates, {}
    request = {"method": "POST", "url": where}
    entry = {"fullUrl": "urn:uuid:1", "resource": body | relates, "request": request}
    yield "POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}, {}
    list_ = script.list_of(document.patient, [address])
    yield "POST", "List", list_, {}
    yield "POST", "List", list_ | {"contained": [list_ | {"id": "inner"}]}, {}
    other = body | {"masterIdentifier": {"system": URI, "value": f"{document.unique}.9"}}
    yield "POST", where, other, {"if_none_exist": f"_id={document.id_}"}
    yield "POST", where, other, {"if_none_exist": f"identifier={URI}|{document.unique}"}
    url = {"contentType": "text/plain", "url": f"{BASE}/Binary/{document.binary}"}
    yield "POST", where, body | {"content": [{"attachment": url}]}, {}
    yield "POST", where, body, {}
    yield "POST", where, body, {}  # now it is in use
    yield "GET", f"{where}?identifier={URI}|{document.unique}", None, {}


def ask(
    house: Still, who: Person, asked: Iterable[Question], number: int = 10_000
) -> Iterator[tuple[str, int, Any, bytes]]:
    """Each question and its answer: status, headers, body; of a search all pages.

    `number`: after which the requests are counted.
    """
    for method, first, body, headers in asked:
        path: str | None = first
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
