"""How operations are called, row I-23: https://hl7.org/fhir/R4/operations.html#executing"""

from typing import Any

import pytest

from fhir_server.interactions.operations.operate import FUNCTIONS
from fhir_server.interactions.operations.table import OPERATIONS
from profiles.validate import validate
from tests.house import House
from tests.people import patient
from tests.rest.operations import TAG, basic, parameters, post, the_meta

FORM = "application/x-www-form-urlencoded"


def test_I23_each_operation_has_a_function() -> None:
    assert set(OPERATIONS) == set(FUNCTIONS)


def test_I23_an_operation_is_called_on_the_system_a_type_and_an_instance(plain: House) -> None:
    id_ = basic(plain, meta={"tag": [TAG]})
    for path in ("$meta", "Basic/$meta", f"Basic/{id_}/$meta", f"Basic/{id_}/_history/1/$meta"):
        assert TAG in the_meta(plain.get(path))["tag"], path


def test_I23_an_operation_that_changes_nothing_is_called_by_get_post_and_head(plain: House) -> None:
    path = f"Basic/{basic(plain)}/$meta"
    assert plain.get(path).status == 200
    assert plain.call("POST", path).status == 200
    assert plain.call("HEAD", path).status == 200


def test_I23_an_operation_that_changes_something_is_not_called_by_get(plain: House) -> None:
    for method in ("GET", "HEAD"):
        answer = plain.call(method, f"Basic/{basic(plain)}/$meta-add")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_I23_an_operation_has_no_other_methods(plain: House, method: str) -> None:
    answer = plain.call(method, "Basic/$meta", None, {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("path", ["$nothing", "Basic/$nothing", "Basic/a/$nothing", "Basic/$"])
def test_I23_an_unknown_operation_is_not_found(plain: House, path: str) -> None:
    answer = plain.get(path)
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-supported")


def test_I23_an_operation_is_called_where_it_is_offered(plain: House) -> None:
    answer = post(plain, "Basic/$meta-add", None, parameters(meta=("valueMeta", {"tag": [TAG]})))
    assert answer.status == 400
    assert "instance" in answer.diagnostics
    assert plain.get("Nothing/$meta").status == 404
    assert plain.get("Basic/a/b/$meta").status == 404


def test_I23_primitives_are_given_in_the_address_a_form_or_parameters(plain: House) -> None:
    path = f"Basic/{basic(plain)}/$validate"
    assert plain.get(f"{path}?mode=delete").status == 200
    assert post(plain, path, None, b"mode=delete", content_type=FORM).status == 200
    assert post(plain, path, None, parameters(mode=("valueCode", "delete"))).status == 200
    in_xml = b"""<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="mode"/>
        <valueCode value="delete"/></parameter></Parameters>"""
    assert post(plain, path, None, in_xml, content_type="application/fhir+xml").status == 200


def test_I23_a_single_resource_is_given_as_the_body(plain: House) -> None:
    answer = post(plain, "Patient/$validate?mode=create", None, patient())
    assert (answer.status, answer.json["resourceType"]) == (200, "OperationOutcome")


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ("colour=red", "colour", "not-supported"),
        ("mode=delete&mode=delete", "mode", "structure"),
        ("mode=to%20delete%20it%20", "mode", "value"),
        ("resource=Patient/1", "resource", "value"),
        ("mode=%00", "", "value"),
    ],
    ids=["unknown", "too many", "wrong", "complex", "no text"],
)
def test_I23_a_parameter_that_does_not_fit_is_named(
    plain: House, query: str, name: str, code: str
) -> None:
    answer = plain.get(f"Basic/{basic(plain)}/$validate?{query}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, code)
    assert f"`{name}`" in answer.diagnostics if name else True


@pytest.mark.parametrize(
    "member",
    [
        {"name": "meta"},
        {"name": "meta", "valueString": "x"},
        {"name": "meta", "part": [{"name": "tag"}]},
        {"name": "other", "valueMeta": {}},
        {"valueMeta": {}},
    ],
    ids=["no value", "other type", "parts", "unknown", "no name"],
)
def test_I23_a_member_of_parameters_that_does_not_fit_is_refused_at_its_place(
    plain: House, member: dict[str, Any]
) -> None:
    body = {"resourceType": "Parameters", "parameter": [member]}
    answer = post(plain, f"Basic/{basic(plain)}/$meta-add", None, body)
    assert answer.status == 400
    assert answer.json["issue"][0]["expression"][0].startswith("Parameters.parameter[0]")


def test_I23_a_parameter_that_is_needed_is_named(plain: House) -> None:
    answer = plain.call("POST", f"Basic/{basic(plain)}/$meta-add")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "required")
    assert "`meta`" in answer.diagnostics


