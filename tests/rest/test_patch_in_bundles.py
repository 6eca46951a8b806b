"""Row I-20 of the matrix: PATCH in a Bundle.

https://hl7.org/fhir/R4/http.html#patch, https://hl7.org/fhir/R4/http.html#transaction
"""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest

from fhir_server.fhir import json_format
from tests.house import House
from tests.interactions.shared import rows
from tests.interactions.test_transaction import TABLES, entry, statuses
from tests.people import stored
from tests.rest.patches import (
    FEMALE,
    FHIR_JSON,
    FHIR_XML,
    FORMS,
    JSON_PATCH,
    Change,
    bundled,
    each_form,
    patch_entry,
    patient,
)

FAILING: Change = ("replace", "Patient.birthDate", "2020")
PATIENT = {"resourceType": "Patient"}
each_kind = pytest.mark.parametrize("kind", ["transaction", "batch"])


@each_form
@each_kind
def test_I20_a_patch_in_a_bundle_changes_what_it_names(plain: House, form: str, kind: str) -> None:
    id_ = patient(plain)
    answer = bundled(plain, kind, form, patch_entry(f"Patient/{id_}", form, FEMALE))
    assert (answer.status, statuses(answer)) == (200, ["200"])
    response = answer.json["entry"][0]["response"]
    assert response["etag"] == 'W/"2"'
    assert response["location"].endswith(f"Patient/{id_}/_history/2")
    assert plain.get(f"Patient/{id_}").json["gender"] == "female"


@each_form
@each_kind
def test_I20_a_conditional_patch_in_a_bundle_needs_one_match(
    plain: House, form: str, kind: str
) -> None:
    value = f"{kind}-{FORMS.index(form)}"
    id_ = patient(plain, identifier=[{"system": "http://bundles.example", "value": value}])
    path = f"Patient?identifier=http://bundles.example|{value}"
    answer = bundled(plain, kind, form, patch_entry(path, form, FEMALE))
    assert (answer.status, statuses(answer)) == (200, ["200"])
    assert plain.get(f"Patient/{id_}").json["gender"] == "female"


@each_form
@each_kind
def test_I20_if_match_of_an_entry_is_heeded(plain: House, form: str, kind: str) -> None:
    id_ = patient(plain)
    one = patch_entry(f"Patient/{id_}", form, FEMALE, ifMatch='W/"9"')
    answer = bundled(plain, kind, form, one)
    assert answer.status == 412 if kind == "transaction" else statuses(answer) == ["412"]
    assert plain.get(f"Patient/{id_}").json["gender"] == "male"


@each_form
def test_I20_a_patch_that_fails_undoes_a_transaction_and_is_named(plain: House, form: str) -> None:
    id_, other = patient(plain), patient(plain)
    entries = (
        entry("POST", "Patient", PATIENT),
        entry("PUT", f"Patient/{other}", PATIENT | {"id": other}),
        patch_entry(f"Patient/{id_}", form, FEMALE, FAILING),
    )
    before = rows(plain, *TABLES)
    answer = bundled(plain, "transaction", form, *entries)
    assert (answer.status, answer.json["resourceType"]) == (422, "OperationOutcome")
    [issue] = answer.json["issue"]
    assert issue["expression"] == ["Bundle.entry[2]"]
    assert rows(plain, *TABLES) == before
    assert plain.get(f"Patient/{id_}").headers["ETag"] == 'W/"1"'


def test_I20_a_test_that_fails_undoes_a_transaction_and_is_named(plain: House) -> None:
    id_ = patient(plain)
    one = patch_entry(f"Patient/{id_}", JSON_PATCH, ("test", "Patient.gender", "female"))
    before = rows(plain, *TABLES)
    answer = bundled(plain, "transaction", FHIR_JSON, entry("POST", "Patient", PATIENT), one)
    assert answer.status == 422 and "test" in answer.diagnostics
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert rows(plain, *TABLES) == before


@each_form
def test_I20_a_patch_that_fails_in_a_batch_fails_alone(plain: House, form: str) -> None:
    one, other = patient(plain), patient(plain)
    answer = bundled(
        plain,
        "batch",
        form,
        patch_entry(f"Patient/{one}", form, FEMALE, FAILING),
        patch_entry(f"Patient/{other}", form, FEMALE),
    )
    assert statuses(answer) == ["422", "200"]
    assert answer.json["entry"][0]["response"]["outcome"]["issue"][0]["code"] == "processing"
    assert plain.get(f"Patient/{one}").json["gender"] == "male"
    assert plain.get(f"Patient/{other}").json["gender"] == "female"


