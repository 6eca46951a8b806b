"""Where the rows of search are asked: of a plain server, and of one with the rules in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from tests.house import ANNE, BASE, INS, NINA, Answer, House, Person
from tests.interactions.shared import new_ins
from tests.people import opened, stored

FORM = "application/x-www-form-urlencoded"
CODES = "http://a.example/rows"
_numbers = count(1)


def new() -> str:
    """A word that no other test uses."""
    return f"q{next(_numbers)}z"


@dataclass(frozen=True)
class Place:
    """A server, somebody who may search there (nobody of the plain one), and a record he sees."""

    house: House
    who: Person | None
    writer: Person | None
    patient: str

    def get(self, path: str, **headers: str) -> Answer:
        return self.house.get(path, self.who, **headers)

    def post(self, path: str, form: str = "", query: str = "") -> Answer:
        return self.house.call(
            "POST", path, self.who, form.encode(), query=query, content_type=FORM
        )

    def make(self, type_: str = "Observation", **more: Any) -> str:
        """The address of a new resource of this record."""
        body: dict[str, Any] = {"resourceType": type_}
        if type_ == "Observation":
            subject = {"reference": f"Patient/{self.patient}"}
            body |= {"status": "final", "code": {"text": "x"}, "subject": subject}
        return f"{type_}/{stored(self.house.post(type_, self.writer, body | more))}"

    def some(self, number: int, code: str, **more: Any) -> list[str]:
        """Observations that share this code."""
        return [self.make(code=coded(code), **more) for _ in range(number)]


def coded(code: str, **more: str) -> dict[str, Any]:
    return {"coding": [{"system": CODES, "code": code} | more]}


@pytest.fixture(params=["policy off", "policy on"])
def place(request: pytest.FixtureRequest, plain: House, house: House) -> Place:
    if request.param == "policy off":
        return Place(plain, None, None, stored(plain.post("Patient", None, PATIENT)))
    identifier = [{"system": INS, "value": new_ins()}]
    return Place(house, NINA, ANNE, opened(house, NINA, ANNE, identifier=identifier))


PATIENT = {"resourceType": "Patient", "name": [{"family": "Essai"}]}


def addresses(answer: Answer, mode: str = "match") -> list[str]:
    """Of the entries of this mode, in their order."""
    assert answer.status == 200, answer.body
    return [
        entry["fullUrl"].removeprefix(f"{BASE}/")
        for entry in answer.json.get("entry", ())
        if entry["search"]["mode"] == mode
    ]


def used(answer: Answer) -> str:
    """The query of the link to itself."""
    assert answer.status == 200, answer.body
    found: str = next(one["url"] for one in answer.json["link"] if one["relation"] == "self")
    return found.partition("?")[2]


def link(answer: Answer, relation: str) -> str:
    """The path and query of a link, or ""."""
    found = {one["relation"]: one["url"] for one in answer.json["link"]}
    url: str = found.get(relation, "")
    return url.removeprefix(BASE).removeprefix("/")


def ignored(answer: Answer) -> list[str]:
    """What the entries of mode `outcome` say."""
    assert answer.status == 200, answer.body
    return [
        issue["diagnostics"]
        for entry in answer.json.get("entry", ())
        if entry["search"]["mode"] == "outcome"
        for issue in entry["resource"]["issue"]
    ]


def walked(place: Place, path: str) -> Sequence[Answer]:
    """All pages, from the one at this path on."""
    found = []
    while path:
        found.append(place.get(path))
        assert found[-1].status == 200, found[-1].body
        path = link(found[-1], "next")
    return found
