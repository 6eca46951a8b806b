"""Addresses, parameters and headers that cannot be: https://hl7.org/fhir/R4/search.html#errors"""

from io import BytesIO
from typing import Any

import pytest

from tests.house import CNAM, NINA, Answer, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened
from tests.web.bad import TABLES

XML = "application/fhir+xml"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("birthdate=x", "value", "`x`"),
        ("birthdate=2020-13-01", "value", "`2020-13-01`"),
        ("birthdate=ge", "value", "`ge`"),
        ("_lastUpdated=yesterday", "value", "`yesterday`"),
        ("_count=x", "value", "`x`"),
        ("_count=-1", "value", "`-1`"),
        ("_total=all", "value", "`all`"),
        ("_summary=x", "value", "`x`"),
        ("identifier=a|b|c", "value", "`a|b|c`"),
        ("identifier:melon=1", "not-supported", "`:melon`"),
        ("birthdate:exact=2020", "not-supported", "`:exact`"),
        ("name:missing=maybe", "value", "`maybe`"),
        ("_query=melons", "not-supported", "`melons`"),
        ("_id=" + ",".join("a" * 1001), "too-costly", "`_id`"),
        ("name=%00", "value", "character"),
        ("%00=1", "value", "character"),
        ("name=%ff", "value", "0xff"),
        ("name=%ed%a0%80", "value", "0xed"),
        ("&".join(f"name=a{n}" for n in range(1001)), "value", "fields"),
        ("general-practitioner:Melon.name=x", "not-supported", "`:Melon`"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("how", ["GET", "POST"])
def test_a_search_that_cannot_be_read_is_refused(
    kept: House, how: str, query: str, code: str, says: str
) -> None:
    if how == "GET":
        answer = kept.call("GET", "Patient", CNAM, query=query)
    else:
        answer = kept.call("POST", "Patient/_search", CNAM, query.encode(), content_type=FORM)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, code)
    assert says in answer.diagnostics


@pytest.mark.parametrize(
    "query",
    [
        "patient=%00",
        "patient.identifier=%00",
        "patient.identifier=urn:oid:1.2.250.1.213.1.4.10|1%00",
        "subject=Patient/%00",
        "patient:identifier=%00",
        "identifier=%00",
    ],
)
def test_a_patient_with_a_nul_is_no_patient(kept: House, query: str) -> None:
    answer = kept.call("GET", "DocumentReference", NINA, query=query)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


@pytest.mark.parametrize("body", [b"name=\xff", b"name=%ff"])
def test_a_form_that_is_not_utf8_is_refused(kept: House, body: bytes) -> None:
    assert kept.call("POST", "Patient/_search", CNAM, body, content_type=FORM).status == 400


def test_a_search_by_post_is_a_form(kept: House) -> None:
    answer = kept.call("POST", "Patient/_search", CNAM, b"{}", content_type="application/json")
    assert (answer.status, answer.json["issue"][0]["code"]) == (415, "not-supported")


def test_a_page_nobody_gave_is_gone(kept: House) -> None:
    for cursor in ("x", "%00", "AAAA", "A" * 5000, "é"):
        answer = kept.call("GET", "Patient", CNAM, query=f"_cursor={cursor}")
        assert (answer.status, answer.json["issue"][0]["code"]) in (
            (410, "not-found"),
            (400, "value"),
        )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Organization/a b", 404),
        ("Organization/" + "x" * 65, 404),
        ("Organization/a\0b", 404),
        ("Organization/..", 404),
        ("Organization/a'b;--", 404),
        ("Organization/a%41", 404),
        ("Organization/\xff", 400),
        ("\xc3", 400),
        ("Org\0/a", 404),
        ("Organization/kept/_history/\0", 404),
        ("Organization/kept/_history/1/", 200),
        ("Organization//kept", 404),
        ("x" * 10_000, 404),
        ("Organization/kept/_history/" + "9" * 5000, 404),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_address_that_cannot_be_one_leads_nowhere(kept: House, path: str, status: int) -> None:
    for accept in ("", XML):
        answer = kept.get(path, CNAM, accept=accept)
        assert answer.status == status


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefer", "x" * 10_000),
        ("prefer", ";;,==\x01"),
        ("accept", "a/b," * 10_000 + "*/*"),
        ("accept", "*/*;q=nan"),
        ("if_none_match", ",,,"),
        ("if_none_match", '"'),
        ("if_none_match", "W/"),
        ("x_request_id", "\x01\xff" * 100),
        ("x_request_id", "x" * 10_000),
        ("content_type", "x" * 10_000),
        ("if_match", '""'),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_header_that_cannot_be_one_harms_nobody(kept: House, name: str, value: str) -> None:
    answer = kept.get("Organization/kept", CNAM, **{name: value})
    assert answer.status in (200, 400, 431)
    assert len(answer.headers["X-Request-Id"]) <= 64
    # What was noted of it can be read.
    assert kept.get("AuditEvent?_count=3&_sort=-_lastUpdated", CNAM, accept=XML).status == 200


def test_an_etag_list_without_etags_is_refused_and_noted(kept: House) -> None:
    before = rows(kept, "trail")["trail"]
    answer = kept.get("Organization/kept", CNAM, if_none_match=",,")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")
    assert rows(kept, "trail")["trail"] > before


def test_a_huge_address_is_cut_in_what_is_answered(kept: House) -> None:
    assert len(kept.get("Melon" * 2000, CNAM).diagnostics) < 200


def sent(house: House, body: bytes, length: str) -> Answer:
    """A POST whose Content-Length says what it likes."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/fhir/Organization",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "CONTENT_LENGTH": length,
        "CONTENT_TYPE": "application/fhir+json",
        "HTTP_AUTHORIZATION": f"Bearer {house.token(CNAM)}",
    }
    found: list[Any] = []
    application: Any = house.app.wsgi_app
    chunks = application(environ, lambda status, headers: found.extend([status, headers]))
    return Answer(int(found[0].split()[0]), dict(found[1]), b"".join(chunks))


BODY = b'{"resourceType":"Organization","name":"x"}'


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        (str(len(BODY) + 1), 400, "incomplete"),
        (str(len(BODY) - 1), 400, "structure"),
        ("0", 400, "structure"),
        ("-5", 400, "invalid"),
        ("five", 400, "invalid"),
        ("²", 400, "invalid"),
        ("9" * 5000, 400, "invalid"),
        ("99999999999", 413, "too-long"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_length_that_lies_is_found_out(kept: House, length: str, status: int, code: str) -> None:
    before = rows(kept, *TABLES)
    answer = sent(kept, BODY, length)
    assert (answer.status, answer.json["issue"][0]["code"]) == (status, code)
    assert rows(kept, *TABLES) == before


def test_a_body_without_a_length_is_read_to_its_end(kept: House) -> None:
    assert sent(kept, BODY, "").status == 201
    assert sent(kept, b" " * (17 << 20) + BODY, "").status == 413


def test_a_nul_in_an_entry_of_a_batch_fails_alone(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    urls = [
        "DocumentReference?patient=%00",
        "Patient/a%00b",
        "Melon/%00",
        "Patient/%ff",
        f"Patient/{patient_id}",
    ]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    answer = house.post("", NINA, {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [entry["response"]["status"][:3] for entry in answer.json["entry"]] == [
        "400",
        "404",
        "404",
        "404",
        "200",
    ]
