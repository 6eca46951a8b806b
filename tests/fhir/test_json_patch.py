"""JSON Patch: https://www.rfc-editor.org/rfc/rfc6902, https://www.rfc-editor.org/rfc/rfc6901"""

import json
import time
from typing import Any

import pytest

from fhir_server.fhir import json_format
from fhir_server.fhir.json_patch import json_patch
from fhir_server.fhir.outcome import BadRequest, FhirError, Unprocessable

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "multipleBirthInteger": 1,
    "name": [{"family": "Essai", "given": ["A", "B"]}],
    "extension": [{"url": "http://a.example/x", "valueString": "x"}],
}


def done(*operations: dict[str, Any], of: dict[str, Any] = PATIENT) -> dict[str, Any]:
    return json_patch(of, list(operations))


def compared(value: str, with_: str) -> None:
    """Test a number as it is spelled in a resource with another spelling."""
    resource = json_format.read(b'{"resourceType":"Basic","x":%s}' % value.encode())
    text = '[{"op":"test","path":"/x","value":%s}]' % with_
    json_patch(resource, json_format.read_patch(text.encode()))


def test_an_empty_patch_changes_nothing() -> None:
    assert done() == PATIENT


def test_the_resource_that_is_patched_stays_as_it_was() -> None:
    before = json.dumps(PATIENT)
    done({"op": "remove", "path": "/name/0/given/0"}, {"op": "remove", "path": "/extension"})
    assert json.dumps(PATIENT) == before


@pytest.mark.parametrize(
    ("operation", "name", "value"),
    [
        ({"op": "add", "path": "/gender", "value": "male"}, "gender", "male"),
        ({"op": "add", "path": "/active", "value": False}, "active", False),
        ({"op": "remove", "path": "/active"}, "active", None),
        ({"op": "replace", "path": "/active", "value": False}, "active", False),
        ({"op": "copy", "from": "/name/0/given", "path": "/x"}, "x", ["A", "B"]),
        ({"op": "move", "from": "/name", "path": "/x"}, "x", PATIENT["name"]),
        ({"op": "move", "from": "/name", "path": "/x"}, "name", None),
        ({"op": "move", "from": "/name", "path": "/name"}, "name", PATIENT["name"]),
        ({"op": "test", "path": "/active", "value": True}, "active", True),
    ],
    ids=lambda value: value["op"] if isinstance(value, dict) else "",
)
def test_each_operation_does_what_the_rfc_says(
    operation: dict[str, Any], name: str, value: Any
) -> None:
    assert done(operation).get(name) == value


@pytest.mark.parametrize(
    ("pointer", "name"),
    [("/a~1b", "a/b"), ("/m~0n", "m~n"), ("/~01", "~1"), ("/", ""), ("/%", "%")],
)
def test_a_pointer_names_a_member_by_its_escaped_name(pointer: str, name: str) -> None:
    assert done({"op": "add", "path": pointer, "value": 1}, of={name: 0}) == {name: 1}


@pytest.mark.parametrize("pointer", ["/a~", "/a~2", "/~a/b"])
def test_a_tilde_that_escapes_nothing_is_no_pointer(pointer: str) -> None:
    with pytest.raises(BadRequest, match="~"):
        done({"op": "add", "path": pointer, "value": 1})


def test_the_empty_pointer_is_the_whole_resource() -> None:
    new = {"resourceType": "Patient", "active": False}
    test = {"op": "test", "path": "", "value": PATIENT}
    assert done(test, {"op": "replace", "path": "", "value": new}) == new


