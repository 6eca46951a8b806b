"""Searches by the words of narratives and of whole resources, and by parts of strings: Q-09, Q-12.

https://hl7.org/fhir/R4/search.html#text, https://hl7.org/fhir/R4/search.html#string;
`contract.md` sections 5 and 7 of the design
"""

from itertools import count
from typing import Any
from urllib.parse import quote

import pytest

from profiles.definitions import r4
from tests.house import ANNE, CNAM, LUCIEN, NINA, OTTO, House
from tests.interactions.minimal import minimal
from tests.people import stored
from tests.rest.stated import said
from tests.rest.test_includes_under_policy import document, listed, record
from tests.rest.test_search_interactions import addresses, blank

_words = count(1)


def new() -> str:
    """A word that stands nowhere else."""
    return f"zyx{next(_words)}mot"


def told(text: str) -> dict[str, Any]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{text}</p></div>'
    return {"text": {"status": "generated", "div": div}}


def put(plain: House, type_: str, **more: Any) -> str:
    return f"{type_}/" + stored(plain.post(type_, None, minimal(type_) | more))


def test_Q09_text_finds_the_words_of_a_narrative(plain: House) -> None:
    one, other = new(), new()
    basic = put(plain, "Basic", **told(f"L'h&#244;pital de <b>{one}</b>, {other}"))
    put(plain, "Basic", code={"text": one})
    for value in (one, one.upper(), f"{other} {one}", f"hôpital {one}", f"({one} OR x) and {other}",
                  f"nothing,{one}"):  # fmt: skip
        assert addresses(plain.get(f"Basic?_text={quote(value)}")) == [basic], value
    for value in (one[:-1], f"{one} nothing", "nothing"):
        assert addresses(plain.get(f"Basic?_text={value}")) == [], value


def test_Q09_content_finds_the_words_of_the_whole(plain: House) -> None:
    one, other = new(), new()
    basic = put(plain, "Basic", code={"text": f"{one} noté"}, **told(other))
    for value in (one, f"{other} {one} NOTE", other):
        assert addresses(plain.get(f"Basic?_content={value}")) == [basic], value
    assert addresses(plain.get(f"Basic?_content={one}&_content={other}")) == [basic]
    assert addresses(plain.get(f"Basic?_content={one}&_text={one}")) == []


def test_Q09_content_follows_what_becomes_of_a_resource(plain: House) -> None:
    one, other = new(), new()
    basic = put(plain, "Basic", code={"text": one})
    body = minimal("Basic") | {"id": basic.split("/")[1], "code": {"text": other}}
    assert plain.call("PUT", basic, None, body).status == 200
    assert addresses(plain.get(f"Basic?_content={one}")) == []
    assert addresses(plain.get(f"Basic?_content={other}")) == [basic]
    assert plain.call("DELETE", basic).status == 204
    assert addresses(plain.get(f"Basic?_content={other}")) == []


def test_Q09_content_is_asked_through_references(plain: House) -> None:
    one, other = new(), new()
    patient = put(plain, "Patient", name=[{"text": one}])
    seen = put(plain, "Observation", subject={"reference": patient}, **told(other))
    assert addresses(plain.get(f"Observation?subject:Patient._content={one}")) == [seen]
    assert addresses(plain.get(f"Observation?subject:Patient._content={other}")) == []
    for query in (f"_has:Observation:subject:_text={other}",
                  f"_has:Observation:subject:_content={other}&_content={one}"):  # fmt: skip
        assert addresses(plain.get(f"Patient?{query}")) == [patient]
    assert addresses(plain.get(f"Patient?_has:Observation:subject:_text={one}")) == []


@pytest.mark.parametrize("name", ["_text", "_content"])
def test_Q09_text_is_searched_in_all_types_at_once(plain: House, name: str) -> None:
    word = new()
    found = [put(plain, type_, **told(word)) for type_ in ("Basic", "Observation", "Patient")]
    assert sorted(addresses(plain.get(f"?{name}={word}"))) == sorted(found)
    some = addresses(plain.get(f"?_type=Basic,Binary,Patient&{name}={word} OR nothing"))
    assert sorted(some) == sorted([found[0], found[2]])


def test_Q09_text_is_there_or_missing(plain: House) -> None:
    word = new()
    bare = put(plain, "Basic", code={"text": word})
    full = put(plain, "Basic", code={"text": word}, **told("x"))
    assert addresses(plain.get(f"Basic?_content={word}&_text:missing=true")) == [bare]
    assert addresses(plain.get(f"Basic?_content={word}&_text:missing=false")) == [full]


@pytest.mark.parametrize("query", [
    "_text=(a", "_content=a OR", "_text=%2D", "_text:exact=a", "_content:missing=true",
])  # fmt: skip
def test_Q09_text_that_cannot_be_read_is_refused(plain: House, query: str) -> None:
    answer = plain.get(f"Basic?{query}")
    assert answer.status == 400
    assert answer.json["issue"][0]["code"] in ("value", "not-supported")


@pytest.mark.parametrize("type_", r4().resources)
def test_Q09_text_is_declared_where_there_is_a_narrative(plain: House, type_: str) -> None:
    names = {one["name"] for one in said(plain, type_)["searchParam"]}
    assert "_content" in names
    assert ("_text" in names) is ("text" in r4().types[type_].members)


