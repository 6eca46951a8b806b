"""Where a key stands twice in one JSON object, as FHIRPath.

https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression
"""

import json
from typing import Any

from profiles.definitions import r4
from profiles.members import Rules, rules


class _Object(dict[str, Any]):
    """A JSON object; `twice` is a key that it has more than once, or ""."""

    twice = ""


def repeated(data: bytes) -> tuple[str, str] | None:
    """A key that stands twice in one object of `data`, and the expression of the element that it
    is; None where there is none, "" for the expression where `data` is no resource.

    `data` is JSON: ValueError for what is none, RecursionError for what is nested too deep.
    """
    found: list[str] = []

    def noted(pairs: list[tuple[str, Any]]) -> _Object:
        made = _Object(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            made.twice = next(key for n, key in enumerate(keys) if key in keys[:n])
            found.append(made.twice)
        return made

    root = json.loads(data, object_pairs_hook=noted, parse_float=str, parse_int=str)
    if not found:
        return None
    return (_outermost(root) if type(root) is _Object else None) or (found[0], "")


def _outermost(root: _Object) -> tuple[str, str] | None:
    """The key that an object in `root` has twice; None where only one in an array of arrays has."""
    waiting = [(root, _of_resource(root), str(root.get("resourceType")))]
    for value, inside, path in waiting:  # grows while it is read
        if value.twice:
            return value.twice, f"{path}.{_step(inside, value.twice)}"
        for name, item in value.items():
            member = inside.members.get(name)
            at = f"{path}.{_step(inside, name)}"
            within = rules(member.type) if member and member.type else None
            items = enumerate(item) if type(item) is list else ((-1, item),)
            waiting += [
                (inner, within or _of_resource(inner), at if index < 0 else f"{at}[{index}]")
                for index, inner in items
                if type(inner) is _Object
            ]
    return None


def _step(inside: Rules, name: str) -> str:
    member = inside.members.get(name)
    return member.path if member else name[:100]


def _of_resource(value: _Object) -> Rules:
    name = value.get("resourceType")
    return rules(name if type(name) is str and r4().is_resource(name) else "Resource")
