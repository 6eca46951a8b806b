"""Method and path → interaction: the table that the CapabilityStatement is made from too.

https://hl7.org/fhir/R4/http.html#summary
"""

import re
from dataclasses import dataclass

from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import NotAllowed, NotFound
from profiles.definitions import r4

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)

# Pattern of the path → method → interaction; [type] and [id] as in the standard.
ROUTES: dict[str, dict[str, str]] = {
    "": {"POST": "transaction"},
    "metadata": {"GET": "capabilities"},
    "[type]": {
        "GET": "search-type",
        "POST": "create",
        "PUT": "conditional-update",
        "PATCH": "conditional-patch",
        "DELETE": "conditional-delete",
    },
    "[type]/_search": {"POST": "search-type"},
    "[type]/[id]": {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"},
    "[type]/[id]/_history": {"GET": "history-instance"},
    "[type]/[id]/_history/[vid]": {"GET": "vread"},
}
# Interactions that show content: not for indirect authentications (R150).
CONSULTS = frozenset({"read", "vread", "history-instance", "search-type"})


@dataclass(frozen=True, slots=True)
class Route:
    """What a call asks for."""

    interaction: str
    type_: str = ""
    id_: str = ""
    version: int = 0


def match(call: Call) -> Route:
    """NotFound for no such path or type, NotAllowed (with `Allow`) for a method the path does not
    have.
    """
    parts = call.path.split("/") if call.path else []
    pattern = _pattern(parts)
    methods = ROUTES.get(pattern)
    if methods is None:
        raise NotFound(f"there is no `/{call.path[:100]}` here")
    if parts and pattern != "metadata" and not r4().is_resource(parts[0]):
        raise NotFound(
            f"`{parts[0][:100]}` is not a resource type of FHIR R4", code="not-supported"
        )
    method = "GET" if call.method == "HEAD" else call.method
    if method not in methods:
        raise NotAllowed(f"`{call.method}` is not offered here", headers={"Allow": allowed(call)})
    return Route(methods[method], *_named(parts, pattern))


def allowed(call: Call) -> str:
    """The methods of a path but the one that was refused, for `Allow`, which every 405 has (RFC
    9110).
    """
    methods = set(ROUTES.get(_pattern(call.path.split("/") if call.path else []), {}))
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods - {call.method}))


def _pattern(parts: list[str]) -> str:
    if not parts or parts == ["metadata"]:
        return "/".join(parts)
    shape = [
        "[type]",
        *("[id]" if n == 1 and part != "_search" else part for n, part in enumerate(parts[1:], 1)),
    ]
    if len(shape) == 4 and shape[2] == "_history":
        shape[3] = "[vid]"
    return "/".join(shape)


def _named(parts: list[str], pattern: str) -> tuple[str, str, int]:
    if not parts or pattern == "metadata":
        return "", "", 0
    id_ = parts[1] if "[id]" in pattern else ""
    if id_ and not ID.fullmatch(id_):
        raise NotFound(f"`{id_[:100]}` cannot be the id of a resource")
    if "[vid]" not in pattern:
        return parts[0], id_, 0
    if not parts[3].isascii() or not parts[3].isdigit() or len(parts[3]) > 9:
        raise NotFound(f"there is no version `{parts[3][:100]}` of `{parts[0]}/{id_}`")
    return parts[0], id_, int(parts[3])
