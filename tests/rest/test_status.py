"""The table of status and issue codes, a row at a time; more of each is tested where it belongs.

https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.interactions import perform
from fhir_server.storage.engine import StorageBusy
from tests.house import ANNE, BRUNO, CNAM, INSURER, LUCIEN, NINA, OTTO, Answer, House
from tests.interactions.shared import new_ins
from tests.people import consent, opened, patient, stored
from tests.rest.asking import JSON, PATIENT, XML, format_of, made
from tests.web.valid import document

OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def told(answer: Answer) -> tuple[int, str]:
    """Status and issue code; every refusal is an OperationOutcome that says something."""
    outcome = answer.json
    assert outcome["resourceType"] == "OperationOutcome"
    issue = outcome["issue"][0]
    assert issue["severity"] == "error" and issue["diagnostics"]
    return answer.status, issue["code"]


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", "structure"), (OBSERVATION | {"melon": 1}, "structure"),
     (OBSERVATION | {"issued": "x"}, "value"), ({"resourceType": "Observation"}, "required"),
     (OBSERVATION | {"status": "melon"}, "code-invalid"), (PATIENT, "invalid")],
    ids=str,
)  # fmt: skip
def test_status_400_what_cannot_be_read(plain: House, body: Any, code: str) -> None:
    assert told(plain.post("Observation", None, body)) == (400, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [("birthdate=x", "value"), ("birthdate:exact=2020", "not-supported"), ("_count=x", "value")],
)
def test_status_400_a_parameter_that_cannot_be(plain: House, query: str, code: str) -> None:
    assert told(plain.get(f"Patient?{query}")) == (400, code)


def test_status_400_another_id_than_that_of_the_address(plain: House) -> None:
    answer = plain.call("PUT", "Patient/one", None, PATIENT | {"id": "two"})
    assert told(answer) == (400, "invalid")


def test_status_401_nobody_known(house: House) -> None:
    assert told(house.get("Patient/x")) == (401, "login")
    assert told(house.get("Patient/x", authorization="Bearer a.b.c")) == (401, "login")


def test_status_401_a_token_that_has_expired(house: House) -> None:
    token = house.token(NINA)
    house.now += 7_200_000
    answer = house.get("Patient/x", authorization=f"Bearer {token}")
    house.now -= 7_200_000
    assert told(answer) == (401, "expired")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_status_403_who_never_has_access(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    assert told(house.get(f"Patient/{patient_id}", INSURER)) == (403, "forbidden")
    assert told(house.get("Patient/nobody", INSURER)) == (403, "forbidden")


def test_status_403_no_right_in_the_record_that_is_named(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    answer = house.get(f"Observation?patient=Patient/{patient_id}", BRUNO)
    assert told(answer) == (403, "forbidden")


@pytest.mark.parametrize(
    ("path", "code"), [("Patient/nobody", "not-found"), ("Melon/1", "not-supported"),
                       ("Patient/x/y", "not-found"), ("Patient/x/_history/1", "not-found")],
)  # fmt: skip
def test_status_404_nothing_there(plain: House, path: str, code: str) -> None:
    assert told(plain.get(path)) == (404, code)


def test_status_404_hidden_by_consent(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    observation = OBSERVATION | {"subject": {"reference": f"Patient/{patient_id}"}}
    id_ = stored(house.post("Observation", NINA, observation))
    assert house.get(f"Observation/{id_}", NINA).status == 200
    stored(house.post("Consent", CNAM, consent(patient_id, "dmp-pro-block", NINA, deny=True)))
    assert told(house.get(f"Observation/{id_}", OTTO)) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "Patient/_search"), ("DELETE", "metadata"), ("POST", "Patient/x"),
                         ("GET", "Patient/_search"), ("PUT", "Patient/x/_history/1")],
)  # fmt: skip
def test_status_405_another_method_with_those_that_are_there(
    plain: House, method: str, path: str
) -> None:
    answer = plain.call(method, path, None, PATIENT)
    assert told(answer) == (405, "not-supported")
    allowed = answer.headers["Allow"].split(", ")
    assert allowed and method not in allowed


def test_status_405_ids_are_given_by_the_server_under_the_rules(house: House) -> None:
    body = OBSERVATION | {"id": "mine"}
    answer = house.call("PUT", "Observation/mine", NINA, body)
    assert told(answer) == (405, "not-supported") and answer.headers["Allow"]


def test_status_406_no_format_that_is_known_here(plain: House) -> None:
    assert told(plain.get("Patient", accept="text/csv")) == (406, "not-supported")
    assert told(plain.get("Patient?_format=ttl")) == (406, "not-supported")


def test_status_409_a_document_that_is_stored_already(house: House) -> None:
    patient_id = opened(house, NINA, ANNE, ins=new_ins())
    body = document(patient_id) | {
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.409"}
    }
    stored(house.post("DocumentReference", ANNE, body))
    assert told(house.post("DocumentReference", ANNE, body)) == (409, "conflict")


def test_status_410_deleted(plain: House) -> None:
    id_ = made(plain)
    plain.call("DELETE", f"Patient/{id_}")
    for path in (f"Patient/{id_}", f"Patient/{id_}/_history/2"):
        assert told(plain.get(path)) == (410, "deleted")


def test_status_412_another_version(plain: House) -> None:
    id_ = made(plain)
    answer = plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_}, if_match='W/"9"')
    assert told(answer) == (412, "conflict")


def test_status_412_several_matches(plain: House) -> None:
    for _ in range(2):
        made(plain, name=[{"family": "Double"}])
    patch = b'[{"op":"add","path":"/active","value":true}]'
    answer = plain.call(
        "PATCH", "Patient", None, patch, query="family=Double",
        content_type="application/json-patch+json",
    )  # fmt: skip
    assert told(answer) == (412, "multiple-matches")


def test_status_413_a_body_too_long(plain: House) -> None:
    body = b'{"resourceType":"Patient","x":"' + b"a" * (16 << 20) + b'"}'
    assert told(plain.post("Patient", None, body)) == (413, "too-long")


def test_status_413_more_than_is_worth_it(plain: House) -> None:
    entries = [{"request": {"method": "GET", "url": "Patient/a"}}] * 1001
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    assert told(plain.post("", None, bundle)) == (413, "too-costly")


def test_status_415_a_body_of_another_kind(plain: House) -> None:
    answer = plain.call("POST", "Patient", None, PATIENT, content_type="text/plain")
    assert told(answer) == (415, "not-supported")


def test_status_422_against_a_rule(plain: House, house: House) -> None:
    dangling = OBSERVATION | {"subject": {"reference": "Patient/nobody"}}
    assert told(plain.post("Observation", None, dangling)) == (422, "not-found")
    wrong_key = patient("124018852493335")
    assert told(house.post("Patient", CNAM, wrong_key)) == (422, "value")


def test_status_429_is_never_answered(plain: House) -> None:
    """No throttling here (README): the proxy in front does that."""
    assert {plain.get("Patient/nobody").status for _ in range(200)} == {404}


@pytest.fixture
def careless(database_url: str) -> Iterator[House]:
    """As in production: a fault is answered, not raised."""
    house = House(database_url)
    house.services.strict = False
    yield house
    house.close()


def broken(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setitem(perform.SINGLE, "search-type", fail)


@pytest.mark.parametrize("wanted", [JSON, XML])
def test_status_500_says_only_its_number(
    careless: House, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    broken(monkeypatch, RuntimeError("secret"))
    answer = careless.get("Patient", LUCIEN, accept=wanted, x_request_id="mine")
    assert (answer.status, format_of(answer), answer.headers["X-Request-Id"]) == (
        500, wanted, "mine"
    )  # fmt: skip
    assert b"secret" not in answer.body and b"exception" in answer.body


def test_status_503_no_time_left(careless: House, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, StorageBusy("secret"))
    answer = careless.get("Patient", CNAM)
    assert told(answer) == (503, "timeout")
    assert b"secret" not in answer.body