@each_kind
def test_I20_a_binary_that_holds_no_patch_is_415(plain: House, kind: str) -> None:
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGVsbG8="}
    one = entry("PATCH", f"Patient/{patient(plain)}", binary)
    answer = bundled(plain, kind, FHIR_JSON, one)
    assert answer.status == 415 if kind == "transaction" else statuses(answer) == ["415"]


@each_kind
def test_I20_a_patch_without_its_content_is_a_bad_request(plain: House, kind: str) -> None:
    one = entry("PATCH", f"Patient/{patient(plain)}")
    answer = bundled(plain, kind, FHIR_JSON, one)
    assert answer.status == 400 if kind == "transaction" else statuses(answer) == ["400"]


URN = "urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a09"


def led_to(id_: str, form: str, reference: str) -> dict[str, Any]:
    """A patch that gives a Patient this managing organization."""
    if form in (FHIR_JSON, FHIR_XML):
        made = patch_entry(f"Patient/{id_}", form, ("add", "Patient.managingOrganization", "x"))
        made["resource"]["parameter"][0]["part"][-1] = {
            "name": "value", "valueReference": {"reference": reference},
        }  # fmt: skip
        return made
    if form == JSON_PATCH:
        value = {"reference": reference}
        change = {"op": "add", "path": "/managingOrganization", "value": value}
        text = json.dumps([change])
    else:
        element = f'<managingOrganization><reference value="{reference}"/></managingOrganization>'
        text = f'<diff><add sel="Patient">{element}</add></diff>'
    data = b64encode(text.encode()).decode()
    binary = {"resourceType": "Binary", "contentType": form, "data": data}
    return entry("PATCH", f"Patient/{id_}", binary)


@each_form
def test_I20_a_value_may_refer_to_another_entry(plain: House, form: str) -> None:
    organization = {"resourceType": "Organization", "name": "x"}
    for full_url, reference in ((URN, URN), (URN.upper(), URN), (URN, URN.upper())):
        id_ = patient(plain)
        new = entry("POST", "Organization", organization, full_url)
        answer = bundled(plain, "transaction", form, led_to(id_, form, reference), new)
        assert answer.status == 200, answer.body
        kept = plain.get(f"Patient/{id_}").json["managingOrganization"]["reference"]
        assert plain.get(kept).json["name"] == "x"


@each_form
@each_kind
def test_I20_a_value_that_no_entry_explains_leads_nowhere(
    plain: House, form: str, kind: str
) -> None:
    answer = bundled(plain, kind, form, led_to(patient(plain), form, URN))
    assert answer.status == 422 if kind == "transaction" else statuses(answer) == ["422"]


@each_form
def test_I20_what_stood_there_before_is_no_link(plain: House, form: str) -> None:
    """`urn:uuid:…` as an identifier, and an address elsewhere, stay what they were."""
    address = "https://elsewhere.example/fhir/Organization/1"
    named = [{"system": "urn:ietf:rfc:3986", "value": URN}]
    id_ = patient(plain, identifier=named, generalPractitioner=[{"reference": address}])
    organization = {"resourceType": "Organization", "name": "x"}
    new = entry("POST", "Organization", organization, address)
    answer = bundled(plain, "transaction", form, led_to(id_, form, f"{address}?"), new)
    assert answer.status == 200, answer.body
    kept = plain.get(f"Patient/{id_}").json
    assert kept["identifier"] == named
    assert kept["generalPractitioner"] == [{"reference": address}]


@each_form
@pytest.mark.parametrize("kind", ["transaction", "batch", "alone"])
def test_I20_a_value_may_be_a_reference_by_search(plain: House, form: str, kind: str) -> None:
    value = f"{kind}-{FORMS.index(form)}"
    named = [{"system": "http://searched.example", "value": value}]
    body = {"resourceType": "Organization", "identifier": named}
    organization = stored(plain.post("Organization", None, body))
    id_, asked = patient(plain), f"Organization?identifier=http://searched.example|{value}"
    one = led_to(id_, form, asked)
    if kind != "alone":
        assert bundled(plain, kind, form, one).status == 200
    else:
        data = one["resource"].get("data")
        sent_ = b64decode(data) if data else json_format.write(one["resource"])
        media = form if data else FHIR_JSON
        assert plain.call("PATCH", f"Patient/{id_}", None, sent_, content_type=media).status == 200
    kept = plain.get(f"Patient/{id_}").json["managingOrganization"]["reference"]
    assert kept == f"Organization/{organization}"
