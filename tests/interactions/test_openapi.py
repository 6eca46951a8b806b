"""The description of the API for tools agrees with the routes and with what is answered:
https://spec.openapis.org/oas/v3.1.0
"""

import json
from typing import Any

import pytest

from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import FhirError, NotAllowed
from fhir_server.interactions.openapi import description
from fhir_server.interactions.openapi_words import INTERACTIONS
from fhir_server.interactions.operations.table import OPERATIONS
from fhir_server.interactions.routes import ROUTES, match
from tests.house import BASE, House

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
VALUES = {"{type}": "Patient", "{inner}": "Observation", "{id}": "a", "{vid}": "1"}


@pytest.fixture(scope="module")
def told(plain: House) -> dict[str, Any]:
    return dict(json.loads(description(plain.settings)))


def methods_of(item: dict[str, Any]) -> set[str]:
    return {name.upper() for name in item if name != "parameters"}


def offered(path: str, method: str) -> bool:
    """Whether the routes lead anywhere from there."""
    for name, value in VALUES.items():
        path = path.replace(name, value)
    try:
        match(Call(method, path.strip("/")))
    except NotAllowed:
        return False
    return True


def test_it_describes_each_method_of_each_route_and_no_other(told: dict[str, Any]) -> None:
    for path, item in told["paths"].items():
        assert methods_of(item) == {m for m in METHODS if offered(path, m)}, path


def test_it_has_every_route_and_every_place_of_every_operation(told: dict[str, Any]) -> None:
    places = sum(len(one.levels) * max(1, len(one.types)) for one in OPERATIONS.values())
    assert len(told["paths"]) == len(ROUTES) + places
    for one in OPERATIONS.values():
        assert any(path.endswith(f"/${one.code}") for path in told["paths"])


def test_it_describes_no_interaction_that_has_no_route() -> None:
    routed = {name for methods in ROUTES.values() for name in methods.values()} | {"operation"}
    assert set(INTERACTIONS) == routed


def test_every_refusal_there_is_has_a_response(told: dict[str, Any]) -> None:
    statuses = {str(kind.status) for kind in FhirError.__subclasses__()}
    assert set(told["components"]["responses"]) == statuses


def test_every_reference_in_it_leads_somewhere(told: dict[str, Any]) -> None:
    found = [part.split('"')[0] for part in json.dumps(told).split('"$ref": "#/')[1:]]
    assert found
    for reference in set(found):
        place: Any = told
        for step in reference.split("/"):
            place = place[step]


def test_an_operation_has_an_id_of_its_own(told: dict[str, Any]) -> None:
    ids = [
        one["operationId"]
        for item in told["paths"].values()
        for name, one in item.items()
        if name != "parameters"
    ]
    assert len(ids) == len(set(ids))


def test_it_is_told_beside_the_base_without_a_token(house: House) -> None:
    answer = house.app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    told = answer.get_json()
    assert (told["servers"], told["security"]) == ([{"url": BASE}], [{"token": []}])
    assert told["paths"]["/metadata"]["get"]["security"] == []
