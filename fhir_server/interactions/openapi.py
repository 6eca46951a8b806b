"""The description of this API for tools, made from the routes and the operations.

https://spec.openapis.org/oas/v3.1.0

It says what HTTP says: addresses, methods, headers, formats, statuses. What resources look like and
what they are searched by is in the CapabilityStatement.
"""

import json
from functools import lru_cache
from http import HTTPStatus
from typing import Iterator

from fhir_server import __version__
from fhir_server.fhir.outcome import FhirError
from fhir_server.interactions.openapi_words import (
    ALWAYS,
    BODIES,
    INTERACTIONS,
    PARAMETERS,
    SCHEMAS,
    SHOWN,
    TEXT,
    Described,
    Json,
    ref,
)
from fhir_server.interactions.operations.table import OPERATIONS, Operation
from fhir_server.interactions.routes import ROUTES
from fhir_server.settings import Settings
from profiles.definitions import r4

EVERY_CALL = ("_format", "_pretty", "X-Request-Id")
IN_PATH = {"type": "ResourceType", "id": "Id", "vid": "Version"}
PLACES = {"system": "", "type": "[type]", "instance": "[type]/[id]",
          "version": "[type]/[id]/_history/[vid]"}  # fmt: skip


@lru_cache(maxsize=8)
def description(settings: Settings) -> bytes:
    """The OpenAPI document as JSON."""
    guarded = settings.auth == "required"
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "fhir-server",
            "version": __version__,
            "description": "FHIR R4 for the shared medical record: https://hl7.org/fhir/R4/",
        },
        "servers": [{"url": settings.base_url}],
        "security": [{"token": []}] if guarded else [],
        "paths": _paths(),
        "components": _components(),
    }
    if guarded:
        bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        document["components"]["securitySchemes"] = {"token": bearer}
    return json.dumps(document, ensure_ascii=False).encode()


def _paths() -> Json:
    paths: Json = {}
    for pattern, methods in ROUTES.items():
        for method, interaction in methods.items():
            described = INTERACTIONS[interaction]
            if pattern.endswith("_search"):
                described = _by_form(described)
            _add(paths, pattern, method, interaction, described)
    for operation in OPERATIONS.values():
        for pattern in _addresses(operation):
            for method in operation.methods:
                _add(paths, pattern, method, "operation", INTERACTIONS["operation"], operation)
    return paths


def _by_form(described: Described) -> Described:
    return Described(
        described.answers, described.refusals, described.takes, "form", described.shows
    )


def _addresses(operation: Operation) -> Iterator[str]:
    """Where an operation is called, as in `ROUTES`; one of a single type with its name."""
    for level in operation.levels:
        for type_ in operation.types or ("[type]",):
            yield f"{PLACES[level]}/${operation.code}".removeprefix("/").replace("[type]", type_)


def _add(
    paths: Json, pattern: str, method: str, interaction: str, described: Described,
    operation: Operation | None = None,
) -> None:  # fmt: skip
    """Describe a method of a path; HEAD goes with each GET."""
    address, names = _template(pattern)
    item = paths.setdefault(address, {"parameters": names} if names else {})
    for verb in ("get", "head") if method == "GET" else (method.lower(),):
        slug = "-".join(part for part in (verb, *pattern.split("/")) if part)
        item[verb] = {
            "operationId": slug.translate({ord(c): None for c in "[]$"}).replace("*", "all"),
            "tags": [f"${operation.code}" if operation else interaction],
            **_asked(verb, described, operation),
            "responses": _responses(described),
        }
        if interaction == "capabilities":
            item[verb]["security"] = []


def _template(pattern: str) -> tuple[str, list[Json]]:
    """The path with its variables in braces, and these; a second `[type]` is `{inner}`."""
    parts, parameters = [], []
    for part in pattern.split("/"):
        name = part[1:-1] if part.startswith("[") else ""
        if name:
            schema = ref("schemas", IN_PATH[name])
            name = "inner" if f"{{{name}}}" in parts else name
            parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
        parts.append(f"{{{name}}}" if name else part)
    return "/" + "/".join(parts), parameters


def _asked(verb: str, described: Described, operation: Operation | None) -> Json:
    """Parameters and body."""
    taken: list[Json] = [ref("parameters", n) for n in (*described.takes, *EVERY_CALL)]
    body = described.body
    if operation and verb != "post":
        taken += _in_query(operation)
    elif operation:
        body = "parameters"
    asked: Json = {"parameters": taken}
    if body:
        # An operation without parameters, and a search, may come without one.
        asked["requestBody"] = {
            "content": BODIES[body], "required": body not in ("parameters", "form"),
        }  # fmt: skip
    return asked


def _in_query(operation: Operation) -> Iterator[Json]:
    """The parameters that can stand in an address; those that a call needs may come in a body."""
    for parameter in operation.takes:
        if not parameter.is_resource:
            yield {"name": parameter.name, "in": "query", "schema": TEXT,
                   "required": parameter.min > 0}  # fmt: skip


def _responses(described: Described) -> Json:
    found: Json = {}
    for status in described.answers:
        found[str(status)] = {"description": HTTPStatus(status).phrase}
        if status not in (204, 304):
            found[str(status)]["content"] = SHOWN[described.shows]
    refused = sorted({*ALWAYS, *described.refusals})
    return found | {str(status): ref("responses", str(status)) for status in refused}


def _components() -> Json:
    return {
        "schemas": {"ResourceType": {"enum": list(r4().resources)}, **SCHEMAS},
        "parameters": {name: _parameter(name) for name in PARAMETERS},
        "responses": {
            str(kind.status): {"description": _meaning(kind), "content": SHOWN["outcome"]}
            for kind in sorted(FhirError.__subclasses__(), key=lambda kind: kind.status)
        },
    }


def _parameter(name: str) -> Json:
    schema, description_ = PARAMETERS[name]
    place = "header" if name[0].isupper() else "query"
    found: Json = {"name": name, "in": place, "schema": schema, "description": description_}
    return found | ({"style": "form", "explode": True} if name == "criteria" else {})


def _meaning(kind: type[FhirError]) -> str:
    return (kind.__doc__ or HTTPStatus(kind.status).phrase).split("\n")[0]
