"""The ways to ask a search: https://hl7.org/fhir/R4/http.html#search, #vsearch."""

import json
from itertools import count
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import ANNE, BASE, CNAM, INS, NINA, OTTO, Answer, House, Person
from tests.interactions.shared import new_ins
from tests.people import opened, stored

FORM = "application/x-www-form-urlencoded"
TAGS = "http://a.example/tags"
_numbers = count(1)


def new() -> str:
    return f"s{next(_numbers)}"


def tagged(type_: str, tag: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": type_, "meta": {"tag": [{"system": TAGS, "code": tag}]}} | more


def addresses(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [f"{one['resourceType']}/{one['id']}" for one in answer.entries]


def some(plain: House, tag: str) -> dict[str, str]:
    """A Patient with an Observation and a Basic of his, an Organization and a stranger, tagged."""
    patient = stored(plain.post("Patient", None, tagged("Patient", tag, gender="male")))
    of = {"reference": f"Patient/{patient}"}
    observation = tagged("Observation", tag, status="final", code={"text": "x"}, subject=of)
    bodies = {
        "Observation": observation,
        "Basic": tagged("Basic", tag, code={"text": "x"}, subject=of),
        "Organization": tagged("Organization", tag, name="Maison"),
        "Device": tagged("Device", tag),
    }
    made = {type_: stored(plain.post(type_, None, body)) for type_, body in bodies.items()}
    return {"Patient": patient} | made


# One type.


@pytest.mark.parametrize("how", ["GET", "form", "both"])
def test_I14_get_and_post_find_the_same(plain: House, how: str) -> None:
    tag = new()
    id_ = some(plain, tag)["Patient"]
    some(plain, new())
    url, form = {"GET": (f"_tag={TAGS}|{tag}&gender=male", b""),
                 "form": ("", f"_tag={TAGS}|{tag}&gender=male".encode()),
                 "both": ("gender=male", f"_tag={TAGS}|{tag}".encode())}[how]  # fmt: skip
    if how == "GET":
        answer = plain.get(f"Patient?{url}")
    else:
        answer = plain.call("POST", "Patient/_search", None, form, query=url, content_type=FORM)
    assert addresses(answer) == [f"Patient/{id_}"]
    assert answer.json["type"] == "searchset"
    assert [entry["search"]["mode"] for entry in answer.json["entry"]] == ["match"]


# All types.


@pytest.mark.parametrize("how", ["GET", "POST"])
def test_I14_all_types_are_searched_by_what_all_have(plain: House, how: str) -> None:
    tag = new()
    made = some(plain, tag)
    if how == "GET":
        answer = plain.get(f"?_tag={TAGS}|{tag}")
    else:
        answer = plain.call("POST", "_search", None, f"_tag={TAGS}|{tag}".encode(),
                            content_type=FORM)  # fmt: skip
    assert sorted(addresses(answer)) == sorted(f"{type_}/{id_}" for type_, id_ in made.items())
    assert answer.json["total"] == len(made)


def test_I14_the_types_that_are_named_are_searched(plain: House) -> None:
    tag = new()
    made = some(plain, tag)
    answer = plain.get(f"?_type=Observation,Basic&_tag={TAGS}|{tag}")
    assert addresses(answer) == [f"Basic/{made['Basic']}", f"Observation/{made['Observation']}"]
    assert answer.json["link"][0]["url"].startswith(f"{BASE}?_type=Observation,Basic&_tag=")


def test_I14_a_parameter_that_these_types_have_in_common_is_searched_by(plain: House) -> None:
    made = some(plain, new())
    other = some(plain, new())
    answer = plain.get(f"?_type=Observation,Basic&patient={made['Patient']}")
    assert addresses(answer) == [f"Basic/{made['Basic']}", f"Observation/{made['Observation']}"]
    answer = plain.get(f"?_type=Observation,Basic&subject:not=Patient/{made['Patient']}")
    assert answer.status == 400
    answer = plain.get(f"?_type=Observation,Basic&code:missing=false&patient={other['Patient']}")
    assert len(addresses(answer)) == 2
    answer = plain.get(f"?_type=Observation,Basic&code:missing=true&patient={other['Patient']}")
    assert addresses(answer) == []


@pytest.mark.parametrize("query", ["gender=male", "_type=Patient,Basic&gender=male"])
def test_I14_a_parameter_that_some_types_lack_is_refused(plain: House, query: str) -> None:
    answer = plain.get(f"?{query}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    assert "`gender`" in answer.diagnostics


@pytest.mark.parametrize(("prefer", "status"), [("", 200), ("handling=strict", 400)])
def test_I14_an_unknown_parameter_is_ignored_or_refused(
    plain: House, prefer: str, status: int
) -> None:
    answer = plain.get("?_type=Basic,Flag&nonsense=x&_id=a", prefer=prefer)
    assert answer.status == status
    if status == 200:
        assert "nonsense" not in answer.json["link"][0]["url"]


def test_I14_one_type_that_is_named_is_searched_as_by_its_address(house: House) -> None:
    """A professional finds any Patient by his INS, and sees the minimum of him."""
    ins = new_ins()
    opened(house, NINA, identifier=[{"system": INS, "value": ins}])
    query = f"identifier={INS}|{ins}"
    answers = [house.get(path, OTTO) for path in (f"?_type=Patient&{query}", f"Patient?{query}")]
    named, direct = (answer.entries for answer in answers)
    assert [one["id"] for one in named] == [one["id"] for one in direct]
    assert len(named) == 1 and "name" not in named[0]


def test_I14_a_name_of_no_type_is_refused(plain: House) -> None:
    answer = plain.get("?_type=Nonsense")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value")


def test_I14_pages_hold_each_match_once(plain: House) -> None:
    tag = new()
    made = some(plain, tag)
    found: list[str] = []
    first = url = f"?_tag={TAGS}|{tag}&_count=2"
    while url:
        answer = plain.get(url)
        assert len(answer.entries) <= 2 and answer.json["total"] == len(made)
        found += addresses(answer)
        links = {one["relation"]: one["url"] for one in answer.json["link"]}
        assert links["self"] == f"{BASE}{url}"
        assert url == first or links["first"] == f"{BASE}{first}"
        url = links.get("next", "").removeprefix(BASE)
    assert sorted(found) == sorted(f"{type_}/{id_}" for type_, id_ in made.items())


def test_I14_a_count_has_no_entries(plain: House) -> None:
    tag = new()
    some(plain, tag)
    answer = plain.get(f"?_tag={TAGS}|{tag}&_summary=count")
    assert (answer.json["total"], answer.entries) == (5, [])


# A compartment.


@pytest.mark.parametrize("how", ["GET", "POST"])
def test_I14_a_compartment_holds_what_is_his(plain: House, how: str) -> None:
    made, other = some(plain, new()), some(plain, new())
    path = f"Patient/{made['Patient']}/Observation"
    if how == "GET":
        answer = plain.get(f"{path}?status=final")
    else:
        answer = plain.call("POST", f"{path}/_search", None, b"status=final", content_type=FORM)
    assert addresses(answer) == [f"Observation/{made['Observation']}"]
    assert answer.json["link"][0]["url"] == f"{BASE}/{path}?status=final"
    assert addresses(plain.get(f"{path}?_id={other['Observation']}")) == []


def test_I14_the_whole_compartment_has_the_patient_first(plain: House) -> None:
    made = some(plain, new())
    answer = plain.get(f"Patient/{made['Patient']}/*?_type=Observation,Basic,Patient")
    assert addresses(answer) == [
        f"{type_}/{made[type_]}" for type_ in ("Patient", "Basic", "Observation")
    ]


@pytest.mark.parametrize("path", ["Organization", "Nonsense", "_nonsense"])
def test_I14_what_is_in_no_compartment_is_not_found(plain: House, path: str) -> None:
    made = some(plain, new())
    assert plain.get(f"Patient/{made['Patient']}/{path}").status == 404
    assert plain.get(f"Basic/{made['Basic']}/Observation").status == 404


def test_I14_a_compartment_of_nobody_is_not_found(plain: House) -> None:
    assert plain.get("Patient/nobody/Observation").status == 404


def test_I14_other_compartments_are_searched_too(plain: House) -> None:
    device = stored(plain.post("Device", None, {"resourceType": "Device"}))
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "device": {"reference": f"Device/{device}"}}  # fmt: skip
    id_ = stored(plain.post("Observation", None, body))
    assert addresses(plain.get(f"Device/{device}/Observation")) == [f"Observation/{id_}"]


def test_I14_a_page_of_one_compartment_is_none_of_another(plain: House) -> None:
    made, other = some(plain, new()), some(plain, new())
    for _ in range(2):
        plain.post("Basic", None, {"resourceType": "Basic", "code": {"text": "x"},
                                   "subject": {"reference": f"Patient/{made['Patient']}"}})
    answer = plain.get(f"Patient/{made['Patient']}/Basic?_count=1")
    link = answer.json["link"][1]["url"].removeprefix(f"{BASE}/")
    assert plain.get(link).status == 200
    swapped = link.replace(made["Patient"], other["Patient"])
    assert plain.get(swapped).status == 410


# With the policy on.


def record(house: House, *members: Person) -> str:
    return opened(house, *members, identifier=[{"system": INS, "value": new_ins()}])


def deposited(house: House, patient: str, masked: bool) -> str:
    labels = [{"coding": [{"system": VISIBILITY, "code": MASKED}]}] if masked else []
    document: dict[str, Any] = {
        "resourceType": "DocumentReference", "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{new()[1:]}99"},
        "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    }  # fmt: skip
    if labels:
        document["securityLabel"] = labels
    return stored(house.post("DocumentReference", ANNE, document))


CHANNELS = (
    "Patient/{id}/*", "Patient/{id}/DocumentReference", "?_type=DocumentReference,List",
    "?_type=DocumentReference,List&patient=Patient/{id}", "?_lastUpdated=gt2020-01-01",
    "Patient/{id}/*?_type=List,DocumentReference&_summary=count",
)  # fmt: skip


@pytest.mark.parametrize("channel", CHANNELS)
def test_I14_what_is_hidden_changes_no_byte_of_a_search(house: House, channel: str) -> None:
    patient = record(house, NINA)
    deposited(house, patient, masked=False)
    deposited(house, patient, masked=True)
    before = house.get(channel.format(id=patient), NINA)
    deposited(house, patient, masked=True)
    after = house.get(channel.format(id=patient), NINA)
    assert blank(before) == blank(after)


def blank(answer: Answer) -> Any:
    """An answer but for its own id and time."""
    assert answer.status == 200, answer.body
    return {name: value for name, value in answer.json.items() if name not in ("id", "meta")}


def test_I14_what_is_searched_is_what_is_visible(house: House) -> None:
    patient = record(house, NINA)
    seen, hidden = deposited(house, patient, masked=False), deposited(house, patient, masked=True)
    text = json.dumps([house.get(channel.format(id=patient), NINA).json for channel in CHANNELS])
    assert seen in text and hidden not in text
    assert house.get("?_type=DocumentReference", OTTO).json["total"] == 0


@pytest.mark.parametrize("path", ["Patient/{id}/*", "Patient/{id}/Observation"])
def test_I14_who_has_no_right_in_a_record_is_refused(house: House, path: str) -> None:
    patient = record(house, NINA)
    answer = house.get(path.format(id=patient), OTTO)
    assert (answer.status, answer.diagnostics) == (403, "no access to this record")


def test_I14_a_search_of_all_leaves_a_trace_in_each_record_it_shows(house: House) -> None:
    patient = record(house, NINA)
    deposited(house, patient, masked=False)
    before = traces(house, patient)
    assert house.get("?_type=DocumentReference,List", NINA).status == 200
    assert traces(house, patient) == before + 1
    assert house.get(f"Patient/{patient}/*", NINA).status == 200
    assert traces(house, patient) == before + 2


def traces(house: House, patient: str) -> int:
    log = house.get(f"AuditEvent?patient={patient}&_count=200", CNAM)
    return sum(NINA.sub.split("|")[1] in json.dumps(event["agent"]) for event in log.entries)


def test_I14_types_that_the_token_does_not_cover_are_left_out(house: House) -> None:
    patient = record(house, NINA)
    deposited(house, patient, masked=False)
    narrow = NINA.but(scope="user/List.rs")
    assert {a.split("/")[0] for a in addresses(house.get(f"Patient/{patient}/*", narrow))} <= {
        "List"
    }
    assert house.get("?_type=DocumentReference", narrow).status == 403
