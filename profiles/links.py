"""Where the references of a resource lead, as far as the resource itself tells.

https://hl7.org/fhir/R4/references.html
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from profiles.definitions import r4
from profiles.members import Rules, rules

_SUFFIX = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}(?:/_history/[^/]+)?$")
_ADDRESSES = frozenset(("uri", "url", "canonical"))


def type_of(reference: str) -> str:
    """The resource type a literal reference names, in whatever spelling; "" where it names none."""
    if (match := _SUFFIX.search(reference)) and r4().is_resource(match[1]):
        return match[1]
    if "://" in reference:  # another server may mean what it likes by its paths
        return ""
    head, asks, _ = reference.partition("?")
    parts = segments(head.partition("#")[0]) or []
    if "_history" in parts[-2:]:
        parts = parts[: parts.index("_history", -2)]
    name = parts[-2] if len(parts) > 1 else parts[0] if parts and asks else ""
    name = type_named(name)
    return name if r4().is_resource(name) else ""


def segments(path: str) -> list[str] | None:
    """The parts of a path without empty ones and dots; None where it leads out of everything."""
    found = list[str]()
    for part in unquote(path).split("/"):
        if part == ".." and not found:
            return None
        if part == "..":
            found.pop()
        elif part not in ("", "."):
            found.append(part)
    return found


@cache
def _types() -> Mapping[str, str]:
    return {name.lower(): name for name in r4().resources}


def type_named(name: str) -> str:
    """The type of this name in any case; an unknown one that is written like a type; or ""."""
    return _types().get(name.lower()) or (name if name[:1].isupper() else "")


def types_of_contained(resource: Mapping[str, Any]) -> dict[str, str]:
    """The types of the contained resources by id."""
    return {
        str(inner["id"]): str(inner.get("resourceType"))
        for inner in _objects(resource.get("contained"))
        if "id" in inner
    }


def types_of_entries(bundle: Mapping[str, Any]) -> dict[str, str]:
    """The types of the resources of a Bundle by fullUrl."""
    return {
        entry["fullUrl"]: str(entry["resource"].get("resourceType"))
        for entry in _objects(bundle.get("entry"))
        if type(entry.get("fullUrl")) is str and type(entry.get("resource")) is dict
    }


def fragments(resource: Mapping[str, Any]) -> Iterator[str]:
    """The references, URIs and canonicals in `resource` that start with #, as dom-3 reads them."""
    waiting: list[tuple[Any, Rules]] = [(resource, _rules_of(resource))]
    while waiting:
        value, inside = waiting.pop()
        for name, item in value.items():
            member = inside.members.get(name)
            if member is None:
                continue
            values = item if type(item) is list else (item,)
            if member.primitive in _ADDRESSES or (inside.name, name) == ("Reference", "reference"):
                yield from (v for v in values if type(v) is str and v.startswith("#"))
            elif not member.primitive:
                within = rules(member.type) if member.type else None
                waiting += [(v, within or _rules_of(v)) for v in values if type(v) is dict]


def _rules_of(resource: Mapping[str, Any]) -> Rules:
    name = resource.get("resourceType")
    return rules(name if type(name) is str and r4().is_resource(name) else "Resource")


def _objects(found: Any) -> list[dict[str, Any]]:
    return [item for item in found if type(item) is dict] if type(found) is list else []
