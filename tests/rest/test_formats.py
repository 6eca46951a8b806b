"""In which format, and how it looks: rows G-04 to G-10.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/http.html#parameters
"""

import pytest

from tests.house import House
from tests.people import stored
from tests.rest.asking import FORM, JSON, PATIENT, XML, format_of, made


@pytest.mark.parametrize("wanted", [JSON, XML])
def test_G04_every_answer_is_in_a_type_of_fhir(plain: House, wanted: str) -> None:
    id_ = made(plain)
    for path in (f"Patient/{id_}", "Patient", f"Patient/{id_}/_history", "metadata", "Patient/no"):
        answer = plain.get(path, accept=wanted)
        assert format_of(answer) == wanted


ACCEPT = [
    ("", JSON),
    ("*/*", JSON),
    ("application/*", JSON),
    ("text/*", JSON),
    ("application/json", JSON),
    ("text/json", JSON),
    ("application/xml", XML),
    ("text/xml", XML),
    ("application/xml+fhir", XML),
    ("APPLICATION/FHIR+XML", XML),
    ("application/fhir+xml;q=0.5, application/fhir+json;q=0.4", XML),
    ("application/fhir+json;q=0.1, application/fhir+xml", XML),
    ("application/fhir+xml, */*;q=0.1", XML),
    ("*/*;q=0.1, application/fhir+xml;q=0.2", XML),
    ("application/fhir+json;q=0, */*", XML),
    ("application/*;q=0.9, application/fhir+json;q=0.1", XML),
    ("text/csv, application/fhir+xml;q=0.001", XML),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML),
    ("application/fhir+xml, application/fhir+json", XML),
    ("application/fhir+json, application/fhir+xml", JSON),
    ('text/plain;x="a,b", application/fhir+xml', XML),
    ('application/fhir+xml;charset="UTF-8"', XML),
    ("application/fhir+xml;charset=latin-1, application/fhir+json;q=0.1", JSON),
    (" application/fhir+xml ; q=1.000 ,", XML),
]


@pytest.mark.parametrize(("accept", "wanted"), ACCEPT)
def test_G05_the_accepted_format_that_weighs_most_is_sent(
    plain: House, accept: str, wanted: str
) -> None:
    assert format_of(plain.get("Patient/nobody", accept=accept)) == wanted


@pytest.mark.parametrize(
    "accept",
    ["text/csv", "image/*", "application/fhir+turtle", "application/fhir+json;q=0", "*/*;q=0",
     "application/fhir+json;q=0, application/fhir+xml;q=0.0, */*",
     "application/fhir+json;q=0, application/json",
     "application/fhir+json;charset=iso-8859-1", "json"],
)  # fmt: skip
def test_G06_nothing_acceptable_is_406(plain: House, accept: str) -> None:
    answer = plain.get("Patient", accept=accept)
    assert (answer.status, answer.json["issue"][0]["code"]) == (406, "not-supported")


@pytest.mark.parametrize("weight", ["2", "-1", "x", "nan", "", "1e-1", "0.5.5"])
def test_G05_a_weight_that_is_none_is_refused(plain: House, weight: str) -> None:
    answer = plain.get("Patient", accept=f"application/fhir+xml;q={weight}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")
    assert f"`{weight}`" in answer.diagnostics


@pytest.mark.parametrize(
    ("charset", "status"),
    [("utf-8", 200), ("iso-8859-1, utf-8;q=0.7", 200), ("*", 200), ("iso-8859-1;q=1, *;q=0.1", 200),
     ("iso-8859-1", 406), ("utf-8;q=0, *", 406)],
)  # fmt: skip
def test_G08_a_caller_who_cannot_read_utf8_is_told(plain: House, charset: str, status: int) -> None:
    assert plain.get("Patient", accept_charset=charset).status == status


@pytest.mark.parametrize(
    "media",
    ["text/plain", "text/csv", FORM, "application/pdf", "application/json-patch+json", "json",
     "*/*", "application/*", "application/fhir+json;charset=iso-8859-1",
     "application/fhir+xml; charset=utf-16", "application/fhir+json; fhirVersion=3.0"],
)  # fmt: skip
def test_G06_another_content_type_is_415(plain: House, media: str) -> None:
    for method, path in (("POST", "Patient"), ("PUT", "Patient/media"), ("POST", "")):
        answer = plain.call(method, path, None, PATIENT | {"id": "media"}, content_type=media)
        assert (answer.status, answer.json["issue"][0]["code"]) == (415, "not-supported")


@pytest.mark.parametrize(
    "media", ["application/json", "text/json", "application/fhir+json; charset=UTF-8",
              'application/fhir+json;charset="utf-8"; fhirVersion=4.0'],
)  # fmt: skip
def test_G06_the_other_spellings_of_json_are_taken(plain: House, media: str) -> None:
    assert plain.call("POST", "Patient", None, PATIENT, content_type=media).status == 201


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
def test_G06_a_compressed_body_is_415(plain: House, encoding: str) -> None:
    answer = plain.post("Patient", None, PATIENT, content_encoding=encoding)
    assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "identity")


