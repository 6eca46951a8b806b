"""Row I-20 of the matrix: PATCH in a Bundle.

https://hl7.org/fhir/R4/http.html#patch, https://hl7.org/fhir/R4/http.html#transaction
"""

import pytest

from tests.house import House
from tests.interactions.shared import rows
from tests.interactions.test_transaction import TABLES, entry, statuses
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


@pytest.mark.parametrize("form", [FHIR_JSON, FHIR_XML])
def test_I20_a_value_may_refer_to_another_entry(plain: House, form: str) -> None:
    id_ = patient(plain)
    urn = "urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a09"
    add = patch_entry(f"Patient/{id_}", form, ("add", "Patient.managingOrganization", "x"))
    add["resource"]["parameter"][0]["part"][-1] = {
        "name": "value",
        "valueReference": {"reference": urn},
    }
    new = entry("POST", "Organization", {"resourceType": "Organization", "name": "x"}, urn)
    answer = bundled(plain, "transaction", form, add, new)
    assert answer.status == 200, answer.body
    reference = plain.get(f"Patient/{id_}").json["managingOrganization"]["reference"]
    assert plain.get(reference).json["name"] == "x"
