"""Addresses, headers, methods and who asks: rows G-01 to G-03, G-11, G-12 and G-14 to G-21.

https://hl7.org/fhir/R4/http.html
"""

import json
from typing import Any

import pytest

from tests.house import BASE, CNAM, NINA, OTTO, House
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.rest.asking import JSON, PATIENT, XML, asked, format_of, made

CAPITAL = {"resourceType": "Patient", "id": "Capital"}


# Addresses.


@pytest.mark.parametrize(
    ("path", "status"),
    [("Patient/Capital", 200), ("Patient/capital", 404), ("patient/Capital", 404),
     ("Patient/Capital/_history/1", 200), ("Patient/Capital/_HISTORY/1", 404),
     ("Metadata", 404), ("metadata", 200)],
)  # fmt: skip
def test_G01_addresses_know_capitals(plain: House, path: str, status: int) -> None:
    plain.call("PUT", "Patient/Capital", None, CAPITAL)
    assert plain.get(path).status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [("/Patient/slash/", 200), ("/Patient/slash//", 404), ("//Patient/slash", 404),
     ("/Patient//slash", 404), ("/", 200), ("", 200)],
)  # fmt: skip
def test_G01_one_slash_at_the_end_says_nothing(plain: House, path: str, status: int) -> None:
    plain.call("PUT", "Patient/slash", None, CAPITAL | {"id": "slash"})
    assert asked(plain, f"/fhir{path}").status == status


@pytest.mark.parametrize("query", ["name=%ff", "name=\xff", "_format=json&x=%c3%28"])
def test_G01_a_query_that_is_not_utf8_is_refused(plain: House, query: str) -> None:
    for path in ("Patient", "Patient/capital", "metadata"):
        answer = plain.call("GET", path, query=query)
        assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


def test_G01_a_query_may_come_undecoded(plain: House) -> None:
    id_ = made(plain, name=[{"family": "Ébène"}])
    as_wsgi = "name=Ébène".encode().decode("latin-1")
    found = plain.call("GET", "Patient", query=as_wsgi)
    assert [entry["id"] for entry in found.entries] == [id_]
    assert found.json["link"][0]["url"] == f"{BASE}/Patient?name=%C3%89b%C3%A8ne"


def test_G01_a_path_is_utf8(plain: House) -> None:
    assert plain.get("Patient/\xff").status == 400
    assert plain.get("Patient/\u00c3\u00a9").status == 404


@pytest.mark.parametrize("address", ["http", "https"])
def test_G02_http_and_https_name_the_same(plain: House, address: str) -> None:
    id_ = made(plain)
    answer = plain.get(f"Patient/{id_}", x_forwarded_proto=address, x_forwarded_host="evil.example")
    assert answer.json["id"] == id_
    assert b"evil.example" not in plain.get("Patient", x_forwarded_host="evil.example").body


@pytest.mark.parametrize("id_", ["a b", "x" * 65, "a_b", "a\0b", "é", "..;", "a'b", "*"])
def test_G03_what_is_no_id_is_not_found(plain: House, id_: str) -> None:
    for path in (f"Patient/{id_}", f"Patient/{id_}/_history", f"Patient/{id_}/_history/1"):
        answer = plain.get(path.encode().decode("latin-1"))
        assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-found")


# Headers of answers.


def test_G11_a_version_is_a_weak_etag_with_its_time(plain: House) -> None:
    created = plain.post("Patient", None, PATIENT)
    for answer in (created, plain.get(f"Patient/{created.id}")):
        assert answer.headers["ETag"] == 'W/"1"'
        assert answer.headers["Last-Modified"].endswith(
            f"{answer.json['meta']['lastUpdated'][11:19]} GMT"
        )


ERRORS: list[tuple[str, str, int]] = [
    ("GET", "Patient?name=%ff", 400), ("GET", "Patient?birthdate=x", 400),
    ("GET", "Patient/nobody", 404), ("GET", "Melon/1", 404), ("GET", "Patient/a/b/c", 404),
    ("GET", "Patient/\xff", 400), ("POST", "Patient/x", 405), ("DELETE", "metadata", 405),
    ("POST", "Patient", 400), ("TRACE", "Patient", 405),
]  # fmt: skip


