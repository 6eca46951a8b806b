"""Batch and transaction: https://hl7.org/fhir/R4/http.html#transaction"""

import json
from base64 import b64encode
from itertools import count
from typing import Any

import pytest

from tests.house import ANNE, BASE, CNAM, INS, NINA, OTTO, Answer, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored

A, B, C = (f"urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a0{n}" for n in (1, 2, 3))
S = "http://a.example/ids"
PATIENT: dict[str, Any] = {"resourceType": "Patient"}
TABLES = ("resource", "history", "reference")
_numbers = count(1)


def new() -> str:
    return f"t{next(_numbers)}"


def entry(
    method: str, url: str, resource: Any = None, full_url: str = "", **request: str
) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | request}
    made |= {"fullUrl": full_url} if full_url else {}
    return made if resource is None else made | {"resource": resource}


def sent(house: House, kind: str, *entries: Any, **headers: str) -> Answer:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if entries:
        bundle["entry"] = list(entries)
    return house.post("", None, bundle, **headers)


def basic(reference: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": reference},
    } | more  # fmt: skip


def named(value: str, **more: Any) -> dict[str, Any]:
    return PATIENT | {"identifier": [{"system": S, "value": value}]} | more


def statuses(answer: Answer) -> list[str]:
    return [entry["response"]["status"][:3] for entry in answer.json["entry"]]


def address(answer: Answer, place: int) -> str:
    location: str = answer.json["entry"][place]["response"]["location"]
    return location.removeprefix(f"{BASE}/").partition("/_history")[0]


def code(answer: Answer) -> str:
    found: str = answer.json["issue"][0]["code"]
    return found


# Batch.


def test_I16_entries_of_a_batch_fail_alone_and_answer_in_their_places(plain: House) -> None:
    answer = sent(
        plain, "batch",
        entry("POST", "Patient", PATIENT),
        entry("POST", "Patient", PATIENT | {"gender": "x"}),
        entry("GET", "Patient/nobody"),
        entry("GET", "metadata"),
        entry("POST", "Patient", PATIENT),
    )  # fmt: skip
    assert (answer.status, answer.json["type"]) == (200, "batch-response")
    assert statuses(answer) == ["201", "400", "404", "400", "201"]
    outcome = answer.json["entry"][1]["response"]["outcome"]
    assert outcome["issue"][0]["expression"] == ["Patient.gender"]


def test_I16_entries_of_a_batch_do_not_know_each_other(plain: House) -> None:
    answer = sent(
        plain, "batch",
        entry("POST", "Patient", PATIENT, "http://e.example/fhir/Patient/other"),
        entry("POST", "Basic", basic("Patient/other"), "http://e.example/fhir/Basic/1"),
    )  # fmt: skip
    assert statuses(answer) == ["201", "422"]


def test_I16_a_batch_can_do_what_single_requests_can(plain: House) -> None:
    value = new()
    kept = stored(plain.post("Patient", None, named(value)))
    query = f"identifier={S}|{value}"
    answer = sent(
        plain, "batch",
        entry("POST", "Patient", named(value), ifNoneExist=query),
        entry("PUT", f"Patient?{query}", named(value, gender="other")),
        entry("GET", f"Patient/{kept}", ifNoneMatch='W/"2"'),
        entry("HEAD", f"Patient/{kept}"),
        entry("GET", f"Patient/{kept}/_history/1"),
        entry("GET", f"Patient/{kept}/_history"),
        entry("GET", f"Patient?{query}"),
        entry("POST", "Patient/_search"),
        entry("DELETE", f"Patient?{query}"),
    )  # fmt: skip
    assert statuses(answer) == ["200", "200", "304", "200", "200", "200", "200", "200", "204"]
    assert "resource" not in answer.json["entry"][3]


def test_I16_what_is_referred_to_stays_in_a_batch_too(plain: House) -> None:
    patient = stored(plain.post("Patient", None, PATIENT))
    about = stored(plain.post("Basic", None, basic(f"Patient/{patient}")))
    one = sent(plain, "batch", entry("DELETE", f"Patient/{patient}"),
               entry("DELETE", f"Basic/{about}"))  # fmt: skip
    assert statuses(one) == ["409", "204"]
    assert plain.get(f"Patient/{patient}").status == 200


