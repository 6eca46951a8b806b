"""Links between the entries of a transaction, and references by search:
https://hl7.org/fhir/R4/http.html#transaction
"""

import json

import pytest

from tests.house import BASE, INS, NINA, OTTO, Answer, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored
from tests.rest.bundles import (
    A,
    B,
    C,
    PATIENT,
    S,
    TABLES,
    address,
    basic,
    code,
    entry,
    named,
    new,
    sent,
    statuses,
)


def test_I18_every_kind_of_link_is_replaced(plain: House) -> None:
    elsewhere = "http://e.example/fhir/Patient/9"
    old = f"{elsewhere}/_history/3"
    div = (f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{A}">a</a>'
           f"<img src='{A}' alt=\"x\"/> <a href=\"{B}x\">b</a> {A}</div>")  # fmt: skip
    about = basic(
        A,
        text={"status": "generated", "div": div},
        extension=[
            {"url": "http://a.example/1", "valueUri": A},
            {"url": "http://a.example/2", "valueUrl": A},
            {"url": "http://a.example/3", "valueReference": {"reference": elsewhere}},
            {"url": "http://a.example/4", "valueString": A},
            {"url": "http://a.example/5", "valueUuid": A},
            {"url": "http://a.example/6", "valueReference": {"reference": old}},
            {"url": "http://a.example/7", "valueReference": {"reference": "#c"}},
            {"url": "http://a.example/8", "valueCanonical": A},
        ],
        contained=[basic(A, id="c")],
    )
    answer = sent(
        plain, "transaction",
        entry("POST", "Patient", PATIENT, A),
        entry("POST", "Patient", PATIENT, elsewhere),
        entry("POST", "Basic", about, C),
    )  # fmt: skip
    assert answer.status == 200, answer.body
    first, second = address(answer, 0), address(answer, 1)
    found = plain.get(address(answer, 2)).json
    assert found["subject"] == {"reference": first}
    assert found["contained"][0]["subject"] == {"reference": first}
    values = [list(one.values())[1] for one in found["extension"]]
    assert values == [
        f"{BASE}/{first}", f"{BASE}/{first}", {"reference": second}, A, A,
        {"reference": old}, {"reference": "#c"}, A,
    ]  # fmt: skip
    linked = found["text"]["div"]
    assert f'href="{BASE}/{first}"' in linked and f'src="{BASE}/{first}"' in linked
    assert f'href="{B}x"' in linked and linked.count(A) == 1


@pytest.mark.parametrize(
    ("full_url", "replaced"),
    [("http://e.example/fhir/Basic/1", True), ("http://other.example/fhir/Basic/1", False),
     (C, False)],
)  # fmt: skip
def test_I18_a_relative_reference_is_relative_to_its_own_entry(
    plain: House, full_url: str, replaced: bool
) -> None:
    id_ = new()
    plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_})
    answer = sent(
        plain, "transaction",
        entry("POST", "Patient", PATIENT, f"http://e.example/fhir/Patient/{id_}"),
        entry("POST", "Basic", basic(f"Patient/{id_}"), full_url),
    )  # fmt: skip
    found = plain.get(address(answer, 1)).json["subject"]["reference"]
    assert found == (address(answer, 0) if replaced else f"Patient/{id_}")


def test_I18_circles_are_resolved(plain: House) -> None:
    first = PATIENT | {"link": [{"other": {"reference": B}, "type": "seealso"}]}
    second = PATIENT | {"link": [{"other": {"reference": A}, "type": "seealso"}]}
    answer = sent(plain, "transaction", entry("POST", "Patient", first, A),
                  entry("POST", "Patient", second, B))  # fmt: skip
    links = [plain.get(address(answer, n)).json["link"][0]["other"]["reference"] for n in (0, 1)]
    assert links == [address(answer, 1), address(answer, 0)]


@pytest.mark.parametrize("there", [True, False])
def test_I18_what_need_not_be_created_is_referred_to(plain: House, there: bool) -> None:
    value = new()
    kept = stored(plain.post("Patient", None, named(value))) if there else ""
    query = f"identifier={S}|{value}"
    answer = sent(
        plain, "transaction",
        entry("POST", "Basic", basic(A)),
        entry("POST", "Patient", named(value), A, ifNoneExist=query),
    )  # fmt: skip
    assert statuses(answer) == ["201", "200" if there else "201"]
    subject = plain.get(address(answer, 0)).json["subject"]["reference"]
    assert subject == address(answer, 1)
    assert subject == f"Patient/{kept}" or not there
    assert plain.get(f"Patient?{query}").json["total"] == 1


