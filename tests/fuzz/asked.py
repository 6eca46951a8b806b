"""Strategies for addresses, queries and headers.

https://hl7.org/fhir/R4/http.html#general, https://hl7.org/fhir/R4/search.html
"""

from functools import cache
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from fhir_server.interactions.operations.table import OPERATIONS
from fhir_server.interactions.routes import ROUTES
from profiles.definitions import r4
from tests.fuzz.chance import Draw, rarely, text
from tests.web.valid import FORM, JSON, PATCH, XML

XML_PATCH = "application/xml-patch+xml"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
TYPES = ["Patient", "Observation", "DocumentReference", "Binary", "Consent", "CareTeam", "List",
         "AuditEvent", "Bundle", "Composition", "Basic", "Practitioner", "ValueSet"]  # fmt: skip
NOT_TYPES = ["", "patient", "Resource", "DomainResource", "Reference", "metadata", "$meta",
             "_search", "..", "%2e%2e", "*", "\u00e9", "Patient ", "Patient%00"]  # fmt: skip
IDS = ["a", "never-stored", "x" * 64, "x" * 65, "", ".", "..", "a b", "%00", "\u2603", "$meta",
       "_history", "A.b-1", "'", "1;--"]  # fmt: skip
VERSIONS = ["1", "2", "0", "-1", "999999999", "9999999999", "\u0661", "x", "", "1.0"]
MEDIA = [JSON, XML, "application/json", "application/xml", "text/xml", "*/*", "text/html", "",
         f"{XML};q=0.5, {JSON};q=0.4", f"{JSON}; fhirVersion=4.0", f"{JSON};fhirVersion=5.0",
         f"{JSON};charset=latin-1", f"{XML};q=nan", f"{JSON};q=-1", ";", ",", "a/b;c", PATCH, FORM,
         XML_PATCH, "text/turtle", f"{JSON};q=0", "application/pdf", 'a/b;c="', "*"]  # fmt: skip
VALUES = ["", ",", "|", "a", "a|b", "|b", "a|", "a,b", "\\", "\\,", "$", "a$b", "2024", "2024-02-3",
          "ge2020-01-01", "gt", "ap2024-01-01T00:00:00Z", "eb9999-12-31", "sa0001", "1.5", "1e400",
          "gt1.5||mg", "lt-0", "ap1e308", "nan", "true", "false", "x" * 300, "%", "_", "'", '"',
          "Patient/a", "Patient/a/_history/1", "http://a.example/b|1", "#a", "urn:uuid:x", "\u0130",
          "\u00df", "\u1e9e", "\U0001f600", "\ud7ff", "-", "1,,2", "a|b|c", "Patient", "\u0000",
          "2024-01-01T10:00:00 01:00", "0", "-1", "1000000", "99999999999999999999"]  # fmt: skip
MODIFIERS = [*[""] * 6, ":missing", ":exact", ":contains", ":not", ":text", ":in", ":below",
             ":above", ":identifier", ":of-type", ":Patient", ":Melon", ":", "::", ":iterate",
             ":not-in"]  # fmt: skip
CONTROLS = ["_id", "_lastUpdated", "_count", "_sort", "_total", "_summary", "_elements", "_format",
            "_pretty", "_type", "_include", "_revinclude", "_has:Observation:patient:code",
            "_has:Observation:subject:_has:AuditEvent:entity:type", "_list", "_query", "_filter",
            "_text", "_content", "_tag", "_profile", "_security", "_source", "_since", "_at",
            "_cursor", "_contained", "_containedType", "mode", "subject:Patient.name", "x",
            "patient.organization.partof.partof.name", "subject.subject.subject", ""]  # fmt: skip
RESULTS = {
    "_count": ["0", "1", "500", "501", "-1", "x", "1.0", "999999999", "9" * 400],
    "_summary": ["true", "text", "data", "count", "false", "x"],
    "_total": ["none", "estimate", "accurate", "x"],
    "_sort": ["_id", "-_lastUpdated", "date,-_id", "x", "-", ",", "-date,date", "name"],
    "_elements": ["id", "status", "code.text", "x", ",", "*"],
    "_format": [*MEDIA, "json", "xml", "ttl"],
    "_include": ["*", "Observation:subject", "Observation:subject:Patient", "x", ":"],
    "_filter": ["_id eq a", "name co \"é\"", "not (_id pr true) or code ne a|b", "((", "a[b",
                "subject[name sw a].birthdate po 2024", "_id eq", "date ap 2024-13", "x" * 99],
    "_at": ["2024", "2026-11-24", "x"],
    "_since": ["2026-11-24T00:00:00Z", "2024", "x"],
}
PREFER = ["return=minimal", "return=representation", "return=OperationOutcome", "handling=strict",
          "handling=lenient", "respond-async", "return=", "=", ";", 'return="minimal', "wait=1"]
