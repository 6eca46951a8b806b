"""Transaction and batch: https://hl7.org/fhir/R4/http.html#transaction"""

import json
from base64 import b64encode
from typing import Any

import pytest

from tests.house import ANNE, BASE, Answer, House
from tests.interactions.shared import rows
from tests.people import stored

A = "urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a01"
B = "urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a02"
TABLES = ("resource", "history", "record", "relation", "reference")
PATIENT: dict[str, Any] = {"resourceType": "Patient"}


def entry(
    method: str, url: str, resource: Any = None, full_url: str = "", **request: str
) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | request}
    if full_url:
        made["fullUrl"] = full_url
    return made if resource is None else made | {"resource": resource}


def observation(subject: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": subject},
    } | more


def sent(plain: House, kind: str, *entries: dict[str, Any], **headers: str) -> Answer:
    return plain.post(
        "", None, {"resourceType": "Bundle", "type": kind, "entry": list(entries)}, **headers
    )


def statuses(answer: Answer) -> list[str]:
    return [entry["response"]["status"][:3] for entry in answer.json["entry"]]


def address(answer: Answer, place: int) -> str:
    """`Type/id` of what an entry has made."""
    location: str = answer.json["entry"][place]["response"]["location"]
    return location.removeprefix(f"{BASE}/").partition("/_history")[0]


def test_a_transaction_answers_each_entry_in_its_place(plain: House) -> None:
    kept = stored(plain.post("Patient", None, PATIENT))
    answer = sent(
        plain,
        "transaction",
        entry("GET", f"Patient/{kept}"),
        entry("PUT", f"Patient/{kept}", PATIENT | {"id": kept, "gender": "male"}),
        entry("POST", "Patient", PATIENT),
    )
    assert (answer.status, answer.json["type"]) == (200, "transaction-response")
    assert statuses(answer) == ["200", "200", "201"]
    assert [e["response"].get("etag") for e in answer.json["entry"]] == ['W/"2"', 'W/"2"', 'W/"1"']
    # GET comes after PUT, whatever their order in the Bundle.
    assert answer.json["entry"][0]["resource"]["gender"] == "male"
    assert plain.get(address(answer, 2)).status == 200


@pytest.mark.parametrize(
    ("full_url", "reference"),
    [
        (A, A),
        (f"{BASE}/Patient/temporary", f"{BASE}/Patient/temporary"),
        (f"{BASE}/Patient/temporary", "Patient/temporary"),
        ("https://elsewhere.example/fhir/Patient/1", "https://elsewhere.example/fhir/Patient/1"),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_references_between_entries_lead_to_what_they_became(
    plain: House, full_url: str, reference: str, backwards: bool
) -> None:
    patient = entry("POST", "Patient", PATIENT, full_url)
    about = entry("POST", "Observation", observation(reference), B)
    answer = sent(plain, "transaction", *([about, patient] if backwards else [patient, about]))
    made = {address(answer, n).split("/")[0]: address(answer, n) for n in (0, 1)}
    assert plain.get(made["Observation"]).json["subject"]["reference"] == made["Patient"]
    assert plain.get(f"Observation?patient={made['Patient']}").json["total"] == 1


def test_references_inside_contained_resources_and_extensions_are_resolved_too(
    plain: House,
) -> None:
    inner = {
        "resourceType": "Observation",
        "id": "i",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": A},
    }
    about = observation(
        A,
        contained=[inner],
        hasMember=[{"reference": "#i"}],
        extension=[{"url": "http://a.example", "valueReference": {"reference": A}}],
    )
    answer = sent(
        plain,
        "transaction",
        entry("POST", "Patient", PATIENT, A),
        entry("POST", "Observation", about),
    )
    found = plain.get(address(answer, 1)).json
    wanted = {"reference": address(answer, 0)}
    assert found["contained"][0]["subject"] == wanted
    assert found["extension"][0]["valueReference"] == wanted


def test_the_address_of_a_documents_bytes_can_be_fetched(plain: House) -> None:
    binary = {
        "resourceType": "Binary",
        "contentType": "text/plain",
        "data": b64encode(b"hello").decode(),
    }
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "url": B}}],
    }
    answer = sent(
        plain,
        "transaction",
        entry("POST", "DocumentReference", document, A),
        entry("POST", "Binary", binary, B),
    )
    url = plain.get(address(answer, 0)).json["content"][0]["attachment"]["url"]
    assert url == f"{BASE}/{address(answer, 1)}"
    assert plain.get(url.removeprefix(f"{BASE}/")).body == b"hello"


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        (entry("POST", "Patient", PATIENT | {"gender": "x"}), 400, "code-invalid"),
        (entry("POST", "Patient", PATIENT | {"x": 1}), 400, "structure"),
        (entry("POST", "Observation", observation("Patient/nobody")), 422, "not-found"),
        (entry("PUT", "Patient/a", PATIENT | {"id": "b"}), 400, "invalid"),
        (entry("POST", "Organization", PATIENT), 400, "invalid"),
        (entry("GET", "Patient/nobody"), 404, "not-found"),
        (entry("GET", "Unknown/1"), 404, "not-supported"),
        (entry("GET", "metadata"), 400, "not-supported"),
        (entry("POST", "Patient", PATIENT, ifNoneExist="a=b"), 400, "not-supported"),
        (entry("PATCH", "Patient/nobody", {"resourceType": "Parameters"}), 404, "not-found"),
    ],
    ids=lambda value: json.dumps(value)[:90] if isinstance(value, dict) else "",
)
def test_one_bad_entry_undoes_all(
    plain: House, bad: dict[str, Any], status: int, code: str
) -> None:
    kept = stored(plain.post("Patient", None, PATIENT))
    before = rows(plain, *TABLES)
    answer = sent(
        plain,
        "transaction",
        entry("POST", "Patient", PATIENT, A),
        bad,
        entry("PUT", f"Patient/{kept}", PATIENT | {"id": kept, "gender": "male"}),
        entry("POST", "Observation", observation(A)),
    )
    assert (answer.status, answer.json["issue"][0]["code"]) == (status, code)
    assert answer.json["issue"][0]["expression"][0].startswith("Bundle.entry[1]")
    assert rows(plain, *TABLES) == before
    assert plain.get(f"Patient/{kept}").headers["ETag"] == 'W/"1"'


