"""The operation $validate, row I-24: https://hl7.org/fhir/R4/resource-operation-validate.html"""

from typing import Any

import pytest

from profiles.validate import validate
from tests.house import CNAM, House
from tests.people import patient, stored
from tests.rest.operations import basic, parameters, post


def issues(answer: Any) -> list[dict[str, Any]]:
    assert (answer.status, answer.json["resourceType"]) == (200, "OperationOutcome"), answer.body
    assert validate(answer.json) == []
    found: list[dict[str, Any]] = answer.json["issue"]
    return found


def test_I24_a_valid_resource_is_told_so(plain: House) -> None:
    assert [issue["severity"] for issue in issues(post(plain, "Patient/$validate", None, patient()))
            ] == ["information"]  # fmt: skip


@pytest.mark.parametrize("wrapped", [True, False], ids=["Parameters", "bare"])
def test_I24_all_faults_are_told_with_200_and_their_expression(plain: House, wrapped: bool) -> None:
    wrong = patient(gender="unknowable", birthDate="1924-13-01", colour="red")
    body = parameters(resource=("resource", wrong)) if wrapped else wrong
    found = issues(post(plain, "Patient/$validate", None, body))
    assert {issue["severity"] for issue in found} == {"error"}
    assert {issue["expression"][0] for issue in found} == {
        "Patient.gender", "Patient.birthDate", "Patient.colour",
    }  # fmt: skip


@pytest.mark.parametrize("wrapped", [True, False], ids=["Parameters", "bare"])
def test_I24_faults_of_xml_are_told_with_line_and_column(plain: House, wrapped: bool) -> None:
    text = '<Patient xmlns="http://hl7.org/fhir">\n  <gender value="unknowable"/>\n</Patient>'
    if wrapped:
        inner = text.replace(' xmlns="http://hl7.org/fhir"', "")
        text = (
            '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="resource"/><resource>'
            f"{inner}</resource></parameter></Parameters>"
        )
    by_xml = {"content_type": "application/fhir+xml"}
    [issue] = issues(post(plain, "Patient/$validate", None, text.encode(), **by_xml))
    assert (issue["location"], issue["expression"]) == (["2:3"], ["Patient.gender"])


def test_I24_an_element_that_is_none_is_told_of_xml_too(plain: House) -> None:
    text = b'<Patient xmlns="http://hl7.org/fhir">\n <colour value="red"/></Patient>'
    [issue] = issues(
        post(plain, "Patient/$validate", None, text, content_type="application/fhir+xml")
    )
    assert issue["location"] == ["2:2"]


def test_I24_what_is_no_json_could_not_be_validated(plain: House) -> None:
    assert post(plain, "Patient/$validate", None, b'{"resourceType"').status == 400
    assert post(plain, "Patient/$validate?mode=create", None, None).status == 400


def test_I24_another_type_than_the_address_says_is_a_fault(plain: House) -> None:
    assert issues(post(plain, "Basic/$validate", None, patient()))[0]["severity"] == "error"


def test_I24_a_mode_belongs_to_a_level(plain: House) -> None:
    assert post(plain, "Basic/$validate?mode=update", None, patient()).status == 400
    path = f"Basic/{basic(plain)}/$validate?mode=create"
    assert post(plain, path, None, patient()).status == 400
    assert post(plain, "Basic/$validate?mode=other", None, patient()).status == 400


def test_I24_a_create_is_tried_and_not_done(plain: House) -> None:
    nobody = {"reference": "Patient/x"}
    body = {"resourceType": "Basic", "code": {"text": "tried"}, "subject": nobody}
    [issue] = issues(post(plain, "Basic/$validate?mode=create", None, body))
    assert (issue["severity"], issue["code"]) == ("error", "not-found")
    del body["subject"]
    before = plain.get("Basic?_summary=count").json["total"]
    assert issues(post(plain, "Basic/$validate?mode=create", None, body))[0]["severity"] != "error"
    assert plain.get("Basic?_summary=count").json["total"] == before


