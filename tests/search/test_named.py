"""Which patients a search names."""

from urllib.parse import parse_qsl

import pytest

from fhir_server.search.named import Named, named_patient
from tests.search.asking import BASE

INS = "urn:oid:1.2.250.1.213.1.4.8|123"


def named(text: str) -> Named:
    type_, _, parameters = text.partition("?")
    return named_patient(type_, parse_qsl(parameters), base=BASE)


@pytest.mark.parametrize(
    "name",
    [
        "patient.identifier",
        "subject.identifier",
        "patient:Patient.identifier",
        "subject:Patient.identifier",
        "patient:identifier",
        "subject:identifier",
    ],
)
def test_an_identifier_names_a_patient(name: str) -> None:
    assert named(f"DocumentReference?{name}={INS}") == Named((INS,), ())


@pytest.mark.parametrize(
    "pair",
    [
        "patient=p",
        "patient=Patient/p",
        f"patient={BASE}/Patient/p",
        "patient=Patient/p/_history/2",
        "subject=Patient/p",
        "subject:Patient=p",
        "patient:Patient=Patient/p",
        "patient._id=p",
        "subject:Patient._id=p",
    ],
)
def test_an_id_names_a_patient(pair: str) -> None:
    assert named(f"DocumentReference?{pair}") == Named((), ("p",))


def test_a_search_of_patients_names_them_by_identifier_and_id() -> None:
    assert named(f"Patient?identifier={INS}&_id=p") == Named((INS,), ("p",))
    assert named(f"DocumentReference?identifier={INS}&_id=p") == Named((), ())


def test_every_alternative_counts_once() -> None:
    text = f"DocumentReference?patient.identifier={INS},124,|125&subject=p,Patient/q,p&patient=q"
    assert named(text) == Named((INS, "124", "|125"), ("p", "q"))


def test_escapes_are_taken_away() -> None:
    assert named(r"Patient?identifier=urn:x|a\,b") == Named(("urn:x|a,b",), ())


@pytest.mark.parametrize(
    "text",
    [
        "DocumentReference?status=current",
        "DocumentReference?patient.identifier=urn:x|",
        "DocumentReference?subject=Group/g",
        "DocumentReference?subject=http://elsewhere.example/Patient/p",
        "DocumentReference?subject:Group=g",
        "DocumentReference?subject:missing=true",
        "DocumentReference?patient.name=Exemple",
        "DocumentReference?patient=",
        "DocumentReference?patient=,",
        "Patient?identifier:not=urn:x|1",
    ],
)
def test_other_searches_name_nobody(text: str) -> None:
    assert named(text) == Named((), ())


@pytest.mark.parametrize(
    ("filter_", "ids"),
    [
        ("patient eq Patient/p", ("p",)),
        ("patient re Patient/p", ("p",)),
        ("status eq current and (patient eq p and type eq a,b)", ("p",)),
        ('subject eq "Patient/p" and patient eq Patient/q', ("p", "q")),
        ("patient:Patient._id eq p", ("p",)),
        ("patient eq Patient/p or status eq current", ()),
        ("not (patient eq Patient/p)", ()),
        ("patient ne Patient/p", ()),
        ("patient[active eq true]._id eq p", ("p",)),
        ("patient eq", ()),
    ],
)
def test_a_filter_names_whom_it_asks_for_whatever_else_holds(
    filter_: str, ids: tuple[str, ...]
) -> None:
    pairs = [("_filter", filter_)]
    assert named_patient("DocumentReference", pairs, base=BASE) == Named((), ids)


def test_a_filter_names_by_identifier() -> None:
    pairs = [("_filter", f'patient.identifier eq "{INS}" and status eq current')]
    assert named_patient("DocumentReference", pairs, base=BASE) == Named((INS,), ())
    pairs = [("_filter", f"identifier eq {INS}")]
    assert named_patient("Patient", pairs, base=BASE) == Named((INS,), ())
