"""Contained resources: row Q-25. What is found is what they are in.

https://hl7.org/fhir/R4/search.html#contained
"""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED
from tests.house import INS, NINA, OTTO, House
from tests.interactions.shared import new_ins
from tests.people import opened
from tests.rest.test_search_has import blank, deposited, made, record
from tests.rest.test_search_interactions import addresses, new

Json = dict[str, Any]


def person(id_: str, family: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": family}], **more}


def holder(plain: House, *inner: Json, type_: str = "Basic") -> str:
    """A resource that contains these, and refers to each."""
    refers = [
        {"url": "http://a.example/of", "valueReference": {"reference": f"#{one['id']}"}}
        for one in inner
    ]
    return made(plain, type_, code={"text": "x"}, contained=list(inner), extension=refers)


def test_Q25_what_contains_a_match_is_found_once_and_counted_exactly(plain: House) -> None:
    family = new()
    made(plain, name=[{"family": family}])
    one = holder(plain, person("p", family), person("q", family))
    holder(plain, person("p", new()))
    answer = plain.get(f"Patient?family={family}&_contained=true")
    assert (addresses(answer), answer.json["total"]) == ([one], 1)
    assert answer.json["entry"][0]["search"] == {"mode": "match"}


def test_Q25_both_finds_also_what_stands_by_itself(plain: House) -> None:
    family = new()
    alone = made(plain, name=[{"family": family}])
    inside = holder(plain, person("p", family))
    answer = plain.get(f"Patient?family={family}&_contained=both")
    assert sorted(addresses(answer)) == sorted([alone, inside])
    assert answer.json["total"] == 2


def test_Q25_what_matches_and_contains_a_match_is_there_once(plain: House) -> None:
    family = new()
    inner = person("p", family)
    links = [{"other": {"reference": "#p"}, "type": "seealso"}]
    one = made(plain, name=[{"family": family}], contained=[inner], link=links)
    answer = plain.get(f"Patient?family={family}&_contained=both")
    assert (addresses(answer), answer.json["total"]) == ([one], 1)


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ("family={}&gender=male", True),
        ("family={}&gender=female", False),  # another of the same container is
        ("family={}&gender:not=female", True),
        ("family={}&birthdate=lt1990", True),
        ("family={}&birthdate=lt1970", False),
        ("family={}&_id=p", True),
        ("family={}&_id=q", False),
        ("family:contains={}&identifier=http://a.example|1", True),
        ("family={}&identifier=http://a.example|2", False),
        ("family={}&gender:missing=false", True),
        ("_filter=family eq {} and gender eq female", False),
        ("_filter=family eq {} and gender eq male", True),
    ],
)
def test_Q25_all_that_is_asked_is_met_by_one_contained_resource(
    plain: House, asked: str, matches: bool
) -> None:
    family = new()
    system = "http://a.example"
    one = person("p", family, gender="male", birthDate="1980-01-01",
                 identifier=[{"system": system, "value": "1"}])  # fmt: skip
    other = person("q", "other" + new(), gender="female", birthDate="1960-01-01",
                   identifier=[{"system": system, "value": "2"}])  # fmt: skip
    found = holder(plain, one, other)
    answer = plain.get(f"Patient?{asked.format(family)}&_contained=true")
    assert addresses(answer) == ([found] if matches else [])


def test_Q25_it_is_found_by_what_is_stored_now(plain: House) -> None:
    before, after = new(), new()
    one = holder(plain, person("p", before))
    body = plain.get(one).json
    body["contained"][0]["name"] = [{"family": after}]
    assert plain.call("PUT", one, None, body).status == 200
    assert addresses(plain.get(f"Patient?family={before}&_contained=true")) == []
    assert addresses(plain.get(f"Patient?family={after}&_contained=true")) == [one]
    assert plain.call("DELETE", one).status == 204
    assert addresses(plain.get(f"Patient?family={after}&_contained=true")) == []


def test_Q25_what_is_inside_is_no_resource_of_its_own(plain: House) -> None:
    family = new()
    holder(plain, person("p", family))
    for query in (f"Patient?family={family}", f"Patient?family={family}&_contained=false",
                  f"?_type=Patient&_content={family}"):  # fmt: skip
        assert addresses(plain.get(query)) == []


def test_Q25_pages_hold_each_container_once(plain: House) -> None:
    family = new()
    made_ones = {holder(plain, person("p", family)) for _ in range(5)}
    found: list[str] = []
    answer = plain.get(f"Patient?family={family}&_contained=true&_count=2")
    while True:
        found += addresses(answer)
        following = [one["url"] for one in answer.json["link"] if one["relation"] == "next"]
        if not following:
            break
        answer = plain.get(following[0].split("/fhir/")[-1])
    assert len(found) == 5 and set(found) == made_ones


