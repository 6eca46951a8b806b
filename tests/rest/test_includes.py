"""`_include` and `_revinclude`: row Q-19, and what of Q-01, Q-02, Q-22 and Q-23 belongs to them.

https://hl7.org/fhir/R4/search.html#include
"""

import json
from itertools import count
from typing import Any

import pytest

from fhir_server.search import includes
from fhir_server.storage import includes as stored_includes
from profiles.validate import validate
from tests.house import BASE, Answer, House
from tests.people import stored

FORM = "application/x-www-form-urlencoded"
TAGS = "http://a.example/includes"
_numbers = count(1)


def new() -> str:
    return f"i{next(_numbers)}"


def made(plain: House, type_: str, **more: Any) -> str:
    return f"{type_}/{stored(plain.post(type_, None, {'resourceType': type_} | more))}"


def to(address: str) -> dict[str, str]:
    return {"reference": address}


def observation(plain: House, tag: str = "none", **more: Any) -> str:
    meta = {"tag": [{"system": TAGS, "code": tag}]}
    body = {"meta": meta, "status": "final", "code": {"text": "pulse"}} | more
    return made(plain, "Observation", **body)


def found(answer: Answer, mode: str = "include") -> list[str]:
    assert answer.status == 200, answer.body
    return [
        entry["fullUrl"].removeprefix(f"{BASE}/")
        for entry in answer.json.get("entry", [])
        if entry["search"]["mode"] == mode
    ]


def asked(plain: House, address: str, query: str) -> list[str]:
    """What is included with the one resource of this address."""
    type_, id_ = address.split("/")
    return found(plain.get(f"{type_}?_id={id_}&{query}"))


def outcomes(answer: Answer) -> list[tuple[str, str]]:
    return [
        (entry["resource"]["issue"][0]["severity"], entry["resource"]["issue"][0]["code"])
        for entry in answer.json["entry"]
        if entry["search"]["mode"] == "outcome"
    ]


# What is included.


def test_Q19_an_include_brings_what_the_matches_lead_to(plain: House) -> None:
    who, doctor = made(plain, "Patient"), made(plain, "Practitioner")
    one = observation(plain, subject=to(who), performer=[to(doctor)])
    assert asked(plain, one, "_include=Observation:subject") == [who]
    assert asked(plain, one, "_include=Observation:performer") == [doctor]
    both = "_include=Observation:performer&_include=Observation:subject"
    assert asked(plain, one, both) == [who, doctor]


def test_Q19_a_revinclude_brings_what_leads_to_the_matches(plain: House) -> None:
    who, other = made(plain, "Patient"), made(plain, "Patient")
    ones = [observation(plain, subject=to(who)) for _ in range(2)]
    observation(plain, subject=to(other))
    observation(plain, performer=[to(who)])
    assert asked(plain, who, "_revinclude=Observation:subject") == sorted(ones)
    assert asked(plain, who, "_revinclude=Observation:subject:Patient") == sorted(ones)
    assert asked(plain, who, "_revinclude=Observation:subject:Group") == []


def test_Q19_an_include_may_name_the_type_that_is_led_to(plain: House) -> None:
    doctor, house = made(plain, "Practitioner"), made(plain, "Organization", name="a")
    one = observation(plain, performer=[to(doctor), to(house)])
    assert asked(plain, one, "_include=Observation:performer:Organization") == [house]
    assert asked(plain, one, "_include=Observation:performer") == [house, doctor]


@pytest.mark.parametrize("star", ["*", "Observation:*"])
def test_Q19_a_star_follows_every_parameter(plain: House, star: str) -> None:
    who, doctor = made(plain, "Patient"), made(plain, "Practitioner")
    one = observation(plain, subject=to(who), performer=[to(doctor)])
    assert asked(plain, one, f"_include={star}") == [who, doctor]
    assert asked(plain, who, f"_revinclude={star}") == [one]
    assert asked(plain, doctor, f"_revinclude={star}") == [one]


def test_Q19_a_star_follows_no_reference_that_no_parameter_speaks_of(plain: House) -> None:
    who = made(plain, "Patient")
    extension = [{"url": "http://a.example/e", "valueReference": to(who)}]
    one = observation(plain, extension=extension)
    assert asked(plain, one, "_include=*") == asked(plain, who, "_revinclude=*") == []


def chain(plain: House, length: int) -> list[str]:
    """Observations, each with the one before as its member."""
    made_ = [observation(plain)]
    for _ in range(length):
        made_.append(observation(plain, hasMember=[to(made_[-1])]))
    return made_


@pytest.mark.parametrize("modifier", ["iterate", "recurse"])
def test_Q19_an_include_is_done_again_with_iterate(plain: House, modifier: str) -> None:
    *rest, last = chain(plain, 3)
    assert asked(plain, last, "_include=Observation:has-member") == [rest[2]]
    way = f"_include:{modifier}=Observation:has-member"
    assert asked(plain, last, way) == rest[::-1]
    first, *others = [*rest, last]
    assert asked(plain, first, f"_rev{way[1:]}") == others


