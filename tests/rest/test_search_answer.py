"""What a search answers with: rows Q-01 to Q-03, Q-07 and Q-21 to Q-24.

https://hl7.org/fhir/R4/search.html#return, https://hl7.org/fhir/R4/search.html#conformance
"""

import pytest

from profiles.validate import validate
from tests.house import BASE
from tests.rest.searches import (
    CODES,
    Place,
    addresses,
    coded,
    ignored,
    link,
    new,
    used,
    walked,
)


def test_Q01_an_answer_is_a_searchset_of_matches(place: Place) -> None:
    code = new()
    made = place.some(2, code)
    answer = place.get(f"Observation?code={CODES}|{code}")
    assert (answer.status, answer.json["type"], answer.json["total"]) == (200, "searchset", 2)
    assert sorted(addresses(answer)) == sorted(made)
    assert all(
        entry["fullUrl"] == f"{BASE}/Observation/{entry['resource']['id']}"
        for entry in answer.json["entry"]
    )
    assert validate(answer.json) == []


@pytest.mark.parametrize("path", ["Observation", "", "Patient/{patient}/Observation"])
def test_Q01_nothing_found_is_an_answer(place: Place, path: str) -> None:
    answer = place.get(f"{path.format(patient=place.patient)}?_id=nobody")
    assert (answer.status, answer.json["type"], answer.json["total"]) == (200, "searchset", 0)
    assert "entry" not in answer.json
    assert validate(answer.json) == []


def test_Q02_the_link_to_itself_says_what_was_used_and_nothing_else(place: Place) -> None:
    asked = f"code={CODES}|x,{CODES}|y&date=ge2026-01-01&status:not=final&_sort=-date,_id"
    more = "&_count=7&_total=accurate&_summary=data&_include=Observation:subject"
    answer = place.get(
        f"Observation?{asked}{more}&nonsense=x&status=&_format=json&_pretty=true&_COUNT=3"
    )
    assert used(answer) == asked + more


def test_Q02_a_sort_key_that_is_ignored_is_not_said_to_be_used(place: Place) -> None:
    answer = place.get("Observation?status=final&_sort=nonsense,-date,code-value-date&_count=1")
    assert used(answer) == "status=final&_sort=-date&_count=1"


def test_Q02_the_link_to_itself_is_written_so_that_it_can_be_followed(place: Place) -> None:
    code = f"a&b=c#d é%41+{new()}"
    made = place.some(1, code)
    answer = place.get(f"Observation?code={'a%26b%3Dc%23d%20%C3%A9%2541%2B'}{code.split('+')[1]}")
    assert addresses(answer) == made
    assert addresses(place.get(link(answer, "self"))) == made


def test_Q02_a_count_beyond_the_largest_page_is_told_as_it_was_used(place: Place) -> None:
    assert used(place.get("Observation?_id=a&_count=100000")) == "_id=a&_count=500"


@pytest.mark.parametrize("prefer", ["", "handling=lenient"])
@pytest.mark.parametrize(("name", "said"), [
    ("nonsense=x", "nonsense"), ("Status=final", "Status"), ("nonsense:exact=x", "nonsense:exact"),
    ("subject:Patient.nonsense=x", "subject:Patient.nonsense"), ("status.code=x", "status.code"),
    ("_sort=nonsense", "_sort=nonsense"), ("_include=Observation:no", "_include=Observation:no"),
    ("_has:Observation:no:code=x", "_has:Observation:no:code"), ("_nonsense=x", "_nonsense"),
])  # fmt: skip
def test_Q03_what_is_unknown_is_ignored_and_told(
    place: Place, name: str, said: str, prefer: str
) -> None:
    code = new()
    made = place.some(1, code)
    answer = place.get(f"Observation?code={code}&{name}", prefer=prefer)
    assert (addresses(answer), answer.json["total"]) == (made, 1)
    assert ignored(answer) == [f"`{said}` is not known here, and was ignored"]
    assert used(answer) == f"code={code}"
    assert validate(answer.json) == []


@pytest.mark.parametrize("path", ["Observation", "Patient/{patient}/Observation", ""])
@pytest.mark.parametrize("name", ["nonsense=x", "_Count=3"])
def test_Q03_who_wants_it_strict_is_refused(place: Place, path: str, name: str) -> None:
    path = path.format(patient=place.patient)
    answer = place.get(f"{path}?{name}&_id=a", prefer="handling=strict")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    assert f"`{name.partition('=')[0]}`" in answer.diagnostics


def test_Q03_what_is_ignored_is_a_warning_and_no_error(place: Place) -> None:
    answer = place.get("Observation?_id=nobody&nonsense=x")
    (entry,) = answer.json["entry"]
    assert entry["search"] == {"mode": "outcome"}
    assert [issue["severity"] for issue in entry["resource"]["issue"]] == ["warning"]


def test_Q03_each_is_told_once_and_on_the_first_page_alone(place: Place) -> None:
    code = new()
    place.some(3, code)
    answers = walked(place, f"Observation?code={code}&no=1&no=2&nor=3&_count=2")
    assert [len(ignored(answer)) for answer in answers] == [2, 0]
    assert [answer.json["total"] for answer in answers] == [3, 3]


def test_Q03_several_types_tell_what_none_of_them_knows(place: Place) -> None:
    answer = place.get("?_type=Observation,Basic&_id=nobody&nonsense=x&_sort=_id")
    assert [text.split()[0] for text in ignored(answer)] == ["`_sort=_id`", "`nonsense`"]
    assert used(answer) == "_type=Observation,Basic&_id=nobody"


