"""Method and path → interaction: the table that the CapabilityStatement is made from too.

https://hl7.org/fhir/R4/http.html#summary
"""

import re
from dataclasses import dataclass

from fhir_server.auth.scopes import LETTERS
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest, NotAllowed, NotFound
from fhir_server.interactions.operations.table import LEVELS, OPERATIONS, Operation
from profiles.definitions import r4

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)

# Pattern of the path → method → interaction; [type] and [id] as in the standard.
ROUTES: dict[str, dict[str, str]] = {
    "": {"GET": "search-system", "POST": "transaction"},
    "_search": {"POST": "search-system"},
    "metadata": {"GET": "capabilities"},
    "_history": {"GET": "history-system"},
    "[type]": {
        "GET": "search-type",
        "POST": "create",
        "PUT": "conditional-update",
        "PATCH": "conditional-patch",
        "DELETE": "conditional-delete",
    },
    "[type]/_search": {"POST": "search-type"},
    "[type]/_history": {"GET": "history-type"},
    "[type]/[id]": {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"},
    "[type]/[id]/_search": {"POST": "search-whole-compartment"},
    "[type]/[id]/*": {"GET": "search-whole-compartment"},
    "[type]/[id]/*/_search": {"POST": "search-whole-compartment"},
    "[type]/[id]/[type]": {"GET": "search-compartment"},
    "[type]/[id]/[type]/_search": {"POST": "search-compartment"},
    "[type]/[id]/_history": {"GET": "history-instance"},
    "[type]/[id]/_history/[vid]": {"GET": "vread"},
}
# Interactions that show content: not for indirect authentications (R150).
CONSULTS = frozenset({
    "read", "vread", "history-instance", "history-type", "history-system", "search-type",
    "search-system", "search-compartment", "search-whole-compartment",
})  # fmt: skip

# What R4 has no code of its own for.
CODES = {"search-compartment": "search-type", "search-whole-compartment": "search-system"}


@dataclass(frozen=True, slots=True)
class Route:
    """What a call asks for."""

    interaction: str
    type_: str = ""
    id_: str = ""
    version: int = 0
    operation: Operation | None = None
    within: tuple[str, str] | None = None  # the compartment that is searched

    @property
    def code(self) -> str:
        """Its code in http://hl7.org/fhir/restful-interaction, for the trail."""
        return CODES.get(self.interaction, self.interaction.removeprefix("conditional-"))

    @property
    def level(self) -> str:
        """What an operation is called on; see `operations.table.LEVELS`."""
        if self.version:
            return "version"
        return "instance" if self.id_ else "type" if self.type_ else "system"


def match(call: Call) -> Route:
    """NotFound for no such path or type, NotAllowed (with `Allow`) for a method the path does not
    have.
    """
    parts = call.path.split("/") if call.path else []
    if parts and parts[-1].startswith("$"):
        return _operation(call, parts)
    pattern = _pattern(parts)
    methods = ROUTES.get(pattern)
    if methods is None:
        raise NotFound(f"there is no `/{call.path[:100]}` here")
    if pattern.startswith("[type]") and not r4().is_resource(parts[0]):
        raise NotFound(
            f"`{parts[0][:100]}` is not a resource type of FHIR R4", code="not-supported"
        )
    method = "GET" if call.method == "HEAD" else call.method
    if method not in methods:
        raise NotAllowed(f"`{call.method}` is not offered here", headers={"Allow": allowed(call)})
    type_, id_, version = _named(parts, pattern)
    if "compartment" in methods[method]:
        inner = "" if parts[2] in ("*", "_search") else parts[2]
        return Route(methods[method], inner, within=(type_, id_))
    return Route(methods[method], type_, id_, version)


def letter_of(route: Route) -> str:
    """The letter of a SMART scope that a route needs, "" for none."""
    if route.operation:
        return route.operation.levels[route.level]
    return LETTERS.get(route.interaction.removeprefix("conditional-"), "")


def consults(route: Route) -> bool:
    """Whether content is shown."""
    if route.operation:
        return route.operation.shows != "nothing"
    return route.interaction in CONSULTS


def consulted(route: Route) -> str:
    """The type of what is shown, "" for a record with all that is in it."""
    of_record = route.operation is not None and route.operation.shows == "record"
    return "" if of_record else route.type_


def _operation(call: Call, parts: list[str]) -> Route:
    """An operation, on what stands before it in the address; BadRequest where it is not called."""
    *place, name = parts
    pattern = _pattern(place)
    if place and pattern not in ("[type]", "[type]/[id]", "[type]/[id]/_history/[vid]"):
        raise NotFound(f"there is no `/{call.path[:100]}` here")
    if place and not r4().is_resource(place[0]):
        raise NotFound(
            f"`{place[0][:100]}` is not a resource type of FHIR R4", code="not-supported"
        )
    operation = OPERATIONS.get(name[1:])
    if operation is None or (place and not operation.on(place[0])):
        raise NotFound(f"there is no operation `{name[:100]}` here", code="not-supported")
    type_, id_, version = _named(place, pattern)
    if "[vid]" in pattern and not version:
        raise NotFound(f"there is no version `{place[3][:100]}` of `{type_}/{id_}`")
    route = Route("operation", type_, id_, version, operation)
    if route.level not in operation.levels:
        where = " or ".join(level for level in LEVELS if level in operation.levels)
        raise BadRequest(
            f"`{name}` is called on {where}, not on {route.level}", code="not-supported"
        )
    if ("GET" if call.method == "HEAD" else call.method) not in operation.methods:
        raise NotAllowed(f"`{call.method}` is not offered here", headers={"Allow": allowed(call)})
    return route


def allowed(call: Call) -> str:
    """The methods of a path but the one that was refused, for `Allow`, which every 405 has (RFC
    9110).
    """
    methods = _methods(call.path.split("/") if call.path else [])
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods - {call.method}))


def _methods(parts: list[str]) -> set[str]:
    if parts and parts[-1].startswith("$"):
        operation = OPERATIONS.get(parts[-1][1:])
        return set(operation.methods) if operation else set()
    pattern = _pattern(parts)
    if pattern.startswith("[type]") and not r4().is_resource(parts[0]):
        return set()
    return set(ROUTES.get(pattern, {}))


def _pattern(parts: list[str]) -> str:
    if not parts or parts[0] == "metadata" or parts[0].startswith("_"):
        return "/".join(parts)
    shape = ["[type]"]
    for place, part in enumerate(parts[1:], 1):
        if part.startswith("_") or part == "*":
            shape.append(part)
        elif place == 1:
            shape.append("[id]")
        elif place == 2:
            shape.append("[type]" if r4().is_resource(part) else part)
        else:
            shape.append("[vid]" if shape[-1] == "_history" else part)
    return "/".join(shape)


def _named(parts: list[str], pattern: str) -> tuple[str, str, int]:
    if not pattern.startswith("[type]"):
        return "", "", 0
    id_ = parts[1] if "[id]" in pattern else ""
    if id_ and not ID.fullmatch(id_):
        raise NotFound(f"`{id_[:100]}` cannot be the id of a resource")
    if "[vid]" not in pattern:
        return parts[0], id_, 0
    if not parts[3].isascii() or not parts[3].isdigit() or len(parts[3]) > 9:
        raise NotFound(f"there is no version `{parts[3][:100]}` of `{parts[0]}/{id_}`")
    return parts[0], id_, int(parts[3])
