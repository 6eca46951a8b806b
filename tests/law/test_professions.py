"""The matrix of professions and types of documents (R083): over HTTP, and the table itself.

Order of 26 October 2023; the design's `domain.md` 2.2 has what is public of it.
"""

from dataclasses import replace

import pytest

from fhir_server.policy.condition import holds
from fhir_server.policy.lines import lines
from fhir_server.policy.matrix import (
    CELLS,
    COLUMNS,
    KINDS,
    MIXED,
    NO_KIND,
    PROFESSIONS,
    kind_of,
    merged,
    outside,
    profession_of,
    unknown,
)
from fhir_server.policy.rules import DMP_2022, law
from fhir_server.policy.subject import Coded
from tests.house import ANNE, NINA, Person
from tests.law.people import PROFESSIONS as HEALTH
from tests.law.people import SOCIAL, of_profession
from tests.policy.record import Record, replacing

TRE_A05 = (
    "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/"
    "TRE-A05-TypeDocComplementaire"
)
# What a profession does not read, as far as it has been published.
NEVER = {
    "10": ["ATTEST-RESID"],
    "40": ["80788-3", "75496-0", "83981-1", "83901-9", "68599-0"],
}
DENTIST, NURSE = of_profession(NINA, "40"), of_profession(NINA, "60")


def of_type(*codes: str) -> dict[str, object]:
    systems = {code: TRE_A05 if "ATTEST" in code else "http://loinc.org" for code in codes}
    return {"type": {"coding": [{"system": s, "code": code} for code, s in systems.items()]}}


@pytest.mark.parametrize(
    ("profession", "code"), [(p, code) for p, codes in NEVER.items() for code in codes]
)
def test_r083_a_type_that_is_closed_to_a_profession_does_not_exist_for_it(
    record: Record, profession: str, code: str
) -> None:
    closed, letter = record.deposited(ANNE, **of_type(code)), record.deposited(ANNE)
    who = of_profession(NINA, profession)
    assert record.found(who) == {letter} and record.sees(who, letter)
    hidden, never = record.read(who, closed), record.read(who, "never")
    assert (hidden.status, hidden.body.replace(closed.encode(), b"never")) == (404, never.body)
    assert "R083" in record.rules(NINA)
    assert record.sees(NURSE, closed)


def test_r083_it_is_open_to_its_author_and_to_who_treats(record: Record) -> None:
    closed = record.deposited(DENTIST, **of_type("83901-9"))
    assert record.sees(DENTIST, closed)
    other = record.deposited(ANNE, **of_type("83901-9"))
    assert not record.sees(DENTIST, other)
    record.consent(record.holder, "dmp-attending-equivalent", NINA)
    assert record.sees(DENTIST, other)


def test_r083_two_codes_of_one_type_are_closed_if_one_is(record: Record) -> None:
    for codes in (("11488-4", "83901-9"), ("83901-9", "60591-5"), ("83901-9", "68599-0")):
        assert not record.sees(DENTIST, record.deposited(ANNE, **of_type(*codes)))


def test_r083_what_replaces_and_what_was_replaced_is_closed_by_its_own_type(
    record: Record,
) -> None:
    closed = record.deposited(ANNE, **of_type("83901-9"))
    body = replacing(record.id, closed)
    new = record.house.post("DocumentReference", ANNE, body).id
    assert record.found(DENTIST) == {new} and "relatesTo" not in record.read(DENTIST, new).json


@pytest.mark.parametrize("who", [of_profession(NINA, "97"), of_profession(NINA, "1", "urn:x")])
def test_r083_of_an_unknown_profession_nothing_is_open(record: Record, who: Person) -> None:
    id_ = record.deposited(ANNE)
    assert record.find(who).status == 403 and record.read(who, id_).status == 404
    own = record.deposited(who)
    assert record.sees(who, own)


def test_r083_where_validation_warns_an_unknown_cell_is_open_and_reported(record: Record) -> None:
    id_, who = record.deposited(ANNE), of_profession(NINA, "97")
    services, before = record.house.services, record.house.services.house
    services.house = replace(before, rules=law("dmp-2022", "unknown_cells_open"))
    try:
        assert record.sees(who, id_) and record.rules(NINA) == {"R080", "K83"}
        assert not record.sees(DENTIST, record.deposited(ANNE, **of_type("83901-9")))
    finally:
        services.house = before


# The table.


def test_what_has_been_published_is_marked_so() -> None:
    sourced = {
        (line["profession"], line["type"]): line["reads"]
        for line in lines("matrix", COLUMNS)
        if line["status"] == "sourced"
    }
    closed = {(p, code): "no" for p, codes in NEVER.items() for code in codes}
    assert sourced == closed | {("10", "*"): "yes"}


@pytest.mark.parametrize("profession", PROFESSIONS)
def test_a_cell_is_open_closed_or_unknown(profession: str) -> None:
    for kind in KINDS:
        facts = {"profession": profession, "kind": kind}
        closed, open_ended = holds(outside(), facts), holds(unknown(), facts)
        assert not (closed and open_ended)
        row = CELLS.get(profession, {})
        if kind != MIXED:
            assert closed == (row.get(kind, row.get("*")) is False)
            assert open_ended == (row.get(kind, row.get("*")) is None)


@pytest.mark.parametrize(
    ("roles", "profession"),
    [
        ([], "none"),
        ([(HEALTH, "60")], "60"),
        ([("https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
           "21")], "21"),
        ([(HEALTH, "97")], "other"),
        ([("urn:oid:1.2.250.1.71.4.2.5", "SM26")], "other"),
        ([("urn:oid:1.2.250.1.71.4.2.5", "SM26"), (HEALTH, "10")], "10"),
        ([(SOCIAL, "1")], "social"),
        ([("urn:oid:1.2.250.1.213.1.6.1.109", "71")], "social"),
        ([("https://mos.esante.gouv.fr/NOS/TRE_R291-AutreProfession/FHIR/TRE-R291", "1")],
         "social"),
        ([(SOCIAL, "1"), (HEALTH, "60")], "60"),
    ],
)  # fmt: skip
def test_the_profession_a_token_states(roles: list[tuple[str, str]], profession: str) -> None:
    assert profession_of(Coded(*role) for role in roles) == profession


def test_the_kind_of_a_document_is_its_type_where_a_rule_speaks_of_it() -> None:
    assert kind_of(of_type("11488-4")) == kind_of({}) == NO_KIND
    assert kind_of(of_type("11488-4", "83901-9")) == "83901-9"
    assert kind_of(of_type("60591-5", "83901-9")) == MIXED
    assert merged(["83901-9", NO_KIND, "83901-9"]) == "83901-9"
    assert merged([]) == NO_KIND and merged([MIXED, "83901-9"]) == MIXED


def test_no_choice_is_left_in_the_rules_in_force() -> None:
    assert law("dmp-2022") is DMP_2022
    assert "K83" not in {rule.name for rule in DMP_2022.rules}
    assert "K22" not in {rule.name for rule in DMP_2022.rules}