@pytest.mark.parametrize(
    "query",
    [
        "Patient?_contained=true&_sort=family", "Patient?_contained=both&_include=*",
        "Patient?_contained=true&_containedType=contained",
        "Patient?_contained=true&organization.name=x",
        "Patient?_contained=true&_has:Observation:subject:code=x",
        "Patient?_contained=true&_lastUpdated=gt2020", "Patient?_contained=both&_list=x",
        "Patient?_contained=true&_filter=organization.name eq x",
        "?_type=Patient,Basic&_contained=true", "Patient/x/Observation?_contained=true",
    ],
)  # fmt: skip
def test_Q25_what_is_not_done_with_it_is_refused(plain: House, query: str) -> None:
    answer = plain.get(query)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    assert "`_contained`" in answer.diagnostics


def test_Q25_no_condition_is_of_what_is_inside(plain: House) -> None:
    condition = f"family={new()}&_contained=true"
    body = {"resourceType": "Patient"}
    assert plain.post("Patient", None, body, if_none_exist=condition).status == 400


@pytest.mark.parametrize("query", ["_contained=x", "_containedType=x", "_contained:not=false"])
def test_Q25_contained_with_another_value_is_refused(plain: House, query: str) -> None:
    assert plain.get(f"Patient?{query}").status == 400


def test_Q25_contained_false_finds_what_stands_by_itself(plain: House) -> None:
    family = new()
    one = made(plain, name=[{"family": family}])
    holder(plain, person("p", family))
    answer = plain.get(
        f"Patient?family={family}&_contained=false&_containedType=container",
        prefer="handling=strict",
    )
    assert addresses(answer) == [one]
    assert "_contained=false" in answer.json["link"][0]["url"]


def author(family: str) -> Json:
    """Members of a document by a contained practitioner."""
    who = {"resourceType": "Practitioner", "id": "a", "name": [{"family": family}]}
    return {"contained": [who], "authenticator": {"reference": "#a"}}


def test_Q25_a_document_is_found_by_what_it_contains_by_those_who_see_it(house: House) -> None:
    patient, plainly, masked = record(house), new(), new()
    one = deposited(house, patient, new(), **author(plainly))
    deposited(house, patient, new(), MASKED, **author(masked))
    for value in ("true", "both"):
        query = f"Practitioner?_contained={value}&family="
        assert addresses(house.get(query + plainly, NINA)) == [f"DocumentReference/{one}"]
        assert addresses(house.get(query + masked, NINA)) == []
        assert addresses(house.get(query + plainly, OTTO)) == []


CHANNELS = (
    "Practitioner?_contained=true&family={family}",
    "Practitioner?_contained=both&family={family}",
    "Practitioner?_contained=true&family:missing=false&_count=1",
    "Practitioner?_contained=true&gender:not=male&_count=0",
    "Practitioner?_contained=true&_filter=not (family eq zz)",
    "Practitioner?_contained=true&_content={family}",
    "Practitioner?_contained=true&_id=a&_summary=count",
)


@pytest.mark.parametrize("channel", CHANNELS)
def test_Q25_what_is_hidden_changes_no_byte(house: House, channel: str) -> None:
    patient, family = record(house), new()
    deposited(house, patient, new(), **author(new()))
    before = house.get(channel.format(family=family), NINA)
    deposited(house, patient, new(), MASKED, **author(family))
    assert blank(house.get(channel.format(family=family), NINA)) == blank(before)


def test_Q25_a_patient_known_by_his_identity_is_not_found_by_what_he_contains(
    house: House,
) -> None:
    name, ins = new(), new_ins()
    inner = {"resourceType": "Organization", "id": "o", "name": name,
             "identifier": [{"system": INS, "value": ins}]}  # fmt: skip
    patient = opened(house, NINA, identifier=[{"system": INS, "value": ins}], contained=[inner],
                     managingOrganization={"reference": "#o"})  # fmt: skip
    asked = (f"Organization?_contained=true&name={name}",
             f"Organization?_contained=both&identifier={INS}|{ins}")  # fmt: skip
    for query in asked:
        assert addresses(house.get(query, NINA)) == [f"Patient/{patient}"]
        assert addresses(house.get(query, OTTO)) == []
    assert addresses(house.get(f"Patient?_contained=both&identifier={INS}|{ins}", OTTO)) == []
