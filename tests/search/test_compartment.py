"""The patient compartment: https://hl7.org/fhir/R4/compartmentdefinition-patient.html"""

from typing import Any

import pytest

from fhir_server.fhir.dates import EARLIEST, LATEST, interval
from fhir_server.search.compartment import CARE_DATES, cared, linking, members, patient_types
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from fhir_server.search.parameters import parameters
from fhir_server.search.query import Criterion
from profiles.definitions import r4
from tests.search.asking import BASE

PAT = {"reference": "Patient/a"}


def meets(criterion: Criterion, resource: dict[str, Any]) -> bool:
    index, id_ = extract(resource, base=BASE), resource.get("id", "x")
    return matches(criterion, index, id_=id_, updated=0, follow=lambda *_: None)


def test_all_types_of_the_definition_are_in_it() -> None:
    assert {"Patient", "Observation", "Provenance"} <= set(patient_types())
    assert set(patient_types()) == set(r4().compartments["Patient"])
    assert [type_ for type_ in patient_types() if not linking(type_)] == []


@pytest.mark.parametrize(
    ("resource", "inside"),
    [
        ({"resourceType": "Patient", "id": "a"}, True),
        ({"resourceType": "Patient", "id": "b"}, False),
        ({"resourceType": "Patient", "id": "b", "link": [{"other": PAT, "type": "seealso"}]}, True),
        ({"resourceType": "Observation", "subject": PAT}, True),
        ({"resourceType": "Observation", "subject": {"reference": f"{BASE}/Patient/a"}}, True),
        ({"resourceType": "Observation", "performer": [PAT]}, True),
        ({"resourceType": "Observation", "focus": [PAT]}, False),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/b"}}, False),
        ({"resourceType": "Observation", "subject": {"reference": "Group/a"}}, False),
        ({"resourceType": "Observation"}, False),
    ],
)
def test_a_resource_is_in_it_by_the_references_of_its_type(
    resource: dict[str, Any], inside: bool
) -> None:
    assert meets(members(("Patient", "Observation"), "a"), resource) is inside


@pytest.mark.parametrize(
    ("resource", "inside"),
    [
        ({"resourceType": "Observation", "effectiveDateTime": "2026-03"}, True),
        ({"resourceType": "Observation", "effectiveDateTime": "2026"}, True),
        ({"resourceType": "Observation", "effectiveDateTime": "2025-12-31"}, False),
        ({"resourceType": "Observation", "issued": "2020-01-01T00:00:00Z"}, True),
        ({"resourceType": "Encounter", "period": {"start": "2020-01-01"}}, True),
        ({"resourceType": "Encounter", "period": {"end": "2020-01-01"}}, False),
        ({"resourceType": "Condition", "onsetDateTime": "2026-02", "recordedDate": "2020"}, True),
        ({"resourceType": "Condition", "recordedDate": "2020"}, False),
        ({"resourceType": "Coverage"}, True),
    ],
)
def test_care_is_given_when_the_best_date_says_so(resource: dict[str, Any], inside: bool) -> None:
    types = ("Observation", "Encounter", "Condition", "Coverage")
    low, high = interval("2026-01-01")[0], interval("2026-06-30")[1]
    assert meets(cared(types, low, high), resource) is inside
    assert meets(cared(types, EARLIEST, LATEST), resource)


def test_every_date_of_care_is_a_parameter_of_some_type() -> None:
    offered = {code for type_ in patient_types() for code, p in parameters(type_).items()
               if p.type == "date"}  # fmt: skip
    assert set(CARE_DATES) <= offered
