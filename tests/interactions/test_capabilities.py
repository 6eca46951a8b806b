"""The server does what its CapabilityStatement says:
https://hl7.org/fhir/R4/capabilitystatement.html
"""

import json
from functools import cache
from typing import Any

import pytest

from fhir_server.interactions.capabilities import statement
from fhir_server.search.parameters import parameters
from fhir_server.settings import read
from profiles.definitions import r4
from profiles.validate import validate
from tests.house import BASE, CNAM, NINA, House
from tests.people import opened, stored

SEARCHED = ("DocumentReference", "Patient", "List", "Consent", "AuditEvent")
VALUES = {
    "string": "a", "token": "http://a.example|b", "reference": "Patient/a", "date": "ge2020-01-01",
    "number": "gt1", "quantity": "gt1.5|http://unitsofmeasure.org|mg", "uri": "http://a.example/b",
}  # fmt: skip


def value_of(type_: str, name: str, kind: str) -> str:
    """One that this parameter of a type can be asked by."""
    if kind == "composite":
        asked = parameters(type_)[name]
        parts = asked.parts or asked.ways[0].parts
        return "$".join(VALUES[part.type] for part in parts)
    return "a" if name == "_id" else VALUES[kind]


@cache
def declared() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(statement(read({"FHIR_AUTH": "off", "FHIR_POLICY": "off"})))
    return found


def resource(type_: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        r for r in declared()["rest"][0]["resource"] if r["type"] == type_
    ]
    return found[0]


PARAMETERS = [(t, p["name"], p["type"]) for t in SEARCHED for p in resource(t)["searchParam"]]


def test_it_is_a_valid_resource(plain: House) -> None:
    answer = plain.get("metadata")
    assert answer.status == 200
    assert validate(answer.json) == []
    assert answer.json["fhirVersion"] == "4.0.1"
    assert answer.json["implementation"]["url"] == BASE


def test_it_is_told_without_a_token(house: House) -> None:
    assert house.get("metadata").status == 200
    assert house.get("metadata", accept="application/fhir+xml").body.startswith(b"<?xml")


def test_it_names_every_type() -> None:
    assert {r["type"] for r in declared()["rest"][0]["resource"]} == set(r4().resources)
    assert len(r4().resources) == 146


def test_every_interaction_it_declares_is_there(plain: House) -> None:
    body = {"resourceType": "Basic", "code": {"text": "x"}}
    id_ = stored(plain.post("Basic", None, body))
    change = json.dumps([{"op": "replace", "path": "/code/text", "value": "y"}]).encode()
    asked = {
        "create": lambda: plain.post("Basic", None, body),
        "read": lambda: plain.get(f"Basic/{id_}"),
        "vread": lambda: plain.get(f"Basic/{id_}/_history/1"),
        "update": lambda: plain.call("PUT", f"Basic/{id_}", None, body | {"id": id_}),
        "patch": lambda: plain.call(
            "PATCH", f"Basic/{id_}", None, change, content_type="application/json-patch+json"
        ),
        "history-instance": lambda: plain.get(f"Basic/{id_}/_history"),
        "history-type": lambda: plain.get("Basic/_history"),
        "history-system": lambda: plain.get("_history"),
        "search-type": lambda: plain.get(f"Basic?_id={id_}"),
        "delete": lambda: plain.call("DELETE", f"Basic/{id_}"),
        "search-system": lambda: plain.get(f"?_id={id_}"),
        "transaction": lambda: plain.post(
            "", None, {"resourceType": "Bundle", "type": "transaction"}
        ),
        "batch": lambda: plain.post("", None, {"resourceType": "Bundle", "type": "batch"}),
    }
    codes = [
        i["code"] for i in resource("Basic")["interaction"] + declared()["rest"][0]["interaction"]
    ]
    assert set(codes) == set(asked)
    last = ["delete"]  # what is deleted is no more read
    for code in [c for c in codes if c not in last] + last:
        assert asked[code]().status in (200, 201, 204), code


@pytest.mark.parametrize(("type_", "name", "kind"), PARAMETERS, ids=lambda value: str(value))
def test_every_parameter_it_declares_is_searched_by(
    plain: House, type_: str, name: str, kind: str
) -> None:
    value = value_of(type_, name, kind)
    answer = plain.call("GET", type_, query={name: value}, prefer="handling=strict")
    assert answer.status == 200, answer.body
    assert answer.json["link"][0]["url"].startswith(f"{BASE}/{type_}?{name}=")


def test_with_the_rules_on_it_declares_what_is_searched_by_there(house: House) -> None:
    patient_id = opened(house, NINA)
    for found in house.get("metadata").json["rest"][0]["resource"]:
        for parameter in found["searchParam"] if found["type"] in SEARCHED else ():
            value = value_of(found["type"], parameter["name"], parameter["type"])
            query = {parameter["name"]: value, "patient": patient_id}
            if found["type"] == "Patient":
                del query["patient"]
            answer = house.call("GET", found["type"], CNAM, query=query, prefer="handling=strict")
            assert answer.status != 400, (found["type"], parameter, answer.body)


def test_the_formats_it_declares_are_spoken(plain: House) -> None:
    for media in declared()["format"]:
        assert plain.get("metadata", accept=media).headers["Content-Type"].startswith(media)