FORMATS = {
    "json": JSON, "application/json": JSON, "application/fhir+json": JSON, "text/json": JSON,
    "application/fhir json": JSON, "application/fhir%2Bjson": JSON, "JSON": JSON,
    "xml": XML, "text/xml": XML, "application/xml": XML, "application/fhir+xml": XML,
    "application/fhir%2bxml": XML, "application/fhir%20xml": XML,
    "application/fhir+xml; fhirVersion=4.0": XML,
}  # fmt: skip


@pytest.mark.parametrize(("format_", "wanted"), FORMATS.items(), ids=FORMATS)
def test_G07_the_address_says_more_than_accept(plain: House, format_: str, wanted: str) -> None:
    other = XML if wanted == JSON else JSON
    for path in ("Patient", "Patient/nobody", "metadata", "Melon", "Patient/a/b"):
        assert (
            format_of(plain.call("GET", path, query=f"_format={format_}", accept=other)) == wanted
        )


@pytest.mark.parametrize("format_", ["ttl", "html", "csv", "*/*", "text/html", "application/pdf"])
def test_G07_another_format_is_406(plain: House, format_: str) -> None:
    answer = plain.get(f"Patient?_format={format_}", accept=JSON)
    assert (answer.status, answer.json["issue"][0]["code"]) == (406, "not-supported")
    assert f"`{format_}`" in answer.diagnostics


def test_G07_the_format_of_the_answer_says_nothing_of_the_body(plain: House) -> None:
    answer = plain.call("POST", "Patient", None, PATIENT, query="_format=xml")
    assert (answer.status, format_of(answer)) == (201, XML)


def test_G07_an_empty_format_says_nothing(plain: House) -> None:
    assert format_of(plain.get("Patient?_format=", accept=XML)) == XML


@pytest.mark.parametrize("where", ["address", "form"])
def test_G07_a_search_by_post_has_its_format_in_the_address_or_the_form(
    plain: House, where: str
) -> None:
    query, body = ("_format=xml", b"name=x") if where == "address" else ("", b"_format=xml&name=x")
    answer = plain.call("POST", "Patient/_search", None, body, query=query, content_type=FORM)
    assert (answer.status, format_of(answer)) == (200, XML)


def test_G07_a_form_with_another_format_is_406(plain: House) -> None:
    answer = plain.call("POST", "Patient/_search", None, b"_format=csv", content_type=FORM)
    assert answer.status == 406


def test_G08_every_body_says_that_it_is_utf8(plain: House) -> None:
    for answer in (plain.get("Patient"), plain.get("no"), plain.get("Patient", accept="text/csv")):
        assert answer.headers["Content-Type"] == f"{JSON};charset=utf-8"


@pytest.mark.parametrize(
    ("version", "status"),
    [("4.0", 200), ("4.0.1", 200), ('"4.0"', 200), ("3.0", 406), ("5.0", 406)],
)
def test_G09_the_version_of_fhir_can_be_said(plain: House, version: str, status: int) -> None:
    answer = plain.get("Patient", accept=f"application/fhir+xml; fhirVersion={version}")
    assert answer.status == status
    assert status == 200 or "4.0" in answer.diagnostics


def test_G09_the_version_spoken_here_is_found_among_others(plain: House) -> None:
    accept = "application/fhir+xml; fhirVersion=5.0, application/fhir+json; fhirVersion=4.0;q=0.1"
    assert format_of(plain.get("Patient", accept=accept)) == JSON


@pytest.mark.parametrize("wanted", [JSON, XML])
@pytest.mark.parametrize("path", ["Patient", "Patient/nobody", "metadata", "Melon"])
def test_G10_people_get_lines(plain: House, wanted: str, path: str) -> None:
    pretty = plain.call("GET", path, query="_pretty=true", accept=wanted)
    plainly = plain.call("GET", path, query="_pretty=false", accept=wanted)
    assert pretty.body.count(b"\n") > 3 >= plainly.body.count(b"\n")
    assert format_of(pretty) == wanted


def test_G10_lines_change_nothing(plain: House) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>a <b>b</b>\n c</p><p/></div>'
    id_ = made(plain, text={"status": "generated", "div": div})
    address = f"Patient/{id_}"
    assert plain.get(f"{address}?_pretty=true").json == plain.get(address).json
    lines = plain.call("GET", address, query="_pretty=true&_format=xml").body
    assert b"\n  <text>\n    <status value=" in lines
    back = plain.call("PUT", address, None, lines, content_type=XML)
    assert back.json["text"]["div"] == div


def test_G10_lines_keep_the_spelling_of_numbers(plain: House) -> None:
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.00}}'
    )
    id_ = stored(plain.post("Observation", None, body))
    assert b'"value": 1.00\n' in plain.get(f"Observation/{id_}?_pretty=true").body


@pytest.mark.parametrize(
    "query", ["x_pretty=true", "name=_pretty=true", "_pretty=", "_pretty=false"]
)
def test_G10_only_the_parameter_itself_gives_lines(plain: House, query: str) -> None:
    assert b"\n" not in plain.call("GET", "Patient", query=query).body


def test_G10_lines_are_there_or_not(plain: House) -> None:
    answer = plain.get("Patient?_pretty=perhaps")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")
    assert "`perhaps`" in answer.diagnostics


def test_G10_a_form_can_ask_for_lines(plain: House) -> None:
    answer = plain.call("POST", "Patient/_search", None, b"_pretty=true&name=x", content_type=FORM)
    assert answer.body.count(b"\n") > 3
