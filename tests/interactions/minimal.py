"""The smallest valid resource of a type, made from the definitions: only what must be there.

https://hl7.org/fhir/R4/structuredefinition.html
"""

from typing import Any

from profiles.definitions import Element, r4

PRIMITIVES: dict[str, Any] = {
    "boolean": True, "canonical": "http://a.example/c", "code": "x", "date": "2020-02-29",
    "dateTime": "2020-02-29T12:00:00Z", "id": "x", "instant": "2020-02-29T12:00:00.000Z",
    "integer": 1, "markdown": "text", "positiveInt": 1, "string": "text",
    "uri": "http://a.example/u", "url": "http://a.example/l",
}  # fmt: skip
# A type whose elements are all optional still must not be empty.
ANY: dict[str, Any] = {
    "CodeableConcept": {"text": "x"}, "Reference": {"display": "x"}, "Period": {"start": "2020"},
    "Coding": {"code": "x"}, "Quantity": {"value": 1}, "Attachment": {"title": "x"},
    "Money": {"value": 1},
}  # fmt: skip


def minimal(type_: str) -> dict[str, Any]:
    """`type_` names a resource type."""
    return {"resourceType": type_} | _required(type_)


def _required(name: str) -> dict[str, Any]:
    return {
        _member(element): [_value(element)] if element.many else _value(element)
        for element in r4().types[name].elements
        if element.min
    }


def _member(element: Element) -> str:
    first = element.types[0]
    return element.name + first[0].upper() + first[1:] if element.choice else element.name


def _value(element: Element) -> Any:
    type_ = element.types[0]
    codes = r4().codes.get(element.value_set, {}) if element.strength == "required" else {}
    if type_ == "code" and codes:
        return sorted(code for found in codes.values() for code in found)[0]
    if type_ == "CodeableConcept" and codes:
        system = sorted(codes)[0]
        return {"coding": [{"system": system, "code": codes[system][0]}]}
    if type_ in PRIMITIVES:
        return PRIMITIVES[type_]
    if type_ == "Resource":
        return {"resourceType": "Basic", "code": {"text": "x"}}
    return _required(type_) or ANY.get(type_) or _one_optional(type_)


def _one_optional(name: str) -> dict[str, Any]:
    """An inline element of which nothing is required: its first own element."""
    element = next(
        e
        for e in r4().types[name].elements
        if e.name not in ("id", "extension", "modifierExtension")
    )
    return {_member(element): [_value(element)] if element.many else _value(element)}
