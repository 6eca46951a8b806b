"""Attacks on search, by all that issue 5 opened: what a caller asks for must not be a fault, take
long, or tell what is hidden.

Each is a way that was open once; `test_attacks_rest` has those of the rest of REST.
"""

from time import perf_counter
from urllib.parse import quote

import pytest

from tests.house import CNAM, INS, INSURER, LUCIEN, NINA, OTTO, Answer, House, Person
from tests.rest.test_includes_under_policy import document, record

ACTS = "http://terminology.hl7.org/ValueSet/v3-ActCode"  # 999 codes
TYPES = "http://hl7.org/fhir/ValueSet/all-types"


def filtered(house: House, type_: str, text: str) -> Answer:
    return house.get(f"{type_}?_filter={quote(text)}")


def taken(house: House, asked: str) -> float:
    """Seconds; of three answers the fastest: another process may have had the processor."""

    def once() -> float:
        begin = perf_counter()
        house.get(asked)
        return perf_counter() - begin

    return min(once() for _ in range(3))


@pytest.mark.parametrize("escape", [r"\ud800", r"a\udfffb", r"\u0000"])
@pytest.mark.parametrize("test", ['name co "{}"', 'gender eq "{}"', '_id ne "{}"'])
def test_Q09_what_no_database_takes_is_refused_however_a_filter_spells_it(
    plain: House, test: str, escape: str
) -> None:
    answer = filtered(plain, "Patient", test.format(escape))
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


@pytest.mark.parametrize(
    "asked",
    [
        "Patient?" + "&".join([f"_tag:in={ACTS}"] * 45),
        "?" + "&".join([f"_tag:in={ACTS}"] * 4),
        f"?_tag:not-in={TYPES}",
        "?_content=" + "%20".join(f"word{n}" for n in range(49)),
        "Observation?focus._tag=" + ",".join(f"a{n}" for n in range(1_000)),
    ],
)
def test_Q13_what_stands_for_too_many_values_is_refused_before_the_database_is_asked(
    plain: House, asked: str
) -> None:
    answer = plain.get(asked)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly")
    assert taken(plain, asked) < 2


@pytest.mark.parametrize(
    "asked",
    [
        "Patient?" + "&".join([f"_tag:in={ACTS}"] * 4),
        "?_content=" + "%20".join(f"word{n}" for n in range(34)),
        "?_tag=" + ",".join(f"a{n}" for n in range(65)),
    ],
)
def test_Q13_as_many_values_as_there_may_be_are_answered_in_time(plain: House, asked: str) -> None:
    assert plain.get(asked).status == 200
    assert taken(plain, asked) < 2


@pytest.mark.parametrize("who", [NINA, LUCIEN], ids=["a nurse", "the holder"])
@pytest.mark.parametrize(
    "asked",
    [
        "List?item:List.item:List.item:List.item:List.status=current",
        "Patient?_has:List:subject:_has:List:item:_has:List:item:_has:List:item:status=x",
        "Patient?_content=" + "(a OR b " * 10 + "c" + ")" * 10,
        "List?_filter=" + "not(" * 20 + "item:List.item:List.item:List.code eq a" + ")" * 20,
        "Patient?_filter=" + "not(gender eq a or not(name eq b and " * 9 + "name eq a" + "))" * 9,
    ],
)
def test_Q09_what_is_too_deep_for_a_database_is_too_costly_and_no_fault(
    house: House, asked: str, who: Person
) -> None:
    """SQLite's parser goes a hundred brackets deep, those of the rules among them."""
    answer = house.get(asked.replace(" ", "%20"), who)
    if answer.status != 200:
        assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly")


@pytest.mark.parametrize("who", [NINA, OTTO, INSURER], ids=["a nurse", "a stranger", "an insurer"])
def test_Q09_who_names_a_patient_in_brackets_of_a_filter_has_named_him(
    house: House, who: Person
) -> None:
    patient, ins = record(house, NINA)
    document(house, patient)
    inside = quote(f"patient[identifier eq {INS}|{ins}].active eq true")
    outside = f"patient.identifier={INS}|{ins}&patient.active=true"
    asked = [house.get(f"DocumentReference?{q}", who) for q in (f"_filter={inside}", outside)]
    assert len({answer.status for answer in asked}) == 1
    log = house.get(f"AuditEvent?patient={patient}&subtype=search-type&_count=500", CNAM).entries
    assert len({event["outcome"] for event in log}) == 1 and len(log) == 2