def test_one_bad_entry_of_a_batch_undoes_itself_alone(plain: House) -> None:
    answer = sent(
        plain,
        "batch",
        entry("POST", "Patient", PATIENT),
        entry("POST", "Patient", PATIENT | {"gender": "x"}),
        entry("POST", "Observation", observation("Patient/nobody")),
        entry("POST", "Patient", {"resourceType": "Unknown"}),
        entry("POST", "Patient", {"x": 1}),
        entry("GET", "Patient/nobody"),
        entry("GET", "Unknown/1"),
        entry("PUT", "Unknown/1", PATIENT),
        entry("POST", "Patient", PATIENT),
    )
    assert (answer.status, answer.json["type"]) == (200, "batch-response")
    assert statuses(answer) == ["201", "400", "422", "400", "400", "404", "404", "404", "201"]
    outcomes = [e["response"].get("outcome", {}).get("resourceType") for e in answer.json["entry"]]
    assert outcomes == [None, *["OperationOutcome"] * 7, None]
    assert outcome_of(answer, 1)["expression"] == ["Patient.gender"]
    for place in (0, 8):
        assert plain.get(address(answer, place)).status == 200


def outcome_of(answer: Answer, place: int) -> dict[str, Any]:
    issue: dict[str, Any] = answer.json["entry"][place]["response"]["outcome"]["issue"][0]
    return issue


@pytest.mark.parametrize("data", ["AAAA", 5, None])
def test_a_patch_in_a_batch_that_is_none_fails_alone(plain: House, data: object) -> None:
    kept = stored(plain.post("Patient", None, PATIENT))
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json"}
    patch = binary if data is None else binary | {"data": data}
    answer = sent(
        plain, "batch", entry("PATCH", f"Patient/{kept}", patch), entry("GET", f"Patient/{kept}")
    )
    assert statuses(answer) == ["400", "200"]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize("how", ["json", "fhirpath"])
