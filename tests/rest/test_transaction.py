"""Batch and transaction: https://hl7.org/fhir/R4/http.html#transaction"""

import json
from base64 import b64encode
from typing import Any

import pytest

from tests.house import ANNE, BASE, CNAM, INS, NINA, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored
from tests.rest.bundles import (
    A,
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
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert rows(plain, *TABLES) == before


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_I17_two_entries_that_ask_one_condition_fail(plain: House, method: str) -> None:
    value = new()
    query = f"identifier={S}|{value}"
    url = "Patient" if method == "POST" else f"Patient?{query}"
    more = {"ifNoneExist": query} if method == "POST" else {}
    answer = sent(plain, "transaction", *[entry(method, url, named(value), **more)] * 2)
    assert (answer.status, code(answer)) == (400, "duplicate")


@pytest.mark.parametrize("id_", ["", "I17-mine"])
def test_I17_a_version_of_nothing_is_not_created(plain: House, id_: str) -> None:
    value = new()
    body = named(value) | ({"id": id_} if id_ else {})
    url = f"Patient?identifier={S}|{value}"
    answer = sent(plain, "transaction", entry("PUT", url, body, ifMatch='W/"1"'))
    assert (answer.status, code(answer)) == (412, "conflict")
    assert plain.get(url).json["total"] == 0


def test_I17_what_is_deleted_together_may_refer_to_each_other(plain: House) -> None:
    patient = stored(plain.post("Patient", None, PATIENT))
    about = stored(plain.post("Basic", None, basic(f"Patient/{patient}")))
    both = [entry("DELETE", f"Patient/{patient}"), entry("DELETE", f"Basic/{about}")]
    assert statuses(sent(plain, "transaction", *both)) == ["204", "204"]


def test_I17_what_is_still_referred_to_undoes_all(plain: House) -> None:
    patient = stored(plain.post("Patient", None, PATIENT))
    stored(plain.post("Basic", None, basic(f"Patient/{patient}")))
    answer = sent(plain, "transaction", entry("POST", "Patient", PATIENT),
                  entry("DELETE", f"Patient/{patient}"))  # fmt: skip
    assert (answer.status, code(answer)) == (409, "conflict")
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert plain.get(f"Patient/{patient}").status == 200


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


def test_I16_each_entry_is_allowed_by_itself(house: House) -> None:
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
        entry("GET", f"Patient/{record}"), entry("GET", f"Observation?patient={record}"),
        entry("DELETE", f"Patient/{record}"), entry("POST", "Organization", {
            "resourceType": "Organization", "name": "x"})]}  # fmt: skip
    assert statuses(house.post("", NINA, bundle)) == ["200", "200", "405", "403"]
    assert statuses(house.post("", CNAM, bundle))[2:] == ["405", "201"]
    assert statuses(house.post("", ANNE, bundle))[1:] == ["403", "403", "403"]
