"""The pages of a search: row Q-28. https://hl7.org/fhir/R4/http.html#paging

What storage promises of them is in `tests/test_paging_contract.py`.
"""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import ANNE, CNAM, INS, LUCIEN, NINA, PAUL, House
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.rest.searches import CODES, Place, addresses, coded, link, new, walked

HOUR = 3_600_000
LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
PATHS = ("Observation?code={code}", "?_type=Observation,Basic&code={code}",
         "Patient/{patient}/Observation?code={code}", "Patient/{patient}/*?code={code}"
         "&_type=Observation,Condition", "Observation?code={code}&_sort=_id",
         "Observation?code={code}&_sort=-date&_include=Observation:subject")  # fmt: skip


def asked(place: Place, path: str, code: str) -> str:
    return path.format(code=code, patient=place.patient) + "&_count=2"


@pytest.fixture
def later(place: Place) -> Iterator[Place]:
    """The same place, whose clock is set back when the test is over."""
    now = place.house.now
    yield place
    place.house.now = now


@pytest.mark.parametrize("path", PATHS)
def test_Q28_links_lead_from_page_to_page(place: Place, path: str) -> None:
    code = new()
    made = place.some(5, code)
    pages = walked(place, asked(place, path, code))
    assert [[one["relation"] for one in page.json["link"]] for page in pages] == [
        ["self", "next"], ["self", "first", "next"], ["self", "first"],
    ]  # fmt: skip
    assert sorted(address for page in pages for address in addresses(page)) == sorted(made)
    assert addresses(place.get(link(pages[2], "first"))) == addresses(pages[0])
    assert addresses(place.get(link(pages[1], "self"))) == addresses(pages[1])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("hours", "status"), [(0.9, 200), (3, 410), (100, 410)])
def test_Q28_a_page_is_gone_when_it_is_old(
    later: Place, path: str, hours: float, status: int
) -> None:
    code = new()
    later.some(3, code)
    following = link(later.get(asked(later, path, code)), "next")
    later.house.now += int(hours * HOUR)
    answer = later.get(following)
    assert answer.status == status
    if status == 410:
        assert (answer.json["resourceType"], answer.json["issue"][0]["code"]) == (
            "OperationOutcome", "not-found")  # fmt: skip
        assert later.get(asked(later, path, code)).status == 200


@pytest.mark.parametrize("path", PATHS)
def test_Q28_a_page_that_was_tampered_with_is_gone(place: Place, path: str) -> None:
    code = new()
    place.some(3, code)
    following = link(place.get(asked(place, path, code)), "next")
    for bad in (following[:-2], following + "AA", following.replace("_cursor=", "_cursor=A"),
                following.replace(code, "other"), following.replace("_count=2", "_count=1"),
                following.replace("_count=2", "_count=2&_id=x")):  # fmt: skip
        assert place.get(bad).status == 410, bad


def test_Q28_a_page_of_another_is_gone(house: House) -> None:
    ins = [{"system": INS, "value": new_ins()}]
    place = Place(house, NINA, ANNE, opened(house, NINA, ANNE, PAUL, identifier=ins))
    code = new()
    place.some(3, code)
    following = link(place.get(f"Observation?code={code}&_count=2"), "next")
    assert [house.get(following, who).status for who in (NINA, ANNE, PAUL)] == [200, 410, 410]


def test_Q28_a_cursor_says_nothing_that_its_page_did_not(place: Place) -> None:
    code = new()
    place.some(3, code)
    page = place.get(f"Observation?code={code}&_count=2")
    (text,) = parse_qs(urlsplit(link(page, "next")).query)["_cursor"]
    content = urlsafe_b64decode(text + "=" * (-len(text) % 4))[16:].decode()
    last = page.entries[-1]
    assert last["id"] in content
    assert len(content) < len(last["id"]) + 40  # the hour, the time of the last match and its id


