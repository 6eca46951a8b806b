"""Makers of calls of operations, and readers of their answers."""

from typing import Any

from tests.house import Answer, House, Person
from tests.people import stored

TAG = {"system": "http://a.example/tags", "code": "first"}


def post(plain: House, path: str, who: Person | None, body: Any, **more: str) -> Answer:
    path, _, query = path.partition("?")
    return plain.call("POST", path, who, body, query=query, **more)


def basic(plain: House, **more: Any) -> str:
    body = {"resourceType": "Basic", "code": {"text": "x"}} | more
    return stored(plain.post("Basic", None, body))


def parameters(**values: Any) -> dict[str, Any]:
    """Parameters with one member for each; `resource` stands under its own name."""
    members = [
        {"name": name, ("resource" if name == "resource" else kind): value}
        for name, (kind, value) in values.items()
    ]
    return {"resourceType": "Parameters", "parameter": members}


def the_meta(answer: Any) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    assert answer.json["resourceType"] == "Parameters"
    members = answer.json.get("parameter", [])
    assert all(list(member) == ["name", "valueMeta"] for member in members)
    found: dict[str, dict[str, Any]] = {one["name"]: one["valueMeta"] for one in members}
    assert found.keys() <= {"return"}
    return found.get("return", {})
