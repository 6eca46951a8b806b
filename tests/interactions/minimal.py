"""The smallest valid resource of a type, made from the definitions: only what must be there.

https://hl7.org/fhir/R4/structuredefinition.html
"""

from typing import Any

from profiles.definitions import Element, r4

PRIMITIVES: dict[str, Any] = {
    "base64Binary": "AAAA", "boolean": True, "canonical": "http://a.example/c", "code": "x",
    "date": "2020-02-29", "dateTime": "2020-02-29T12:00:00Z", "decimal": 1, "id": "x",
    "instant": "2020-02-29T12:00:00.000Z", "integer": 1, "markdown": "text", "oid": "urn:oid:1.2",
    "positiveInt": 1, "string": "text", "time": "12:00:00", "unsignedInt": 1,
    "uri": "http://a.example/u", "url": "http://a.example/l",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">text</div>',
}  # fmt: skip
# Of sets that the tables do not have, one code: the schema knows fewer languages than R4 allows.
MEDIA_TYPES = "http://hl7.org/fhir/ValueSet/mimetypes"
CODES = {
    "http://hl7.org/fhir/ValueSet/currencies": "EUR",
    "http://hl7.org/fhir/ValueSet/expression-language": "text/cql",
    MEDIA_TYPES: "text/plain",
}
# A type whose elements are all optional still must not be empty.
ANY: dict[str, Any] = {
    "CodeableConcept": {"text": "x"}, "Reference": {"display": "x"}, "Period": {"start": "2020"},
    "Coding": {"code": "x"}, "Quantity": {"value": 1}, "Attachment": {"title": "x"},
    "Money": {"value": 1},
}  # fmt: skip


def minimal(type_: str) -> dict[str, Any]:
    """`type_` names a resource type."""
    return {"resourceType": type_} | required(type_)


def required(name: str) -> dict[str, Any]:
    """What an object of this type must have."""
    return {_member(e): _one_or_list(e) for e in r4().types[name].elements if e.min}


def _member(element: Element) -> str:
    first = element.types[0]
    return element.name + first[0].upper() + first[1:] if element.choice else element.name


def _one_or_list(element: Element) -> Any:
    value = value_of(element, element.types[0])
    return [value] if element.many else value


def value_of(element: Element, type_: str) -> Any:
    """A value of an element in one of its types."""
    codes = r4().codes.get(element.value_set, {}) if element.strength == "required" else {}
    if type_ == "code" and codes:
        return sorted(code for found in codes.values() for code in found)[0]
    if type_ == "CodeableConcept" and codes:
        system = sorted(codes)[0]
        return {"coding": [{"system": system, "code": codes[system][0]}]}
    if type_ in PRIMITIVES:
        return CODES.get(element.value_set, PRIMITIVES[type_])
    if type_ == "Resource":
        return {"resourceType": "Basic", "code": {"text": "x"}}
    return required(type_) or ANY.get(type_) or _one_optional(type_)


def _one_optional(name: str) -> dict[str, Any]:
    """An inline element of which nothing is required: its first own element."""
    element = next(
        e
        for e in r4().types[name].elements
        if e.name not in ("id", "extension", "modifierExtension")
    )
    return {_member(element): _one_or_list(element)}
