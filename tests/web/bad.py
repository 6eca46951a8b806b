"""A request that cannot be taken and what is answered: status, code, place, the user's own value.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from dataclasses import dataclass, field
from typing import Any

from tests.house import CNAM, House, Person
from tests.interactions.shared import rows

XML = "application/fhir+xml"
TABLES = ("resource", "history", "relation", "record", "reference", "string", "token", "moment")
ORGANIZATION = {"resourceType": "Organization", "name": "x"}


@dataclass(frozen=True)
class Bad:
    """One request; `says` is in the diagnostics, `at` the first expression, `place` line:column."""

    name: str
    status: int
    code: str
    body: Any = None
    says: str = ""
    at: str = ""
    place: str = ""
    method: str = "POST"
    path: str = "Organization"
    query: str = ""
    who: Person | None = CNAM
    headers: dict[str, str] = field(default_factory=dict)


def bad(name: str, status: int, code: str, body: Any = None, **more: Any) -> Bad:
    headers: dict[str, str] = {
        n: more.pop(n) for n in ("content_type", "accept", "prefer", "if_none_match") if n in more
    }
    return Bad(name, status, code, body, headers=headers, **more)


def refused(house: House, case: Bad) -> None:
    """Send it, and see that it is refused as it should be and leaves nothing behind."""
    before = rows(house, *TABLES)
    answer = house.call(
        case.method, case.path, case.who, case.body, query=case.query, **case.headers
    )
    assert answer.status == case.status, answer.body[:500]
    issue = answer.json["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", case.code)
    assert case.says in answer.diagnostics
    assert issue.get("expression", [""])[0] == case.at or not case.at
    assert issue.get("location", [""])[0].startswith(case.place)
    assert all(len(one["diagnostics"]) < 400 for one in answer.json["issue"])
    assert rows(house, *TABLES) == before