@pytest.mark.parametrize("wanted", [JSON, XML])
@pytest.mark.parametrize(("method", "path", "status"), ERRORS)
def test_G12_a_refusal_is_an_outcome_in_the_format_wanted(
    plain: House, wanted: str, method: str, path: str, status: int
) -> None:
    path, _, query = path.partition("?")
    for how in ({"accept": wanted}, {"accept": "text/csv"}):
        asked_for = f"{query}&_format={wanted}" if how["accept"] == "text/csv" else query
        answer = plain.call(method, path, None, b"x", query=asked_for, **how)
        assert (answer.status, format_of(answer)) == (status, wanted)
        assert b"OperationOutcome" in answer.body and b"diagnostics" in answer.body


@pytest.mark.parametrize("wanted", [JSON, XML])
def test_G12_who_is_not_known_is_told_so_in_his_format(house: House, wanted: str) -> None:
    answer = house.get("Patient", accept=wanted)
    assert (answer.status, format_of(answer)) == (401, wanted)


@pytest.mark.parametrize(
    "path", ["/", "/fhirs/Patient", "/Patient", "//fhir/Patient", "/favicon.ico"]
)
def test_G12_what_is_beside_the_base_is_an_outcome_too(plain: House, path: str) -> None:
    answer = asked(plain, path)
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-found")
    assert answer.headers["Content-Type"] == f"{JSON};charset=utf-8"


def test_G12_caches_know_what_an_answer_depends_on(plain: House) -> None:
    for answer in (plain.get("Patient"), plain.get("Patient/nobody"), plain.get("metadata")):
        assert answer.headers["Vary"] == "Accept, Origin"
        assert answer.headers["Cache-Control"] == "no-store"


# Preferences and numbers of requests.


@pytest.mark.parametrize(("handling", "status"), [("strict", 400), ("lenient", 200), ("", 200)])
def test_G14_the_unknown_is_refused_only_for_who_is_strict(
    plain: House, handling: str, status: int
) -> None:
    assert plain.get("Patient?melon=1", prefer=f"handling={handling}").status == status


def test_G15_who_can_wait_is_answered_at_once(plain: House) -> None:
    id_ = made(plain)
    for path in (f"Patient/{id_}", "Patient", "metadata"):
        answer = plain.get(path, prefer="respond-async")
        assert answer.status == 200
        assert "Preference-Applied" not in answer.headers
        assert "Content-Location" not in answer.headers


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-1", "abc-1"),
        ("a b\xff\x01c\r\nSet-Cookie: x", "abcSet-Cookie:x"),
        ("x" * 99, "x" * 64),
    ],
)
def test_G16_a_request_keeps_its_number(plain: House, sent: str, kept: str) -> None:
    for path in ("Patient", "Patient/nobody", "Patient/\xff", "metadata"):
        answer = plain.get(path, x_request_id=sent)
        assert answer.headers["X-Request-Id"] == kept


@pytest.mark.parametrize("sent", ["", " ", "\xff\x01"])
def test_G16_a_request_without_a_number_gets_one(plain: House, sent: str) -> None:
    numbers = {plain.get("Patient", x_request_id=sent).headers["X-Request-Id"] for _ in range(2)}
    assert len(numbers) == 2 and all(len(number) >= 32 for number in numbers)


def test_G16_early_refusals_have_a_number_too(plain: House) -> None:
    answer = plain.get("Patient", accept="text/csv", x_request_id="n-1")
    assert (answer.status, answer.headers["X-Request-Id"]) == (406, "n-1")


def test_G16_a_correlation_comes_back(plain: House) -> None:
    answer = plain.get("Patient", x_correlation_id="c\x01-1")
    assert answer.headers["X-Correlation-Id"] == "c-1"
    assert "X-Correlation-Id" not in plain.get("Patient").headers


def test_G16_the_trail_has_the_number(house: House) -> None:
    house.get("Organization", CNAM, x_request_id="my-number-16")
    traces = house.get("AuditEvent?_count=500", CNAM).body
    assert b"my-number-16" in traces


def test_G16_early_refusals_leave_a_trace(house: House) -> None:
    house.get("Organization", CNAM, accept="text/csv", x_request_id="my-number-406")
    house.call("POST", "Organization", CNAM, b"{}", content_encoding="gzip", x_request_id="my-415")
    traces = house.get("AuditEvent?outcome=4&_count=500", CNAM).body
    assert b"my-number-406" in traces and b"my-415" in traces


# Methods.


