"""What pages of other origins may do in a browser: row G-20.

https://hl7.org/fhir/R4/security.html#cors, https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Iterator

import pytest

from tests.house import CNAM, NINA, House
from tests.interactions.shared import rows
from tests.rest.asking import JSON, PATIENT

PAGE = "https://app.example"
ALLOWED = "Access-Control-Allow-Origin"
WRITE = {
    "origin": PAGE,
    "access_control_request_method": "PUT",
    "access_control_request_headers": "authorization,content-type,if-match",
}


@pytest.fixture(scope="module")
def listed(shared_url: str) -> Iterator[House]:
    """A server with tokens that names one origin."""
    house = House(shared_url, cors_origins=(PAGE,))
    yield house
    house.close()


@pytest.fixture(scope="module")
def closed(shared_url: str) -> Iterator[House]:
    """A server with tokens for no page at all."""
    house = House(shared_url, cors_origins=())
    yield house
    house.close()


@pytest.fixture(scope="module")
def opened(shared_url: str) -> Iterator[House]:
    """A server without tokens that names one origin."""
    house = House(shared_url, auth="off", policy="off", cors_origins=(PAGE,))
    yield house
    house.close()


def test_G20_a_browser_learns_before_it_asks_what_a_page_may_send(house: House) -> None:
    answer = house.call("OPTIONS", "Patient/x", **WRITE)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers[ALLOWED] == "*"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"].split(", ")
    wanted = WRITE["access_control_request_headers"]
    assert answer.headers["Access-Control-Allow-Headers"] == wanted
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["Melon/1", "Patient/a/b", "Patient/\xff"])
def test_G20_a_page_is_let_through_to_a_refusal_it_can_read(house: House, path: str) -> None:
    assert house.call("OPTIONS", path, **WRITE).status == 204
    answer = house.get(path, CNAM, origin=PAGE)
    assert answer.status in (400, 404) and answer.headers[ALLOWED] == "*"


@pytest.mark.parametrize("names", ["a\r\nb", "x" * 2000, "\xff"])
def test_G20_headers_that_are_none_are_not_allowed(house: House, names: str) -> None:
    answer = house.call("OPTIONS", "Patient", **WRITE | {"access_control_request_headers": names})
    assert "Access-Control-Allow-Headers" not in answer.headers


@pytest.mark.parametrize("who", [None, NINA, CNAM])
def test_G20_a_page_reads_answers_and_their_headers(house: House, who: object) -> None:
    answer = house.get("Patient/nobody", who, origin=PAGE)  # type: ignore[arg-type]
    assert answer.headers[ALLOWED] == "*"
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Location", "Content-Location", "Last-Modified", "X-Request-Id"} <= set(exposed)


def test_G20_who_is_no_page_is_told_nothing_of_it(house: House) -> None:
    answer = house.get("metadata")
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [(PAGE, PAGE), ("https://evil.example", None), ("null", None), (PAGE + ".evil.example", None),
     ("http://app.example", None), (PAGE + ":8443", None)],
)  # fmt: skip
def test_G20_where_origins_are_listed_only_these_read(
    listed: House, origin: str, allowed: str | None
) -> None:
    assert listed.get("Patient", CNAM, origin=origin).headers.get(ALLOWED) == allowed
    answer = listed.call("OPTIONS", "Patient", **WRITE | {"origin": origin})
    assert answer.headers.get(ALLOWED) == allowed
    assert ("Access-Control-Allow-Methods" in answer.headers) == (allowed is not None)


def test_G20_the_statement_is_for_every_page(listed: House, closed: House) -> None:
    for house in (listed, closed):
        assert house.get("metadata", origin="https://any.example").headers[ALLOWED] == "*"


def test_G20_the_statement_says_whether_pages_are_served(
    house: House, closed: House, plain: House, opened: House
) -> None:
    said = [
        server.get("metadata").json["rest"][0]["security"]["cors"]
        for server in (house, closed, plain, opened)
    ]
    assert said == [True, False, False, True]


def test_G20_no_origin_is_no_page(closed: House) -> None:
    assert ALLOWED not in closed.get("Patient", CNAM, origin=PAGE).headers
    assert ALLOWED not in closed.call("OPTIONS", "Patient", **WRITE).headers


# Without tokens: https://owasp.org/www-community/attacks/csrf, and DNS rebinding.


@pytest.mark.parametrize("origin", [PAGE, "null", "http://127.0.0.1:3000", "http://localhost", "x"])
def test_G20_without_tokens_a_foreign_page_does_nothing(plain: House, origin: str) -> None:
    before = rows(plain, "resource")
    answers = [
        plain.get("Patient", origin=origin, host="127.0.0.1:8080"),
        plain.post("Patient", None, PATIENT, origin=origin, host="127.0.0.1:8080"),
        # What a form sends without asking first.
        plain.call("POST", "Binary", None, b"x", content_type="text/plain", origin=origin),
    ]
    for answer in answers:
        assert (answer.status, answer.json["issue"][0]["code"]) == (403, "forbidden")
        assert ALLOWED not in answer.headers
    assert ALLOWED not in plain.call("OPTIONS", "Patient", **WRITE | {"origin": origin}).headers
    assert rows(plain, "resource") == before


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.1"])
def test_G20_without_tokens_its_own_pages_work(plain: House, host: str) -> None:
    assert plain.get("Patient", host=host, origin=f"http://{host}").status == 200
    assert plain.get("Patient", host=host).status == 200


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:8080", "127.0.0.1.rebound.example", "10.0.0.1",
             "localhost.example", "[::1", "0.0.0.0:8080", "127.0.0.1@evil.example", "\xff"],
)  # fmt: skip
def test_G20_without_tokens_a_foreign_name_leads_nowhere(plain: House, host: str) -> None:
    for path in ("Patient", "metadata"):
        answer = plain.get(path, host=host)
        assert (answer.status, answer.json["issue"][0]["code"]) == (403, "forbidden")


def test_G20_with_tokens_any_name_will_do(house: House) -> None:
    assert house.get("metadata", host="dmp.example").status == 200


def test_G20_without_tokens_a_page_that_is_named_works(opened: House) -> None:
    answer = opened.post("Patient", None, PATIENT, origin=PAGE, host="127.0.0.1:8080")
    assert (answer.status, answer.headers[ALLOWED]) == (201, PAGE)
    assert opened.get("Patient", origin="https://evil.example", accept=JSON).status == 403
