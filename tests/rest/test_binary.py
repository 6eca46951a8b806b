"""Binary over HTTP: row I-26. More of it, as stored, is in `tests/interactions/test_binary.py`.

https://hl7.org/fhir/R4/binary.html#rest, https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

import base64

import pytest

from tests.house import ANNE, NINA, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored
from tests.rest.asking import JSON, XML, made
from tests.web.valid import document

PDF = b"%PDF-1.4\n\xff\x00\xfe\n%%EOF"
MEDIA = "application/pdf"


def kept(plain: House, data: bytes = PDF, media: str = MEDIA, **headers: str) -> str:
    return stored(plain.call("POST", "Binary", None, data, content_type=media, **headers))


@pytest.mark.parametrize(
    ("accept", "media"),
    [("", MEDIA), ("*/*", MEDIA), (MEDIA, MEDIA), ("application/json", MEDIA), ("image/png", MEDIA),
     (JSON, JSON), (XML, XML), (f"{XML}, */*", XML), (f"{MEDIA}, {JSON};q=0.5", MEDIA),
     (f"{MEDIA};q=0.5, {JSON}", JSON), (f"{JSON};q=0.1, */*;q=0.2", MEDIA),
     (f"{JSON};q=0, {XML};q=0", MEDIA), (f"{JSON};fhirVersion=3.0", MEDIA),
     (f"application/*, {JSON};q=0.9", MEDIA)],
)  # fmt: skip
def test_I26_bytes_come_as_they_are_unless_fhir_is_wanted(
    plain: House, accept: str, media: str
) -> None:
    answer = plain.get(f"Binary/{kept(plain)}", accept=accept)
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, media)
    assert (answer.body == PDF) == (media == MEDIA)


@pytest.mark.parametrize("query", ["_format=json", "_format=application/fhir+json"])
def test_I26_a_format_in_the_address_is_a_wish_for_fhir(plain: House, query: str) -> None:
    answer = plain.call("GET", f"Binary/{kept(plain)}", query=query, accept=MEDIA)
    assert base64.b64decode(answer.json["data"]) == PDF


@pytest.mark.parametrize(
    "media", ["text/plain; charset=iso-8859-1", "x/y", "text/xml", "image/png"]
)
def test_I26_bytes_of_any_type_are_taken_and_come_back_with_it(plain: House, media: str) -> None:
    answer = plain.get(f"Binary/{kept(plain, PDF, media)}")
    assert (answer.body, answer.headers["Content-Type"]) == (PDF, media)


@pytest.mark.parametrize("media", ["foo", "ASCII Text", "a/b/c", "text /plain", "*/*"])
@pytest.mark.parametrize("door", ["POST raw", "PUT raw", "POST", "PUT", "PATCH", "transaction"])
def test_what_is_no_media_type_is_refused_at_each_door(
    plain: House, door: str, media: str
) -> None:
    method, _, raw = door.partition(" ")
    id_ = kept(plain)
    resource = {"resourceType": "Binary", "contentType": media, "data": "aGVsbG8="}
    if door == "transaction":
        entry = {"resource": resource, "request": {"method": "POST", "url": "Binary"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        answer = plain.post("", None, bundle)
    elif door == "PATCH":
        change = b'[{"op": "replace", "path": "/contentType", "value": "%s"}]' % media.encode()
        patch = "application/json-patch+json"
        answer = plain.call("PATCH", f"Binary/{id_}", None, change, content_type=patch)
    else:
        address = "Binary" if method == "POST" else f"Binary/{id_}"
        body = PDF if raw else resource | ({"id": id_} if method == "PUT" else {})
        answer = plain.call(method, address, None, body, content_type=media if raw else JSON)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")
    assert f"`{media}`" in answer.diagnostics
    assert plain.get(f"Binary/{id_}").headers["Content-Type"] == MEDIA


def test_I26_an_answer_that_is_no_content_is_fhir(plain: House) -> None:
    answer = plain.get("Binary/nobody", accept=MEDIA)
    assert (answer.status, answer.headers["Content-Type"]) == (404, f"{JSON};charset=utf-8")


def test_I26_head_has_the_headers_of_the_bytes(plain: House) -> None:
    id_ = kept(plain)
    full, head = plain.get(f"Binary/{id_}"), plain.call("HEAD", f"Binary/{id_}", range="bytes=0-1")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(PDF)))
    unlike = {"X-Request-Id"}
    assert {k: v for k, v in head.headers.items() if k not in unlike} == {
        k: v for k, v in full.headers.items() if k not in unlike
    }


def test_I26_bytes_are_replaced_by_bytes(plain: House) -> None:
    id_ = kept(plain)
    answer = plain.call("PUT", f"Binary/{id_}", None, b"new", content_type="text/plain")
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    assert plain.get(f"Binary/{id_}").body == b"new"
    assert plain.get(f"Binary/{id_}/_history/1").body == PDF


def test_I26_what_is_known_is_not_sent_again(plain: House) -> None:
    id_ = kept(plain)
    assert plain.get(f"Binary/{id_}", if_none_match='W/"1"').status == 304


def test_I26_a_browser_runs_nothing_of_it(plain: House) -> None:
    answer = plain.get(f"Binary/{kept(plain, b'<script/>', 'text/html')}")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


# The security context.


@pytest.mark.parametrize("how", ["relative", "absolute"])
def test_I26_the_security_context_comes_as_a_header(plain: House, how: str) -> None:
    reference = f"Patient/{made(plain)}"
    sent = reference if how == "relative" else f"http://127.0.0.1:8080/fhir/{reference}"
    id_ = kept(plain, x_security_context=sent)
    found = plain.get(f"Binary/{id_}", accept=JSON).json["securityContext"]["reference"]
    assert found.endswith(reference)
    assert plain.get(f"Binary/{id_}").headers["X-Security-Context"] == found


def test_I26_a_put_has_a_security_context_too(plain: House) -> None:
    id_, reference = kept(plain), f"Patient/{made(plain)}"
    plain.call("PUT", f"Binary/{id_}", None, b"x", content_type="a/b", x_security_context=reference)
    assert plain.get(f"Binary/{id_}").headers["X-Security-Context"] == reference
    assert "X-Security-Context" not in plain.get(f"Binary/{id_}/_history/1").headers


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [("a b", 400, "value"), ("#x", 400, "value"), ("Patient?name=x", 400, "value"),
     ("\xff", 400, "value"), ("Patient/nobody", 422, "not-found")],
)  # fmt: skip
def test_I26_a_security_context_that_leads_nowhere_is_refused(
    plain: House, value: str, status: int, code: str
) -> None:
    answer = plain.call("POST", "Binary", None, PDF, content_type=MEDIA, x_security_context=value)
    assert (answer.status, answer.json["issue"][0]["code"]) == (status, code)
    assert f"`{value}`" in answer.diagnostics


# A part of the bytes.


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-3", 0, 4), ("bytes=5-5", 5, 6), ("bytes=9-", 9, 20), ("bytes=-5", 15, 20),
     ("bytes=-99", 0, 20), ("bytes=0-", 0, 20), ("bytes=10-999", 10, 20)],
)  # fmt: skip
def test_I26_a_part_can_be_asked_for(plain: House, asked: str, first: int, last: int) -> None:
    data = bytes(range(20))
    answer = plain.get(f"Binary/{kept(plain, data)}", range=asked)
    assert answer.body == data[first:last]
    if (first, last) == (0, 20):
        assert (answer.status, answer.headers["Accept-Ranges"]) == (200, "bytes")
    else:
        assert (answer.status, answer.headers["Content-Type"]) == (206, MEDIA)
        assert answer.headers["Content-Range"] == f"bytes {first}-{last - 1}/20"
        assert answer.headers["Content-Length"] == str(last - first)


@pytest.mark.parametrize("asked", ["bytes=20-", "bytes=999999999999999999-", "bytes=-0"])
def test_I26_a_part_beyond_the_end_is_416(plain: House, asked: str) -> None:
    answer = plain.get(f"Binary/{kept(plain, bytes(20))}", range=asked)
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */20")
    assert f"`{asked}`" in answer.diagnostics


@pytest.mark.parametrize(
    "asked", ["bytes", "bytes=", "bytes=-", "bytes=5-2", "lines=0-1", "bytes=0-1,3-4", "bytes=x-1"]
)
def test_I26_another_range_says_nothing(plain: House, asked: str) -> None:
    answer = plain.get(f"Binary/{kept(plain)}", range=asked)
    assert (answer.status, answer.body) == (200, PDF)


def test_I26_a_part_of_what_may_have_changed_is_all_of_it(plain: House) -> None:
    answer = plain.get(f"Binary/{kept(plain)}", range="bytes=0-1", if_range='W/"1"')
    assert (answer.status, answer.body) == (200, PDF)


def test_I26_a_resource_has_no_parts(plain: House) -> None:
    for path in (f"Binary/{kept(plain)}", f"Patient/{made(plain)}"):
        answer = plain.get(path, accept=JSON, range="bytes=0-1")
        assert answer.status == 200 and answer.json["id"]


# Under the rules.


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_I26_under_the_rules_no_bytes_come_without_their_document(
    house: House, method: str
) -> None:
    before = rows(house, "resource")
    path = "Binary" if method == "POST" else "Binary/mine"
    assert house.call(method, path, ANNE, PDF, content_type=MEDIA).status == 405
    assert rows(house, "resource") == before


def test_I26_under_the_rules_a_part_leaves_a_trace_like_all_of_it(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    deposited = house.post("DocumentReference", ANNE, document(patient_id))
    address = deposited.json["content"][0]["attachment"]["url"].rpartition("/fhir/")[2]
    before = rows(house, "trail")["trail"]
    assert house.get(address, NINA, range="bytes=0-3").status == 206
    assert rows(house, "trail")["trail"] == before + 1
