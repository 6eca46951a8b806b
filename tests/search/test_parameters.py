"""The search parameters of each type."""

import pytest

from fhir_server.search.parameters import COLUMNS, UNEXPRESSED, parameters
from fhir_server.search.types import ASK, READ
from profiles.definitions import r4


def test_every_parameter_of_r4_is_there_but_the_named_ones() -> None:
    definitions = r4()
    for type_ in definitions.resources:
        declared = definitions.search[type_]
        left_out = {code for code in declared if code not in parameters(type_)}
        unsupported = {code for code, each in declared.items() if each.type == "special"}
        assert left_out == (set(COLUMNS) | set(UNEXPRESSED) & set(declared) | unsupported)


def test_every_type_of_parameter_can_be_read_and_asked() -> None:
    used = {p.type for type_ in r4().resources for p in parameters(type_).values()}
    assert used == set(READ) == set(ASK)


@pytest.mark.parametrize(
    ("type_", "code", "targets"),
    [
        ("DocumentReference", "patient", ("Patient",)),
        ("DocumentReference", "subject", ("Device", "Group", "Patient", "Practitioner")),
        ("AuditEvent", "patient", ("Patient",)),
        ("Consent", "patient", ("Patient",)),
        ("Patient", "organization", ("Organization",)),
    ],
)
def test_the_targets_are_those_the_elements_allow(
    type_: str, code: str, targets: tuple[str, ...]
) -> None:
    assert parameters(type_)[code].targets == targets


def test_a_code_has_the_system_its_binding_implies() -> None:
    systems = parameters("Patient")["gender"].systems
    assert systems["female"] == "http://hl7.org/fhir/administrative-gender"
    assert parameters("DocumentReference")["type"].systems == {}


def test_a_shared_parameter_takes_the_branch_of_its_type() -> None:
    patient = {"resourceType": "Patient", "gender": "female"}
    assert parameters("Patient")["gender"].select(patient) == [("code", "female")]
    assert "gender" not in parameters("DocumentReference")


def test_an_extension_gives_its_value() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/patient-extensions-Patient-mothersMaidenName"
    extensions = [{"url": url, "valueString": "Dupont"}, {"url": url}]
    patient = {"resourceType": "Patient", "extension": extensions}
    assert parameters("Patient")["mothersMaidenName"].select(patient) == [("string", "Dupont")]


def test_an_unknown_type_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        parameters("Nothing")
