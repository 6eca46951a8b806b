"""Every search parameter of every type is asked over HTTP: it finds a resource made for it, and not
another. https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.search.parameters import parameters
from profiles.definitions import r4
from tests.house import Answer, House
from tests.people import stored
from tests.placed import Unplaced, placed

# They want a whole document or message.
BY_HAND = {("Bundle", "composition"), ("Bundle", "message"), ("Bundle", "type")}
MOST = 500  # on one page


@pytest.fixture(scope="module")
def unchecked(shared_url: str) -> Iterator[House]:
    """A plain server that does not look where references lead."""
    house = House(shared_url, auth="off", policy="off", references="off")
    yield house
    house.close()


def created(house: House, bodies: list[dict[str, Any]]) -> list[str]:
    """The ids of these, in their order."""
    entries = [
        {"resource": body, "request": {"method": "POST", "url": body["resourceType"]}}
        for body in bodies
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = house.post("", None, bundle)
    assert answer.status == 200, answer.body
    return [one["response"]["location"].split("/")[-3] for one in answer.json["entry"]]


def found(house: House, type_: str, code: str, asked: str) -> set[str]:
    answer: Answer = house.call("GET", type_, query=[(code, asked), ("_count", str(MOST))],
                                prefer="handling=strict")  # fmt: skip
    assert answer.status == 200, (type_, code, asked, answer.body)
    assert len(answer.entries) < MOST
    return {one["id"] for one in answer.entries}


@pytest.mark.parametrize("type_", r4().resources)
def test_every_parameter_finds_what_is_made_for_it_and_not_another(
    unchecked: House, type_: str
) -> None:
    codes = [code for code in parameters(type_) if (type_, code) not in BY_HAND]
    ones, others = ([placed(type_, code, word) for code in codes] for word in "ab")
    ids = created(unchecked, [each.resource for each in (*ones, *others)])
    for n, code in enumerate(codes):
        mine, another = ids[n], ids[n + len(codes)]
        first = found(unchecked, type_, code, ones[n].asked)
        assert (mine in first, another in first) == (True, False), (code, ones[n])
        second = found(unchecked, type_, code, others[n].asked)
        assert (mine in second, another in second) == (False, True), (code, others[n])


@pytest.mark.parametrize(("code", "kind", "type_"), [
    ("composition", "document", "Composition"), ("message", "message", "MessageHeader"),
])  # fmt: skip
def test_a_bundle_is_found_by_what_it_begins_with(
    unchecked: House, code: str, kind: str, type_: str
) -> None:
    ids = [stored(unchecked.post("Bundle", None, bundle(kind, type_, id_))) for id_ in "ab"]
    assert found(unchecked, "Bundle", code, f"{type_}/a") == {ids[0]}
    assert found(unchecked, "Bundle", "type", kind) == set(ids)


def bundle(kind: str, type_: str, id_: str) -> dict[str, Any]:
    first = placed(type_, "_tag", "a").resource | {"id": id_}
    entry = {"fullUrl": f"http://a.example/{type_}/{id_}", "resource": first}
    return {
        "resourceType": "Bundle", "type": kind, "timestamp": "2026-11-24T06:00:00Z",
        "identifier": {"system": "http://a.example", "value": id_}, "entry": [entry],
    }  # fmt: skip


def test_what_cannot_be_made_here_is_made_by_hand() -> None:
    unplaced = set()
    for type_ in r4().resources:
        for code in parameters(type_):
            try:
                placed(type_, code, "a")
            except Unplaced:
                unplaced.add((type_, code))
    assert unplaced < BY_HAND
