"""Patches: https://hl7.org/fhir/R4/http.html#patch, https://hl7.org/fhir/R4/fhirpatch.html"""

import json
from typing import Any

import pytest

from tests.house import Answer, House
from tests.people import stored

JSON_PATCH = "application/json-patch+json"
FLAG = "http://example.org/flag"


def made(plain: House, **more: Any) -> str:
    body = {
        "resourceType": "Patient",
        "gender": "male",
        "name": [{"family": "Essai", "given": ["A", "B"]}],
        "extension": [
            {"url": "http://example.org/other", "valueString": "x"},
            {"url": FLAG, "valueBoolean": False},
        ],
    }
    return stored(plain.post("Patient", None, body | more))


def patched(plain: House, path: str, *operations: dict[str, Any]) -> Answer:
    body = json.dumps(operations).encode()
    return plain.call("PATCH", path, None, body, content_type=JSON_PATCH)


def operation(**parts: Any) -> dict[str, Any]:
    """A FHIRPath Patch: `type`, `path` and `name` are texts, the rest are whole parts."""
    kinds = {"type": "valueCode", "path": "valueString", "name": "valueString"}
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": n, kinds[n]: v} if n in kinds else {"name": n, **v}
                    for n, v in parts.items()
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ({"op": "replace", "path": "/gender", "value": "female"}, ["gender"], "female"),
        ({"op": "add", "path": "/birthDate", "value": "1980"}, ["birthDate"], "1980"),
        (
            {"op": "add", "path": "/name/0/given/-", "value": "C"},
            ["name", 0, "given"],
            ["A", "B", "C"],
        ),
        (
            {"op": "add", "path": "/name/0/given/0", "value": "C"},
            ["name", 0, "given"],
            ["C", "A", "B"],
        ),
        ({"op": "remove", "path": "/name/0/given/0"}, ["name", 0, "given"], ["B"]),
        (
            {"op": "move", "from": "/name/0/given/0", "path": "/name/0/given/1"},
            ["name", 0, "given"],
            ["B", "A"],
        ),
        (
            {"op": "copy", "from": "/name/0/family", "path": "/name/0/text"},
            ["name", 0, "text"],
            "Essai",
        ),
        (
            {"op": "replace", "path": "/extension/1/valueBoolean", "value": True},
            ["extension", 1, "valueBoolean"],
            True,
        ),
        (
            {"op": "replace", "path": f"/extension[url:'{FLAG}']/valueBoolean", "value": True},
            ["extension", 1, "valueBoolean"],
            True,
        ),
    ],
    ids=lambda value: value["op"] if isinstance(value, dict) else "",
)
def test_a_json_patch_changes_what_it_names(
    plain: House, change: dict[str, Any], path: list[Any], value: Any
) -> None:
    id_ = made(plain)
    answer = patched(plain, f"Patient/{id_}", change)
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    found = answer.json
    for step in path:
        found = found[step]
    assert found == value
    assert plain.get(f"Patient/{id_}").json == answer.json


def test_operations_are_done_in_order(plain: House) -> None:
    id_ = made(plain)
    answer = patched(
        plain,
        f"Patient/{id_}",
        {"op": "test", "path": "/gender", "value": "male"},
        {"op": "remove", "path": "/gender"},
        {"op": "add", "path": "/gender", "value": "other"},
    )
    assert answer.json["gender"] == "other"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"op": "test", "path": "/gender", "value": "female"}, 422),
        ({"op": "remove", "path": "/birthDate"}, 422),
        ({"op": "replace", "path": "/name/3/family", "value": "X"}, 422),
        ({"op": "add", "path": "/name/01", "value": {}}, 422),
        ({"op": "replace", "path": "/gender", "value": "unheard of"}, 400),
        ({"op": "add", "path": "/unknown", "value": 1}, 400),
        ({"op": "replace", "path": "/id", "value": "other"}, 400),
        ({"op": "replace", "path": "/resourceType", "value": "Basic"}, 400),
        ({"op": "melt", "path": "/gender"}, 400),
    ],
    ids=str,
)
def test_a_patch_that_fails_changes_nothing(
    plain: House, change: dict[str, Any], status: int
) -> None:
    id_ = made(plain)
    before = plain.get(f"Patient/{id_}").body
    first = {"op": "replace", "path": "/name/0/family", "value": "Changed"}
    assert patched(plain, f"Patient/{id_}", first, change).status == status
    assert plain.get(f"Patient/{id_}").body == before


def test_decimals_survive_a_patch(plain: House) -> None:
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.50}}'
    )
    id_ = stored(plain.call("POST", "Observation", None, body))
    answer = patched(
        plain, f"Observation/{id_}", {"op": "replace", "path": "/status", "value": "amended"}
    )
    assert b'"value":1.50' in answer.body


def test_copies_cannot_blow_up_a_resource(plain: House) -> None:
    id_ = made(plain)
    double = {"op": "copy", "from": "/extension", "path": "/extension/-"}
    answer = patched(plain, f"Patient/{id_}", *[double] * 40)
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "too-costly")