# Transaction: all or nothing, whatever the order.


@pytest.mark.parametrize(
    ("bad", "status", "wanted"),
    [
        (entry("POST", "Patient", PATIENT | {"gender": "x"}), 400, "code-invalid"),
        (entry("POST", "Basic", basic("Patient/nobody")), 422, "not-found"),
        (entry("GET", "Patient/nobody"), 404, "not-found"),
        (entry("PUT", "Patient/a", PATIENT | {"id": "b"}), 400, "invalid"),
        (entry("POST", "Patient", PATIENT, ifNoneExist="unknown=x"), 400, "not-supported"),
        (entry("PATCH", f"Patient?identifier={S}|nobody",
               {"resourceType": "Parameters"}), 404, "not-found"),
        (entry("POST", "Basic", basic(f"Patient?identifier={S}|nobody")), 422, "not-found"),
        (entry("PUT", "Patient/a", PATIENT | {"id": "a"}, ifMatch='W/"7"'), 412, "conflict"),
        (entry("PATCH", "Patient/nobody", {
            "resourceType": "Binary", "contentType": "application/json-patch+json",
            "data": b64encode(b'[{"op":"test","path":"/a","value":1}]').decode()}),
         404, "not-found"),
    ],
    ids=lambda value: json.dumps(value)[:70] if isinstance(value, dict) else "",
)  # fmt: skip
def test_I17_one_bad_entry_undoes_all_and_is_named(
    plain: House, bad: Any, status: int, wanted: str
) -> None:
    kept = stored(plain.post("Patient", None, PATIENT))
    before = rows(plain, *TABLES)
    answer = sent(
        plain, "transaction",
        entry("POST", "Patient", PATIENT, A),
        entry("PUT", f"Patient/{kept}", PATIENT | {"id": kept, "gender": "male"}),
        bad,
        entry("POST", "Basic", basic(A)),
    )  # fmt: skip
    assert (answer.status, answer.json["resourceType"]) == (status, "OperationOutcome")
    assert code(answer) == wanted
    assert answer.json["issue"][0]["expression"][0].startswith("Bundle.entry[2]")
    assert rows(plain, *TABLES) == before


@pytest.mark.parametrize("backwards", [False, True])
def test_I17_the_order_is_that_of_the_standard(plain: House, backwards: bool) -> None:
    value, gone = new(), stored(plain.post("Patient", None, PATIENT))
    kept = stored(plain.post("Patient", None, PATIENT))
    entries = [
        entry("GET", f"Patient?identifier={S}|{value}"),
        entry("GET", f"Patient/{kept}"),
        entry("PUT", f"Patient/{kept}", PATIENT | {"id": kept, "gender": "other"}),
        entry("POST", "Patient", named(value)),
        entry("DELETE", f"Patient/{gone}"),
        entry("GET", f"Patient?_id={gone}"),
    ]
    order = list(reversed(range(6))) if backwards else list(range(6))
    answer = sent(plain, "transaction", *(entries[n] for n in order))
    found = {n: answer.json["entry"][place] for place, n in enumerate(order)}
    assert [found[n]["response"]["status"][:3] for n in range(6)] == [
        "200", "200", "200", "201", "204", "200",
    ]  # fmt: skip
    assert found[0]["resource"]["total"] == 1
    assert found[1]["resource"]["gender"] == "other"
    assert found[5]["resource"]["total"] == 0


def test_I17_an_empty_transaction_is_done(plain: House) -> None:
    answer = sent(plain, "transaction")
    assert (answer.status, answer.json["type"]) == (200, "transaction-response")


OVERLAPS = {
    "put twice": lambda p, q: [("PUT", f"Patient/{p}"), ("PUT", f"Patient/{p}")],
    "put and delete": lambda p, q: [("PUT", f"Patient/{p}"), ("DELETE", f"Patient/{p}")],
    "put and delete by condition": lambda p, q: [("PUT", f"Patient/{p}"), ("DELETE", q)],
    "put by condition and by id": lambda p, q: [("PUT", q), ("PUT", f"Patient/{p}")],
    "if-none-exist and delete": lambda p, q: [("POST", q), ("DELETE", f"Patient/{p}")],
}


