"""FHIRPath Patches that cannot be taken: https://hl7.org/fhir/R4/fhirpatch.html"""

import json
import time
from typing import Any

import pytest

from fhir_server.fhir.fhirpath_patch import fhirpath_patch
from fhir_server.fhir.outcome import FhirError
from tests.fhir.fhirpath_patches import CODING, PATIENT, operation, part, refused


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("Patient", "active", {"valueString": "true"}),
        ("Patient", "maritalStatus", {"valueCoding": CODING}),
        ("Patient", "telecom", {"valueString": "1"}),
        ("Patient", "multipleBirth", {"valueString": "1"}),
        ("Patient", "maritalStatus", {"resource": {"resourceType": "Patient"}}),
        ("Patient", "active", {"part": [part("value", valueBoolean=True)]}),
        ("Patient", "nothing", {"valueString": "x"}),
        ("Patient", "contact", {"part": [part("nothing", valueString="x")]}),
        ("Patient.gender", "nothing", {"valueString": "x"}),
    ],
)
def test_a_value_that_cannot_stand_there_is_unprocessable(
    path: str, name: str, value: dict[str, Any]
) -> None:
    assert refused(operation("add", path, name=name, value=value)).status == 422


@pytest.mark.parametrize(
    "path",
    [
        "Patient.",
        "Patient.name.where(",
        "Observation.status",
        "Patient.name.repeat(given)",
        "Patient.name.descendants()",
        "Patient.name.where(given.matches('(a+)+b'))",
        "Patient.generalPractitioner.resolve()",
        "Patient.name.count()",
        "'x'",
        "Patient.name['x']",
        "Patient.name.where(use)",
    ],
)
def test_a_path_that_cannot_be_read_is_no_patch(path: str) -> None:
    practitioner = {"generalPractitioner": [{"reference": "Practitioner/1"}]}
    assert refused(operation("delete", path), of=PATIENT | practitioner).status == 400


@pytest.mark.parametrize("path", ["Patient.nothing", "Patient.name.nothing", "Patient.gender.x"])
def test_a_name_that_no_definition_has_is_unprocessable(path: str) -> None:
    refusal = refused(operation("delete", path))
    assert refusal.status == 422 and path.rpartition(".")[2] in refusal.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "operation"},
        {"name": "other", "valueString": "x"},
        {"name": "operation", "part": [part("type", valueCode="delete")]},
        operation("melt", "Patient.gender"),
        operation("add", "Patient", value={"valueCode": "x"}),
        operation("add", "Patient", name="active"),
        operation("insert", "Patient.identifier", value={"valueIdentifier": {"value": "e"}}),
        operation("move", "Patient.identifier", source=0),
        operation("delete", "Patient.gender", index=1),
        operation("delete", "Patient"),
        operation("replace", "Patient", value={"valueString": "x"}),
        {"name": "operation", "part": [part("type", valueCode="delete")] * 2},
    ],
    ids=lambda wrong: json.dumps(wrong)[:90],
)
def test_what_lacks_a_part_or_has_one_too_many_is_no_patch(wrong: dict[str, Any]) -> None:
    assert refused(wrong).status == 400


def _many(count: int) -> dict[str, Any]:
    return PATIENT | {"identifier": [{"value": str(n)} for n in range(count)]}


GREEDY: dict[str, Any] = {
    "operations": [operation("delete", "Patient.active")] * 10_000,
    "a path": [operation("delete", "Patient." + "name." * 100_000 + "text")],
    "conditions": [
        operation("delete", "Patient.identifier.where(%resource.identifier.value = value)")
    ],
    "insertions": [
        operation("insert", "Patient.identifier", index=0, value={"valueIdentifier": CODING})
    ]
    * 1000,
    "comments": [operation("delete", "/*" * 450)] * 1000,
    "nesting": [operation("delete", "(" * 490 + "Patient" + ")" * 490)] * 1000,
}
GREEDY["insertions"][0]["part"][-1]["valueIdentifier"] = {"value": "e"}


@pytest.mark.parametrize("greedy", GREEDY)
def test_what_costs_too_much_is_refused_at_once(greedy: str) -> None:
    resource = _many(20_000)
    begin = time.thread_time()
    with pytest.raises(FhirError) as refusal:
        fhirpath_patch(resource, {"parameter": GREEDY[greedy]})
    assert refusal.value.status in (400, 422)
    assert time.thread_time() - begin < 3
