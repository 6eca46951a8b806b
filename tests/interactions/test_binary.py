"""Binary, as bytes and as a resource: https://hl7.org/fhir/R4/binary.html#rest"""

import base64
import json

import pytest

from tests.house import House
from tests.people import stored

PDF = b"%PDF-1.4\n\xff\x00\xfe\n%%EOF"
DATA = base64.b64encode(PDF).decode()
BINARY = {"resourceType": "Binary", "contentType": "application/pdf", "data": DATA}
JSON, XML = "application/fhir+json", "application/fhir+xml"


def raw(plain: House, data: bytes = PDF, media: str = "application/pdf") -> str:
    return stored(plain.call("POST", "Binary", None, data, content_type=media))


@pytest.mark.parametrize("how", ["raw", "resource"])
def test_bytes_come_back_as_they_were(plain: House, how: str) -> None:
    id_ = raw(plain) if how == "raw" else stored(plain.post("Binary", None, BINARY))
    answer = plain.get(f"Binary/{id_}")
    assert (answer.body, answer.headers["Content-Type"]) == (PDF, "application/pdf")
    assert answer.headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [(JSON, JSON), (XML, XML), ("*/*", "application/pdf"), ("application/json", "application/pdf"),
     ("application/pdf", "application/pdf"), ("text/csv", "application/pdf")],
)  # fmt: skip
def test_a_resource_comes_only_when_a_format_of_fhir_is_named(
    plain: House, accept: str, wanted: str
) -> None:
    answer = plain.get(f"Binary/{raw(plain)}", accept=accept)
    assert answer.headers["Content-Type"].split(";")[0] == wanted
    assert (DATA.encode() in answer.body) == (wanted in (JSON, XML))


def test_a_format_in_the_address_gives_the_resource(plain: House) -> None:
    assert plain.get(f"Binary/{raw(plain)}?_format=json").json["data"] == DATA


def test_bytes_of_a_fhir_type_are_a_resource(plain: House) -> None:
    answer = plain.post("Binary", None, {"resourceType": "Patient"})
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "invalid")


@pytest.mark.parametrize("data", [5, "a", "%%%%", [], ""], ids=str)
def test_what_is_no_base64_is_refused(plain: House, data: object) -> None:
    answer = plain.post("Binary", None, BINARY | {"data": data})
    assert answer.status == 400
    assert answer.json["issue"][0]["expression"][0].startswith("Binary.data")


def test_bytes_need_a_type(plain: House) -> None:
    answer = plain.call("POST", "Binary", None, PDF, content_type="")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "invalid")


@pytest.mark.parametrize("how", ["raw", "resource"])
def test_bytes_can_be_replaced_and_the_old_ones_stay(plain: House, how: str) -> None:
    id_ = raw(plain, b"old", "text/plain")
    if how == "raw":
        answer = plain.call("PUT", f"Binary/{id_}", None, PDF, content_type="application/pdf")
    else:
        answer = plain.call("PUT", f"Binary/{id_}", None, BINARY | {"id": id_})
    assert (answer.status, answer.json["data"]) == (200, DATA)
    new, old = plain.get(f"Binary/{id_}"), plain.get(f"Binary/{id_}/_history/1")
    assert (new.body, new.headers["Content-Type"]) == (PDF, "application/pdf")
    assert (old.body, old.headers["Content-Type"]) == (b"old", "text/plain")


def test_a_patch_keeps_the_bytes(plain: House) -> None:
    id_ = raw(plain)
    change = [{"op": "replace", "path": "/contentType", "value": "image/png"}]
    media = "application/json-patch+json"
    plain.call("PATCH", f"Binary/{id_}", None, json.dumps(change).encode(), content_type=media)
    answer = plain.get(f"Binary/{id_}")
    assert (answer.body, answer.headers["Content-Type"]) == (PDF, "image/png")


def test_bytes_can_be_deleted(plain: House) -> None:
    id_ = raw(plain)
    assert plain.call("DELETE", f"Binary/{id_}").status == 204
    assert [plain.get(f"Binary/{id_}{rest}").status for rest in ("", "/_history/1")] == [410, 200]


def test_a_browser_is_told_not_to_guess(plain: House) -> None:
    answer = plain.get(f"Binary/{raw(plain, b'<script/>', 'text/plain')}")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_search_gives_the_resource(plain: House) -> None:
    id_ = raw(plain)
    assert [entry["data"] for entry in plain.get(f"Binary?_id={id_}").entries] == [DATA]
