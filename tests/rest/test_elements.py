"""A body has so many elements at most, at every door that takes one; it is told before it is read.

`FHIR_MAX_ELEMENTS`; the other limits are in `test_limits`.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.fhir.outcome import TooLarge
from fhir_server.fhir.elements import check_json, check_xml
from tests.house import Answer, House
from tests.interactions.shared import rows
from tests.people import stored
from tests.rest.asking import JSON, XML

MOST = 200
JSON_PATCH, XML_PATCH = "application/json-patch+json", "application/xml-patch+xml"


@pytest.fixture(scope="module")
def narrow(shared_url: str) -> Iterator[House]:
    house = House(shared_url, auth="off", policy="off", max_elements=MOST)
    yield house
    house.close()


def many(count: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"given": ["a"] * count}]}


def as_xml(count: int) -> bytes:
    given = '<given value="a"/>' * count
    return f'<Patient xmlns="http://hl7.org/fhir"><name>{given}</name></Patient>'.encode()


def bundle(kind: str, count: int) -> dict[str, Any]:
    request = {"method": "POST", "url": "Patient"}
    entries = [{"request": request, "resource": many(count)}]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def parameters(count: int) -> dict[str, Any]:
    resource = {"name": "resource", "resource": many(count)}
    return {"resourceType": "Parameters", "parameter": [resource]}


def json_patch(count: int) -> list[dict[str, Any]]:
    return [{"op": "add", "path": "/name", "value": [{"given": ["a"] * count}]}]


def xml_patch(count: int) -> bytes:
    given = '<given value="a"/>' * count
    return (
        '<diff xmlns:f="http://hl7.org/fhir"><add sel="f:Patient">'
        f'<name xmlns="http://hl7.org/fhir">{given}</name></add></diff>'
    ).encode()


def fhirpath_patch(count: int) -> dict[str, Any]:
    def part(name: str, **value: Any) -> dict[str, Any]:
        return {"name": name} | value

    value = part("value", part=[part("given", valueString="a")] * count)
    operation = [part("type", valueCode="add"), part("path", valueString="Patient"),
                 part("name", valueString="name"), value]  # fmt: skip
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}


DOORS: dict[str, tuple[str, str, Any, str]] = {
    "create": ("POST", "Patient", many, JSON), "create in XML": ("POST", "Patient", as_xml, XML),
    "transaction": ("POST", "", lambda n: bundle("transaction", n), JSON),
    "batch": ("POST", "", lambda n: bundle("batch", n), JSON),
    "validate": ("POST", "Patient/$validate", parameters, JSON),
    "update": ("PUT", "Patient/{id}", lambda n: many(n) | {"id": "{id}"}, JSON),
    "conditional update": ("PUT", "Patient?identifier=a|b", many, JSON),
    "JSON Patch": ("PATCH", "Patient/{id}", json_patch, JSON_PATCH),
    "XML Patch": ("PATCH", "Patient/{id}", xml_patch, XML_PATCH),
    "FHIRPath Patch": ("PATCH", "Patient/{id}", fhirpath_patch, JSON),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_a_body_of_too_many_elements_is_413_and_stores_nothing(narrow: House, door: str) -> None:
    method, path, make, media = DOORS[door]
    id_ = stored(narrow.post("Patient", None, {"resourceType": "Patient"}))

    def sent(count: int) -> Answer:
        body = make(count)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        address, _, query = path.replace("{id}", id_).partition("?")
        text = text.replace(b"{id}", id_.encode())
        return narrow.call(method, address, None, text, query=query, content_type=media)

    before = rows(narrow, "resource", "history")
    answer = sent(2 * MOST)
    assert (answer.status, answer.json["issue"][0]["code"]) == (413, "too-costly"), answer.body
    assert str(MOST) in answer.diagnostics
    assert rows(narrow, "resource", "history") == before
    assert sent(20).status in (200, 201)


def test_a_patch_that_leaves_too_many_elements_is_refused(narrow: House) -> None:
    id_ = stored(narrow.post("Patient", None, many(MOST // 2)))
    copy = {"op": "copy", "from": "/name/0", "path": "/name/-"}
    answer = narrow.call(
        "PATCH", f"Patient/{id_}", None, [copy] * 3, content_type=JSON_PATCH
    )
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "too-costly"), answer.body


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b'{"a":"b"}', 1), (b'{"a":["b","c"]}', 3), (b'{"a":",,,,{{[[,","b":"\\",,"}', 2),
        (b'{"a":{"b":1},"c":[1,2,3]}', 6),
    ],
)  # fmt: skip
def test_elements_of_json_are_counted_outside_of_texts(text: bytes, count: int) -> None:
    check_json(text, count)
    with pytest.raises(TooLarge):
        check_json(text, count - 1)


@pytest.mark.parametrize(
    ("text", "count"), [(b"<a/>", 1), (b'<a><b v="&lt;"/><b></b></a>', 3), (b"<a> </a >", 1)]
)
def test_elements_of_xml_are_counted_by_their_beginning(text: bytes, count: int) -> None:
    check_xml(text, count)
    with pytest.raises(TooLarge):
        check_xml(text, count - 1)
