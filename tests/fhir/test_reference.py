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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "Patient",
        "Patient/",
        "patient/1",
        "Patient/1/2",
        "Patient/1/_history/",
        "Patient/a b",
        "Patient/" + "x" * 65,
        "Patient/1\n",
        "/Patient/1",
        "../x",
        "#a b",
        "http:",
        "Patient?",
        "http://a b",
    ],
)
def test_nonsense_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is no reference") as refusal:
        parse(text, base=BASE)
    assert f"`{text[:100]}`" in str(refusal.value)