def test_Q19_iterate_goes_on_from_what_other_includes_bring(plain: House) -> None:
    house = made(plain, "Organization", name="a")
    who = made(plain, "Patient", managingOrganization=to(house))
    one = observation(plain, subject=to(who))
    further = "Patient:organization"
    assert asked(plain, one, f"_include=Observation:subject&_include={further}") == [who]
    both = f"_include:iterate={further}&_include=Observation:subject"
    assert asked(plain, one, both) == [who, house]
    back = f"_include=Observation:subject&_revinclude:iterate=Patient:organization&{both}"
    other = made(plain, "Patient", managingOrganization=to(house))
    assert set(asked(plain, one, back)) == {who, house, other}


def test_Q19_a_circle_ends(plain: House) -> None:
    one = made(plain, "Organization", name="a")
    two = made(plain, "Organization", name="b", partOf=to(one))
    id_ = one.split("/")[1]
    body = {"resourceType": "Organization", "id": id_, "name": "a", "partOf": to(two)}
    assert plain.call("PUT", one, None, body).status == 200
    assert asked(plain, one, "_include:iterate=Organization:partof") == [two]


def test_Q19_what_is_included_is_there_once(plain: House) -> None:
    tag, who = new(), made(plain, "Patient")
    for _ in range(3):
        observation(plain, tag, subject=to(who), focus=[to(who)])
    query = "_include=Observation:subject&_include=Observation:*&_include=*"
    assert found(plain.get(f"Observation?_tag={tag}&{query}")) == [who]


def test_Q19_a_match_is_not_included_too(plain: House) -> None:
    tag = new()
    one = observation(plain, tag)
    two = observation(plain, tag, hasMember=[to(one)])
    query = "_include=Observation:has-member&_revinclude=Observation:has-member"
    answer = plain.get(f"Observation?_tag={tag}&{query}")
    assert sorted(found(answer, "match")) == sorted([one, two])
    assert found(answer) == []


def test_Q19_what_is_deleted_is_not_included(plain: House) -> None:
    who = made(plain, "Patient")
    one = observation(plain, subject=to(who))
    assert plain.call("DELETE", one).status == 204
    assert asked(plain, who, "_revinclude=Observation:subject") == []


# How it is told.


def test_Q19_includes_are_not_counted(plain: House) -> None:
    tag, who = new(), made(plain, "Patient")
    ones = [observation(plain, tag, subject=to(who)) for _ in range(3)]
    url, seen = f"Observation?_tag={tag}&_include=Observation:subject&_count=2", list[str]()
    for _ in range(2):
        answer = plain.get(url)
        assert (answer.json["total"], found(answer)) == (3, [who])
        seen += found(answer, "match")
        url = answer.json["link"][-1]["url"].removeprefix(f"{BASE}/")
    assert sorted(seen) == sorted(ones)


@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_Q22_a_count_includes_nothing(plain: House, query: str) -> None:
    one = observation(plain, subject=to(made(plain, "Patient")))
    type_, id_ = one.split("/")
    answer = plain.get(f"{type_}?_id={id_}&_include=*&{query}").json
    assert (answer["total"], "entry" in answer) == (1, False)


def test_Q01_an_answer_with_includes_is_a_valid_searchset(plain: House) -> None:
    who = made(plain, "Patient")
    one = observation(plain, subject=to(who))
    answer = plain.get(f"Observation?_id={one.split('/')[1]}&_include=Observation:subject")
    assert answer.json["type"] == "searchset"
    assert [(e["fullUrl"], e["search"]["mode"]) for e in answer.json["entry"]] == [
        (f"{BASE}/{one}", "match"), (f"{BASE}/{who}", "include"),
    ]  # fmt: skip
    assert validate(answer.json) == []


def test_Q02_the_link_to_itself_says_what_is_included(plain: House) -> None:
    query = "_id=a&_include=Observation:subject:Patient&_revinclude:iterate=Provenance:target"
    answer = plain.get(f"Observation?{query}&_include=Observation:nonsense")
    assert answer.json["link"][0]["url"] == f"{BASE}/Observation?{query}"


@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
def test_Q23_a_summary_of_text_has_no_includes(plain: House, name: str) -> None:
    answer = plain.get(f"Observation?{name}=Observation:subject&_summary=text")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "invalid")


def test_Q23_another_summary_is_of_the_includes_too(plain: House) -> None:
    who = made(plain, "Patient", text={"status": "generated", "div": XHTML})
    one = observation(plain, subject=to(who))
    query = f"Observation?_id={one.split('/')[1]}&_include=Observation:subject&_summary=true"
    assert "text" not in plain.get(query).entries[1]


