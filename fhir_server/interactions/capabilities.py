"""The CapabilityStatement, made from the routes, the tables and the rules, so that it cannot
disagree with them.

https://hl7.org/fhir/R4/capabilitystatement.html, https://hl7.org/fhir/R4/http.html#capabilities
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Callable

from fhir_server import __version__
from fhir_server.fhir import json_format
from fhir_server.fhir.formats import JSON, PATCH_FORMATS, XML
from fhir_server.fhir.headers import versions
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, NotAllowed, Unprocessable
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.table import OPERATIONS, declared
from fhir_server.interactions.routes import ROUTES
from fhir_server.policy.facts import chooses_ids
from fhir_server.policy.subject import Subject
from fhir_server.policy.writes import change, creation, removal
from fhir_server.search.includes import ANY, references, reverse_values
from fhir_server.search.keys import FULL_TEXT, number
from fhir_server.search.mentions import WORDS
from fhir_server.search.parameters import COLUMNS
from fhir_server.search.registry import NOTHING_STORED, Offer, Registry
from fhir_server.settings import Settings
from fhir_server.storage.writing import Writing
from profiles.definitions import r4

# The day this statement's content last changed; R4 wants a date.
SINCE = "2026-11-24"
MODES = ("full", "normative", "terminology")
# What of it R4 marks as trial use: left out of `mode=normative`.
TRIAL_USE = frozenset({
    "versioning", "readHistory", "updateCreate", "conditionalCreate", "conditionalRead",
    "conditionalUpdate", "conditionalDelete", "referencePolicy", "searchInclude",
    "searchRevInclude", "supportedProfile",
})  # fmt: skip

Json = dict[str, Any]


def capabilities(call: Call, stored: Writing, context: Context) -> Reply:
    """200 with its ETag, which changes with the content; 304 when that is known already."""
    mode = call.parameter("mode") or "full"
    if mode not in MODES:
        raise BadRequest(f"`{mode[:100]}` is no mode: {', '.join(MODES)}", code="value")
    text = statement(context.settings, mode, stored.offer.now())
    etag = _tag(text)
    known = call.header("if-none-match")
    if known and {etag, "*"} & set(versions(known, "If-None-Match")):
        return Reply(304, headers={"ETag": f'W/"{etag}"'})
    return Reply(200, text, {"ETag": f'W/"{etag}"'})


@lru_cache(maxsize=32)
def _tag(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


# Search parameters of every type, whatever it is.
OF_ALL_TYPES: tuple[Json, ...] = (
    {"name": "_list", "type": "special", "documentation": "the id of a stored List"},
    {
        "name": "_filter",
        "type": "special",
        "definition": "http://hl7.org/fhir/SearchParameter/filter",
        "documentation": "without `ss` and `sb`, and operations that a type has no meaning for",
    },
)


@lru_cache(maxsize=16)
def statement(
    settings: Settings, mode: str = "full", registry: Registry = NOTHING_STORED
) -> bytes:
    """The text of the statement, in one of `MODES`; with the parameters of `registry`."""
    head = {
        "status": "active",
        "date": SINCE,
        "kind": "instance",
        "software": {"name": "fhir-server", "version": __version__},
        "implementation": {
            "description": "FHIR R4 server for the shared medical record",
            "url": settings.base_url,
        },
    }
    if mode == "terminology":  # no terminology service: there is nothing more to say
        return json_format.write({"resourceType": "TerminologyCapabilities"} | head)
    found = {"resourceType": "CapabilityStatement"} | head | {
        "fhirVersion": "4.0.1",
        "format": [JSON, XML],
        "patchFormat": list(PATCH_FORMATS),
        "rest": [_rest(settings, registry)],
    }  # fmt: skip
    return json_format.write(_normative(found) if mode == "normative" else found)


def _normative(found: Json) -> Json:
    (rest,) = found["rest"]
    resources = [
        {name: value for name, value in resource.items() if name not in TRIAL_USE}
        for resource in rest["resource"]
    ]
    kept = {name: value for name, value in rest.items() if name != "security"}
    return found | {"rest": [kept | {"resource": resources}]}


def _rest(settings: Settings, registry: Registry) -> Json:
    offer = Offer(registry, lambda: registry, guarded=settings.policy != "off")
    reverse = reverse_values(offer)
    whole = _codes("system-restful-interaction")
    return {
        "mode": "server",
        "security": _security(settings),
        "resource": [_resource(t, settings, offer, reverse[t]) for t in r4().resources],
        # Who does transactions does batches: one route, told apart by the type of the Bundle.
        "interaction": _coded(whole + (["batch"] if "transaction" in whole else [])),
        "searchParam": list(OF_ALL_TYPES),
        "operation": declared(),
        "compartment": _compartments(),
    }


def _compartments() -> list[str]:
    there = r4().compartments if "search-compartment" in _offered() else ()
    return [f"http://hl7.org/fhir/CompartmentDefinition/{name.lower()}" for name in there]


def _security(settings: Settings) -> Json:
    if settings.auth == "off":
        return {"cors": bool(settings.origins), "description": "none: FHIR_AUTH=off"}
    service = {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "OAuth",
            }
        ]
    }
    return {
        "cors": bool(settings.origins),
        "service": [service],
        "description": "bearer tokens (JWT) with SMART scopes; see the README",
    }


def _offered() -> list[str]:
    """Every interaction that has a route, in the order of the routes."""
    found = [interaction for methods in ROUTES.values() for interaction in methods.values()]
    return list(dict.fromkeys(found))


def _codes(value_set: str) -> list[str]:
    """Those of the interactions offered that R4 has a code for."""
    codes = r4().required[f"http://hl7.org/fhir/ValueSet/{value_set}"]
    return [interaction for interaction in _offered() if interaction in codes]


def _coded(codes: list[str]) -> list[Json]:
    return [{"code": code} for code in codes]


def _resource(type_: str, settings: Settings, offer: Offer, reverse: Sequence[str]) -> Json:
    offered, never = _offered(), _never(type_) if settings.policy != "off" else frozenset()
    codes = [code for code in _codes("type-restful-interaction") if code not in never]
    conditional = {code for code in codes if f"conditional-{code}" in offered}
    return {
        "type": type_,
        "interaction": _coded(codes),
        "versioning": "versioned",
        "readHistory": "vread" in codes,
        "updateCreate": "update" in codes
        and (settings.policy == "off" or chooses_ids("operator", type_)),
        "conditionalCreate": "create" in codes,
        "conditionalRead": "full-support",
        "conditionalUpdate": "update" in conditional,
        "conditionalDelete": "single" if "delete" in conditional else "not-supported",
        "referencePolicy": ["literal", "logical"]
        + (["enforced"] if settings.references == "enforce" else []),
        "searchInclude": [ANY, *(f"{type_}:{one.code}" for one in references(type_, offer))],
        "searchRevInclude": [ANY, *reverse],
        "searchParam": _search(type_, settings, offer),
        "operation": [
            one
            for one in declared(type_)
            if "meta" not in never or not OPERATIONS[one["name"]].affects_state
        ],
    }


def _search(type_: str, settings: Settings, offer: Offer) -> list[Json]:
    """Name, definition and type of each search parameter that is searched by."""
    refused = WORDS.get(type_, ()) if settings.policy != "off" else ()
    known, there = r4().search[type_], offer.all(type_)
    words = [code for code in FULL_TEXT if code in known and offer.has(number(type_, code))]
    columns = [(name, known[name].url, known[name].type) for name in (*COLUMNS, *words)]
    others = [(name, there[name].url, there[name].type) for name in sorted(set(there) - {*refused})]
    return [
        {"name": name, "definition": url, "type": kind} | _also(type_, name, url)
        for name, url, kind in columns + others
    ]


def _also(type_: str, code: str, url: str) -> Json:
    """There is one entry for each name (cpb-12): what guides call it stands in its words."""
    guides = [one.url for one in r4().synonyms[type_].get(code, ()) if one.url != url]
    return {"documentation": f"as <{'>, <'.join(guides)}>"} if guides else {}


@lru_cache(maxsize=256)
def _never(type_: str) -> frozenset[str]:
    """The writes of a type that no rule could permit to anybody: the rules refuse them with 405,
    whatever is written; `meta` stands for the operations that change it. Bytes come with their
    document (ITI-65, ITI-105).
    """
    empty: Json = {"resourceType": type_, "status": ""}
    never = set()
    if type_ == "Binary" or _refuses(lambda: creation(empty, Subject("operator", ""))):
        never.add("create")
    if _refuses(lambda: change(empty, empty)):
        never |= {"update", "patch"}
    if _refuses(lambda: change(empty, empty | {"meta": {"tag": [{"code": "x"}]}})):
        never.add("meta")
    if _refuses(lambda: removal(empty)):
        never.add("delete")
    return frozenset(never)


def _refuses(act: Callable[[], object]) -> bool:
    try:
        act()
    except NotAllowed:
        return True
    except Unprocessable:
        return False
    return False
