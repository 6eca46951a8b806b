"""Makers of batches and transactions, and readers of their answers."""

from itertools import count
from typing import Any

from tests.house import BASE, Answer, House

A, B, C = (f"urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a0{n}" for n in (1, 2, 3))
S = "http://a.example/ids"
PATIENT: dict[str, Any] = {"resourceType": "Patient"}
TABLES = ("resource", "history", "reference")
_numbers = count(1)


def new() -> str:
    return f"t{next(_numbers)}"


def entry(
    method: str, url: str, resource: Any = None, full_url: str = "", **request: str
) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | request}
    made |= {"fullUrl": full_url} if full_url else {}
    return made if resource is None else made | {"resource": resource}


def sent(house: House, kind: str, *entries: Any, **headers: str) -> Answer:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if entries:
        bundle["entry"] = list(entries)
    return house.post("", None, bundle, **headers)


def basic(reference: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": reference},
    } | more  # fmt: skip


def named(value: str, **more: Any) -> dict[str, Any]:
    return PATIENT | {"identifier": [{"system": S, "value": value}]} | more


def statuses(answer: Answer) -> list[str]:
    return [entry["response"]["status"][:3] for entry in answer.json["entry"]]


def address(answer: Answer, place: int) -> str:
    location: str = answer.json["entry"][place]["response"]["location"]
    return location.removeprefix(f"{BASE}/").partition("/_history")[0]


def code(answer: Answer) -> str:
    found: str = answer.json["issue"][0]["code"]
    return found