def test_I24_an_update_is_tried_and_not_done(plain: House) -> None:
    id_ = basic(plain)
    body = {"resourceType": "Basic", "id": id_, "code": {"text": "y"}}
    path = f"Basic/{id_}/$validate?mode=update"
    assert issues(post(plain, path, None, body))[0]["severity"] == "information"
    assert issues(post(plain, path, None, body | {"id": "b"}))[0]["severity"] == "error"
    assert issues(post(plain, path, None, body, if_match='W/"7"'))[0]["severity"] == "error"
    assert plain.get(f"Basic/{id_}").headers["ETag"] == 'W/"1"'


def test_I24_a_delete_is_tried_and_not_done(plain: House) -> None:
    id_ = basic(plain)
    assert issues(plain.get(f"Basic/{id_}/$validate?mode=delete"))[0]["severity"] == "information"
    assert plain.get(f"Basic/{id_}").status == 200


def test_I24_a_delete_of_what_is_referred_to_is_a_fault(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, patient()))
    basic(plain, subject={"reference": f"Patient/{id_}"})
    [issue] = issues(plain.get(f"Patient/{id_}/$validate?mode=delete"))
    assert (issue["severity"], issue["code"]) == ("error", "conflict")


def test_I24_what_is_tried_in_a_batch_is_not_done_either(plain: House) -> None:
    id_ = basic(plain)
    requests = [
        ("GET", f"Basic/{id_}/$validate?mode=delete"), ("GET", f"Basic/{id_}/$validate?mode=no"),
        ("GET", f"Basic/{id_}"), ("DELETE", f"Basic/{basic(plain)}"),
    ]  # fmt: skip
    entries = [{"request": {"method": method, "url": url}} for method, url in requests]
    batch = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    done = post(plain, "", None, batch).json["entry"]
    assert [entry["response"]["status"][:3] for entry in done] == ["200", "400", "200", "204"]


def test_I24_with_mode_profile_the_stored_resource_is_judged(plain: House) -> None:
    known = "http://hl7.org/fhir/StructureDefinition/Basic"
    path = f"Basic/{basic(plain)}/$validate?mode=profile&profile="
    assert issues(plain.get(path + known))[0]["severity"] == "information"
    assert plain.get(f"{path}http://a.example/p").status == 400
    loose = plain.get("Basic/$validate?mode=profile")
    assert (loose.status, loose.json["issue"][0]["code"]) == (400, "value")
    sent = post(plain, path + known, None, {"resourceType": "Basic", "code": {"text": "x"}})
    assert (sent.status, sent.json["issue"][0]["code"]) == (400, "invalid")


def test_I24_an_instance_must_be_there(plain: House) -> None:
    body = {"resourceType": "Basic", "id": "nobody", "code": {"text": "y"}}
    assert post(plain, "Basic/nobody/$validate?mode=update", None, body).status == 404


def test_I24_the_base_definition_is_known_and_no_other_profile(plain: House) -> None:
    base = "http://hl7.org/fhir/StructureDefinition/"
    for profile in (f"{base}Patient", f"{base}Patient|4.0.1", f"{base}DomainResource"):
        answer = post(plain, f"Patient/$validate?profile={profile}", None, patient())
        assert issues(answer)[0]["severity"] == "information"
    for profile in (f"{base}Basic", "http://a.example/p", f"{base}Patient|5.0.0"):
        answer = post(plain, f"Patient/$validate?profile={profile}", None, patient())
        assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


def test_I24_a_profile_it_claims_and_nobody_knows_is_told(plain: House) -> None:
    claims = patient(meta={"profile": ["http://a.example/p"]})
    found = issues(post(plain, "Patient/$validate", None, claims))
    assert [(i["code"], i["severity"]) for i in found][1:] == [("not-supported", "information")]


