"""What scopes allow, word by word."""

import pytest

from fhir_server.auth.scopes import LETTERS, allows, grants
from fhir_server.policy.subject import Subject

# scopes, type, the letters they allow on it
CASES = [
    ("user/*.cruds", "Patient", "cruds"),
    ("user/*.cruds", "*", "cruds"),
    ("system/*.rs", "Observation", "rs"),
    ("user/Patient.rs", "Patient", "rs"),
    ("user/Patient.rs", "Observation", ""),
    ("user/Patient.rs", "*", ""),
    ("user/Patient.r user/Patient.s", "Patient", "rs"),
    ("user/Patient.read", "Patient", "rs"),
    ("user/Patient.write", "Patient", "cud"),
    ("user/Patient.*", "Patient", "cruds"),
    ("user/*.*", "Patient", "cruds"),
    ("user/*.*", "*", "cruds"),
    ("user/*.read launch openid fhirUser", "Patient", "rs"),
    ("user/Patient.sr", "Patient", ""),
    ("user/Patient.", "Patient", ""),
    ("user/Patient.rr", "Patient", ""),
    ("user/Patient.reads", "Patient", ""),
    ("User/Patient.rs", "Patient", ""),
    ("user/patient.rs", "patient", ""),
    ("user/Pat*.rs", "Patient", ""),
    ("user/Patient.rs?_id=1", "Patient", ""),
    ("user/*.rs?category=x user/Patient.r", "Patient", "r"),
    ("user/Patient.rs,user/*.cruds", "Patient", ""),
    ("patient/Patient.rs", "Patient", ""),
    ("", "Patient", ""),
    ("cruds", "Patient", ""),
    ("ITI-65", "DocumentReference", "cu"),
    ("ITI-65", "List", "cu"),
    ("ITI-65", "Binary", "c"),
    ("ITI-66", "List", "s"),
    ("ITI-67", "DocumentReference", "s"),
    ("ITI-67", "Binary", ""),
    ("ITI-68", "Binary", "r"),
    ("ITI-65", "Bundle", "c"),
    ("ITI-105", "DocumentReference", "c"),
    ("ITI-105", "Binary", "c"),
    ("ITI-105", "List", "c"),
    ("iti-105", "DocumentReference", ""),
    ("ITI-67 ITI-68", "DocumentReference", "s"),
]


@pytest.mark.parametrize(
    ("scopes", "type_", "letters"), CASES, ids=[f"{s or 'none'} on {t}" for s, t, _ in CASES]
)
def test_scopes_allow_these_letters_and_no_others(scopes: str, type_: str, letters: str) -> None:
    assert "".join(one for one in "cruds" if allows(scopes, type_, one)) == letters


def test_a_patient_scope_counts_with_a_patient_in_context() -> None:
    assert allows("patient/*.rs", "Condition", "s", patient_in_context=True)


def test_a_word_that_is_no_letter_is_not_allowed() -> None:
    assert not allows("user/*.cruds", "Patient", "")
    assert not allows("user/*.cruds", "Patient", "rs")


@pytest.mark.parametrize(
    ("subject", "granted"),
    [
        (Subject("holder", "h", scope="patient/*.rs"), True),
        (Subject("professional", "p", scope="patient/*.rs"), False),
        (Subject("professional", "p", scope="patient/*.rs", person="h"), True),
        (Subject("professional", "p", scope="user/*.rs"), True),
    ],
    ids=["the holder is in context", "nobody is", "person_id is", "no need of one"],
)
def test_the_patient_in_context_is_the_holder_or_the_person_named(
    subject: Subject, granted: bool
) -> None:
    assert grants(subject, "DocumentReference", "r") is granted


def test_every_interaction_needs_one_letter() -> None:
    assert set(LETTERS.values()) == set("cruds")
