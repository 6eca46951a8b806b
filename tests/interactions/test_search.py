"""Searches by GET and POST: https://hl7.org/fhir/R4/search.html"""

from collections.abc import Sequence

import pytest

from tests.house import BASE, House
from tests.people import stored

FORM = "application/x-www-form-urlencoded"
LIKE = "http://a.example"


def people(plain: House, mark: str, families: Sequence[str]) -> list[str]:
    """Patients that share an identifier; their ids."""
    return [
        stored(
            plain.post(
                "Patient",
                None,
                {
                    "resourceType": "Patient",
                    "identifier": [{"system": LIKE, "value": mark}],
                    "name": [{"family": family}],
                    "gender": "male",
                    "birthDate": f"19{50 + n}-01-02",
                },
            )
        )
        for n, family in enumerate(families)
    ]


def ids(plain: House, query: str, type_: str = "Patient") -> list[str]:
    return [entry["id"] for entry in plain.get(f"{type_}?{query}").entries]


def test_a_search_answers_with_a_searchset(plain: House) -> None:
    found = people(plain, "set", ["Un", "Deux"])
    answer = plain.get(f"Patient?identifier={LIKE}|set")
    bundle = answer.json
    assert (answer.status, bundle["type"], bundle["total"]) == (200, "searchset", 2)
    assert {entry["fullUrl"] for entry in bundle["entry"]} == {f"{BASE}/Patient/{i}" for i in found}
    assert {entry["search"]["mode"] for entry in bundle["entry"]} == {"match"}
    assert bundle["link"] == [{"relation": "self", "url": f"{BASE}/Patient?identifier={LIKE}|set"}]


def test_nothing_found_is_an_answer(plain: House) -> None:
    answer = plain.get(f"Patient?identifier={LIKE}|nobody")
    assert (answer.status, answer.json["total"], answer.entries) == (200, 0, [])


def test_a_search_by_post_finds_the_same(plain: House) -> None:
    people(plain, "post", ["Un", "Deux"])
    got = plain.get(f"Patient?identifier={LIKE}|post&_sort=family").json
    form = f"identifier={LIKE}%7Cpost&_sort=family".encode()
    posted = plain.call("POST", "Patient/_search", None, form, content_type=FORM).json
    unlike = ("id", "meta")
    assert {k: v for k, v in posted.items() if k not in unlike} == {
        k: v for k, v in got.items() if k not in unlike
    }


def test_a_search_by_post_may_ask_in_the_address_too(plain: House) -> None:
    people(plain, "both", ["Un", "Deux"])
    answer = plain.call(
        "POST",
        "Patient/_search",
        None,
        b"family=Deux",
        query=f"identifier={LIKE}|both",
        content_type=FORM,
    )
    assert [entry["name"][0]["family"] for entry in answer.entries] == ["Deux"]


def test_a_search_by_post_needs_no_form(plain: House) -> None:
    assert plain.call("POST", "Patient/_search", None).status == 200


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("family=aB", ["Abc", "ábd"]),
        ("family:exact=Abc", ["Abc"]),
        ("family:contains=b", ["Abc", "ábd"]),
        ("family=Abc,Xyz", ["Abc", "Xyz"]),
        ("birthdate=1950", ["Abc"]),
        ("birthdate=ge1951-01-02", ["ábd", "Xyz"]),
        ("gender=male&family=x", ["Xyz"]),
        ("gender=female", []),
        ("identifier:missing=true", []),
        ("name:missing=false", ["Abc", "ábd", "Xyz"]),
    ],
)
def test_criteria_are_met(plain: House, query: str, wanted: list[str]) -> None:
    mark = f"criteria-{query}".replace("=", "").replace("&", "").replace(",", "").replace(":", "")
    people(plain, mark, ["Abc", "ábd", "Xyz"])
    found = plain.get(f"Patient?identifier={LIKE}|{mark}&{query}").entries
    assert {entry["name"][0]["family"] for entry in found} == set(wanted)


