"""Strategies for what is done with contents: Bundles, patches, operations.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/http.html#patch
"""

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

from fhir_server.interactions.operations.table import OPERATIONS
from tests.fuzz.asked import ETAGS, XML_PATCH, encoded, headers, query
from tests.fuzz.chance import Draw, as_json, as_xml, changed, odd, printable, rarely, seeds, text
from tests.web.valid import FORM, JSON, PATCH, XML, Request, document, observation

FULL = [f"urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a0{n}" for n in range(4)]
REFERENCES = [*FULL, *FULL, "Patient/a", "Observation/a", "http://127.0.0.1:8080/fhir/Patient/a"]
ODD_REFERENCES = ["urn:uuid:x", "Patient?identifier=a|b", "#x", "", "Patient/a/_history/1", "x"]
POINTERS = ["", "/", "/status", "/code", "/code/coding/0", "/code/coding/-", "/code/coding/9",
            "/note", "/note/0/text", "/subject/reference", "/id", "/meta/versionId", "/~1", "/~2",
            "/resourceType", "/code/coding/00", "/text/div", "/extension/-", "/x", "status",
            "/valueQuantity/value", "/content/0/attachment/url", "/securityLabel/-"]  # fmt: skip
PATHS = ["Observation", "Observation.status", "Observation.code.coding[0]", "Observation.note",
         "Observation.note.first().text", "Observation.extension('x')", "status", "id", "",
         "Observation.where(status='final')", "Observation.code.coding.where(", "%resource", "1",
         "Observation.meta", "Observation.valueQuantity.value", "Observation.subject",
         "Patient.name", "DocumentReference.status", "DocumentReference.securityLabel",
         "Observation.descendants()", "Observation.code.repeat(coding)"]  # fmt: skip
SELECTORS = ["/f:Observation/f:status/@value", "Observation/status/@value", "/*", "/*/*", "//*",
             "/f:Observation/f:note", "/f:Observation/f:note[1]/f:text/@value", "/", "", "@value",
             "/f:Observation/f:subject", "/f:Observation/text()", "/f:Observation/f:id", "/x:y",
             "count(//*)", "/f:Observation/f:code/f:coding[999]", "//namespace::*", "/*[",
             "/f:Observation/f:text/*", "id('a')", "document('x')"]  # fmt: skip
ACTS = ["add", "insert", "delete", "replace", "move", "remove", "copy", "test", "x"]


def references() -> st.SearchStrategy[str]:
    return rarely(10).flatmap(lambda odd_: st.sampled_from(ODD_REFERENCES if odd_ else REFERENCES))


METHODS = ["GET", "POST", "POST", "POST", "PUT", "PUT", "PATCH", "DELETE", "GET", "GET"]
KINDS = ["transaction", "batch", "transaction", "batch", "collection", "transaction", "batch"]


@st.composite
def entry(draw: Draw, ids: dict[str, str]) -> dict[str, Any]:
    method = draw(st.sampled_from(METHODS))
    type_ = draw(st.sampled_from(["Observation", "Patient", "Binary", "Basic", "List"]))
    # What the other cases are about is not deleted here.
    id_ = draw(st.sampled_from(["a", "b", "a" if method == "DELETE" else ids.get(type_, "a")]))
    urls = {"POST": [type_]}.get(method, [f"{type_}/{id_}", f"{type_}?_id={id_}"])
    if draw(rarely(8)):
        urls = [type_, f"{type_}/{id_}/_history/1", "", f"{type_}?{draw(query(type_, 2))}",
                "metadata", f"{type_}/{id_}/$meta", "/", "?", "_history", "x"]  # fmt: skip
    url = draw(st.sampled_from(urls))
    request: dict[str, Any] = {"method": method, "url": url}
    for name, pool in (("ifNoneExist", ["_id=a", "x"]), ("ifMatch", ETAGS), ("ifNoneMatch", ETAGS)):
        if draw(rarely(8)):
            request[name] = draw(st.sampled_from(pool))
    found: dict[str, Any] = {"request": request}
    if draw(st.booleans()):
        found["fullUrl"] = draw(references())
    if method in ("POST", "PUT", "PATCH") or draw(rarely(10)):
        found["resource"] = draw(content(draw(references()), id_))
    return found


