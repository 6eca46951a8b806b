"""Literal references."""

import pytest

from fhir_server.fhir.reference import (
    Conditional,
    Contained,
    Local,
    Reference,
    Remote,
    Urn,
    parse,
    write,
)

BASE = "http://127.0.0.1:8080/fhir"
UUID = "urn:uuid:6c2f3cf8-2f9b-4b37-8d1c-0a0f0d9b3c11"

KINDS: list[tuple[str, Reference]] = [
    ("Patient/1", Local("Patient", "1")),
    ("Patient/1/_history/2", Local("Patient", "1", "2")),
    (
        "http://elsewhere.example/r4/Patient/a-b.c",
        Remote("http://elsewhere.example/r4/Patient/a-b.c", "Patient", "a-b.c"),
    ),
    (
        "http://elsewhere.example/Patient/1/_history/2",
        Remote("http://elsewhere.example/Patient/1/_history/2", "Patient", "1", "2"),
    ),
    ("http://elsewhere.example/file.pdf", Remote("http://elsewhere.example/file.pdf")),
    (
        "http://127.0.0.1:8080/fhirs/Patient/1",
        Remote("http://127.0.0.1:8080/fhirs/Patient/1", "Patient", "1"),
    ),
    (UUID, Urn(UUID)),
    ("urn:oid:1.2.3", Urn("urn:oid:1.2.3")),
    ("#p", Contained("p")),
    ("#", Contained("")),
    ("Patient?identifier=a|b&active=true", Conditional("Patient", "identifier=a|b&active=true")),
]


@pytest.mark.parametrize(("text", "expected"), KINDS, ids=[text for text, _ in KINDS])
def test_each_kind_is_read_and_written_back(text: str, expected: Reference) -> None:
    assert parse(text, base=BASE) == expected
    assert write(expected) == text


@pytest.mark.parametrize("base", [BASE, BASE + "/"])
def test_our_own_address_is_left_out(base: str) -> None:
    assert parse(f"{BASE}/Patient/1/_history/2", base=base) == Local("Patient", "1", "2")
    assert parse(f"{BASE}/Patient?active=true", base=base) == Conditional("Patient", "active=true")


def test_a_local_reference_can_be_written_with_our_address() -> None:
    assert write(Local("Patient", "1"), base=BASE + "/") == f"{BASE}/Patient/1"
    assert write(Conditional("Patient", "a=b"), base=BASE) == f"{BASE}/Patient?a=b"
    assert write(Urn(UUID), base=BASE) == UUID


# Every spelling that leads to `Patient/1` of this server, or to the search.
SPELLINGS = [
    "Patient/1/", "/Patient/1", "//Patient/1", "./Patient/1", "Patient//1", "Patient/./1",
    "patient/1", "PATIENT/1", "Patient/%31",
    "Patient%2F1", "Patient/1#x", "Patient/1?",
    "Patient/1?_format=json", "Patient/1/_history", "/fhir/Patient/1", "../fhir/Patient/1",
    "Observation/../Patient/1",
    "HTTP://127.0.0.1:8080/fhir/Patient/1", "http://127.0.0.1:8080/fhir//Patient/1/",
    "https://127.0.0.1:8080/fhir/Patient/1", "http://127.0.0.1.:8080/FHIR/patient/1",
    "http://someone@127.0.0.1:8080/fhir/Patient/1", "//127.0.0.1:8080/fhir/Patient/1",
]  # fmt: skip


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_spelling_of_its_own_leads_to_the_same_place(text: str) -> None:
    assert parse(text, base=BASE) == Local("Patient", "1")


@pytest.mark.parametrize("base", ["http://dmp.example/fhir", "https://dmp.example:443/fhir/"])
@pytest.mark.parametrize("address", ["http://DMP.example:80/fhir", "HTTPS://dmp.example/fhir/"])
def test_the_port_of_a_scheme_goes_without_saying(base: str, address: str) -> None:
    assert parse(f"{address}/Patient/1/_history/2/", base=base) == Local("Patient", "1", "2")


def test_a_search_has_its_spellings_too() -> None:
    for text in ("/Patient?a=b", "patient?a=b", "Patient/?a=b", f"{BASE}//Patient?a=b"):
        assert parse(text, base=BASE) == Conditional("Patient", "a=b")


def test_an_address_elsewhere_is_read_to_its_end() -> None:
    text = "http://elsewhere.example/patient/%31/"
    assert parse(text, base=BASE) == Remote(text, "Patient", "1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "just text",
        "Patient",
        "Patient/",
        "nothing/1",
        "Patient/1/2",
        "Patient/1;v=1",
        "Patient%252F1",
        "Patient:1",
        "Patient\\1",
        "Patient/a b",
        " Patient/1",
        "Patient/1 ",
        "Patient/" + "x" * 65,
        "Patient/1\n",
        "../Patient/1",
        "../x",
        "#a b",
        "http:",
        "http:/Patient/1",
        "http://[::1",
        "http://elsewhere.example:99999/Patient/1",
        "mailto:someone@elsewhere.example",
        BASE,
        f"{BASE}/Patient",
        "//127.0.0.1:8080/Patient/1",
        "Patient?",
        "http://a b",
        "urn:",
        "urn:uuid:a b",
    ],
)
def test_nonsense_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is no reference") as refusal:
        parse(text, base=BASE)
    assert f"`{text[:100]}`" in str(refusal.value)
