"""What answers a PATCH that is not done, in each of its forms.

https://hl7.org/fhir/R4/http.html#patch
"""

import json
from typing import Any

import pytest

from tests.house import House
from tests.rest.patches import (
    FEMALE,
    FHIR_JSON,
    FHIR_XML,
    FORMS,
    JSON_PATCH,
    XML_PATCH,
    code,
    each_form,
    patched,
    patient,
    untouched,
)


def test_status_415_a_body_that_is_no_patch_is_told_which_are(plain: House) -> None:
    id_ = patient(plain)
    answer = plain.call("PATCH", f"Patient/{id_}", None, b"x", content_type="text/plain")
    assert (answer.status, code(answer)) == (415, "not-supported")
    assert answer.headers["Accept-Patch"].split(", ") == list(FORMS)


@pytest.mark.parametrize(("path", "told"), [("Patient", True), ("Patient/x", True), ("", False)])
def test_status_415_options_tell_which_patches_are_taken(
    plain: House, path: str, told: bool
) -> None:
    found = plain.call("OPTIONS", path).headers.get("Accept-Patch", "")
    assert found == (", ".join(FORMS) if told else "")


def test_status_415_the_statement_declares_the_same_formats(plain: House) -> None:
    assert plain.get("metadata").json["patchFormat"] == list(FORMS)


@each_form
def test_status_404_a_patch_of_what_never_was(plain: House, form: str) -> None:
    assert patched(plain, "Patient/nobody", form, FEMALE).status == 404


@each_form
def test_status_410_a_patch_of_what_has_been_deleted(plain: House, form: str) -> None:
    id_ = patient(plain)
    plain.call("DELETE", f"Patient/{id_}")
    assert patched(plain, f"Patient/{id_}", form, FEMALE).status == 410


@each_form
def test_status_422_a_patch_that_cannot_be_applied(plain: House, form: str) -> None:
    id_ = patient(plain)
    answer = patched(plain, f"Patient/{id_}", form, ("replace", "Patient.birthDate", "2020"))
    assert (answer.status, code(answer)) == (422, "processing")
    assert untouched(plain, id_)


@each_form
def test_status_422_too_many_operations(plain: House, form: str) -> None:
    id_ = patient(plain)
    answer = patched(plain, f"Patient/{id_}", form, *[FEMALE] * 1001)
    assert (answer.status, code(answer)) == (422, "too-costly")
    assert untouched(plain, id_)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (JSON_PATCH, b"<diff/>"),
        (JSON_PATCH, b'{"op":"add"}'),
        (XML_PATCH, b"[]"),
        (XML_PATCH, b'<!DOCTYPE diff SYSTEM "file:///etc/passwd"><diff/>'),
        (FHIR_JSON, b'{"resourceType":"Patient"}'),
        (FHIR_JSON, b'{"resourceType":"Parameters","parameter":[{}]}'),
        (FHIR_JSON, b'{"resourceType":"Parameters","parameter":[{"name":"operation","part":[1]}]}'),
        (FHIR_XML, b'<Patient xmlns="http://hl7.org/fhir"/>'),
    ],
)
def test_status_400_a_body_that_is_no_patch_of_its_form(
    plain: House, form: str, body: bytes
) -> None:
    id_ = patient(plain)
    answer = plain.call("PATCH", f"Patient/{id_}", None, body, content_type=form)
    assert answer.status == 400, answer.body
    assert untouched(plain, id_)


def test_status_422_a_result_larger_than_a_body(plain: House) -> None:
    id_ = patient(plain)
    size = plain.settings.max_body // 40
    operations: list[dict[str, Any]] = [
        {"op": "add", "path": "/name/0/given", "value": ["x" * size]}
    ]
    operations += [{"op": "copy", "from": "/name/0/given/0", "path": "/name/0/given/-"}] * 39
    body = json.dumps(operations).encode()
    answer = plain.call("PATCH", f"Patient/{id_}", None, body, content_type=JSON_PATCH)
    assert (answer.status, code(answer)) == (422, "too-costly")


def test_status_400_a_result_deeper_than_a_body(plain: House) -> None:
    id_ = patient(plain)
    nest = {"op": "add", "path": "/extension", "value": [{"url": "http://a.example"}]}
    deeper = [
        {"op": "copy", "from": "/extension", "path": "/extension/0" * n + "/extension"}
        for n in (1, 2, 4, 8, 16, 32, 64)
    ]
    body = json.dumps([nest, *deeper]).encode()
    answer = plain.call("PATCH", f"Patient/{id_}", None, body, content_type=JSON_PATCH)
    assert answer.status == 400 and "nested deeper than 100" in answer.diagnostics