@pytest.mark.parametrize("how", OVERLAPS)
def test_I17_two_entries_about_one_resource_fail(plain: House, how: str) -> None:
    value = new()
    kept = stored(plain.post("Patient", None, named(value)))
    condition = f"identifier={S}|{value}"
    entries = []
    for method, url in OVERLAPS[how](kept, f"Patient?{condition}"):
        more = {"ifNoneExist": condition} if method == "POST" else {}
        url = "Patient" if method == "POST" else url
        body = None if method == "DELETE" else named(value, id=kept)
        entries.append(entry(method, url, body, **more))
    before = rows(plain, *TABLES)
    answer = sent(plain, "transaction", *entries)
    assert (answer.status, code(answer)) == (400, "duplicate")
    assert rows(plain, *TABLES) == before


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_I17_two_entries_that_ask_one_condition_fail(plain: House, method: str) -> None:
    value = new()
    query = f"identifier={S}|{value}"
    url = "Patient" if method == "POST" else f"Patient?{query}"
    more = {"ifNoneExist": query} if method == "POST" else {}
    answer = sent(plain, "transaction", *[entry(method, url, named(value), **more)] * 2)
    assert (answer.status, code(answer)) == (400, "duplicate")


def test_I17_what_is_deleted_together_may_refer_to_each_other(plain: House) -> None:
    patient = stored(plain.post("Patient", None, PATIENT))
    about = stored(plain.post("Basic", None, basic(f"Patient/{patient}")))
    both = [entry("DELETE", f"Patient/{patient}"), entry("DELETE", f"Basic/{about}")]
    assert statuses(sent(plain, "transaction", *both)) == ["204", "204"]


def test_I17_what_is_still_referred_to_undoes_all(plain: House) -> None:
    patient = stored(plain.post("Patient", None, PATIENT))
    stored(plain.post("Basic", None, basic(f"Patient/{patient}")))
    answer = sent(plain, "transaction", entry("DELETE", f"Patient/{patient}"),
                  entry("POST", "Patient", PATIENT))  # fmt: skip
    assert (answer.status, code(answer)) == (409, "conflict")
    assert plain.get(f"Patient/{patient}").status == 200


# References.


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
        {"reference": old}, {"reference": "#c"},
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


# Responses.


def test_I19_an_entry_tells_status_location_etag_and_time(plain: House) -> None:
    answer = sent(plain, "transaction", entry("POST", "Patient", PATIENT))
    response = answer.json["entry"][0]["response"]
    read = plain.get(address(answer, 0))
    assert response == {
        "status": "201 Created",
        "location": f"{BASE}/{address(answer, 0)}/_history/1",
        "etag": 'W/"1"',
        "lastModified": read.json["meta"]["lastUpdated"],
    }


def test_I19_what_is_wrong_in_a_batch_has_its_outcome(plain: House) -> None:
    answer = sent(plain, "batch", entry("POST", "Patient", PATIENT | {"gender": "x"}))
    response = answer.json["entry"][0]["response"]
    assert response["status"] == "400 Bad Request"
    assert response["outcome"]["issue"][0]["code"] == "code-invalid"


# With the policy on.


def test_I17_who_may_not_write_one_entry_writes_none(house: House) -> None:
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                   "subject": {"reference": f"Patient/{record}"}}  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        entry("POST", "Observation", observation),
        entry("POST", "Organization", {"resourceType": "Organization", "name": "x"})]}  # fmt: skip
    before = rows(house, "resource")
    assert house.post("", NINA, bundle).status == 403
    assert rows(house, "resource") == before


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


def test_I16_each_entry_is_allowed_by_itself(house: House) -> None:
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
        entry("GET", f"Patient/{record}"), entry("GET", f"Observation?patient={record}"),
        entry("DELETE", f"Patient/{record}"), entry("POST", "Organization", {
            "resourceType": "Organization", "name": "x"})]}  # fmt: skip
    assert statuses(house.post("", NINA, bundle)) == ["200", "200", "405", "403"]
    assert statuses(house.post("", CNAM, bundle))[2:] == ["405", "201"]
    assert statuses(house.post("", ANNE, bundle))[1:] == ["403", "403", "403"]