@pytest.mark.parametrize("sort", ["", "&_sort=_id", "&_sort=-date", "&_sort=value-string,date"])
def test_Q28_pages_stay_stable_while_others_write(place: Place, sort: str) -> None:
    code = new()
    made = [
        place.make(
            code=coded(code), effectiveDateTime=f"2026-0{1 + n % 3}", valueString="ab"[n % 2]
        )
        for n in range(8)
    ]
    first = place.get(f"Observation?code={code}&_count=3{sort}")
    seen = addresses(first)
    deleted = next(one for one in made if one not in seen)
    assert place.house.call("DELETE", deleted, place.writer).status in (204, 405)
    gone = place.get(deleted).status == 410
    place.some(3, code)
    following = link(first, "next")
    while following:
        page = place.get(following)
        seen += addresses(page)
        following = link(page, "next")
    stay = [one for one in made if not (gone and one == deleted)]
    assert [seen.count(one) for one in stay] == [1] * len(stay)
    assert not (gone and deleted in seen)


# The policy is asked anew for each page.


def document(house: House, patient: str, code: str) -> str:
    body: dict[str, Any] = {
        "resourceType": "DocumentReference", "status": "current", "type": coded(code),
        "masterIdentifier": {"system": "urn:ietf:rfc:3986",
                             "value": f"urn:oid:2.25.{new()[1:-1]}44"},
        "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    }  # fmt: skip
    return f"DocumentReference/{stored(house.post('DocumentReference', ANNE, body))}"


WAYS = ("DocumentReference?type={code}&_sort=_id",
        "?_type=DocumentReference,Condition&_tag:missing=true&_lastUpdated=gt2020",
        "Patient/{patient}/DocumentReference?type={code}&_sort=_id",
        "DocumentReference?patient={patient}&_sort=_id", "Patient/{patient}/*"
        "?_type=DocumentReference,Condition")  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_Q28_a_document_masked_between_two_pages_is_not_there(house: House, way: str) -> None:
    ins = [{"system": INS, "value": new_ins()}]
    patient, code = opened(house, NINA, ANNE, identifier=ins), new()
    place = Place(house, NINA, ANNE, patient)
    made = {document(house, patient, code) for _ in range(4)}
    page = place.get(f"{way.format(code=code, patient=patient)}&_count=2")
    hidden = max(made - set(addresses(page)))
    labels = [{"coding": [{"system": system, "code": code}]}
              for system, code in ((LEVELS, "N"), (VISIBILITY, MASKED))]  # fmt: skip
    patch = [{"op": "add", "path": "/securityLabel", "value": labels}]
    assert house.call("PATCH", hidden, ANNE, patch,
                      content_type="application/json-patch+json").status == 200  # fmt: skip
    rest = walked(place, link(page, "next"))
    found = [address for answer in rest for address in addresses(answer)]
    assert (set(found) & made, hidden in found) == (made - {hidden} - set(addresses(page)), False)
    assert {answer.json["total"] for answer in rest} == {page.json["total"] - 1}


@pytest.mark.parametrize("way", WAYS)
def test_Q28_who_lost_his_right_between_two_pages_has_nothing_more(house: House, way: str) -> None:
    ins = [{"system": INS, "value": new_ins()}]
    patient, code = opened(house, NINA, ANNE, identifier=ins), new()
    place = Place(house, NINA, ANNE, patient)
    made = {document(house, patient, code) for _ in range(4)}
    following = link(place.get(f"{way.format(code=code, patient=patient)}&_count=2"), "next")
    (team,) = house.get(f"CareTeam?patient={patient}", CNAM).entries
    ended = team | {"status": "inactive"}
    assert house.call("PUT", f"CareTeam/{team['id']}", CNAM, ended).status == 200
    answer = place.get(following)
    if "{patient}" in way:
        assert answer.status == 403
    else:
        assert not set(addresses(answer)) & made


def test_Q28_a_page_of_his_trail_is_the_holders_alone(house: House) -> None:
    """Of other types than documents, and of another kind of caller."""
    patient = opened(house, NINA, identifier=[{"system": INS, "value": LUCIEN.sub.split("|")[1]}])
    for _ in range(3):
        house.get(f"Observation?patient={patient}&code={CODES}|x", NINA)
    following = link(house.get(f"AuditEvent?patient={patient}&_count=1", LUCIEN), "next")
    assert house.get(following, LUCIEN).status == 200
    assert [house.get(following, who).status for who in (NINA, CNAM)] == [410, 410]
