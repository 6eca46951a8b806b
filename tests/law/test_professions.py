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
    PUBLISHED,
    kind_of,
    merged,
    outside,
    profession_of,
    unknown,
)
from fhir_server.policy.rules import DMP_2022, law
from fhir_server.policy.subject import Coded
from tests.house import ANNE, CNAM, NINA, OTTO, PAUL, House, Person
from tests.law.people import PROFESSIONS as HEALTH
from tests.law.people import SOCIAL, breaking_glass, of_profession
from tests.people import stored
from tests.policy.record import RULE, Record, document, made, replacing, user

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
NO_ROLE = NINA.but(roles=())
LIKE_DOCTORS = ("10", "21", "50", "60")
SOCIAL_TYPES = {"80788-3", "83981-1"}
ALL_TYPES = ["11488-4", "60591-5", *NEVER["10"], *NEVER["40"]]
CLOSED_TO_DENTISTS = {*NEVER["10"], *NEVER["40"]}
WITHOUT_TYPE, TWO_TYPES = "", "83901-9 68599-0"


def of_type(*codes: str) -> dict[str, object]:
    systems = {code: TRE_A05 if "ATTEST" in code else "http://loinc.org" for code in codes}
    return {"type": {"coding": [{"system": s, "code": code} for code, s in systems.items()]}}


def closed_to(profession: str) -> set[str]:
    """What this profession does not read in `strict` (contract 7, Professions)."""
    if profession in ("none", "other"):
        return {*ALL_TYPES, WITHOUT_TYPE, TWO_TYPES}
    if profession == "social":
        return {*ALL_TYPES, WITHOUT_TYPE, TWO_TYPES} - SOCIAL_TYPES
    closed = {*NEVER["10"]} if profession in LIKE_DOCTORS else CLOSED_TO_DENTISTS
    return closed | {WITHOUT_TYPE, TWO_TYPES}


def published_closed_to(profession: str) -> set[str]:
    """What is closed to it in `warn` too: what has been published, and what might be of that."""
    closed = NEVER.get(profession, [])
    return {*closed, WITHOUT_TYPE, TWO_TYPES} if closed else set()


def caller(profession: str) -> Person:
    """Nina, who is in the care team, with a token of this profession."""
    match profession:
        case "none":
            return NO_ROLE
        case "other":
            return of_profession(NINA, "97")
        case "social":
            return of_profession(NINA, "1", SOCIAL)
    return of_profession(NINA, profession)


def one_of_each(record: Record) -> dict[str, str]:
    """The id of a document of each type, by its type."""
    found = {code: record.deposited(ANNE, **of_type(code)) for code in ALL_TYPES}
    body = document(record.id)
    del body["type"]
    found[WITHOUT_TYPE] = stored(record.house.post("DocumentReference", ANNE, body))
    found[TWO_TYPES] = record.deposited(ANNE, **of_type(*TWO_TYPES.split()))
    return found


def read_by(record: Record, who: Person, ids: dict[str, str]) -> set[str]:
    """The types of those that are found, read and fetched; all three say the same."""
    return {code for code, id_ in ids.items() if record.sees(who, id_)}


@pytest.fixture(scope="module")
def filled(house: House) -> tuple[Record, dict[str, str]]:
    """A record with a document of each type. Its holder consents to Nina: what a social profession
    needs, and changes nothing for who is in the care team.
    """
    record = made(house, [NINA], doctor=PAUL)
    stored(record.consent(record.holder, "dmp-pro-access", NINA))
    return record, one_of_each(record)


@pytest.mark.parametrize("profession", PROFESSIONS)
@pytest.mark.parametrize("validation", ["strict", "warn"])
def test_r083_each_profession_reads_what_its_column_opens(
    filled: tuple[Record, dict[str, str]], profession: str, validation: str
) -> None:
    record, ids = filled
    who, services, before = caller(profession), record.house.services, record.house.services.house
    closed = closed_to(profession)
    if validation == "warn":
        reported, closed = closed, published_closed_to(profession)
        services.house = replace(before, rules=law("dmp-2022", "unknown_cells_open"))
    try:
        assert read_by(record, who, ids) == set(ids) - closed
        if set(ids) == closed:
            assert record.find(who).status == 403
        if validation == "warn":
            last = record.read(who, ids["83981-1"])
            event = record.traces(CNAM, "&_count=1")[0]
            assert last.status == 404 or (RULE + "K83" in str(event)) == ("83981-1" in reported)
    finally:
        services.house = before


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
    assert record.sees(PAUL, closed)


