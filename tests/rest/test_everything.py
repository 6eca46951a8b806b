"""The operation $everything of a Patient, row I-25.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from typing import Any

import pytest

from profiles.validate import validate
from tests.house import BASE, Answer, House
from tests.people import patient, stored
from tests.rest.operations import post


def made(plain: House, type_: str, **more: Any) -> str:
    return f"{type_}/{stored(plain.post(type_, None, {'resourceType': type_} | more))}"


def to(address: str) -> dict[str, str]:
    return {"reference": address}


def observation(plain: House, who: str, when: str = "2026-01-01", **more: Any) -> str:
    code = {"text": "pulse"}
    return made(plain, "Observation", status="final", code=code, subject=to(who),
                effectiveDateTime=when, **more)  # fmt: skip


def record(plain: House) -> tuple[str, set[str]]:
    """A Patient, and the addresses of what is in its compartment."""
    nurse = made(plain, "Practitioner", name=[{"family": "Essai"}])
    who = made(plain, "Patient", name=[{"family": "Essai"}])
    inside = {
        observation(plain, who, performer=[to(nurse)]),
        made(plain, "RelatedPerson", patient=to(who)),
        made(plain, "Basic", code={"text": "x"}, subject=to(who)),
        made(plain, "List", status="current", mode="working", source=to(who)),
        made(plain, "Schedule", actor=[to(who)]),
    }
    made(plain, "Observation", status="final", code={"text": "of nobody"})
    return who, {who, *inside}


def found(answer: Answer, mode: str = "match") -> list[str]:
    assert answer.status == 200, answer.body
    return [
        entry["fullUrl"].removeprefix(f"{BASE}/")
        for entry in answer.json.get("entry", [])
        if entry["search"]["mode"] == mode
    ]


def test_I25_everything_is_what_is_in_the_compartment(plain: House) -> None:
    who, inside = record(plain)
    answer = plain.get(f"{who}/$everything")
    assert set(found(answer)) == inside
    assert found(answer)[0] == who
    assert (answer.json["type"], answer.json["total"]) == ("searchset", len(inside))
    assert validate(answer.json) == []


def test_I25_everything_includes_the_shared_resources_that_are_referred_to(plain: House) -> None:
    house = made(plain, "Organization", name="a")
    doctor = made(plain, "Practitioner", name=[{"family": "Essai"}])
    role = made(plain, "PractitionerRole", practitioner=to(doctor), organization=to(house))
    made(plain, "Organization", name="nobody's")
    who = made(plain, "Patient", generalPractitioner=[to(role)])
    observation(plain, who, performer=[to(doctor)])
    assert set(found(plain.get(f"{who}/$everything"), "include")) == {role, doctor, house}


@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_I25_everything_is_paged(plain: House, count: int) -> None:
    who, inside = record(plain)
    first = url = f"{who}/$everything?_count={count}"
    seen = list[str]()
    while url:
        answer = plain.get(url)
        assert len(found(answer)) <= count
        seen += found(answer)
        links = {link["relation"]: link["url"] for link in answer.json["link"]}
        assert links["self"] == f"{BASE}/{url}"
        assert url == first or links["first"] == f"{BASE}/{first}"
        url = links.get("next", "").removeprefix(f"{BASE}/")
    assert (len(seen), set(seen)) == (len(inside), inside)


def test_I25_everything_that_changes_while_it_is_paged_is_there_once(plain: House) -> None:
    who, inside = record(plain)
    answer = plain.get(f"{who}/$everything?_count=3")
    seen = found(answer)
    again = {"resourceType": "Patient", "id": who.split("/")[1], "active": True}
    assert plain.call("PUT", who, None, again).status == 200
    while answer.json["link"][-1]["relation"] == "next":
        answer = plain.get(answer.json["link"][-1]["url"].removeprefix(f"{BASE}/"))
        seen += found(answer)
    assert (len(seen), set(seen)) == (len(inside), inside)


def test_I25_every_page_is_cut_as_the_first(plain: House) -> None:
    first = plain.get(f"{record(plain)[0]}/$everything?_count=1&_elements=id")
    second = plain.get(first.json["link"][1]["url"].removeprefix(f"{BASE}/"))
    for answer in (first, second):
        assert "SUBSETTED" in str(answer.entries[0]["meta"]["tag"])


def test_I25_a_cursor_is_good_for_its_own_request_alone(plain: House) -> None:
    who, _ = record(plain)
    url = plain.get(f"{who}/$everything?_count=1").json["link"][1]["url"].removeprefix(f"{BASE}/")
    assert plain.get(url).status == 200
    assert plain.get(url.replace("_count=1", "_count=2")).status == 410
    assert plain.get(url.replace(who, record(plain)[0])).status == 410
    assert plain.get(f"{who}/$everything?_cursor=abc").status == 410


def test_I25_everything_of_no_entries_is_its_number(plain: House) -> None:
    who, inside = record(plain)
    answer = plain.get(f"{who}/$everything?_count=0")
    assert (answer.json["total"], "entry" in answer.json) == (len(inside), False)
    assert len(answer.json["link"]) == 1


def test_I25_everything_is_called_with_parameters_too(plain: House) -> None:
    who, _ = record(plain)
    members = [{"name": "_type", "valueCode": "Patient"}, {"name": "_type", "valueCode": "List"}]
    body = {"resourceType": "Parameters", "parameter": members}
    answer = post(plain, f"{who}/$everything", None, body)
    assert {address.split("/")[0] for address in found(answer)} == {"Patient", "List"}


def test_I25_types_are_chosen_among_matches_and_included_alike(plain: House) -> None:
    who, _ = record(plain)
    answer = plain.get(f"{who}/$everything?_type=Patient,Observation")
    assert {address.split("/")[0] for address in found(answer)} == {"Patient", "Observation"}
    assert found(answer, "include") == []
    with_nurse = plain.get(f"{who}/$everything?_type=Observation&_type=Practitioner")
    assert [a.split("/")[0] for a in found(with_nurse, "include")] == ["Practitioner"]
    assert plain.get(f"{who}/$everything?_type=Nothing").status == 400
    assert found(plain.get(f"{who}/$everything?_type=Practitioner")) == []


@pytest.mark.parametrize(
    ("asked", "years"),
    [
        ("start=2025", ["2025", "2026"]),
        ("end=2025", ["2024", "2025"]),
        ("start=2025-01-01&end=2025-06-30", ["2025"]),
        ("start=2027-01-01", []),
    ],
)
def test_I25_dates_are_those_of_care(plain: House, asked: str, years: list[str]) -> None:
    who = made(plain, "Patient", birthDate="1924-01-15")
    for year in ("2024", "2025", "2026"):
        observation(plain, who, f"{year}-03-01")
    undated = made(plain, "RelatedPerson", patient=to(who), birthDate="1950-01-01")
    answer = plain.get(f"{who}/$everything?{asked}")
    assert {who, undated} <= set(found(answer))
    dates = [r["effectiveDateTime"][:4] for r in answer.entries if "effectiveDateTime" in r]
    assert sorted(dates) == years


def test_I25_the_date_of_care_comes_before_that_of_writing(plain: House) -> None:
    who = made(plain, "Patient", name=[{"family": "Essai"}])
    attachment = {"content": [{"attachment": {"url": "http://a.example/b"}}]}
    period = {"context": {"period": {"start": "2020-01-01", "end": "2020-02-01"}}}
    more = {"status": "current", "subject": to(who), "date": "2026-01-01T00:00:00Z"} | attachment
    old = made(plain, "DocumentReference", **more, **period)
    new = made(plain, "DocumentReference", **more)
    asked = f"{who}/$everything?_type=DocumentReference"
    assert found(plain.get(f"{asked}&end=2021-01-01")) == [old]
    assert found(plain.get(f"{asked}&start=2025-01-01")) == [new]


def test_I25_since_is_the_time_of_the_record(plain: House) -> None:
    who = made(plain, "Patient", name=[{"family": "Essai"}])
    late = observation(plain, who)
    moment = plain.get(late).json["meta"]["lastUpdated"]
    assert found(plain.get(f"{who}/$everything?_since={moment}")) == [late]
    assert plain.get(f"{who}/$everything?_since=2026").status == 400


@pytest.mark.parametrize(
    "query", ["start=2026-13-01", "end=x", "_count=-1", "_count=x", "start=2026&end=2025", "x=1"]
)
def test_I25_what_cannot_be_read_is_refused(plain: House, query: str) -> None:
    answer = plain.get(f"{record(plain)[0]}/$everything?{query}")
    assert answer.status == 400
    assert f"`{query.partition('=')[0]}`" in answer.diagnostics or "`end`" in answer.diagnostics


def test_I25_everything_of_nobody_is_not_found(plain: House) -> None:
    who = f"Patient/{stored(plain.post('Patient', None, patient()))}"
    assert plain.get("Patient/nobody/$everything").status == 404
    assert plain.call("DELETE", who).status == 204
    assert plain.get(f"{who}/$everything").status == 410


def test_I25_everything_is_written_as_xml(plain: House) -> None:
    answer = plain.get(f"{record(plain)[0]}/$everything", accept="application/fhir+xml")
    assert (answer.status, answer.body.count(b"<fullUrl")) == (200, 7)
