"""How each R4 type is written in XML: what is an element, what an attribute, in what order.

https://hl7.org/fhir/R4/xml.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import InvalidOperation
from functools import cache
from typing import Any

from fhir_server.fhir.json_format import Exact
from profiles.definitions import Element, r4

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
PRIMITIVE, OBJECT, RESOURCE, DIV = "primitive", "object", "resource", "div"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Child:
    """A JSON member that is an element in XML; `kind` is PRIMITIVE, OBJECT, RESOURCE or DIV."""

    name: str
    path: str  # its name in FHIRPath: a choice without its type
    order: int
    many: bool
    kind: str
    type: str
    convert: Callable[[str], Any] | None  # from the text of a value to what JSON has

    @property
    def tag(self) -> str:
        return f"{{{XHTML if self.kind == DIV else FHIR}}}{self.name}"


@dataclass(frozen=True, slots=True)
class Shape:
    """The children of a type by tag and JSON name, its attributes, the order of its JSON names."""

    tags: Mapping[str, Child]
    members: Mapping[str, Child]
    attributes: tuple[str, ...]
    order: Mapping[str, int]


@cache
def shape(type_name: str) -> Shape:
    """The shape of a resource or complex type; KeyError for an unknown name."""
    type_ = r4().types[type_name]
    extension = ("url", "id") if type_name == "Extension" else ("id",)
    attributes = () if type_.kind == "resource" else extension
    places = {element.name: place for place, element in enumerate(type_.elements)}
    members = {
        name: _child(name, element, inner, places[element.name])
        for name, (element, inner) in type_.members.items()
        if name not in attributes
    }
    order = dict.fromkeys(("resourceType", *attributes), -1)
    for name, child in members.items():
        order[name] = child.order
        if child.kind == PRIMITIVE:
            order["_" + name] = child.order
    return Shape({child.tag: child for child in members.values()}, members, attributes, order)


def _child(name: str, element: Element, type_name: str, order: int) -> Child:
    if type_name == "xhtml":
        kind = DIV
    elif type_name == "Resource":
        kind = RESOURCE
    else:
        kind = PRIMITIVE if r4().types[type_name].primitive else OBJECT
    convert = _CONVERTERS.get(type_name)
    return Child(name, element.name, order, element.many, kind, type_name, convert)


def _boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text, text)


def _integer(text: str) -> int | str:
    return int(text) if len(text) < 40 and _INTEGER.fullmatch(text) else text


def _decimal(text: str) -> int | Exact | str:
    """Spelled like an integer, it is an int, as in JSON."""
    if _DECIMAL.fullmatch(text) is None:
        return text
    try:
        return int(text) if text.removeprefix("-").isdigit() and text != "-0" else Exact(text)
    except (InvalidOperation, ValueError):  # thousands of digits
        return text


# What does not convert stays a string, for the validator to refuse with its path.
_CONVERTERS: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "decimal": _decimal,
    "integer": _integer,
    "positiveInt": _integer,
    "unsignedInt": _integer,
}
