"""An INS that cannot be one: refused with FHIR_VALIDATION=strict; with `warn` stored, and its
writer is warned, in a Patient and in the header of a CDA document.
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.documents import cda
from tests.fhir_documents import fhir_document
from tests.house import ANNE, CNAM, INS, NINA, House
from tests.interactions.shared import new_ins
from tests.people import opened, patient, stored
from tests.rest.bundles import entry


@pytest.fixture(scope="module")
def lenient(shared_url: str) -> Iterator[House]:
    """A server that warns where others refuse."""
    house = House(shared_url, validation="warn")
    yield house
    house.close()


def wrong() -> str:
    """A number whose key is not its own."""
    number = new_ins()
    return number[:13] + f"{(int(number[13:]) + 1) % 97 + 1:02}"


def deposit(ins: str, **more: Any) -> dict[str, Any]:
    data = b64encode(cda(patient_ins=ins)).decode()
    return {
        "resourceType": "DocumentReference", "status": "current",
        "subject": {"identifier": {"system": INS, "value": ins}},
        "content": [{"attachment": {"contentType": "text/xml", "data": data}}],
    } | more  # fmt: skip


def test_a_patient_with_a_wrong_key_is_stored_with_a_warning(lenient: House) -> None:
    ins = wrong()
    answer = lenient.post("Patient", CNAM, patient(ins), prefer="return=OperationOutcome")
    assert answer.status == 201
    (issue,) = [one for one in answer.json["issue"] if one["severity"] == "warning"]
    assert issue["expression"] == ["Patient.identifier[0].value"]
    assert f"`{ins}` is no INS" in issue["diagnostics"]
    assert f"{ins}? is no INS" in answer.headers["Warning"].replace("`", "?")


def test_a_patient_in_a_transaction_is_warned_of_too(lenient: House) -> None:
    body = {"resourceType": "Bundle", "type": "transaction",
            "entry": [entry("POST", "Patient", patient(wrong()))]}  # fmt: skip
    answer = lenient.post("", CNAM, body)
    (issue,) = answer.json["entry"][0]["response"]["outcome"]["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "value")


def test_a_cda_document_with_a_wrong_key_is_stored_with_a_warning(lenient: House) -> None:
    ins = wrong()
    opened(lenient, NINA, ins=ins)
    answer = lenient.post("DocumentReference", ANNE, deposit(ins))
    id_ = stored(answer)
    assert "is no INS" in answer.headers["Warning"]
    found = lenient.get(f"DocumentReference?patient.identifier={INS}|{ins}", NINA)
    assert [one["id"] for one in found.entries] == [id_]


def test_a_fhir_document_with_a_wrong_key_is_stored_with_a_warning(lenient: House) -> None:
    ins = wrong()
    opened(lenient, NINA, ins=ins)
    answer = lenient.post("Bundle", ANNE, fhir_document(ins))
    assert (answer.status, "is no INS" in answer.headers["Warning"]) == (201, True)


def test_a_right_key_is_not_warned_of(lenient: House) -> None:
    ins = new_ins()
    assert "Warning" not in lenient.post("Patient", CNAM, patient(ins)).headers
    assert "Warning" not in lenient.post("DocumentReference", ANNE, deposit(ins)).headers


def test_another_patient_is_refused_all_the_same(lenient: House) -> None:
    ins, other = wrong(), wrong()
    opened(lenient, NINA, ins=ins)
    opened(lenient, NINA, ins=other)
    body = deposit(ins, subject={"identifier": {"system": INS, "value": other}})
    assert lenient.post("DocumentReference", ANNE, body).status == 422


def test_a_wrong_key_is_refused_where_that_is_strict(house: House) -> None:
    assert house.post("Patient", CNAM, patient(wrong())).status == 422
    assert house.post("DocumentReference", ANNE, deposit(wrong())).status == 422
