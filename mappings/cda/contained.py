"""Contained resources: each once, under ids that do not clash, none that nobody refers to.

https://hl7.org/fhir/R4/references.html#contained
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]


class Contained:
    """The contained resources of a resource that is being made."""

    def __init__(self) -> None:
        self._found: dict[str, Json] = {}

    def add(self, name: str, resource: Json) -> str:
        """Put a resource (without id) in, once; the reference to it, such as `#patient-1`."""
        for id_, known in self._found.items():
            if known == resource:
                return f"#{id_}"
        number = 1 + sum(id_.startswith(f"{name}-") for id_ in self._found)
        self._found[f"{name}-{number}"] = resource
        return f"#{name}-{number}"

    def resources(self) -> list[Json]:
        return [
            {"resourceType": resource["resourceType"], "id": id_} | resource
            for id_, resource in self._found.items()
        ]


def local_references(value: Any) -> Iterator[str]:
    """The ids of contained resources that `value` refers to (`#id` without its `#`)."""
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith("#"):
            yield reference[1:]
        for part in value.values():
            yield from local_references(part)
    elif isinstance(value, list):
        for part in value:
            yield from local_references(part)


def reached(value: Any, contained: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `contained` that `value` refers to, directly or through one another, in order."""
    by_id = {resource.get("id", ""): resource for resource in contained}
    wanted = list(local_references(value))
    found: set[str] = set()
    while wanted:
        id_ = wanted.pop()
        if id_ in by_id and id_ not in found:
            found.add(id_)
            wanted += local_references(by_id[id_])
    return [resource for id_, resource in by_id.items() if id_ in found]


def renamed(resource: Mapping[str, Any], taken: Collection[str]) -> Json:
    """The resource with other ids for those of its contained resources that are in `taken`."""
    ids = [one.get("id", "") for one in resource.get("contained", ())]
    new: dict[str, str] = {}
    for id_ in ids:
        name = id_
        while name in taken or (name != id_ and (name in ids or name in new.values())):
            name = f"derived-{name}"
        new[id_] = name
    result: Json = _with_references(resource, new)
    if ids:
        result["contained"] = [one | {"id": new[one["id"]]} for one in result["contained"]]
    return result


def _with_references(value: Any, new: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        changed = {name: _with_references(part, new) for name, part in value.items()}
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith("#"):
            changed["reference"] = f"#{new.get(reference[1:], reference[1:])}"
        return changed
    if isinstance(value, list):
        return [_with_references(part, new) for part in value]
    return value