def test_Q12_a_string_contains_one_two_or_more_letters(plain: House) -> None:
    word = new()
    patient = put(plain, "Patient", name=[{"family": f"d'{word} Çé", "given": ["Ôé"]}])
    for part in (word, word[3:], f"{word} c", " CE", "d'z", f"nothing,{word[1:]}"):
        assert patient in addresses(plain.get(f"Patient?family:contains={part}&_text:missing=true"))
    for name, part in (("family", "ce"), ("family", "e"), ("given", "oe"), ("given", "o")):
        query = f"Patient?_content={word}&{name}:contains={part}"
        assert addresses(plain.get(query)) == [patient], part
    for part in (f"{word}c", f"x{word}", "oe"):
        assert addresses(plain.get(f"Patient?_content={word}&family:contains={part}")) == []


# With the policy on.

CHANNELS = (
    "DocumentReference?{name}={word}", "DocumentReference?patient={patient}&{name}={word}",
    "?{name}={word}", "?_type=DocumentReference,List&{name}={word}", "{patient}/*?{name}={word}",
    "Patient?_has:DocumentReference:patient:{name}={word}", "List?item:DocumentReference.{name}="
    "{word}", "List?{name}={word}", "DocumentReference?relatesto:DocumentReference.{name}={word}",
    "Patient?_has:DocumentReference:patient:{name}={word}&_count=0",
    "DocumentReference?_has:List:item:{name}={word}", "DocumentReference?{name}={word}&_count=0",
)  # fmt: skip


@pytest.mark.parametrize("name", ["_text", "_content"])
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("who", [NINA, OTTO], ids=["a nurse of the team", "a stranger"])
def test_Q09_content_of_what_is_hidden_changes_no_byte(
    house: House, name: str, channel: str, who: Any
) -> None:
    word = new()
    patient, _ = record(house, NINA)
    seen = document(house, patient)
    listed(house, patient, seen)
    query = channel.format(name=name, word=word, patient=patient)
    before = house.get(query, who)
    more = {"description": word, **told(word)}
    hidden = document(house, patient, masked=True, **more)
    document(house, patient, relatesTo=[
        {"code": "appends", "target": {"reference": hidden, "display": word}}
    ])  # fmt: skip
    entry = [{"item": {"reference": one, "display": word}} for one in (seen, hidden)]
    body = {"resourceType": "List", "status": "current", "mode": "working",
            "subject": {"reference": patient}, "entry": entry}  # fmt: skip
    stored(house.post("List", ANNE, body))
    after = house.get(query, who)
    assert before.status == after.status
    if before.status == 200:
        assert blank(before) == blank(after)


def test_Q09_content_is_found_by_who_sees_it(house: House) -> None:
    word = new()
    patient, _ = record(house, NINA)
    seen = document(house, patient, description=word)
    for query in ("DocumentReference?", f"{patient}/*?", f"DocumentReference?patient={patient}&"):
        assert addresses(house.get(f"{query}_content={word}", NINA)) == [seen]
    assert addresses(house.get(f"DocumentReference?_content={word}", OTTO)) == []


def test_Q09_content_tells_nothing_of_whom_one_knows_the_minimum(house: House) -> None:
    word = new()
    patient, ins = record(house, NINA, name=[{"family": word}], **told(word))
    own = document(house, patient, OTTO)
    for name in ("_content", "_text"):
        for query in ("Patient?", "?", "?_type=Patient&", f"Patient?identifier={ins}&",
                      f"Patient?_id={patient.split('/')[1]}&", f"{patient}/*?",
                      f"{patient}/*?_type=Patient&"):  # fmt: skip
            asked = (house.get(f"{query}{name}={one}", OTTO) for one in (word, new()))
            right, wrong = ((answer.status, addresses(answer)) for answer in asked)
            assert right == wrong, query
    assert {patient, own} <= {*addresses(house.get(f"{patient}/*", OTTO))}
    assert addresses(house.get(f"Patient?_content={word}", NINA)) == [patient]


def test_Q12_parts_of_a_name_tell_nothing_of_whom_one_knows_the_minimum(house: House) -> None:
    word = new()
    patient, _ = record(house, NINA, name=[{"family": word}])
    document(house, patient, OTTO)
    for query in (f"family:contains={word[2:]}", f"family={word}", "gender=male"):
        answer = house.get(f"{patient}/*?_type=Patient&{query}", OTTO)
        assert addresses(answer) == [], query


def test_Q09_content_of_a_trace_is_found_though_it_is_made_when_asked_for(house: House) -> None:
    patient, _ = record(house, NINA)
    document(house, patient, description=new())
    answer = house.get(f"DocumentReference?patient={patient}", NINA)
    assert answer.status == 200
    name = NINA.name.replace(" ", "%20")
    found = house.get(f"AuditEvent?patient={patient}&_content={name}", CNAM)
    assert found.json["total"] >= 1
    assert all("AuditEvent/" in one for one in addresses(found))


def test_Q09_content_of_a_trace_has_no_words_of_what_was_asked(house: House) -> None:
    word = new()
    patient, _ = record(house, NINA)
    assert house.get(f"DocumentReference?patient={patient}&_content={word}", NINA).status == 200
    for who in (CNAM, NINA, LUCIEN):
        answer = house.get(f"AuditEvent?_content={word}", who)
        assert addresses(answer) == []