@st.composite
def content(draw: Draw, reference: str, id_: str) -> Any:
    """A resource of an entry; by chance it refers to another entry, or has an id."""
    parts = [{"name": name, "valueString": draw(st.sampled_from(PATHS))} for name in ("path", "x")]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    basic = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": reference}}
    list_ = {"resourceType": "List", "status": "current", "mode": "working",
             "entry": [{"item": {"reference": reference}}]}  # fmt: skip
    made = observation("a") | {"subject": {"reference": reference}}
    chosen = draw(st.sampled_from([made, made, basic, list_, document("a"), patch, *seeds()]))
    chosen = chosen | {"id": id_} if draw(st.booleans()) else chosen
    return draw(changed(chosen)) if draw(rarely(10)) else chosen


@st.composite
def bundles(draw: Draw, ids: dict[str, str]) -> Request:
    kind = draw(st.sampled_from(KINDS))
    entries = draw(st.lists(entry(ids), max_size=5))
    if entries and draw(rarely(6)):
        entries.append(entries[0])
    whole = {"resourceType": "Bundle", "type": kind} | ({"entry": entries} if entries else {})
    body = draw(as_json(draw(changed(whole)) if draw(rarely(6)) else whole))
    return Request("POST", "", body=body, headers={"content_type": JSON} | draw(headers()))


@st.composite
def patches(draw: Draw, ids: dict[str, str]) -> Request:
    """One of the three kinds, of one resource or of what a search finds."""
    type_ = draw(st.sampled_from(["Observation", "Patient", "DocumentReference", "Observation"]))
    media, body = draw(st.one_of(json_patches(), xml_patches(), fhirpath_patches()))
    by_search = draw(rarely(8))
    path = type_ if by_search else f"{type_}/{ids.get(type_, 'a')}"
    asked = draw(query(type_, 2)) if by_search else ""
    return Request("PATCH", path, asked, body, {"content_type": media} | draw(headers()))


# Good for an Observation, on most days.
STEPS = [
    {"op": "replace", "path": "/status", "value": "amended"},
    {"op": "add", "path": "/note/-", "value": {"text": "z"}},
    {"op": "add", "path": "/code/text", "value": "z"},
    {"op": "test", "path": "/resourceType", "value": "Observation"},
    {"op": "copy", "from": "/code", "path": "/bodySite"},
    {"op": "move", "from": "/code/coding/0", "path": "/code/coding/0"},
    {"op": "replace", "path": "/valueQuantity/value", "value": 1.50},
]
XML_STEPS = [
    ("replace", "f:Observation/f:status/@value", "", "amended"),
    ("add", "f:Observation/f:code", "", '<f:text value="z"/>'),
    ("add", "f:Observation/f:note", ' pos="before"', '<f:note><f:text value="q"/></f:note>'),
    ("remove", "f:Observation/f:note", "", ""),
]


@st.composite
def json_patches(draw: Draw) -> tuple[str, bytes]:
    pointer = st.one_of(st.sampled_from(POINTERS), text)
    any_ = st.fixed_dictionaries(
        {"op": st.sampled_from(ACTS), "path": pointer}, optional={"from": pointer, "value": odd}
    )
    steps = draw(st.lists(st.one_of(st.sampled_from(STEPS), any_), min_size=1, max_size=3))
    return PATCH, draw(as_json(draw(changed(steps)) if draw(rarely(6)) else steps))


@st.composite
def xml_patches(draw: Draw) -> tuple[str, bytes]:
    steps = ""
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(ACTS))
        where = draw(st.one_of(st.sampled_from(SELECTORS), printable))
        more = draw(st.sampled_from(XML_MORE))
        inner = draw(st.one_of(st.sampled_from(XML_INNER), printable.map(escape)))
        if draw(st.booleans()):
            name, where, more, inner = draw(st.sampled_from(XML_STEPS))
        steps += f"<{name} sel={quoteattr(where)}{more}>{inner}</{name}>"
    return XML_PATCH, f'<diff xmlns:f="http://hl7.org/fhir">{steps}</diff>'.encode()