@pytest.mark.parametrize("wanted", [JSON, XML])
def test_G18_head_is_a_get_without_its_body(plain: House, wanted: str) -> None:
    id_ = made(plain)
    paths = [f"Patient/{id_}", f"Patient/{id_}/_history/1", f"Patient?_id={id_}", "metadata",
             "Patient/nobody", "Melon"]  # fmt: skip
    for path in paths:
        bare, _, query = path.partition("?")
        full = plain.call("GET", bare, query=query, accept=wanted)
        head = plain.call("HEAD", bare, query=query, accept=wanted)
        assert (head.status, head.body) == (full.status, b"")
        unlike = {"X-Request-Id"}
        assert {k: v for k, v in head.headers.items() if k not in unlike} == {
            k: v for k, v in full.headers.items() if k not in unlike
        }
        assert head.headers["Content-Length"] == str(len(full.body))


def test_G18_head_where_no_get_is_is_not_allowed(plain: House) -> None:
    answer = plain.call("HEAD", "Patient/_search")
    assert (answer.status, answer.body) == (405, b"")


def test_G18_what_head_shows_leaves_a_trace(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    house.call("HEAD", f"Patient/{patient_id}", NINA, x_request_id="a-head")
    traces = house.get(f"AuditEvent?patient=Patient/{patient_id}&_count=50", CNAM)
    assert b"a-head" in traces.body


def test_G19_an_unknown_route_is_404_and_a_missing_interaction_405(plain: House) -> None:
    assert plain.get("Melon").json["issue"][0]["code"] == "not-supported"
    answer = plain.call("POST", "Patient/x", None, PATIENT)
    assert answer.status == 405
    assert {"GET", "HEAD", "PUT"} <= set(answer.headers["Allow"].split(", "))
    assert "POST" not in answer.headers["Allow"]


def test_G19_options_tells_what_can_be_done(house: House) -> None:
    answer = house.call("OPTIONS", "Patient/x")
    assert (answer.status, answer.body) == (204, b"")
    assert {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))
    assert answer.headers == house.call("OPTIONS", "Patient/y").headers


def test_G19_options_where_nothing_is_is_not_found(plain: House) -> None:
    assert [plain.call("OPTIONS", path).status for path in ("Melon", "Patient/a/b")] == [404, 404]


# Who asks.


def test_G21_without_a_good_token_401_says_how_to_ask(house: House) -> None:
    for headers in ({}, {"authorization": "Bearer x.y.z"}, {"authorization": "Basic eA=="}):
        answer = house.get("Patient", **headers)
        assert (answer.status, answer.json["issue"][0]["code"]) == (401, "login")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_G21_401_comes_before_all_that_could_tell_more(house: House) -> None:
    answers = [
        house.get("Melon/1"), house.get("Patient", accept="text/csv"), house.get("Patient/\xff"),
        house.call("POST", "Patient", None, b"x" * 100, content_type="text/plain"),
        house.call("PUT", "metadata/x", None, b"{}"),
    ]  # fmt: skip
    assert {answer.status for answer in answers} == {401}


def test_G21_a_body_is_not_read_for_a_stranger(house: House) -> None:
    class Unread:
        def read(self, size: int) -> bytes:
            raise AssertionError("the body was read")

    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/fhir/Patient", "QUERY_STRING": "",
        "CONTENT_LENGTH": "100", "CONTENT_TYPE": JSON, "wsgi.input": Unread(),
    }  # fmt: skip
    found: list[str] = []
    application: Any = house.app.wsgi_app
    body = b"".join(application(environ, lambda status, _: found.append(status)))
    assert found == ["401 Unauthorized"] and json.loads(body)["resourceType"] == "OperationOutcome"


def test_G21_a_scope_that_does_not_reach_is_403(house: House) -> None:
    answer = house.get("Patient/x", NINA.but(scope="user/Observation.rs"))
    assert (answer.status, answer.json["issue"][0]["code"]) == (403, "forbidden")
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_G21_what_is_hidden_is_404_as_if_it_had_never_been(house: House) -> None:
    body = {"resourceType": "CareTeam", "status": "active", "participant": []}
    patient_id = opened(house, NINA, ins=new_ins())
    body |= {"subject": {"reference": f"Patient/{patient_id}"}}
    body.pop("participant")
    team = stored(house.post("CareTeam", CNAM, body))
    hidden, absent = (house.get(f"CareTeam/{id_}", OTTO) for id_ in (team, "nobody"))
    assert hidden.status == absent.status == 404
    assert hidden.body.replace(team.encode(), b"nobody") == absent.body