@pytest.mark.parametrize("type_", ["Observation", "List", "CareTeam"])
def test_r083_without_a_profession_nothing_but_ones_own_is_read(
    record: Record, type_: str
) -> None:
    if type_ == "Observation":
        subject = {"reference": f"Patient/{record.id}"}
        body = {"resourceType": type_, "status": "final", "code": {"text": "x"}}
        stored(record.house.post(type_, PAUL, body | {"subject": subject}))
    record.deposited(ANNE)
    own = record.deposited(NO_ROLE)
    assert record.found(NO_ROLE) == {own} and record.sees(NO_ROLE, own)
    if type_ != "List":  # the submission set of one's own is one's own
        assert record.found(NO_ROLE, type_=type_) == set()
    assert record.found(NINA, type_=type_)
    whole = record.house.get(f"Patient/{record.id}", NO_ROLE).json
    assert "name" not in whole and whole["active"] is True


def test_r083_without_a_profession_no_attending_doctor_and_no_emergency(record: Record) -> None:
    letter = record.deposited(ANNE)
    for who in (PAUL.but(roles=()), breaking_glass(record, OTTO).but(roles=())):
        assert record.read(who, letter).status == 404 and record.find(who).status == 403
    assert {user(event) for event in record.traces(PAUL)} > {PAUL.sub}
    assert {user(event) for event in record.traces(PAUL.but(roles=()))} <= {PAUL.sub}


def test_r083_what_speaks_of_a_closed_document_is_closed_with_it(record: Record) -> None:
    closed = record.deposited(ANNE, **of_type("83901-9"))
    body = {
        "resourceType": "Provenance", "recorded": "2026-11-24T12:00:00Z",
        "target": [
            {"reference": f"DocumentReference/{closed}"}, {"reference": f"Patient/{record.id}"},
        ],
        "agent": [{"who": {"identifier": {"system": "urn:x", "value": "1"}}}],
    }  # fmt: skip
    id_ = stored(record.house.post("Provenance", ANNE, body))
    for who, status in ((DENTIST, 404), (of_profession(NINA, "70"), 404), (NURSE, 200)):
        assert record.house.get(f"Provenance/{id_}", who).status == status


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
        (line["profession"], type_): line["reads"]
        for line in lines("matrix", COLUMNS)
        for type_ in line["type"].split()
        if line["status"] == "sourced"
    }
    closed = {(p, code): "no" for p, codes in NEVER.items() for code in codes}
    assert sourced == closed | {("10", "*"): "yes"}
    assert set(sourced) == PUBLISHED


@pytest.mark.parametrize("profession", PROFESSIONS)
def test_a_cell_is_open_closed_or_unknown(profession: str) -> None:
    for kind in KINDS:
        facts = {"profession": profession, "kind": kind}
        closed, open_ended = holds(outside(), facts), holds(unknown(), facts)
        assert not (closed and open_ended)
        row = CELLS.get(profession, {})
        reads = row.get(kind, row.get("*"))
        if kind != MIXED:
            published = (profession, kind if kind in row else "*") in PUBLISHED
            assert closed == (reads is False and published)
            assert open_ended == (reads is None or (reads is False and not published))


def test_no_placeholder_opens_more_than_the_published_column_of_the_dentist() -> None:
    for profession, row in CELLS.items():
        if profession in (*LIKE_DOCTORS, "social"):
            continue
        assert {type_ for type_, reads in row.items() if not reads} == CLOSED_TO_DENTISTS
    for profession in LIKE_DOCTORS:
        assert {type_ for type_, reads in CELLS[profession].items() if not reads} == {
            *NEVER["10"]
        }


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
    assert kind_of(of_type("11488-4")) == NO_KIND
    for untyped in ({}, {"type": {"text": "a letter"}}, {"type": {"coding": [{"display": "x"}]}}):
        assert kind_of(untyped) == MIXED
    assert kind_of(of_type("11488-4", "83901-9")) == "83901-9"
    assert kind_of(of_type("60591-5", "83901-9")) == MIXED
    assert merged(["83901-9", NO_KIND, "83901-9"]) == "83901-9"
    assert merged([]) == NO_KIND and merged([MIXED, "83901-9"]) == MIXED


def test_no_choice_is_left_in_the_rules_in_force() -> None:
    assert law("dmp-2022") is DMP_2022
    assert "K83" not in {rule.name for rule in DMP_2022.rules}
    assert "K22" not in {rule.name for rule in DMP_2022.rules}