XML_MORE = ["", ' pos="before"', ' type="@value"', ' pos="x"', ' ws="both"', ' type="x"']
XML_INNER = ["", "final", '<note xmlns="http://hl7.org/fhir"><text value="z"/></note>', "<x/>",
             '<f:status value="amended"/>', "<!-- c -->", "a<b/>c"]  # fmt: skip


CODING = {"name": "path", "valueString": "Observation.code.coding"}
PARTS = [
    [{"name": "type", "valueCode": "replace"},
     {"name": "path", "valueString": "Observation.status"},
     {"name": "value", "valueCode": "amended"}],
    [{"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Observation"},
     {"name": "name", "valueString": "note"},
     {"name": "value", "valueAnnotation": {"text": "z"}}],
    [{"name": "type", "valueCode": "delete"},
     {"name": "path", "valueString": "Observation.note.first()"}],
    [{"name": "type", "valueCode": "insert"}, CODING,
     {"name": "index", "valueInteger": 0}, {"name": "value", "valueCoding": {"code": "y"}}],
    [{"name": "type", "valueCode": "move"}, CODING,
     {"name": "source", "valueInteger": 0}, {"name": "destination", "valueInteger": 0}],
]  # fmt: skip
KINDS_OF_VALUE = ["valueString", "valueCode", "valueInteger", "valueCodeableConcept", "valueUri",
                  "valueMeta", "valueDate", "valueId", "part", "resource", "x"]  # fmt: skip


@st.composite
def fhirpath_patches(draw: Draw) -> tuple[str, bytes]:
    operations = []
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            operations.append({"name": "operation", "part": draw(st.sampled_from(PARTS))})
            continue
        parts: list[Any] = [
            {"name": "type", "valueCode": draw(st.sampled_from(ACTS))},
            {"name": "path", "valueString": draw(st.one_of(st.sampled_from(PATHS), text))},
        ]
        for name in ("name", "value", "index", "source", "destination"):
            if draw(st.booleans()):
                kind = draw(st.sampled_from(KINDS_OF_VALUE))
                parts.append({"name": name, kind: draw(st.one_of(odd, st.integers(-1, 3)))})
        operations.append({"name": "operation", "part": parts})
    whole = {"resourceType": "Parameters", "parameter": operations}
    media = draw(st.sampled_from([JSON, JSON, XML]))
    return media, draw(as_json(whole) if media == JSON else as_xml(whole))


@st.composite
def operations(draw: Draw, ids: dict[str, str]) -> Request:
    """An operation that there is, with parameters that it may have."""
    operation = OPERATIONS[draw(st.sampled_from(sorted(OPERATIONS)))]
    type_ = draw(st.sampled_from(operation.types or ("Patient", "Observation", "Basic")))
    before = {"system": "", "type": type_, "instance": f"{type_}/{ids.get(type_, 'a')}",
              "version": f"{type_}/{ids.get(type_, 'a')}/_history/1"}  # fmt: skip
    level = draw(st.sampled_from(sorted(operation.levels)))
    path = encoded(f"{before[level]}/${operation.code}".strip("/"))
    taken = [one.name for one in operation.takes] or ["x"]
    given = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(KINDS_OF_VALUE))
        resource = draw(changed(draw(st.sampled_from(seeds()))))
        meta = {"tag": [{"system": "a", "code": "b"}]}
        value = draw(st.one_of(st.just(resource), st.just(meta), odd, st.just(ids.get(type_, "a"))))
        given.append({"name": draw(st.sampled_from(taken)), kind: value})
    parameters = {"resourceType": "Parameters", "parameter": given}
    body = draw(st.sampled_from([parameters, draw(content("Patient/a", "a"))]))
    values = st.sampled_from(["a", "2024", "x", "Patient", "1"])
    pairs = draw(st.lists(st.tuples(st.sampled_from(taken), values), max_size=2))
    asked = "&".join("=".join(pair) for pair in pairs)
    method = draw(st.sampled_from([*operation.methods, "POST", *operation.methods, "GET"]))
    media = draw(st.sampled_from([JSON, JSON, JSON, XML, FORM]))
    good = draw(st.sampled_from(seeds()))
    data = {JSON: as_json(body), XML: as_xml(good)}.get(media, query("Patient").map(str.encode))
    return Request(method, path, asked, draw(data) if method == "POST" else b"",
                   {"content_type": media} | draw(headers()))  # fmt: skip