def test_references_and_chains_lead_to_each_other(plain: House) -> None:
    first, second = people(plain, "chain", ["Un", "Deux"])
    made = {
        patient: stored(
            plain.post(
                "Observation",
                None,
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"coding": [{"system": LIKE, "code": "chain"}]},
                    "subject": {"reference": f"Patient/{patient}"},
                },
            )
        )
        for patient in (first, second)
    }
    for query in (
        f"patient={first}",
        f"subject=Patient/{first}",
        f"subject={BASE}/Patient/{first}",
        "subject:Patient.family=Un",
        "patient.family=un",
        f"patient._id={first}",
    ):
        assert ids(plain, f"code={LIKE}|chain&{query}", "Observation") == [made[first]], query


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pages_are_complete_and_repeat_nothing(plain: House, count: int) -> None:
    everybody = people(plain, f"pages-{count}", ["C", "A", "B", "A", "D"])
    url, seen, pages = f"Patient?identifier={LIKE}|pages-{count}&_sort=family&_count={count}", [], 0
    while url:
        bundle = plain.get(url.removeprefix(f"{BASE}/")).json
        assert bundle["total"] == 5
        seen += [entry["resource"] for entry in bundle["entry"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        url, pages = (following or [""])[0], pages + 1
    assert [resource["name"][0]["family"] for resource in seen] == ["A", "A", "B", "C", "D"]
    assert {resource["id"] for resource in seen} == set(everybody)
    assert pages == -(-5 // count)


def test_a_page_is_no_page_of_another_search(plain: House) -> None:
    people(plain, "foreign", ["A", "B", "C"])
    bundle = plain.get(f"Patient?identifier={LIKE}|foreign&_count=1").json
    cursor = next(link["url"] for link in bundle["link"] if link["relation"] == "next").split(
        "_cursor="
    )[1]
    assert plain.get(f"Patient?family=A&_count=1&_cursor={cursor}").status == 410


@pytest.mark.parametrize(
    ("query", "total", "entries"),
    [
        ("_count=0", 2, 0),
        ("_summary=count", 2, 0),
        ("_total=none", None, 2),
        ("_total=accurate", 2, 2),
        ("_count=1", 2, 1),
    ],
)
def test_how_much_is_told(plain: House, query: str, total: int | None, entries: int) -> None:
    mark = query.replace("=", "")
    people(plain, mark, ["Un", "Deux"])
    answer = plain.get(f"Patient?identifier={LIKE}|{mark}&{query}")
    assert (answer.json.get("total"), len(answer.entries)) == (total, entries)


def test_a_page_is_never_longer_than_the_house_allows(plain: House) -> None:
    answer = plain.get("Patient?_count=100000")
    assert answer.json["link"][0]["url"].endswith("_count=500")


def test_what_is_not_known_is_ignored_and_not_said_to_be_used(plain: House) -> None:
    answer = plain.get("Patient?unknown=x&family=Nobodyhasthisname")
    assert (answer.status, answer.json["link"][0]["url"]) == (
        200,
        f"{BASE}/Patient?family=Nobodyhasthisname",
    )


def test_who_wants_it_strict_is_told_what_is_not_known(plain: House) -> None:
    answer = plain.get("Patient?unknown=x", prefer="handling=strict")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    assert "`unknown`" in answer.diagnostics


def test_a_modifier_that_is_not_done_is_refused(plain: House) -> None:
    answer = plain.get("Patient?gender:above=male")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


def test_what_is_deleted_is_found_no_more(plain: House) -> None:
    first, second = people(plain, "gone", ["Un", "Deux"])
    plain.call("DELETE", f"Patient/{first}")
    assert ids(plain, f"identifier={LIKE}|gone") == [second]


def test_what_is_changed_is_found_by_what_it_is_now(plain: House) -> None:
    (id_,) = people(plain, "changed", ["Before"])
    body = {"resourceType": "Patient", "id": id_, "name": [{"family": "After"}]}
    plain.call("PUT", f"Patient/{id_}", None, body)
    assert ids(plain, f"family=Before&_id={id_}") == []
    assert ids(plain, f"family=After&_id={id_}") == [id_]


def test_a_search_answers_in_xml_too(plain: House) -> None:
    people(plain, "xml", ["Un"])
    answer = plain.get(f"Patient?identifier={LIKE}|xml", accept="application/fhir+xml")
    assert answer.body.startswith(b"<?xml") and b'<family value="Un"/>' in answer.body
