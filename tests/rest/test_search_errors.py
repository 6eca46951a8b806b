"""What a search refuses, what it finds nothing for, and how values are written: rows Q-04 to Q-06,
Q-08 and the spaces of Q-11.

https://hl7.org/fhir/R4/search.html#errors, https://hl7.org/fhir/R4/search.html#escaping
"""

from itertools import permutations
from urllib.parse import quote

import pytest

from tests.house import INS, NINA, OTTO, House
from tests.interactions.shared import new_ins
from tests.people import opened
from tests.rest.searches import CODES, Place, addresses, coded, new, used

# A parameter of each type, with a value it would take.
OF_EACH_TYPE = {
    "token": ("Observation", "code", "x"), "string": ("Observation", "value-string", "x"),
    "date": ("Observation", "date", "2026"), "quantity": ("Observation", "value-quantity", "1"),
    "reference": ("Observation", "subject", "Patient/x"), "uri": ("ValueSet", "url", "http://a.b"),
    "composite": ("Observation", "code-value-quantity", "x$1"),
    "number": ("RiskAssessment", "probability", "0.5"), "id": ("Observation", "_id", "x"),
    "time": ("Observation", "_lastUpdated", "2026"), "tag": ("Observation", "_tag", "x"),
}  # fmt: skip
WRONG = {
    "token": ("nonsense", "exact", "contains", "iterate", "Patient", "above", ""),
    "string": ("nonsense", "not", "in", "of-type", "below"),
    "date": ("nonsense", "not", "exact", "above"),
    "quantity": ("nonsense", "not", "exact", "text"),
    "reference": ("nonsense", "exact", "not", "Medication", "patient"),
    "uri": ("nonsense", "not", "exact", "text"),
    "composite": ("nonsense", "not", "exact", "text"),
    "number": ("nonsense", "not", "exact"),
    "id": ("nonsense", "exact", "above", "identifier"),
    "time": ("nonsense", "not", "exact"),
    "tag": ("nonsense", "exact", "contains"),
}


@pytest.mark.parametrize(
    ("kind", "modifier"), [(kind, wrong) for kind, all_ in WRONG.items() for wrong in all_]
)
def test_Q04_a_modifier_that_a_type_does_not_have_is_refused(
    place: Place, kind: str, modifier: str
) -> None:
    type_, code, value = OF_EACH_TYPE[kind]
    if not modifier:
        assert place.get(f"{type_}?{code}={value}").status == 200
        return
    for prefer in ("", "handling=lenient"):
        answer = place.get(f"{type_}?{code}:{modifier}={value}", prefer=prefer)
        assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
        assert f"`:{modifier}`" in answer.diagnostics


@pytest.mark.parametrize("name", [
    "subject:Patient.name:nonsense", "_has:Observation:has-member:code:nonsense", "_count:exact",
    "_sort:desc", "_summary:not", "_elements:exact", "_total:x", "_format:x", "_include:exact",
    "subject:Patient:exact.name", "subject:Medication.code", "_lastUpdated:nonsense",
])  # fmt: skip
def test_Q04_it_is_refused_wherever_it_stands(place: Place, name: str) -> None:
    answer = place.get(f"Observation?{name}=x")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


@pytest.mark.parametrize("query", [
    "Observation?date=tomorrow", "Observation?date=2026-13", "Observation?date=2026-02-30",
    "Observation?date=2026-11-24T10", "Observation?date=2026-11-24T25:00", "Observation?date=ge",
    "Observation?date=xx2026", "Observation?date=2026,x", "Observation?_lastUpdated=x",
    "Observation?date=20261124", "Patient?birthdate=1-2-3", "RiskAssessment?probability=a",
    "RiskAssessment?probability=0,5,x", "RiskAssessment?probability=lt",
    "RiskAssessment?probability=1.", "RiskAssessment?probability=0x1",
    "Observation?value-quantity=a", "Observation?value-quantity=1|x",
    "Observation?value-quantity=1|a|b|c", "Observation?value-quantity=|a|b",
    "Observation?code=|", "Observation?code=a|b|c", "Observation?code:of-type=a|b",
    "Observation?subject=%23contained", "Observation?subject:identifier=|",
    "Observation?value-string=%20", "Observation?code:text=%20", "ValueSet?url:below=urn:a:b",
    "ValueSet?url:above=a", "Observation?code-value-quantity=a",
    "Observation?code-value-quantity=a$1$2", "Observation?code-value-quantity=$1",
    "Observation?code-value-quantity=a$b", "Observation?code:missing=maybe",
    "Observation?code:missing=true,false", "Observation?_has:Nonsense:a:b=x",
    "Observation?_has:Observation=x", "Observation?_include=Observation", "?_type=Nonsense",
    "Observation?subject:Patient.birthdate=x", "Observation?value-string=a%00",
])  # fmt: skip
def test_Q05_a_value_that_cannot_be_read_is_refused(place: Place, query: str) -> None:
    answer = place.get(query)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


