"""Read, vread and history of one resource: https://hl7.org/fhir/R4/http.html#read"""

import pytest

from tests.house import BASE, House
from tests.people import stored

XML = "application/fhir+xml"


def made(plain: House, family: str = "Essai") -> str:
    return stored(
        plain.post("Patient", None, {"resourceType": "Patient", "name": [{"family": family}]})
    )


def changed(plain: House, id_: str, family: str) -> None:
    body = {"resourceType": "Patient", "id": id_, "name": [{"family": family}]}
    assert plain.call("PUT", f"Patient/{id_}", None, body).status == 200


def test_a_read_gives_the_resource_with_its_id_and_version(plain: House) -> None:
    id_ = made(plain)
    answer = plain.get(f"Patient/{id_}")
    assert answer.status == 200
    assert answer.json["id"] == id_
    assert answer.json["meta"]["versionId"] == "1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert answer.headers["Content-Type"] == "application/fhir+json;charset=utf-8"


def test_last_modified_is_the_instant_of_the_version(plain: House) -> None:
    answer = plain.get(f"Patient/{made(plain)}")
    day, time = answer.json["meta"]["lastUpdated"][:19].split("T")
    assert day == "2026-11-24" and time in answer.headers["Last-Modified"]


def test_head_is_a_read_without_its_body(plain: House) -> None:
    address = f"Patient/{made(plain)}"
    full, head = plain.get(address), plain.call("HEAD", address)
    assert (head.status, head.body) == (200, b"")
    unlike = {"X-Request-Id"}
    assert {k: v for k, v in head.headers.items() if k not in unlike} == {
        k: v for k, v in full.headers.items() if k not in unlike
    }


@pytest.mark.parametrize(
    ("sent", "status"),
    [('W/"2"', 304), ('"2"', 304), ("2", 304), ("*", 304), ('W/"1", W/"2"', 304), ('W/"1"', 200)],
)
def test_who_has_the_version_is_told_so(plain: House, sent: str, status: int) -> None:
    id_ = made(plain)
    changed(plain, id_, "Autre")
    answer = plain.get(f"Patient/{id_}", if_none_match=sent)
    assert answer.status == status
    assert answer.headers["ETag"] == 'W/"2"'
    assert (answer.body == b"") == (status == 304)


def test_old_versions_stay(plain: House) -> None:
    id_ = made(plain, "Un")
    changed(plain, id_, "Deux")
    first, second = (plain.get(f"Patient/{id_}/_history/{n}") for n in (1, 2))
    assert [a.json["name"][0]["family"] for a in (first, second)] == ["Un", "Deux"]
    assert first.headers["ETag"] == 'W/"1"'
    assert plain.get(f"Patient/{id_}").json == second.json


def test_the_history_is_newest_first_and_has_the_deletion(plain: House) -> None:
    id_ = made(plain, "Un")
    changed(plain, id_, "Deux")
    assert plain.call("DELETE", f"Patient/{id_}").status == 204
    bundle = plain.get(f"Patient/{id_}/_history").json
    assert (bundle["type"], bundle["total"]) == ("history", 3)
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["DELETE", "PUT", "POST"]
    assert [entry["response"]["etag"] for entry in bundle["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert ["resource" in entry for entry in bundle["entry"]] == [False, True, True]
    assert {entry["fullUrl"] for entry in bundle["entry"]} == {f"{BASE}/Patient/{id_}"}


def test_what_is_deleted_is_gone_but_its_old_versions_stay(plain: House) -> None:
    id_ = made(plain)
    plain.call("DELETE", f"Patient/{id_}")
    statuses = [
        plain.get(f"Patient/{id_}{rest}").status for rest in ("", "/_history/2", "/_history/1")
    ]
    assert statuses == [410, 410, 200]
    assert plain.get(f"Patient/{id_}").json["issue"][0]["code"] == "deleted"


@pytest.mark.parametrize(
    "path",
    [
        "Patient/nobody",
        "Patient/nobody/_history",
        "Patient/nobody/_history/1",
        "Patient/a b",
        "Patient/" + "x" * 65,
        "Patient/\u00c3\u00a9",
    ],
)
def test_what_was_never_there_is_not_found(plain: House, path: str) -> None:
    answer = plain.get(path)
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-found")


@pytest.mark.parametrize("version", ["2", "0", "-1", "x", "1.0", "99999999999", "\u00c2\u00b2"])
def test_a_version_that_is_not_there_is_not_found(plain: House, version: str) -> None:
    answer = plain.get(f"Patient/{made(plain)}/_history/{version}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-found")


def test_ids_and_types_know_capitals(plain: House) -> None:
    plain.call("PUT", "Patient/Capital", None, {"resourceType": "Patient", "id": "Capital"})
    assert [
        plain.get(p).status for p in ("Patient/Capital", "Patient/capital", "patient/Capital")
    ] == [
        200,
        404,
        404,
    ]


@pytest.mark.parametrize(
    ("accept", "query", "wanted"),
    [
        (XML, "", XML),
        ("text/xml", "", XML),
        ("application/json", "", "application/fhir+json"),
        ("*/*", "", "application/fhir+json"),
        ("application/fhir+json;q=0.1, application/fhir+xml;q=0.9", "", XML),
        ("application/fhir+json; fhirVersion=4.0", "", "application/fhir+json"),
        ("application/fhir+json", "_format=xml", XML),
        (XML, "_format=json", "application/fhir+json"),
        ("", "_format=application/fhir+xml", XML),
    ],
)
def test_the_format_is_negotiated(plain: House, accept: str, query: str, wanted: str) -> None:
    answer = plain.call("GET", f"Patient/{made(plain)}", query=query, accept=accept)
    assert answer.headers["Content-Type"] == f"{wanted};charset=utf-8"
    assert answer.body.startswith(b"<?xml" if wanted == XML else b"{")


@pytest.mark.parametrize(
    ("accept", "query"),
    [("text/csv", ""), ("application/fhir+json; fhirVersion=3.0", ""), ("", "_format=csv")],
)
def test_other_formats_are_not_acceptable(plain: House, accept: str, query: str) -> None:
    answer = plain.call("GET", "Patient", query=query, accept=accept)
    assert (answer.status, answer.json["issue"][0]["code"]) == (406, "not-supported")


def test_people_may_have_it_pretty(plain: House) -> None:
    address = f"Patient/{made(plain)}"
    pretty = plain.get(f"{address}?_pretty=true")
    assert pretty.body.count(b"\n") > 3
    assert pretty.json == plain.get(address).json


def test_a_request_keeps_its_number(plain: House) -> None:
    assert plain.get("Patient/nobody", x_request_id="abc-1").headers["X-Request-Id"] == "abc-1"
    assert plain.get("Patient/nobody").headers["X-Request-Id"]