@pytest.mark.parametrize("there", [True, False])
def test_I18_what_is_put_by_a_condition_is_referred_to(plain: House, there: bool) -> None:
    value = new()
    if there:
        stored(plain.post("Patient", None, named(value)))
    query = f"identifier={S}|{value}"
    answer = sent(
        plain, "transaction",
        entry("POST", "Basic", basic(A)),
        entry("PUT", f"Patient?{query}", named(value, gender="other"), A),
    )  # fmt: skip
    assert statuses(answer) == ["201", "200" if there else "201"]
    found = plain.get(plain.get(address(answer, 0)).json["subject"]["reference"]).json
    assert found["gender"] == "other"
    assert plain.get(f"Patient?{query}").json["total"] == 1


@pytest.mark.parametrize("how", ["stored", "made here"])
def test_I18_a_reference_by_search_is_what_it_finds(plain: House, how: str) -> None:
    value = new()
    if how == "stored":
        stored(plain.post("Patient", None, named(value)))
    entries = [entry("POST", "Basic", basic(f"Patient?identifier={S}|{value}"))]
    if how != "stored":
        entries.append(entry("POST", "Patient", named(value)))
    answer = sent(plain, "transaction", *entries)
    subject = plain.get(address(answer, 0)).json["subject"]["reference"]
    assert plain.get(subject).json["identifier"][0]["value"] == value


@pytest.mark.parametrize("how", ["stored twice", "stored and made here", "made twice"])
def test_I18_a_reference_by_search_that_finds_several_undoes_all(plain: House, how: str) -> None:
    value = new()
    outside = {"stored twice": 2, "stored and made here": 1, "made twice": 0}[how]
    for _ in range(outside):
        stored(plain.post("Patient", None, named(value)))
    inside = [entry("POST", "Patient", named(value))] * (2 - outside)
    before = rows(plain, *TABLES)
    answer = sent(
        plain, "transaction", entry("POST", "Basic", basic(f"Patient?identifier={S}|{value}")),
        *inside,
    )  # fmt: skip
    assert answer.status == 412
    assert rows(plain, *TABLES) == before


def test_I18_a_reference_by_search_works_outside_transactions_too(plain: House) -> None:
    value = new()
    id_ = stored(plain.post("Patient", None, named(value)))
    made = plain.post("Basic", None, basic(f"Patient?identifier={S}|{value}"))
    assert made.json["subject"]["reference"] == f"Patient/{id_}"
    answer = plain.post("Basic", None, basic(f"Patient?identifier={S}|{value}-no"))
    assert (answer.status, code(answer)) == (422, "not-found")


def test_I18_a_stored_bundle_keeps_its_links(plain: House) -> None:
    inner = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": A, "resource": PATIENT}, {"fullUrl": B, "resource": basic(A)}]}  # fmt: skip
    answer = sent(plain, "transaction", entry("POST", "Patient", PATIENT, A),
                  entry("POST", "Bundle", inner, C))  # fmt: skip
    found = plain.get(address(answer, 1)).json
    assert found["entry"][1]["resource"]["subject"] == {"reference": A}


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_I18_a_reference_by_search_to_what_is_hidden_finds_nothing(
    house: House, kind: str
) -> None:
    ins = new_ins()
    record = opened(house, NINA, identifier=[{"system": INS, "value": ins}])
    group = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
             "subject": {"reference": f"Patient/{record}"}}  # fmt: skip
    hidden = stored(house.post("Observation", NINA, group))
    other = opened(house, OTTO, identifier=[{"system": INS, "value": new_ins()}])

    def asked(query: str) -> Answer:
        body = group | {
            "subject": {"reference": f"Patient/{other}"},
            "derivedFrom": [{"reference": f"Observation?{query}"}],
        }
        bundle = {"resourceType": "Bundle", "type": kind,
                  "entry": [entry("POST", "Observation", body)]}  # fmt: skip
        return house.post("", OTTO, bundle)

    def told(answer: Answer, query: str) -> str:
        return json.dumps(answer.json.get("issue") or answer.json["entry"]).replace(query, "Q")

    first, second = f"_id={hidden}", "_id=nobody"
    assert told(asked(first), first) == told(asked(second), second)
    assert "not-found" in told(asked(first), first)


@pytest.mark.parametrize("whose", ["same", "another's"])
def test_I18_a_patient_named_by_ins_is_found_wherever_he_is_named(house: House, whose: str) -> None:
    ins, other = new_ins(), new_ins()
    record = opened(house, NINA, identifier=[{"system": INS, "value": ins}])
    third = opened(house, NINA, identifier=[{"system": INS, "value": other}])
    named = {"same": (ins, record), "another's": (other, third)}[whose]
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient?identifier={INS}|{ins}"},
            "performer": [{"reference": f"Patient?identifier={INS}|{named[0]}"}]}  # fmt: skip
    made = house.post("Observation", NINA, body).json
    assert made["subject"] == {"reference": f"Patient/{record}"}
    assert made["performer"] == [{"reference": f"Patient/{named[1]}"}]