def test_Q24_elements_are_those_of_the_matches(plain: House) -> None:
    who = made(plain, "Patient", text={"status": "generated", "div": XHTML})
    one = observation(plain, subject=to(who), performer=[to(made(plain, "Practitioner"))])
    query = f"Observation?_id={one.split('/')[1]}&_include=Observation:subject&_elements=subject"
    match, included = plain.get(query).entries
    assert ("performer" in match, "text" in included) == (False, True)


XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'


# What is refused, and bounds.


@pytest.mark.parametrize(
    "query", ["_include=Observation:nonsense", "_revinclude=Nonsense:subject",
              "_include=Observation:subject:Organization"],
)  # fmt: skip
def test_Q19_an_include_of_nothing_is_ignored_or_refused(plain: House, query: str) -> None:
    assert plain.get(f"Observation?_id=a&{query}").status == 200
    answer = plain.get(f"Observation?_id=a&{query}", prefer="handling=strict")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


@pytest.mark.parametrize(
    "query", ["_include=Observation", "_include=:", "_revinclude=a:b:c:d", "_include=Observation:"]
)
def test_Q19_what_is_no_include_is_refused(plain: House, query: str) -> None:
    answer = plain.get(f"Observation?{query}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


def test_Q19_an_unknown_modifier_is_refused(plain: House) -> None:
    answer = plain.get("Observation?_include:exact=Observation:subject")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


def test_Q19_iterate_ends_after_some_steps_and_says_so(plain: House) -> None:
    *rest, last = chain(plain, includes.MAX_ROUNDS + 1)
    query = f"Observation?_id={last.split('/')[1]}&_include:iterate=Observation:has-member"
    answer = plain.get(query)
    assert found(answer) == rest[:0:-1]
    assert outcomes(answer) == [("warning", "too-costly")]
    assert validate(answer.json) == []


def test_Q19_all_that_is_there_is_no_cut(plain: House) -> None:
    *rest, last = chain(plain, includes.MAX_ROUNDS)
    query = f"Observation?_id={last.split('/')[1]}&_include:iterate=Observation:has-member"
    answer = plain.get(query)
    assert (found(answer), outcomes(answer)) == (rest[::-1], [])


def test_Q19_a_page_includes_so_many_resources_and_says_when_there_are_more(plain: House) -> None:
    who = made(plain, "Patient")
    body = {"resourceType": "Basic", "code": {"text": "x"}, "subject": to(who)}
    entry = {"resource": body, "request": {"method": "POST", "url": "Basic"}}
    for number in (includes.MAX_INCLUDED, 1):
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * number}
        assert plain.post("", None, bundle).status == 200
        answer = plain.get(f"Patient?_id={who.split('/')[1]}&_revinclude=Basic:subject")
        assert len(found(answer)) == includes.MAX_INCLUDED
        assert outcomes(answer) == [("warning", "too-costly")] * (number == 1)
    assert answer.json["total"] == 1


# Where it is offered.


@pytest.mark.parametrize("where", ["post", "batch", "compartment", "whole", "system"])
def test_Q19_every_search_includes(plain: House, where: str) -> None:
    tag, who, doctor = new(), made(plain, "Patient"), made(plain, "Practitioner")
    one = observation(plain, tag, subject=to(who), performer=[to(doctor)])
    query = f"_tag={TAGS}|{tag}&_include=Observation:performer"
    if where == "post":
        form = query.encode()
        answer = plain.call("POST", "Observation/_search", None, form, content_type=FORM)
    elif where == "batch":
        request = {"method": "GET", "url": f"Observation?{query}"}
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": request}]}
        (inner,) = plain.post("", None, bundle).entries
        answer = Answer(200, {}, json.dumps(inner).encode())
    else:
        path = {"compartment": f"{who}/Observation", "whole": f"{who}/*", "system": ""}[where]
        answer = plain.get(f"{path}?{query}")
    assert found(answer, "match") == [one]
    assert found(answer) == [doctor]


def test_Q19_a_condition_is_met_whatever_is_included(plain: House) -> None:
    one = observation(plain, subject=to(made(plain, "Patient")))
    query = f"_id={one.split('/')[1]}&_include=Observation:subject"
    answer = plain.call("DELETE", "Observation", query=query)
    assert answer.status == 204
    assert plain.get(one).status == 410


def test_Q19_each_round_is_one_statement(plain: House, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, last = chain(plain, 2)
    asked_: list[str] = []
    session = plain.database.session()
    for name in ("rows", "head_and_rows"):
        real = getattr(session, name)

        def spied(sql: str, *rest: Any, real: Any = real) -> Any:
            asked_.append(sql)
            return real(sql, *rest)

        monkeypatch.setattr(session, name, spied)
    stars = "_include:iterate=*&_revinclude:iterate=Observation:has-member"
    assert len(asked(plain, last, stars)) == 2
    assert len([sql for sql in asked_ if "reached AS" in sql]) == 3
    assert stored_includes.MAX_ROUNDS == includes.MAX_ROUNDS