ETAGS = ['W/"1"', '"1"', "1", "*", 'W/"2", W/"1"', 'W/"', "", 'W/"99999999999999999999"', "x,y"]
DATES = ["Tue, 24 Nov 2026 10:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "yesterday", "0",
         "Tue, 99 Nov 2026 10:00:00 GMT", "Tue, 24 Nov 99999 10:00:00 GMT"]  # fmt: skip
HEADERS = {
    "accept": MEDIA,
    "content_type": MEDIA,
    "prefer": PREFER,
    "if_match": ETAGS,
    "if_none_match": ETAGS,
    "if_modified_since": DATES,
    "if_none_exist": ["identifier=a|b", "?_id=a", "x", "", "_count=1", "%ff", "name:melon=x"],
    "x_request_id": ["a", "x" * 300, "\u00e9", "<x>"],
    "x_correlation_id": ["a", "\u00e9"],
    "x_provenance": ['{"resourceType":"Provenance"}', "{", "[]", "1"],
    "x_security_context": ["Patient/a", "#a", "x"],
    "range": ["bytes=0-0", "bytes=5-1", "bytes=-1", "bytes=99-", "x", "bytes=0-0,2-3"],
    "accept_charset": ["utf-8", "latin-1", ";"],
    "content_encoding": ["gzip", "identity", "x"],
    "origin": ["http://a.example", "null", "http://127.0.0.1:8080", "http://["],
    "authorization": ["Bearer x", "Bearer a.b.c", "Basic eA==", "Bearer", "", "Bearer \u00e9"],
}
latin = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


@cache
def names(type_: str) -> tuple[str, ...]:
    """The search parameters of a type, or of one that every type has where it is none."""
    return (*r4().search.get(type_, r4().search["Basic"]), *CONTROLS)


@st.composite
def headers(draw: Draw, *always: str) -> dict[str, str]:
    """Some headers, `always` among them, with values of their own or any."""
    some = st.lists(st.sampled_from(sorted(HEADERS)), max_size=3)
    chosen = draw(some) if draw(rarely(3)) else []
    return {
        name: draw(st.one_of(st.sampled_from(HEADERS[name]), latin)) for name in (*always, *chosen)
    }


@st.composite
def parameter(draw: Draw, type_: str) -> str:
    name = draw(st.one_of(st.sampled_from(names(type_)), st.sampled_from(CONTROLS), text))
    pool = RESULTS.get(name, VALUES)
    value = draw(st.one_of(st.sampled_from(pool), st.sampled_from(VALUES), text))
    name += draw(st.sampled_from(MODIFIERS))
    if draw(rarely(10)):
        return f"{name}={value}".encode(errors="surrogatepass").decode("latin-1")
    return f"{quote(name, ':')}={quote(value, safe=draw(st.sampled_from(['', '|,$:/'])))}"


def query(type_: str, most: int = 4) -> st.SearchStrategy[str]:
    return st.lists(parameter(type_), max_size=most).map("&".join)


@st.composite
def place(draw: Draw, pattern: str, ids: dict[str, str]) -> str:
    """A path like `pattern`, mostly of what there is."""
    type_ = draw(st.sampled_from([*TYPES, *ids, *NOT_TYPES]))
    known = ids.get(type_, "a")
    pools: dict[str, list[Any]] = {
        "[type]": [type_], "[id]": [*[known] * 10, *IDS], "[vid]": VERSIONS,
    }  # fmt: skip
    parts = [draw(st.sampled_from(pools.get(part, [part]))) for part in pattern.split("/")]
    if draw(rarely(10)):
        parts.append(draw(st.sampled_from([*IDS, *TYPES, "*"])))
    return encoded("/".join(parts))


def encoded(path: str) -> str:
    """As WSGI has it (PEP 3333)."""
    return path.encode(errors="surrogatepass").decode("latin-1")


def patterns() -> list[str]:
    before = ("", "[type]/", "[type]/[id]/", "[type]/[id]/_history/[vid]/")
    called = [f"{place_}${code}" for code in [*OPERATIONS, "melon", ""] for place_ in before]
    return [*ROUTES, *called]