WITH_ID = {"id": "a"}
ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "a sibling each": ({"given": ["a"], "_given": [WITH_ID]}, ""),
    "siblings that end in null": ({"given": ["a"], "_given": [WITH_ID, None]}, ""),
    "siblings of nulls alone": ({"given": ["a"], "_given": [None, None]}, ""),
    "a null that its sibling fills": (
        {"given": ["a", None], "_given": [None, {"extension": [{"url": "b", "valueCode": "c"}]}]},
        ""),
    "nothing at the end": ({"given": ["a", None]}, "given[1]"),
    "nothing at the end in both": ({"given": ["a", None], "_given": [WITH_ID, None]}, "given[1]"),
    "nothing in the middle": ({"given": ["a", None, "b"], "_given": [WITH_ID]}, "given[1]"),
    "an id alone": ({"given": [None, "a"], "_given": [WITH_ID, None]}, "given[0]"),
    "a sibling too few": ({"given": ["a", "b"], "_given": [WITH_ID]}, "given"),
    "siblings of nothing": ({"_given": [None]}, "given[0]"),
    "a sibling of an array that is none": ({"given": ["a"], "_given": WITH_ID}, "given"),
    "a sibling of an unknown element": ({"text": "a", "_givn": WITH_ID}, "givn"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_I24_arrays_and_their_siblings_fill_each_other(plain: House, case: str) -> None:
    name, wrong = ARRAYS[case]
    body = {"resourceType": "Patient", "name": [name]}
    for path in ("Patient/$validate", "$validate"):
        found = issues(post(plain, path, None, body))
        assert [one["severity"] for one in found if one["severity"] == "error"] == (
            ["error"] * len(found) if wrong else [])  # fmt: skip
        if wrong:
            assert f"Patient.name[0].{wrong}" in [one["expression"][0] for one in found]
    created = plain.post("Patient", None, body)
    assert created.status == (400 if wrong else 201)
    if not wrong:
        address = f"Patient/{stored(created)}"
        assert plain.get(address).json["name"] == [name]
        in_xml = plain.get(address, accept="application/fhir+xml").body
        again = plain.post("Patient", None, in_xml,
                           content_type="application/fhir+xml")  # fmt: skip
        kept = {key: value for key, value in name.items() if any(value)}
        kept = {key: value[: len(name["given"])] for key, value in kept.items()}
        assert plain.get(f"Patient/{stored(again)}").json["name"] == [kept]


def test_I24_the_sibling_of_what_is_no_primitive_is_told_by_the_name_of_the_element(
    plain: House,
) -> None:
    for body in ({"_name": WITH_ID}, {"name": "John"}, {"_active": "x"}):
        [issue] = issues(post(plain, "Patient/$validate", None, {"resourceType": "Patient"} | body))
        assert issue["expression"] == [f"Patient.{next(iter(body)).removeprefix('_')}"]


@pytest.mark.parametrize("wrapped", [True, False], ids=["Parameters", "bare"])
def test_I24_at_system_level_any_type_is_validated(plain: House, wrapped: bool) -> None:
    for body, wrong in (
        (patient(), []), (patient(name="John"), ["Patient.name"]),
        ({"resourceType": "Basic"}, ["Basic.code"]), ({"resourceType": "Nothing"}, [""]),
    ):  # fmt: skip
        sent = parameters(resource=("resource", body)) if wrapped else body
        found = issues(post(plain, "$validate", None, sent))
        told = [one.get("expression", [""])[0] for one in found if one["severity"] == "error"]
        assert told == wrong, found
    assert post(plain, "$validate", None, parameters(mode=("code", "create"))).status == 400


def test_I24_at_system_level_a_create_is_tried_and_nothing_else(plain: House) -> None:
    nowhere = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {
        "reference": "Patient/nobody"}}  # fmt: skip
    assert issues(post(plain, "$validate?mode=create", None, nowhere))[0]["severity"] == "error"
    assert issues(post(plain, "$validate", None, nowhere))[0]["severity"] == "information"
    for mode in ("update", "delete", "profile", "x"):
        assert post(plain, f"$validate?mode={mode}", None, nowhere).status == 400


def test_I24_at_system_level_the_token_must_cover_the_type(house: House) -> None:
    only = CNAM.but(scope="user/Basic.c")
    body = {"resourceType": "Basic", "code": {"text": "x"}}
    assert house.post("$validate", only, body).status == 200
    assert house.post("$validate", only, {"resourceType": "Device"}).status == 403
