"""Create, update and delete: https://hl7.org/fhir/R4/http.html#create"""

import json
from typing import Any

import pytest

from tests.house import BASE, House
from tests.people import stored

PATIENT = {"resourceType": "Patient", "active": True}
XML = "application/fhir+xml"
ORGANIZATION = (
    b'<Organization xmlns="http://hl7.org/fhir"><active value="true"/>'
    b'<name value="H\xc3\xb4pital"/></Organization>'
)


def test_what_is_created_has_an_address(plain: House) -> None:
    answer = plain.post("Patient", None, PATIENT)
    assert answer.status == 201
    assert answer.headers["Location"] == f"{BASE}/Patient/{answer.id}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.json["id"] == answer.id
    assert plain.get(f"Patient/{answer.id}").json == answer.json


def test_the_client_chooses_neither_id_nor_version_of_what_it_posts(plain: House) -> None:
    meta = {"versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z", "source": "http://a.example"}
    answer = plain.post("Patient", None, PATIENT | {"id": "mine", "meta": meta})
    assert answer.id != "mine"
    assert answer.json["meta"]["versionId"] == "1"
    assert answer.json["meta"]["lastUpdated"].startswith("2026-11-24")
    assert answer.json["meta"]["source"] == "http://a.example"


def test_what_was_sent_as_xml_comes_back_in_both_formats(plain: House) -> None:
    made = plain.call("POST", "Organization", None, ORGANIZATION, content_type=XML)
    address = f"Organization/{stored(made)}"
    assert plain.get(address).json["name"] == "Hôpital"
    assert '<name value="Hôpital"/>' in plain.get(address, accept=XML).body.decode()


def test_numbers_come_back_as_they_were_spelled(plain: House) -> None:
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.50},"effectiveDateTime":"2026"}'
    )
    id_ = stored(plain.call("POST", "Observation", None, body))
    assert b'"value":1.50' in plain.get(f"Observation/{id_}").body
    assert b'<value value="1.50"/>' in plain.get(f"Observation/{id_}", accept=XML).body


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("wanted", "has"),
    [("", "Patient"), ("representation", "Patient"), ("OperationOutcome", "OperationOutcome")],
)
def test_the_answer_is_what_was_preferred(plain: House, method: str, wanted: str, has: str) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    path, body = (
        ("Patient", PATIENT) if method == "POST" else (f"Patient/{id_}", PATIENT | {"id": id_})
    )
    prefer = {"prefer": f"return={wanted}"} if wanted else {}
    answer = plain.call(method, path, None, body, **prefer)
    assert answer.json["resourceType"] == has
    assert answer.status == (201 if method == "POST" else 200)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_answer_may_be_nothing_at_all(plain: House, method: str) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    path, body = (
        ("Patient", PATIENT) if method == "POST" else (f"Patient/{id_}", PATIENT | {"id": id_})
    )
    answer = plain.call(method, path, None, body, prefer="return=minimal")
    assert answer.body == b""
    assert answer.headers["ETag"] == ('W/"1"' if method == "POST" else 'W/"2"')


def test_a_failure_is_told_whatever_was_preferred(plain: House) -> None:
    answer = plain.post(
        "Patient", None, {"resourceType": "Patient", "x": 1}, prefer="return=minimal"
    )
    assert (answer.status, answer.json["resourceType"]) == (400, "OperationOutcome")


def test_an_update_makes_the_next_version(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    answer = plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_, "gender": "male"})
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    assert "Location" not in answer.headers
    assert plain.get(f"Patient/{id_}").json["gender"] == "male"


@pytest.mark.parametrize("body", [PATIENT, PATIENT | {"id": "other"}], ids=["no id", "another id"])
def test_an_update_has_the_id_of_its_address(plain: House, body: dict[str, Any]) -> None:
    answer = plain.call("PUT", "Patient/mine", None, body)
    assert (answer.status, answer.json["issue"][0]["expression"]) == (400, ["Patient.id"])
    assert plain.get("Patient/mine").status == 404


def test_on_the_plain_server_clients_may_choose_ids(plain: House) -> None:
    answer = plain.call("PUT", "Patient/chosen.1-A", None, PATIENT | {"id": "chosen.1-A"})
    assert (answer.status, answer.headers["Location"]) == (
        201, f"{BASE}/Patient/chosen.1-A/_history/1",
    )  # fmt: skip
    assert plain.get("Patient/chosen.1-A").status == 200