@pytest.mark.parametrize(
    ("parameters", "path", "value"),
    [
        (
            operation(type="replace", path="Patient.gender", value={"valueCode": "female"}),
            "gender",
            "female",
        ),
        (
            operation(type="add", path="Patient", name="birthDate", value={"valueDate": "1980"}),
            "birthDate",
            "1980",
        ),
        (operation(type="delete", path="Patient.gender"), "gender", None),
        (
            operation(type="replace", path="Patient.name[0].family", value={"valueString": "X"}),
            "name",
            [{"family": "X", "given": ["A", "B"]}],
        ),
        (
            operation(
                type="replace",
                path=f"Patient.extension.where(url='{FLAG}').value",
                value={"valueBoolean": True},
            ),
            "extension",
            [
                {"url": "http://example.org/other", "valueString": "x"},
                {"url": FLAG, "valueBoolean": True},
            ],
        ),
        (
            operation(
                type="add",
                path="Patient",
                name="extension",
                value={
                    "part": [
                        {"name": "url", "valueUri": "http://example.org/new"},
                        {"name": "valueString", "valueString": "y"},
                    ]
                },
            ),
            "extension",
            [
                {"url": "http://example.org/other", "valueString": "x"},
                {"url": FLAG, "valueBoolean": False},
                {"url": "http://example.org/new", "valueString": "y"},
            ],
        ),
    ],
)
@pytest.mark.parametrize("media", ["application/fhir+json", "application/fhir+xml"])
def test_a_fhirpath_patch_changes_what_it_names(
    plain: House, parameters: dict[str, Any], path: str, value: Any, media: str
) -> None:
    id_ = made(plain)
    answer = plain.call("PATCH", f"Patient/{id_}", None, _as(media, parameters), content_type=media)
    assert answer.status == 200, answer.body
    assert answer.json.get(path) == value


def _as(media: str, parameters: dict[str, Any]) -> bytes:
    from fhir_server.fhir import json_format, xml_format

    write = json_format.write if media.endswith("json") else xml_format.write
    return write(parameters)


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"resourceType": "Basic", "code": {"text": "x"}}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "operation"}]}, 400),
        ({"resourceType": "Parameters", "parameter": 1}, 400),
        (operation(type="melt", path="Patient.gender"), 400),
        (operation(type="delete", path="Patient"), 400),
        (operation(type="replace", path="Patient", value={"valueString": "x"}), 400),
        (operation(type="delete", path="Basic.code"), 400),
        (operation(type="delete", path="Patient.name.repeat(given)"), 400),
        (operation(type="replace", path="Patient.gender"), 400),
        (operation(type="replace", path="Patient.gender", value={"valueCode": "unheard"}), 400),
        (operation(type="delete", path="Patient.gender.where(url='x')"), 422),
        (operation(type="replace", path="Patient.name[7].text", value={"valueString": "x"}), 422),
        (operation(type="add", path="Patient.gender", name="x", value={"valueString": "x"}), 422),
        (operation(type="add", path="Patient.name", name="x", value={"valueString": "x"}), 422),
    ],
    ids=lambda value: json.dumps(value)[20:120] if isinstance(value, dict) else "",
)
def test_a_fhirpath_patch_that_is_none_changes_nothing(
    plain: House, parameters: dict[str, Any], status: int
) -> None:
    id_ = made(plain)
    before = plain.get(f"Patient/{id_}").body
    answer = plain.call("PATCH", f"Patient/{id_}", None, parameters)
    assert (answer.status, answer.json["resourceType"]) == (status, "OperationOutcome")
    assert plain.get(f"Patient/{id_}").body == before


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_conditional_patch_wants_one_match(plain: House, count: int) -> None:
    value = f"conditional-{count}"
    for _ in range(count):
        made(plain, identifier=[{"system": "http://a.example", "value": value}])
    change = {"op": "replace", "path": "/gender", "value": "female"}
    body = json.dumps([change]).encode()
    query = f"identifier=http://a.example|{value}"
    answer = plain.call("PATCH", "Patient", None, body, query=query, content_type=JSON_PATCH)
    assert answer.status == {0: 404, 1: 200, 2: 412}[count]
    if count == 1:
        assert answer.json["gender"] == "female"
    if count == 2:
        assert answer.json["issue"][0]["code"] == "multiple-matches"


@pytest.mark.parametrize("query", ["", "unknown=x", "_count=1", "_sort=_id"])
def test_a_conditional_patch_needs_a_criterion(plain: House, query: str) -> None:
    change = [{"op": "replace", "path": "/gender", "value": "female"}]
    answer = plain.call(
        "PATCH", "Patient", None, json.dumps(change).encode(), query=query, content_type=JSON_PATCH
    )
    code = "not-supported" if query == "unknown=x" else "required"
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, code)


def test_a_patch_of_nothing_is_not_found(plain: House) -> None:
    change = {"op": "remove", "path": "/gender"}
    assert patched(plain, "Patient/nobody", change).status == 404
