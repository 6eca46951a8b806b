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
    ],
)
def test_a_uri_is_compared_letter_by_letter(search: str, found: bool) -> None:
    assert finds(f"DocumentReference?{search}", DOCUMENT) is found


@pytest.mark.parametrize("modifier", ["above", "below"])
def test_hierarchies_are_refused(modifier: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"DocumentReference?location:{modifier}=x")
    assert refusal.value.code == "not-supported"