def test_I23_a_body_that_is_no_parameters_is_refused(plain: House) -> None:
    assert post(plain, f"Basic/{basic(plain)}/$meta-add", None, patient()).status == 400


def test_I23_a_body_of_another_kind_is_refused(plain: House) -> None:
    path = f"Basic/{basic(plain)}/$meta-add"
    assert plain.post(path, None, b"x", content_type="text/plain").status == 415
    assert plain.post(path, None, b"{", content_type="application/fhir+json").status == 400


def test_I23_the_answer_is_written_as_it_is_wanted(plain: House) -> None:
    answer = plain.get(f"Basic/{basic(plain)}/$meta", accept="application/fhir+xml")
    assert answer.status == 200
    assert b"<Parameters" in answer.body and b"<valueMeta>" in answer.body


def test_I23_operations_are_entries_of_a_batch_and_a_transaction(plain: House) -> None:
    id_ = basic(plain)
    entries = [
        {"request": {"method": "GET", "url": f"Basic/{id_}/$meta"}},
        {
            "resource": parameters(meta=("valueMeta", {"tag": [TAG]})),
            "request": {"method": "POST", "url": f"Basic/{id_}/$meta-add"},
        },
        {"resource": patient(), "request": {"method": "POST", "url": "Patient/$validate"}},
    ]
    for kind in ("batch", "transaction"):
        bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
        answer = post(plain, "", None, bundle, prefer="return=representation")
        assert answer.status == 200, answer.body
        assert {entry["response"]["status"] for entry in answer.json["entry"]} == {"200 OK"}
        found = [entry.get("resource") or entry["response"]["outcome"]
                 for entry in answer.json["entry"]]  # fmt: skip
        kinds = [resource["resourceType"] for resource in found]
        assert kinds == ["Parameters", "Parameters", "OperationOutcome"]
        assert validate(answer.json) == []
    assert the_meta(plain.get(f"Basic/{id_}/$meta"))["tag"] == [TAG]


def test_I23_a_batch_goes_on_after_an_operation_that_is_refused(plain: House) -> None:
    urls = ("Basic/nobody/$meta", "$nothing", "$meta")
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    batch = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    done = post(plain, "", None, batch).json["entry"]
    assert [entry["response"]["status"][:3] for entry in done] == ["404", "404", "200"]


def declared(plain: House) -> list[tuple[str, dict[str, str]]]:
    rest = plain.get("metadata").json["rest"][0]
    found = [("", operation) for operation in rest["operation"]]
    return found + [(r["type"], found) for r in rest["resource"] for found in r["operation"]]


def test_I23_what_is_declared_is_there_and_nothing_else(plain: House) -> None:
    said = {(type_, operation["name"]) for type_, operation in declared(plain)}
    assert all(operation["definition"].startswith("http") for _, operation in declared(plain))
    for type_ in ("", "Patient", "Composition", "DocumentReference", "Basic"):
        for code in OPERATIONS:
            places = [type_, f"{type_}/nobody"] if type_ else [""]
            asked = [plain.call("PUT", f"{place}/${code}".strip("/")) for place in places]
            assert ((type_, code) in said) == any(a.status == 405 for a in asked), (type_, code)