@pytest.mark.parametrize("empty", ["date=", "date=,", "code=,,", "subject:Patient.name=",
                                   "nonsense=", "_sort=", "_include=", "_count=", "_summary=",
                                   "_elements=", "_total=", "date:missing=",
                                   "_lastUpdated="])  # fmt: skip
@pytest.mark.parametrize("prefer", ["", "handling=strict"])
def test_Q07_a_parameter_without_a_value_says_nothing(
    place: Place, empty: str, prefer: str
) -> None:
    code = new()
    made = place.some(1, code)
    answer = place.get(f"Observation?{empty}&code={code}", prefer=prefer)
    assert (addresses(answer), used(answer), ignored(answer)) == (made, f"code={code}", [])


def test_Q07_an_alternative_without_a_value_is_none(place: Place) -> None:
    code = new()
    made = place.some(1, code)
    assert addresses(place.get(f"Observation?code=,{code},")) == made


@pytest.mark.parametrize("name", ["Code", "CODE", "_ID", "_lastupdated", "_Tag", "Subject"])
def test_Q07_names_are_read_letter_by_letter(place: Place, name: str) -> None:
    answer = place.get(f"Observation?{name}=x&_id=nobody")
    assert ignored(answer) == [f"`{name}` is not known here, and was ignored"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_Q21_a_page_has_no_more_matches_than_asked_for(place: Place, count: int) -> None:
    code = new()
    made = place.some(4, code)
    answers = walked(place, f"Observation?code={code}&_count={count}")
    assert all(0 < len(addresses(answer)) <= count for answer in answers)
    assert sorted(a for answer in answers for a in addresses(answer)) == sorted(made)
    assert {answer.json["total"] for answer in answers} == {4}


@pytest.mark.parametrize("path", ["Observation", "Patient/{patient}/Observation", "",
                                  "Patient/{patient}/*"])  # fmt: skip
def test_Q21_a_count_of_none_is_a_summary_count(place: Place, path: str) -> None:
    code = new()
    place.some(3, code)
    query = f"_type=Observation&_lastUpdated=gt2020&code={code}"
    path = path.format(patient=place.patient)
    none, counted = (place.get(f"{path}?{query}&{how}") for how in ("_count=0", "_summary=count"))
    for answer in (none, counted):
        assert (answer.status, answer.json["total"], "entry" in answer.json) == (200, 3, False)
        assert [one["relation"] for one in answer.json["link"]] == ["self"]
    unlike = ("id", "meta", "link")
    assert {k: v for k, v in none.json.items() if k not in unlike} == {
        k: v for k, v in counted.json.items() if k not in unlike
    }


@pytest.mark.parametrize("path", ["Observation?code={code}", "?_type=Observation,Basic&code={code}",
                                  "Patient/{patient}/Observation?code={code}"])  # fmt: skip
def test_Q22_the_total_is_told_as_it_is_wanted(place: Place, path: str) -> None:
    code = new()
    place.some(3, code)
    path = path.format(code=code, patient=place.patient)
    for how in ("", "&_total=accurate", "&_total=estimate"):
        assert place.get(f"{path}{how}&_count=2").json["total"] == 3
    answers = walked(place, f"{path}&_total=none&_count=2")
    assert ["total" in answer.json for answer in answers] == [False, False]
    assert [len(addresses(answer)) for answer in answers] == [2, 1]


def test_Q22_the_total_is_of_matches_alone(place: Place) -> None:
    code = new()
    place.some(2, code)
    answer = place.get(f"Observation?code={code}&_include=Observation:subject&nonsense=x&_count=1")
    assert addresses(answer, "include") == [f"Patient/{place.patient}"]
    assert (answer.json["total"], len(addresses(answer)), len(ignored(answer))) == (2, 1, 1)


NARRATIVE = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'


@pytest.mark.parametrize(("query", "kept"), [
    ("_summary=false", {"note", "valueString", "text", "code", "subject"}),
    ("_summary=true", {"valueString", "code", "subject"}),
    ("_summary=text", {"text", "code"}),
    ("_summary=data", {"note", "valueString", "code", "subject"}),
    ("_elements=note", {"note", "code"}),
    ("_elements=note,Observation.text", {"note", "text", "code"}),
])  # fmt: skip
def test_Q23_and_Q24_a_part_of_each_match_is_answered(
    place: Place, query: str, kept: set[str]
) -> None:
    code = new()
    place.make(code=coded(code), valueString="v", note=[{"text": "n"}],
               text={"status": "generated", "div": NARRATIVE})  # fmt: skip
    answer = place.get(f"Observation?code={code}&{query}")
    (found,) = answer.entries
    assert {"note", "valueString", "text", "code", "subject"} & set(found) == kept
    assert {"resourceType", "id", "meta", "status"} <= set(found)
    tags = [tag["code"] for tag in found["meta"].get("tag", ())]
    assert ("SUBSETTED" in tags) == (query != "_summary=false")
    assert used(answer) == f"code={code}&{query}"


def test_Q24_the_elements_of_a_match_are_those_of_all_pages(place: Place) -> None:
    code = new()
    place.some(2, code, note=[{"text": "n"}], valueString="v")
    for answer in walked(place, f"Observation?code={code}&_elements=note&_count=1"):
        (found,) = answer.entries
        assert "note" in found and "valueString" not in found


@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
def test_Q23_text_alone_has_no_includes(place: Place, name: str) -> None:
    answer = place.get(f"Observation?{name}=Observation:subject&_summary=text")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "invalid")


@pytest.mark.parametrize("query", ["_summary=short", "_total=all", "_count=-1", "_count=a",
                                   "_count=1.5", "_summary=True"])  # fmt: skip
def test_Q21_to_Q23_what_is_no_value_of_theirs_is_refused(place: Place, query: str) -> None:
    answer = place.get(f"Observation?{query}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")