@pytest.mark.parametrize(
    "operation",
    [{"op": "remove", "path": ""}, {"op": "replace", "path": "", "value": [1]}],
    ids=lambda operation: operation["op"],
)
def test_a_resource_is_left_in_the_end(operation: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        done(operation)


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "1.00"), ("1", "1.0"), ("1e2", "100"), ("-0", "0"), ("1E-1", "0.1")]
)
def test_numbers_are_equal_by_their_value(one: str, other: str) -> None:
    compared(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "true"), ("0", "false"), ("1", '"1"'), ("null", "false"), ("1", "[1]"), ("{}", "[]")],
)
def test_values_of_different_types_are_never_equal(one: str, other: str) -> None:
    with pytest.raises(Unprocessable, match="test"):
        compared(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [('{"a":1,"b":[true]}', '{"b":[true],"a":1.0}'), ("[1,{}]", "[1,{}]"), ("null", "null")],
)
def test_objects_are_equal_whatever_their_order(one: str, other: str) -> None:
    compared(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("[1,2]", "[2,1]"), ("[1]", "[1,1]"), ('{"a":1}', '{"a":1,"b":2}')]
)
def test_arrays_and_objects_are_compared_to_the_last_value(one: str, other: str) -> None:
    with pytest.raises(Unprocessable, match="test"):
        compared(one, other)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "move", "from": "/name", "path": "/name/0/given"},
        {"op": "move", "from": "/name/0", "path": "/name/0/period"},
        {"op": "move", "from": "/nothing", "path": "/x"},
        {"op": "copy", "from": "/nothing", "path": "/x"},
        {"op": "add", "path": "/name/3", "value": {}},
        {"op": "add", "path": "/active/x", "value": 1},
        {"op": "add", "path": "/nothing/x", "value": 1},
        {"op": "replace", "path": "/nothing", "value": 1},
        {"op": "replace", "path": "/name/-", "value": {}},
        {"op": "remove", "path": "/name/-"},
        {"op": "remove", "path": "/name/1"},
        {"op": "remove", "path": "/name/\u0661"},
        {"op": "test", "path": "/nothing", "value": None},
        {"op": "remove", "path": "/extension[url:'http://b.example']"},
        {"op": "remove", "path": "/extension[url:'http://a.example/x']x/valueString"},
    ],
    ids=str,
)
def test_a_path_that_leads_nowhere_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        done(operation)


def test_a_replacement_in_a_list_keeps_its_place() -> None:
    given = done({"op": "replace", "path": "/name/0/given/0", "value": "C"})["name"][0]["given"]
    assert given == ["C", "B"]


def test_an_extension_can_be_named_by_its_url() -> None:
    path = "/extension[url:'http://a.example/x']/valueString"
    assert done({"op": "replace", "path": path, "value": "y"})["extension"][0]["valueString"] == "y"


def test_a_copy_shares_nothing_with_what_it_was_copied_from() -> None:
    copy = {"op": "copy", "from": "/name/0", "path": "/name/-"}
    made = done(copy, {"op": "add", "path": "/name/1/given/-", "value": "C"})
    assert [name["given"] for name in made["name"]] == [["A", "B"], ["A", "B", "C"]]


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


GREEDY = {
    "operations": [{"op": "test", "path": "/active", "value": True}] * 10_000,
    "copies": [{"op": "copy", "from": "/name", "path": "/name/-"}] * 60,
    "long texts": [{"op": "add", "path": "/x", "value": ["x" * 1_000_000]}]
    + [{"op": "copy", "from": "/x/0", "path": "/x/-"}] * 900,
    "a pointer": [{"op": "remove", "path": "/a" * 1_000_000}],
    "depth": [{"op": "add", "path": "/x", "value": _nested(100_000)}]
    + [{"op": "copy", "from": "/x", "path": "/y"}],
}


@pytest.mark.parametrize("greedy", GREEDY)
def test_what_costs_too_much_is_refused_at_once(greedy: str) -> None:
    begin = time.thread_time()
    with pytest.raises(FhirError) as refusal:
        json_patch(PATIENT, GREEDY[greedy])
    assert (refusal.value.status, refusal.value.code) == (422, "too-costly")
    assert time.thread_time() - begin < 2
