"""The CapabilityStatement, made from the routes and the tables, so that it cannot disagree with
them.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from functools import lru_cache
from typing import Any

from fhir_server import __version__
from fhir_server.fhir import json_format
from fhir_server.fhir.formats import PATCH_FORMATS
from fhir_server.fhir.http import Reply
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.table import declared
from fhir_server.interactions.routes import ROUTES
from fhir_server.search.mentions import WORDS
from fhir_server.search.parameters import parameters
from profiles.definitions import r4

TYPE_CODES = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "create",
    "search-type",
)
# The day this statement's content last changed; R4 wants a date.
SINCE = "2026-11-24"
COLUMNS = (("_id", "token"), ("_lastUpdated", "date"))


def capabilities(context: Context) -> Reply:
    return Reply(200, statement(context.base, context.settings.policy, context.settings.references))


@lru_cache(maxsize=8)
def statement(base: str, policy: str, references: str) -> bytes:
    offered = {interaction for methods in ROUTES.values() for interaction in methods.values()}
    codes = [{"code": code} for code in TYPE_CODES if code in offered]
    rest: dict[str, Any] = {
        "mode": "server",
        "security": {
            "cors": False,
            "description": "bearer tokens (JWT); see the README" if policy != "off" else "none",
        },
        "resource": [_resource(type_, codes, policy, references) for type_ in r4().resources],
        "interaction": [{"code": "transaction"}, {"code": "batch"}],
        "operation": declared(),
    }
    return json_format.write(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": SINCE,
            "kind": "instance",
            "software": {"name": "fhir-server", "version": __version__},
            "implementation": {
                "description": "FHIR R4 server for the shared medical record",
                "url": base,
            },
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "application/fhir+xml"],
            "patchFormat": list(PATCH_FORMATS),
            "rest": [rest],
        }
    )


def _resource(
    type_: str, codes: list[dict[str, str]], policy: str, references: str
) -> dict[str, Any]:
    found = parameters(type_)
    refused = WORDS.get(type_, ()) if policy != "off" else ()
    offered = sorted(set(found) - set(refused))
    search = [{"name": code, "type": found[code].type} for code in offered]
    return {
        "type": type_,
        "interaction": codes,
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": policy == "off",
        "conditionalCreate": True,
        "conditionalRead": "not-match",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": [
            "literal",
            "logical",
            "local",
            *(["enforced"] if references == "enforce" else []),
        ],
        "searchParam": [{"name": name, "type": kind} for name, kind in COLUMNS] + search,
        "operation": declared(type_),
    }
