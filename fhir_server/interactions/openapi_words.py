"""What OpenAPI needs said of parameters, bodies and answers, beyond the routes.

https://spec.openapis.org/oas/v3.1.0, https://hl7.org/fhir/R4/http.html#summary
"""

from dataclasses import dataclass
from typing import Any, Mapping

from fhir_server.fhir.form import FORM
from fhir_server.fhir.formats import JSON, JSON_PATCH, XML, XML_PATCH

Json = dict[str, Any]
TEXT: Json = {"type": "string"}


def ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


@dataclass(frozen=True, slots=True)
class Described:
    """What a call of an interaction takes and answers, beyond what every call does.

    `answers`: statuses of success; `refusals`: statuses of refusals; `takes`: names in
    `PARAMETERS`; `body`: a name in `BODIES`, "" for none; `shows`: a name in `SHOWN`.
    """

    answers: tuple[int, ...]
    refusals: tuple[int, ...] = ()
    takes: tuple[str, ...] = ()
    body: str = ""
    shows: str = "resource"


# Of every call: what is unreadable, not permitted, unknown, too large, too late.
ALWAYS = (400, 401, 403, 404, 406, 413, 414, 415, 431, 500, 503)
_WRITES = (405, 409, 422)
_SUBSET = ("_summary", "_elements")
_PAGED = ("_count", *_SUBSET)
_HISTORY = Described((200,), (410,), ("_since", "_at", "_list", *_PAGED), shows="bundle")
_READ = Described((200, 206, 304), (410, 416),
                  ("If-None-Match", "If-Modified-Since", "Range", *_SUBSET), shows="content")
_SEARCH = ("criteria", "_list", "_filter", "_include", "_revinclude", "_sort", "_total", *_PAGED)
_SEARCHED = Described((200,), (), _SEARCH, shows="bundle")
_WRITE = ("Prefer", "X-Provenance", "X-Security-Context", *_SUBSET)

INTERACTIONS: Mapping[str, Described] = {
    "capabilities": Described((200, 304), takes=("mode", "If-None-Match", *_SUBSET)),
    "transaction": Described((200,), (*_WRITES, 410, 412), ("Prefer", *_SUBSET), "bundle",
                             "bundle"),
    "search-type": _SEARCHED,
    "search-system": Described((200,), (), ("_type", *_SEARCH), shows="bundle"),
    "search-compartment": _SEARCHED,
    "search-whole-compartment": Described((200,), (), ("_type", *_SEARCH), shows="bundle"),
    "create": Described((200, 201), (*_WRITES, 412), ("If-None-Exist", *_WRITE), "resource"),
    "conditional-update": Described((200, 201), (*_WRITES, 412), ("criteria", "If-Match", *_WRITE),
                                    "resource"),
    "conditional-patch": Described((200,), (*_WRITES, 412), ("criteria", "If-Match", *_WRITE),
                                   "patch"),
    "conditional-delete": Described((200, 204), (*_WRITES, 412), ("criteria", "If-Match", "Prefer"),
                                    shows="outcome"),
    "read": _READ,
    "vread": _READ,
    "update": Described((200, 201), (*_WRITES, 412), ("If-Match", "If-None-Match", *_WRITE),
                        "resource"),
    "patch": Described((200,), (*_WRITES, 410, 412), ("If-Match", *_WRITE), "patch"),
    "delete": Described((200, 204), (*_WRITES, 412), ("If-Match", "Prefer"), shows="outcome"),
    "history-instance": _HISTORY,
    "history-type": _HISTORY,
    "history-system": _HISTORY,
    "operation": Described((200,), (*_WRITES, 410, 412), ("Prefer",)),
}  # fmt: skip

