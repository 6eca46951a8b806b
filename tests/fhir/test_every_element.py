"""Every element of every R4 type, in each of its types: valid, written in XML as R4's schema has
it, and the same when it is read again.

https://hl7.org/fhir/R4/xml.html
"""

from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.fhir import json_format, xml_format
from profiles.definitions import Element, r4
from profiles.validate import validate
from tests.corpus import CORPUS
from tests.interactions.minimal import CODES, PRIMITIVES, minimal, required, value_of
from tests.journeys.official import schema_faults, spelled

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">a <b>b</b>&#38;</div>'
# Values that are written in an odd way somewhere; `minimal` has the others.
ODD: dict[str, Any] = {
    "base64Binary": "AAAA AAAA\nAA==", "code": "a \u00e9\u00a0b", "dateTime": "2020",
    "decimal": json_format.Exact("-0.0100e-5"), "integer": -(2**31), "markdown": " a\n\r\n\tb ",
    "string": "\U0001f600<&\"'>\u2028 ", "uri": "a{}|\\^`\"<>\u00e9", "xhtml": DIV,
}  # fmt: skip
OTHER_IN_THE_SCHEMA = "/medication-statement-status"  # a known fault of 4.0.1; "active" is in both
BASIC = {"resourceType": "Basic", "code": {"text": "x"}}


def values(element: Element, type_: str) -> list[Any]:
    """Valid values of an element in one of its types."""
    codes = r4().codes.get(element.value_set, {}) if element.strength == "required" else {}
    if type_ == "code" and codes:
        every = sorted({code for found in codes.values() for code in found})
        return every[:1] if element.value_set.endswith(OTHER_IN_THE_SCHEMA) else every
    if element.value_set in CODES:
        return [CODES[element.value_set]]
    if element.name == "data" and type_ == "string":
        return ["1 -0.5 .5 E U L"]
    if type_ == "Resource":
        return [BASIC | {"id": "b"}]
    if type_ == "Extension":
        return [{"url": "a", "valueCode": "b"}]
    simple = [found[type_] for found in (ODD, PRIMITIVES) if type_ in found]
    return simple or [value_of(element, type_)]


def filled(name: str) -> Iterator[dict[str, Any]]:
    """Objects of this type: what is required, and one element more."""
    for member, (element, type_) in r4().types[name].members.items():
        if name == "Extension" and not element.choice:
            continue
        for value in values(element, type_):
            others = {n: v for n, v in required(name).items() if not _is_choice_of(element, n)}
            if member == "id" and not others and r4().types[name].kind != "resource":
                others = {"extension": [{"url": "a", "valueCode": "b"}]}
            some = [value] if type_ == "Resource" else [value, value]  # not two with one id
            yield others | {member: some if element.many else value}


def _is_choice_of(element: Element, member: str) -> bool:
    every = (element.name + type_[0].upper() + type_[1:] for type_ in element.types)
    return element.choice and member in every


def in_resource(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A resource with `value`, of this type, somewhere in it."""
    while "." in name:
        name, _, member = name.rpartition(".")
        many = r4().types[name].by_name[member].many
        value = required(name) | {member: [value] if many else value}
    if r4().types[name].kind == "resource":
        return {"resourceType": name} | value
    if name == "Extension":
        return BASIC | {"extension": [{"url": "a"} | value]}
    if name == "Narrative":
        return BASIC | {"text": value}
    if name == "ElementDefinition":
        return minimal("StructureDefinition") | {"snapshot": {"element": [value]}}
    return BASIC | {"extension": [{"url": "a", "value" + name: value}]}


def placed(name: str) -> bool:
    """Whether a value of this type can stand in a resource: the abstract ones cannot, nor can those
    that are in no element.
    """
    root = r4().types[name.partition(".")[0]]
    alone = ("Extension", "Narrative", "ElementDefinition")
    if root.abstract or root.primitive:
        return False
    if root.kind == "resource" or root.name in alone:
        return True
    return "value" + root.name in r4().types["Extension"].members


TYPES = sorted(name for name in r4().types if placed(name))


@pytest.mark.parametrize("name", TYPES)
def test_every_element_is_valid_and_comes_back_from_xml(name: str) -> None:
    for value in filled(name):
        resource = in_resource(name, value)
        found = [issue.text for issue in validate(resource)]
        assert [text for text in found if not text.startswith(("bdl-", "dom-3"))] == []
        xml = xml_format.write(resource)
        assert spelled(xml_format.read(xml)) == spelled(resource)
        assert CORPUS is None or schema_faults(xml) == []
