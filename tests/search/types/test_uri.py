"""Uri parameters."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from tests.search.asking import finds, query

PROFILE = "https://profiles.example/doc"

DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "d",
    "meta": {"profile": [f"{PROFILE}|1.0"], "source": "urn:source"},
    "content": [{"attachment": {"url": "Binary/B"}}],
}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("location=Binary/B", True),
        ("location=Binary/b", False),
        ("location=Binary", False),
        ("location=x,Binary/B", True),
        (f"_profile={PROFILE}", True),
        (f"_profile={PROFILE}|1.0", True),
        (f"_profile={PROFILE}|2.0", False),
        ("_source=urn:source", True),
        ("_source:missing=true", False),
        (f"_profile:below={PROFILE}|1", True),
        (f"_profile:below={PROFILE}|1.0", True),
        (f"_profile:below={PROFILE}|0", False),
        ("_profile:below=https://profiles.example", True),
    ],
)
def test_a_uri_is_compared_letter_by_letter(search: str, found: bool) -> None:
    assert finds(f"DocumentReference?{search}", DOCUMENT) is found


VALUE_SET: dict[str, Any] = {
    "resourceType": "ValueSet", "id": "v", "url": "http://a.example/fhir/ValueSet/Un",
    "version": "2.0.1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("url:below=http://a.example", True),
        ("url:below=http://a.example/", True),
        ("url:below=http://b.example,http://a.example/fhir", True),
        ("url:below=http://a.example/fhir/ValueSet/Un", True),
        ("url:below=http://a.example/fh", True),
        ("url:below=http://a.example/FHIR", False),
        ("url:below=http://a.example/fhir/ValueSet/Un/deux", False),
        ("url:above=http://a.example/fhir/ValueSet/Un/deux", True),
        ("url:above=http://a.example/fhir/ValueSet/Un/", True),
        ("url:above=http://a.example/fhir/ValueSet/Un", True),
        ("url:above=http://a.example/fhir/ValueSet/Unique", True),
        ("url:above=http://a.example/fhir/ValueSet/U", False),
        ("url:above=http://a.example/fhir/ValueSet", False),
        ("url=http://a.example/fhir/ValueSet/Un|2.0.1", True),
        ("url=http://a.example/fhir/ValueSet/Un|2.0", False),
        ("url=http://a.example/fhir/ValueSet/Un|", False),
        ("url:below=http://a.example/fhir/ValueSet/Un|2", True),
        ("url:below=http://a.example/fhir/ValueSet/Un|2.0.1", True),
        ("url:below=http://a.example/fhir/ValueSet/Un|2.0.", False),
        ("url:above=http://a.example/fhir/ValueSet/Un|2.0.1", True),
    ],
)
def test_an_address_is_above_or_below_by_its_letters(search: str, found: bool) -> None:
    assert finds(f"ValueSet?{search}", VALUE_SET) is found


@pytest.mark.parametrize("modifier", ["above", "below"])
def test_what_is_no_url_is_above_and_below_nothing(modifier: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"DocumentReference?location:{modifier}=urn:oid:1.2")
    assert refusal.value.code == "value"


def test_an_address_with_too_many_steps_is_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("ValueSet?url:above=http://a" + "/a" * 5_001)
    assert refusal.value.code == "too-costly"
