"""Formats that are not spoken: https://hl7.org/fhir/R4/http.html#mime-type"""

import json

import pytest

from tests.house import House
from tests.web.bad import ORGANIZATION, Bad, bad, refused

JSON = "application/fhir+json"
TYPES = [
    bad(
        "another type of content",
        415,
        "not-supported",
        ORGANIZATION,
        content_type="text/plain",
        says="`text/plain`",
    ),
    bad(
        "no type of content",
        400,
        "invalid",
        json.dumps(ORGANIZATION).encode(),
        content_type="",
        says="Content-Type",
    ),
    bad(
        "a type that is garbage",
        415,
        "not-supported",
        ORGANIZATION,
        content_type=";;=,",
        says="`;;=,`",
    ),
    bad(
        "another alphabet",
        415,
        "not-supported",
        ORGANIZATION,
        content_type=f"{JSON}; charset=latin-1",
        says="`latin-1`",
    ),
    bad(
        "another version of FHIR",
        415,
        "not-supported",
        ORGANIZATION,
        content_type=f"{JSON}; fhirVersion=3.0",
        says="`3.0`",
    ),
    bad(
        "a format that is not spoken",
        406,
        "not-supported",
        ORGANIZATION,
        query="_format=csv",
        says="`csv`",
    ),
    bad(
        "no format that is spoken",
        406,
        "not-supported",
        ORGANIZATION,
        accept="text/csv",
        says="`text/csv`",
    ),
    bad(
        "an unknown type",
        404,
        "not-supported",
        {"resourceType": "Melon"},
        path="Melon",
        says="`Melon`",
    ),
    bad(
        "merge patches",
        415,
        "not-supported",
        b"{}",
        method="PATCH",
        path="Organization/kept",
        content_type="application/merge-patch+json",
        says="`application/merge-patch+json`",
    ),
]


@pytest.mark.parametrize("case", TYPES, ids=lambda case: case.name)
def test_what_is_not_spoken_is_refused(kept: House, case: Bad) -> None:
    refused(kept, case)