def test_an_id_that_cannot_be_one_is_not_created(plain: House) -> None:
    assert plain.call("PUT", "Patient/a_b", None, PATIENT | {"id": "a_b"}).status == 404


@pytest.mark.parametrize("sent", ['W/"1"', '"1"', "1", "*"])
def test_who_knows_the_version_may_change_it(plain: House, sent: str) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    answer = plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_}, if_match=sent)
    assert answer.status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_who_knows_another_version_changes_nothing(plain: House, method: str) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    patch = json.dumps([{"op": "replace", "path": "/active", "value": False}]).encode()
    body, media = {
        "PUT": (PATIENT | {"id": id_}, "application/fhir+json"),
        "PATCH": (patch, "application/json-patch+json"),
        "DELETE": (None, ""),
    }[method]
    answer = plain.call(method, f"Patient/{id_}", None, body, if_match='W/"2"', content_type=media)
    assert (answer.status, answer.json["issue"][0]["code"]) == (412, "conflict")
    assert plain.get(f"Patient/{id_}").headers["ETag"] == 'W/"1"'


def test_a_version_of_nothing_cannot_be_matched(plain: House) -> None:
    body = PATIENT | {"id": "unmatched"}
    assert plain.call("PUT", "Patient/unmatched", None, body, if_match='W/"1"').status == 412
    assert plain.get("Patient/unmatched").status == 404


def test_a_deletion_can_be_repeated_and_undone(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    first = plain.call("DELETE", f"Patient/{id_}")
    assert (first.status, first.body, first.headers["ETag"]) == (204, b"", 'W/"2"')
    assert "Content-Length" not in first.headers
    assert plain.call("DELETE", f"Patient/{id_}").status == 204
    assert plain.get(f"Patient?_id={id_}").json["total"] == 0
    back = plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_})
    assert (back.status, back.headers["ETag"]) == (201, 'W/"3"')
    assert plain.get(f"Patient?_id={id_}").json["total"] == 1


def test_a_resource_goes_to_the_address_of_its_type(plain: House) -> None:
    for method, path in (("POST", "Organization"), ("PUT", "Organization/x")):
        answer = plain.call(method, path, None, PATIENT | {"id": "x"})
        assert (answer.status, answer.json["issue"][0]["code"]) == (400, "invalid")


@pytest.mark.parametrize("reference", ["Patient/nobody", "Patient?identifier=nobody"])
def test_a_reference_leads_to_something_stored(plain: House, reference: str) -> None:
    here = [{"url": "http://a.example", "valueReference": {"reference": reference}}]
    body = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x", "extension": here},
    }  # fmt: skip
    answer = plain.post("Observation", None, body)
    (issue,) = answer.json["issue"]
    assert (answer.status, issue["code"]) == (422, "not-found")
    assert f"`{reference}`" in answer.diagnostics
    assert issue["expression"] == ["Observation.code.extension[0].value.reference"]


def test_a_resource_may_refer_to_itself(plain: House) -> None:
    me = {"resourceType": "Patient", "id": "myself",
          "link": [{"other": {"reference": "Patient/myself"}, "type": "seealso"}]}  # fmt: skip
    assert plain.call("PUT", "Patient/myself", None, me).status == 201
    assert plain.call("DELETE", "Patient/myself").status == 204
    assert plain.call("PUT", "Patient/myself", None, me).status == 201


def test_what_is_in_a_bundle_refers_to_what_is_in_it(plain: House) -> None:
    """https://hl7.org/fhir/R4/bundle.html#references"""
    patient = stored(plain.post("Patient", None, PATIENT))
    inside = [
        {"fullUrl": f"http://a.example/fhir/Basic/{n}", "resource": {
            "resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": reference}}}
        for n, reference in enumerate((f"Patient/{patient}", "Patient/nobody"))
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": inside}
    assert plain.post("Bundle", None, bundle).status == 201
    assert plain.call("DELETE", f"Patient/{patient}").status == 204
    signed = bundle | {"signature": {
        "type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z",
        "who": {"reference": "Practitioner/nobody"}}}  # fmt: skip
    answer = plain.post("Bundle", None, signed)
    assert answer.json["issue"][0]["expression"] == ["Bundle.signature.who.reference"]


def test_a_reference_elsewhere_is_taken_as_it_is(plain: House) -> None:
    reference = "https://elsewhere.example/fhir/Patient/1"
    body = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": reference},
    }  # fmt: skip
    assert plain.get(f"Observation/{stored(plain.post('Observation', None, body))}").json[
        "subject"
    ] == {"reference": reference}
