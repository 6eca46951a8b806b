"""What a server's CapabilityStatement says, for tests that hold the server to it."""

import json
from typing import Any

from fhir_server.interactions.capabilities import statement
from tests.house import House

JSON_PATCH = "application/json-patch+json"


def rest(server: House) -> dict[str, Any]:
    (found,) = json.loads(statement(server.settings))["rest"]
    return dict(found)


def said(server: House, type_: str) -> dict[str, Any]:
    (found,) = (r for r in rest(server)["resource"] if r["type"] == type_)
    return dict(found)


def codes(of: dict[str, Any]) -> set[str]:
    return {one["code"] for one in of.get("interaction", ())}


def basic(code: str = "x") -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"coding": [{"code": code}]}}
