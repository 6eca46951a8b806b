"""Limits, each with its status and a message that names it.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions import perform
from fhir_server.storage.engine import Database, StorageBusy
from fhir_server.storage.writing import Writing
from fhir_server.web.api import MAX_ADDRESS, MAX_HEADER
from tests.house import CNAM, NINA, Answer, House
from tests.interactions.shared import rows
from tests.rest.asking import FORM, XML, made

NARROW: dict[str, Any] = {
    "max_body": 4000, "max_entries": 3, "max_depth": 5, "max_contained": 2, "page_size": 2,
    "max_page": 3,
}  # fmt: skip
# Longer than any patience; on both databases.
ENDLESS = (
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000000000) "
    "SELECT count(*) FROM c"
)


@pytest.fixture(scope="module")
def narrow(shared_url: str) -> Iterator[House]:
    """A plain server with limits that are soon reached."""
    house = House(shared_url, auth="off", policy="off", **NARROW)
    yield house
    house.close()


def contained(count: int) -> dict[str, Any]:
    inner = [{"resourceType": "Organization", "id": f"o{n}", "name": "x"} for n in range(count)]
    references = [{"reference": f"#o{n}"} for n in range(count)]
    return {"resourceType": "Patient", "contained": inner, "generalPractitioner": references}


def nested(depth: int) -> dict[str, Any]:
    extension: dict[str, Any] = {"url": "http://a.example", "valueString": "x"}
    for _ in range(depth - 2):
        extension = {"url": "http://a.example", "extension": [extension]}
    return {"resourceType": "Basic", "code": {"text": "x"}, "extension": [extension]}


def batch(count: int) -> dict[str, Any]:
    entries = [{"request": {"method": "GET", "url": "Patient/a"}}] * count
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


LIMITS: list[tuple[str, str, Any, Any, int, str, str]] = [
    ("body", "Basic", nested(2), {"resourceType": "Basic", "language": "x" * 4000}, 413,
     "too-long", "4000"),
    ("entries", "", batch(3), batch(4), 413, "too-costly", "3"),
    ("depth", "Basic", nested(5), nested(6), 400, "structure", "5"),
    ("contained", "Patient", contained(2), contained(3), 413, "too-costly", "2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "good", "bad", "status", "code", "says"), [row[1:] for row in LIMITS],
    ids=[row[0] for row in LIMITS],
)  # fmt: skip
def test_a_limit_is_named_where_it_is_reached(
    narrow: House, path: str, good: Any, bad: Any, status: int, code: str, says: str
) -> None:
    before = rows(narrow, "resource")
    answer = narrow.post(path, None, bad)
    assert (answer.status, answer.json["issue"][0]["code"]) == (status, code)
    assert f"at most {says}" in answer.diagnostics or f"than {says}" in answer.diagnostics
    assert rows(narrow, "resource") == before
    assert narrow.post(path, None, good).status in (200, 201)


def test_a_limit_holds_for_the_entries_of_a_bundle(narrow: House) -> None:
    entries = [
        {"request": {"method": "POST", "url": "Patient"}, "resource": contained(count)}
        for count in (3, 2)
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = narrow.post("", None, bundle, content_type="application/fhir+json")
    assert [entry["response"]["status"][:3] for entry in answer.json["entry"]] == ["413", "201"]


def test_a_page_is_as_large_as_asked_up_to_a_limit(narrow: House) -> None:
    for _ in range(5):
        made(narrow)
    sizes = [
        len(narrow.get(f"Patient?{query}").entries) for query in ("", "_count=1", "_count=999")
    ]
    assert sizes == [2, 1, 3]


def test_an_address_that_is_too_long_is_414(plain: House) -> None:
    answers = [plain.get("Patient?name=" + "a" * MAX_ADDRESS), plain.get("x" * (MAX_ADDRESS + 1))]
    for answer in answers:
        assert (answer.status, answer.json["issue"][0]["code"]) == (414, "too-long")
        assert str(MAX_ADDRESS) in answer.diagnostics


def test_a_form_may_be_longer_than_an_address(plain: House) -> None:
    body = b"name=" + b"a" * MAX_ADDRESS + b"&_format=xml"
    answer = plain.call("POST", "Patient/_search", None, body, content_type=FORM)
    assert (answer.status, answer.body[:5]) == (200, b"<?xml")


@pytest.mark.parametrize("name", ["accept", "if_none_match", "x_request_id", "prefer", "range"])
def test_a_header_that_is_too_long_is_431(plain: House, name: str) -> None:
    answer = plain.get("Patient", **{name: "a" * (MAX_HEADER + 1)})
    assert (answer.status, answer.json["issue"][0]["code"]) == (431, "too-long")
    assert str(MAX_HEADER) in answer.diagnostics and name.replace("_", "-") in answer.diagnostics


def test_a_search_with_too_many_parameters_is_refused(plain: House) -> None:
    answer = plain.get("Patient?" + "&".join(f"name=a{n}" for n in range(51)))
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly")
    assert "50" in answer.diagnostics


# Time.


@pytest.fixture
def hurried(database_url: str) -> Iterator[House]:
    """A server that ends a request after 0.8 s."""
    house = House(database_url, timeout=0.8)
    house.database.timeout = 0.8
    house.database.close()  # the next session has the limit from its start
    yield house
    house.close()


def slowed(monkeypatch: pytest.MonkeyPatch, interaction: str, statement: str = "") -> None:
    """Make an interaction take its time: in the database, or before it comes to it."""
    real = perform.SINGLE[interaction]

    def slow(call: Call, stored: Writing, *more: Any) -> Reply:
        if statement:
            stored.session.rows(statement, {})
        else:
            time.sleep(1)
        return real(call, stored, *more)

    monkeypatch.setitem(perform.SINGLE, interaction, slow)


def late(answer: Answer) -> bool:
    issue = answer.json["issue"][0]
    return (answer.status, issue["code"]) == (503, "timeout") and "0.8 s" in issue["diagnostics"]


ORGANIZATION = {"resourceType": "Organization", "name": "x"}


@pytest.mark.parametrize("statement", ["", ENDLESS], ids=["in Python", "in the database"])
@pytest.mark.parametrize("interaction", ["read", "search-type", "create", "vread"])
def test_a_request_that_takes_too_long_is_ended(
    hurried: House, monkeypatch: pytest.MonkeyPatch, interaction: str, statement: str
) -> None:
    id_ = hurried.post("Organization", CNAM, ORGANIZATION).id
    before = rows(hurried, "resource", "history")
    with monkeypatch.context() as patched:
        slowed(patched, interaction, statement)
        path = {"read": f"/{id_}", "vread": f"/{id_}/_history/1"}.get(interaction, "")
        method, body = ("POST", ORGANIZATION) if interaction == "create" else ("GET", None)
        begun = time.monotonic()
        assert late(hurried.call(method, f"Organization{path}", CNAM, body))
        assert time.monotonic() - begun < 4
    assert rows(hurried, "resource", "history") == before
    assert hurried.get(f"Organization/{id_}", CNAM).status == 200


def test_a_batch_that_takes_too_long_is_ended_as_a_whole(
    hurried: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = hurried.post("Organization", CNAM, ORGANIZATION).id
    entries = [
        {"request": {"method": "POST", "url": "Organization"}, "resource": ORGANIZATION},
        {"request": {"method": "GET", "url": f"Organization/{id_}"}},
    ]
    before = rows(hurried, "resource")
    slowed(monkeypatch, "read", ENDLESS)
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    assert late(hurried.post("", CNAM, bundle))
    assert rows(hurried, "resource") == before


def test_many_quick_statements_together_are_ended_too(database_url: str) -> None:
    database = Database(database_url, timeout=0.8)
    session, begun = database.session(), time.monotonic()
    with pytest.raises(StorageBusy), session.limited():
        while time.monotonic() < begun + 5:
            session.rows("SELECT 1", {})
    assert time.monotonic() < begun + 3
    assert session.rows("SELECT 1", {}) == [(1,)]  # outside of a request nobody is in a hurry
    database.close()


def test_what_is_left_of_the_time_is_the_limit_of_a_statement(database_url: str) -> None:
    database = Database(database_url, timeout=2.0)
    session, begun = database.session(), time.monotonic()
    with pytest.raises(StorageBusy), session.limited():
        time.sleep(1.6)
        session.rows(ENDLESS, {})
    assert time.monotonic() < begun + 3
    begun = time.monotonic()
    with pytest.raises(StorageBusy), session.limited():
        session.rows(ENDLESS, {})
    assert time.monotonic() > begun + 1.6, "the next request has all of its time again"
    database.close()


def test_who_waits_too_long_for_other_writers_is_told(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path / 'test.db'}", timeout=0.8)
    house.database.close()
    house.database.timeout = 0.8
    assert house.database.lock_path is not None
    with open(house.database.lock_path, "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        begun = time.monotonic()
        answers = [house.post("Organization", CNAM, ORGANIZATION), house.get("Patient/x", NINA)]
        assert [answer.status for answer in answers] == [503, 503]
        assert time.monotonic() - begun < 4
    assert house.post("Organization", CNAM, ORGANIZATION).status == 201
    house.close()


def test_the_end_of_a_request_leaves_a_trace(
    hurried: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowed(monkeypatch, "read", ENDLESS)
    before = rows(hurried, "trail")["trail"]
    assert late(hurried.get("Organization/x", CNAM))
    assert rows(hurried, "trail")["trail"] == before + 1


def test_a_refusal_for_time_can_be_xml(hurried: House, monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch, "read")
    answer = hurried.get("Organization/x", CNAM, accept=XML)
    assert (answer.status, answer.body[:5]) == (503, b"<?xml")