@pytest.mark.parametrize("query", [
    "code=nothing-is-called-so", "code=http://nowhere.example|x", "status=nonsense",
    "status:not=final", "subject=Patient/nobody", "subject=nobody", "subject=Medication/x",
    "subject=http://elsewhere.example/Patient/1", "subject:Patient.name=nobody-is-called-so",
    "_id=nobody", "_id=a/b", "_profile=http://a.example/none", "_source=http://a.example/none",
    "date=gt2020&date=lt2019", "date=9999", "value-quantity=1||none", "value-quantity=5e999",
    "_has:Observation:has-member:code=none", "_lastUpdated=gt2090", "_tag=|none",
    "component-code-value-quantity=none$1", "value-string:exact=%20",
])  # fmt: skip
def test_Q05_what_nothing_can_meet_finds_nothing(place: Place, query: str) -> None:
    place.some(1, new())
    answer = place.get(f"Observation?{query}&subject:missing=false")
    assert (addresses(answer), answer.json["total"]) == ([], 0)
    assert used(answer) != "subject:missing=false"


@pytest.mark.parametrize("path", ["Observation", "", "Patient/{patient}/Observation"])
@pytest.mark.parametrize("name", ["_query", "_query:exact"])
@pytest.mark.parametrize("prefer", ["", "handling=lenient"])
def test_Q06_a_query_by_name_is_refused(place: Place, path: str, name: str, prefer: str) -> None:
    path = path.format(patient=place.patient)
    answer = place.get(f"{path}?_type=Observation&{name}=current", prefer=prefer)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    posted = place.post("Observation/_search", f"{name}=current")
    assert (posted.status, posted.json["issue"][0]["code"]) == (400, "not-supported")


def test_Q06_who_may_not_search_is_refused(house: House) -> None:
    patient = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    query = f"Observation?subject=Patient/{patient}"
    assert house.get(query, NINA).status == 200
    for who in (OTTO, NINA.but(scope="user/Patient.rs"), NINA.but(scope="user/Observation.c")):
        answer = house.get(query, who)
        assert (answer.status, answer.json["resourceType"]) == (403, "OperationOutcome")


# How values are joined and written.


def test_Q08_repeated_parameters_are_all_met_and_alternatives_one_of_them(place: Place) -> None:
    a, b, c = new(), new(), new()
    both = place.make(code={"coding": coded(a)["coding"] + coded(b)["coding"]})
    one, other = place.some(1, a)[0], place.some(1, c)[0]
    assert addresses(place.get(f"Observation?code={a}&code={b}")) == [both]
    assert set(addresses(place.get(f"Observation?code={a},{c}"))) == {both, one, other}
    assert addresses(place.get(f"Observation?code={a},{c}&code={b},nothing")) == [both]
    assert addresses(place.get(f"Observation?code={a}&code={c}")) == []


MARKS = [",", "|", "$", "\\", "\\,", ",|$\\", "\\\\", "$$"]


def escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\,|$" else letter for letter in text)


@pytest.mark.parametrize("mark", MARKS)
def test_Q08_a_value_may_have_every_mark_when_it_is_escaped(place: Place, mark: str) -> None:
    start = new()
    code, other = f"{start}{mark}b", f"{start}b"
    made = place.make(code=coded(code), valueString=code)
    place.make(code=coded(other), valueString=f"{start}c")  # of strings punctuation is ignored
    value = quote(escaped(code))
    for query in (
        f"code={value}", f"code={CODES}|{value}", f"code=nothing,{value}",
        f"value-string:exact={value}", f"_has:Observation:has-member:code={value}",
    ):  # fmt: skip
        found = addresses(place.get(f"Observation?{query}"))
        assert found == ([] if query.startswith("_has") else [made]), query
    for query in (f"value-string={value}", f"code-value-string={value}${value}"):
        # Strings may be found without their punctuation too (R4 3.1.1.4.8).
        assert made in addresses(place.get(f"Observation?{query}")), query


def test_Q08_what_is_percent_encoded_is_decoded_first(place: Place) -> None:
    a, b = new(), new()
    one, other = place.some(1, a)[0], place.some(1, b)[0]
    whole = place.make(code=coded(f"{a},{b}"))
    assert set(addresses(place.get(f"Observation?code={a}%2C{b}"))) == {one, other}
    assert addresses(place.get(f"Observation?code={a}%5C%2C{b}")) == [whole]
    assert addresses(place.get(f"Observation?%63ode={quote(CODES, safe='')}%7C{a}")) == [one]
    form = f"code={a}%5C%2C{b}"
    assert addresses(place.post("Observation/_search", form)) == [whole]


def test_Q08_the_order_of_parameters_says_nothing(place: Place) -> None:
    code = new()
    made = place.some(2, code, effectiveDateTime="2026-02-03")
    parts = (f"code={code}", "date=2026", "status=final", "_count=5", "subject:missing=false")
    for order in permutations(parts):
        answer = place.get(f"Observation?{'&'.join(order)}")
        assert sorted(addresses(answer)) == sorted(made)


@pytest.mark.parametrize("zone", ["+01:00", "%2B01:00", " 01:00", "%2001:00"])
def test_Q11_a_plus_that_was_not_encoded_is_read_as_one(place: Place, zone: str) -> None:
    code = new()
    (made,) = place.some(1, code, effectiveDateTime="2026-02-03T10:00:00+01:00")
    for time, found in (("10:00:00", [made]), ("10:00", [made]), ("11:00:00", [])):
        answer = place.get(f"Observation?code={code}&date=2026-02-03T{time}{zone}")
        assert addresses(answer) == found
    posted = place.post("Observation/_search", f"code={code}&date=2026-02-03T10:00:00{zone}")
    assert addresses(posted) == [made]