_NAMED = "https://hl7.org/fhir/R4/"
# Name → schema, meaning; in the query, but those with a capital letter.
PARAMETERS: Mapping[str, tuple[Json, str]] = {
    "_format": (TEXT, "the format of the answer, before `Accept`"),
    "_pretty": ({"enum": ["true", "false"]}, "whether the answer is written for people"),
    "_summary": (
        {"enum": ["true", "text", "data", "count", "false"]},
        "a part of each resource; `count` of Bundles alone",
    ),
    "_elements": (TEXT, "the elements that are wanted, with commas between"),
    "_count": ({"type": "integer", "minimum": 0}, "entries of a page"),
    "_sort": (TEXT, "parameters to sort by, with commas between; `-` for the other way round"),
    "_include": (TEXT, "`Type:parameter`: what the matches lead to, with them"),
    "_revinclude": (TEXT, "`Type:parameter`: what leads to the matches, with them"),
    "_total": ({"enum": ["none", "estimate", "accurate"]}, "whether all matches are counted"),
    "_type": (TEXT, "the types that are searched, with commas between"),
    "_since": (TEXT, "an instant: versions since then"),
    "_at": (TEXT, "a date: versions that were current then"),
    "_list": (TEXT, "the id of a List: what it holds, or versions of that"),
    "_filter": (TEXT, "tests with `and`, `or`, `not`: https://hl7.org/fhir/R4/search_filter.html"),
    "mode": ({"enum": ["full", "normative", "terminology"]}, "which statement"),
    "criteria": (
        {"type": "object", "additionalProperties": TEXT},
        f"search parameters, as the CapabilityStatement names them: {_NAMED}search.html",
    ),
    "Prefer": (TEXT, "`return=minimal`, `representation` or `OperationOutcome`; `handling=strict`"),
    "If-Match": (TEXT, 'the version that is changed, `W/"1"`'),
    "If-None-Match": (TEXT, "versions that are known already"),
    "If-Modified-Since": (TEXT, "an HTTP date"),
    "If-None-Exist": (TEXT, "search parameters: create only where nothing is found by them"),
    "X-Provenance": (TEXT, "a Provenance, as JSON, to store with what is written"),
    "X-Security-Context": (TEXT, "the reference whose rules bytes come under"),
    "Range": (TEXT, "the part of the bytes of a Binary that is wanted"),
    "X-Request-Id": (TEXT, "a number of the request, for the trail"),
}

_RESOURCE = {JSON: {"schema": ref("schemas", "Resource")}, XML: {"schema": ref("schemas", "Xml")}}
_BUNDLE = {JSON: {"schema": ref("schemas", "Bundle")}, XML: {"schema": ref("schemas", "Xml")}}
_OUTCOME = {
    JSON: {"schema": ref("schemas", "OperationOutcome")},
    XML: {"schema": ref("schemas", "Xml")},
}
_BYTES: Json = {"*/*": {"schema": {}}}

BODIES: Mapping[str, Json] = {
    "resource": _RESOURCE,
    "bundle": _BUNDLE,
    "parameters": {
        JSON: {"schema": ref("schemas", "Parameters")},
        XML: {"schema": ref("schemas", "Xml")},
        FORM: {"schema": {"type": "object", "additionalProperties": TEXT}},
    },
    "patch": {
        JSON_PATCH: {"schema": ref("schemas", "JsonPatch")},
        XML_PATCH: {"schema": ref("schemas", "Xml")},
        JSON: {"schema": ref("schemas", "Parameters")},
        XML: {"schema": ref("schemas", "Xml")},
    },
    "form": {FORM: {"schema": {"type": "object", "additionalProperties": TEXT}}},
}
# `content`: the bytes of a Binary are what they are.
SHOWN: Mapping[str, Json] = {
    "resource": _RESOURCE,
    "bundle": _BUNDLE,
    "outcome": _OUTCOME,
    "content": _RESOURCE | _BYTES,
}


def of_type(name: str, **properties: Json) -> Json:
    """The schema of one resource type, no more of it than that."""
    kind = {"resourceType": {"const": name}}
    return {"type": "object", "required": ["resourceType"], "properties": kind | properties}


SCHEMAS: Mapping[str, Json] = {
    "Id": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
    "Version": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    "Xml": {"type": "string", "description": "a resource, or a patch, in XML"},
    "Resource": {
        "type": "object",
        "required": ["resourceType"],
        "properties": {
            "resourceType": ref("schemas", "ResourceType"),
            "id": ref("schemas", "Id"),
            "meta": {"type": "object"},
        },
        "description": f"{_NAMED}resourcelist.html",
    },
    "Bundle": of_type("Bundle", type=TEXT, entry={"type": "array", "items": {"type": "object"}}),
    "Parameters": of_type("Parameters", parameter={"type": "array", "items": {"type": "object"}}),
    "OperationOutcome": of_type(
        "OperationOutcome", issue={"type": "array", "minItems": 1, "items": ref("schemas", "Issue")}
    )
    | {"required": ["resourceType", "issue"]},
    "Issue": {
        "type": "object",
        "required": ["severity", "code"],
        "properties": {
            "severity": {"enum": ["fatal", "error", "warning", "information"]},
            "code": TEXT,
            "diagnostics": TEXT,
            "expression": {"type": "array", "items": TEXT},
            "location": {"type": "array", "items": TEXT},
        },
    },
    "JsonPatch": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["op", "path"],
            "properties": {
                "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": TEXT,
                "from": TEXT,
                "value": {},
            },
        },
    },
}