def test_an_entry_can_be_a_patch(plain: House, kind: str, how: str) -> None:
    kept = stored(plain.post("Patient", None, PATIENT | {"gender": "male"}))
    operation = [{"op": "replace", "path": "/gender", "value": "other"}]
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.gender"},
        {"name": "value", "valueCode": "other"},
    ]
    patch: dict[str, Any] = {
        "resourceType": "Parameters",
        "parameter": [{"name": "operation", "part": parts}],
    }
    if how == "json":
        data = b64encode(json.dumps(operation).encode()).decode()
        patch = {
            "resourceType": "Binary",
            "contentType": "application/json-patch+json",
            "data": data,
        }
    answer = sent(plain, kind, entry("PATCH", f"Patient/{kept}", patch))
    assert statuses(answer) == ["200"]
    assert plain.get(f"Patient/{kept}").json["gender"] == "other"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_entries_can_be_conditional(plain: House, kind: str) -> None:
    kept = stored(plain.post("Patient", None, PATIENT))
    known = sent(plain, kind, entry("GET", f"Patient/{kept}", ifNoneMatch='W/"1"'))
    assert statuses(known) == ["304"]
    assert "resource" not in known.json["entry"][0]
    change = entry("PUT", f"Patient/{kept}", PATIENT | {"id": kept}, ifMatch='W/"7"')
    answer = sent(plain, kind, change)
    assert (answer.status if kind == "transaction" else int(statuses(answer)[0])) == 412


@pytest.mark.parametrize(
    ("prefer", "has"), [("", False), ("return=minimal", False), ("return=representation", True)]
)
def test_resources_come_back_when_they_are_preferred(plain: House, prefer: str, has: bool) -> None:
    answer = sent(plain, "transaction", entry("POST", "Patient", PATIENT), prefer=prefer)
    assert ("resource" in answer.json["entry"][0]) == has


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_an_entry_can_be_a_search_and_a_deletion(plain: House, kind: str) -> None:
    kept = stored(plain.post("Patient", None, PATIENT))
    answer = sent(
        plain, kind, entry("DELETE", f"Patient/{kept}"), entry("GET", f"Patient?_id={kept}")
    )
    assert statuses(answer) == ["204", "200"]
    assert answer.json["entry"][1]["resource"]["total"] == 0


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize("type_", ["DocumentReference", "List", "Patient"])
def test_an_entry_can_search_whatever_the_type(house: House, kind: str, type_: str) -> None:
    body = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [entry("GET", f"{type_}?identifier=a|b")],
    }
    answer = house.post("", ANNE, body)
    assert (answer.status, statuses(answer)) == (200, ["200"])


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_nothing_to_do_is_done(plain: House, kind: str) -> None:
    answer = plain.post("", None, {"resourceType": "Bundle", "type": kind})
    assert (answer.status, answer.json["type"]) == (200, f"{kind}-response")


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        (
            [entry("PUT", "Patient/a", PATIENT | {"id": "a"}), entry("DELETE", "Patient/a")],
            "duplicate",
        ),
        ([entry("POST", "Patient", PATIENT, A), entry("POST", "Patient", PATIENT, A)], "invariant"),
    ],
    ids=["one resource", "one fullUrl"],
)
def test_two_entries_of_a_transaction_do_not_meet(
    plain: House, entries: list[dict[str, Any]], code: str
) -> None:
    answer = sent(plain, "transaction", *entries)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, code)


@pytest.mark.parametrize(
    "bundle",
    [
        {"type": "collection"},
        {"type": "searchset"},
        {},
        {"type": "batch", "entry": 5},
        {"type": "batch", "entry": {}},
        {"type": "batch", "entry": [5]},
        {"type": "batch", "entry": [{}]},
        {"type": "batch", "entry": [{"resource": PATIENT}]},
        {
            "type": "batch",
            "entry": [{"request": {"method": "GET", "url": "Patient"}, "resource": 5}],
        },
        {"type": "batch", "entry": [{"request": {"method": "MELT", "url": "Patient"}}]},
        {"type": "transaction", "entry": [{"request": {"method": "GET"}}]},
    ],
    ids=str,
)
def test_what_is_no_bundle_of_requests_is_refused(plain: House, bundle: dict[str, Any]) -> None:
    before = rows(plain, *TABLES)
    assert plain.post("", None, {"resourceType": "Bundle"} | bundle).status == 400
    assert rows(plain, *TABLES) == before


def test_a_transaction_can_be_xml(plain: House) -> None:
    body = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource><Patient>'
        b'<active value="true"/></Patient></resource><request><method value="POST"/>'
        b'<url value="Patient"/></request></entry></Bundle>'
    )
    xml = "application/fhir+xml"
    answer = plain.call("POST", "", None, body, content_type=xml, accept=xml)
    assert answer.status == 200 and b'<status value="201 Created"/>' in answer.body
