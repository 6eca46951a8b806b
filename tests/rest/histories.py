"""Makers of versions, and what a history tells of them."""

from itertools import count
from typing import Any

from tests.house import BASE, Answer, House, Person
from tests.people import stored

LEVELS = ("Basic/{id}/_history", "Basic/_history", "_history")
_numbers = count()


def put(plain: House, id_: str, text: str, type_: str = "Basic") -> str:
    """The instant of a new version."""
    body = {"resourceType": type_, "id": id_, "code": {"text": text}}
    answer = plain.call("PUT", f"{type_}/{id_}", None, body)
    assert answer.status in (200, 201), answer.body
    return str(answer.json["meta"]["lastUpdated"])


def made(plain: House) -> tuple[str, list[str]]:
    """A resource created, changed, deleted and put back; and the instants of it."""
    created = plain.post("Basic", None, {"resourceType": "Basic", "code": {"text": "one"}})
    id_, times = stored(created), [created.json["meta"]["lastUpdated"]]
    times.append(put(plain, id_, "two"))
    assert plain.call("DELETE", f"Basic/{id_}").status == 204
    times.append(newest(plain)["response"]["lastModified"])
    return id_, [*times, put(plain, id_, "four")]


def newest(plain: House) -> Any:
    return plain.get("_history?_count=1").json["entry"][0]


def new_id() -> str:
    return f"history-{next(_numbers)}"


def ask(plain: House, path: str, **parameters: str) -> Answer:
    return plain.call("GET", path, query=parameters)


def told(answer: Answer) -> list[str]:
    """Address and version of each entry."""
    assert answer.status == 200, answer.body
    return [
        f"{entry['fullUrl'].removeprefix(BASE + '/')}{entry['response']['etag'][2:]}"
        for entry in answer.json.get("entry", ())
    ]


def link(answer: Answer, relation: str) -> str | None:
    """The address of a link, below the base."""
    found = [x["url"] for x in answer.json["link"] if x["relation"] == relation]
    assert len(found) <= 1
    return found[0].removeprefix(BASE + "/") if found else None


def walk(house: House, path: str, who: Person | None = None) -> list[Answer]:
    """All pages."""
    answers = [house.get(path, who)]
    while following := link(answers[-1], "next"):
        answers.append(house.get(following, who))
        assert answers[-1].status == 200, answers[-1].body
    return answers
