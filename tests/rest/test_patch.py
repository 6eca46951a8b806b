"""Rows I-08 and I-09 of the matrix: PATCH in its three forms.

https://hl7.org/fhir/R4/http.html#patch
"""

from typing import Any

import pytest

from tests.house import CNAM, House
from tests.people import stored
from tests.rest.patches import (
    FEMALE,
    FHIR_JSON,
    FHIR_XML,
    FORMS,
    JSON_PATCH,
    XML_PATCH,
    Change,
    code,
    each_form,
    patched,
    patient,
    untouched,
)


@each_form
@pytest.mark.parametrize("accept", [FHIR_JSON, FHIR_XML])
def test_I08_a_patch_makes_a_new_version(plain: House, form: str, accept: str) -> None:
    id_ = patient(plain)
    changes = (FEMALE, ("add", "Patient.active", True), ("delete", "Patient.name", None))
    answer = patched(plain, f"Patient/{id_}", form, *changes, accept=accept)
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    assert answer.headers["Content-Location"].endswith(f"Patient/{id_}/_history/2")
    assert answer.headers["Content-Type"].startswith(accept)
    assert answer.body == plain.get(f"Patient/{id_}", accept=accept).body
    found = plain.get(f"Patient/{id_}").json
    assert (found["gender"], found["active"], "name" in found) == ("female", True, False)


@each_form
def test_I08_what_was_patched_is_found_by_its_new_value(plain: House, form: str) -> None:
    id_ = patient(plain)
    patched(plain, f"Patient/{id_}", form, ("replace", "Patient.name[0].family", "Neuf"))
    assert plain.get(f"Patient?family=Neuf&_id={id_}").json["total"] == 1
    assert plain.get(f"Patient?family=Essai&_id={id_}").json["total"] == 0


THE_SAME: Change = ("replace", "Patient.gender", "male")
BESIDE = {"extension": [{"url": "http://a.example", "valueCode": "c"}]}
XHTML = "http://www.w3.org/1999/xhtml"
ODD = {
    "text": {"status": "generated", "div": f'<div xmlns="{XHTML}">a&#233;</div>'},
    "_birthDate": {"extension": [{"url": "http://a.example", "valueDecimal": 1.50}]},
    "name": [{"given": ["a", None], "_given": [None, {"id": "b", "extension": [
        {"url": "http://a.example", "valueCode": "c"}]}]}],
}  # fmt: skip


@each_form
@pytest.mark.parametrize(
    "changes", [(), (THE_SAME,), (FEMALE, THE_SAME)], ids=["none", "the same", "there and back"]
)
@pytest.mark.parametrize("more", [{}, ODD], ids=["simple", "odd"])
def test_I08_a_patch_that_changes_nothing_makes_no_version(
    plain: House, form: str, changes: tuple[Change, ...], more: dict[str, Any]
) -> None:
    id_ = patient(plain, **more)
    before = plain.get(f"Patient/{id_}").body
    answer = patched(plain, f"Patient/{id_}", form, *changes)
    assert (answer.status, answer.headers["ETag"], answer.body) == (200, 'W/"1"', before)
    assert plain.get(f"Patient/{id_}/_history").json["total"] == 1
    again = patched(plain, f"Patient/{id_}", form, *changes, if_match='W/"2"')
    assert again.status == 412


def test_I08_tests_that_hold_make_no_version(plain: House) -> None:
    id_ = patient(plain)
    tests = [{"op": "test", "path": "/gender", "value": "male"}]
    answer = plain.call("PATCH", f"Patient/{id_}", None, tests, content_type=JSON_PATCH)
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"1"')
    wrong = [{"op": "test", "path": "/gender", "value": "female"}]
    assert plain.call("PATCH", f"Patient/{id_}", None, wrong,
                      content_type=JSON_PATCH).status == 422  # fmt: skip


def test_I08_another_spelling_of_a_number_is_a_change(plain: House) -> None:
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    body |= {"valueQuantity": {"value": 1.5}}
    id_ = stored(plain.post("Observation", None, body))
    change = b'[{"op": "replace", "path": "/valueQuantity/value", "value": 1.50}]'
    answer = plain.call("PATCH", f"Observation/{id_}", None, change, content_type=JSON_PATCH)
    assert (answer.headers["ETag"], b'"value":1.50' in answer.body) == ('W/"2"', True)


@pytest.mark.parametrize("type_", ["Organization", "Patient"])
def test_I08_with_the_rules_in_force_it_makes_none_either(house: House, type_: str) -> None:
    bodies = {
        "Organization": {"resourceType": "Organization", "name": "a"},
        "Patient": {"resourceType": "Patient", "gender": "male"},
    }
    id_ = stored(house.post(type_, CNAM, bodies[type_]))
    for operations in ([], [{"op": "test", "path": "/resourceType", "value": type_}]):
        answer = house.call("PATCH", f"{type_}/{id_}", CNAM, operations, content_type=JSON_PATCH)
        assert (answer.status, answer.headers["ETag"]) == (200, 'W/"1"')


@each_form
def test_I08_decimals_keep_their_spelling(plain: House, form: str) -> None:
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.50},"component":[{"code":{"text":"x"},'
        b'"valueQuantity":{"value":0.10}}]}'
    )
    id_ = stored(plain.call("POST", "Observation", None, body))
    change = ("replace", "Observation.status", "amended")
    answer = patched(plain, f"Observation/{id_}", form, change)
    assert b'"value":1.50' in answer.body and b'"value":0.10' in answer.body


@each_form
@pytest.mark.parametrize(("version", "status"), [("1", 200), ("2", 412)])
def test_I08_if_match_is_heeded(plain: House, form: str, version: str, status: int) -> None:
    id_ = patient(plain)
    answer = patched(plain, f"Patient/{id_}", form, FEMALE, if_match=f'W/"{version}"')
    assert answer.status == status
    assert untouched(plain, id_) == (status == 412)


@each_form
def test_I08_the_id_cannot_change(plain: House, form: str) -> None:
    id_ = patient(plain)
    answer = patched(plain, f"Patient/{id_}", form, FEMALE, ("replace", "Patient.id", "other"))
    assert (answer.status, code(answer)) == (400, "invalid")
    assert untouched(plain, id_)


@each_form
def test_I08_the_id_cannot_be_removed(plain: House, form: str) -> None:
    id_ = patient(plain)
    assert patched(plain, f"Patient/{id_}", form, ("delete", "Patient.id", None)).status == 400


TO_BASIC: dict[str, bytes] = {
    JSON_PATCH: b'[{"op":"replace","path":"/resourceType","value":"Basic"}]',
    XML_PATCH: b'<diff><replace sel="Patient"><Basic/></replace></diff>',
}


@pytest.mark.parametrize("form", TO_BASIC)
def test_I08_the_type_cannot_change(plain: House, form: str) -> None:
    id_ = patient(plain)
    body = TO_BASIC[form]
    answer = plain.call("PATCH", f"Patient/{id_}", None, body, content_type=form)
    assert answer.status == 400
    assert untouched(plain, id_)


@each_form
def test_I08_the_server_gives_version_and_time(plain: House, form: str) -> None:
    id_ = patient(plain)
    change = ("replace", "Patient.meta.versionId", "7")
    assert patched(plain, f"Patient/{id_}", form, change).json["meta"]["versionId"] == "2"


NARRATIVE = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
UNSAFE = '<div xmlns="http://www.w3.org/1999/xhtml"><script>x()</script></div>'


@pytest.mark.parametrize("form", [JSON_PATCH, FHIR_JSON, FHIR_XML])
def test_I08_a_narrative_does_not_become_unsafe(plain: House, form: str) -> None:
    id_ = patient(plain, text={"status": "generated", "div": NARRATIVE})
    answer = patched(plain, f"Patient/{id_}", form, ("replace", "Patient.text.div", UNSAFE))
    assert answer.status == 400 and answer.json["issue"][0]["expression"] == ["Patient.text.div"]
    assert untouched(plain, id_)


def test_I08_a_narrative_does_not_become_unsafe_by_xml_either(plain: House) -> None:
    id_ = patient(plain, text={"status": "generated", "div": NARRATIVE})
    body = f'<diff><replace sel="Patient/text/div">{UNSAFE}</replace></diff>'.encode()
    answer = plain.call("PATCH", f"Patient/{id_}", None, body, content_type=XML_PATCH)
    assert answer.status == 400 and answer.json["issue"][0]["expression"] == ["Patient.text.div"]
    assert untouched(plain, id_)


@each_form
def test_I08_what_a_patch_leaves_is_judged_like_an_update(plain: House, form: str) -> None:
    id_ = patient(plain)
    answer = patched(plain, f"Patient/{id_}", form, ("replace", "Patient.gender", "unheard"))
    assert (answer.status, code(answer)) == (400, "code-invalid")
    assert answer.json["issue"][0]["expression"] == ["Patient.gender"]
    assert untouched(plain, id_)


@each_form
def test_I08_a_reference_that_leads_nowhere_is_refused_as_in_an_update(
    plain: House, form: str
) -> None:
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{patient(plain)}"},
    }
    id_ = stored(plain.post("Observation", None, observation))
    lost = {"reference": "Patient/nobody"}
    put = plain.call("PUT", f"Observation/{id_}", None, observation | {"id": id_, "subject": lost})
    change = ("replace", "Observation.subject.reference", "Patient/nobody")
    answer = patched(plain, f"Observation/{id_}", form, change)
    assert (answer.status, answer.json) == (put.status, put.json)
    assert put.status >= 400


@each_form
@pytest.mark.parametrize(("prefer", "body"), [("minimal", 0), ("representation", 1)])
def test_I08_prefer_is_heeded(plain: House, form: str, prefer: str, body: int) -> None:
    id_ = patient(plain)
    answer = patched(plain, f"Patient/{id_}", form, FEMALE, prefer=f"return={prefer}")
    assert (answer.status, bool(answer.body)) == (200, bool(body))


def test_I08_a_json_patch_can_test_what_is_there(plain: House) -> None:
    id_ = patient(plain)
    change = [
        {"op": "test", "path": "/gender", "value": "male"},
        {"op": "replace", "path": "/gender", "value": "female"},
    ]
    path = f"Patient/{id_}"
    assert plain.call("PATCH", path, None, change, content_type=JSON_PATCH).status == 200
    again = plain.call("PATCH", path, None, change, content_type=JSON_PATCH)
    assert (again.status, plain.get(path).headers["ETag"]) == (422, 'W/"2"')


def test_I08_a_key_that_stands_twice_in_a_patch_is_refused(plain: House) -> None:
    body = b'[{"op":"add","path":"/maritalStatus","value":{"text":"a","text":"b"}}]'
    answer = plain.call("PATCH", f"Patient/{patient(plain)}", None, body, content_type=JSON_PATCH)
    assert answer.status == 400 and "`text`" in answer.diagnostics


def test_I08_what_is_added_may_refer_to_what_is_contained(plain: House) -> None:
    inner = {"resourceType": "Organization", "id": "o", "name": "x"}
    practitioner = {"resourceType": "Practitioner", "id": "d"}
    id_ = patient(plain, contained=[inner], managingOrganization={"reference": "#o"})
    operations = [
        ("contained", {"resource": practitioner}),
        ("generalPractitioner", {"valueReference": {"reference": "#d"}}),
    ]
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "add"},
                    {"name": "path", "valueString": "Patient"},
                    {"name": "name", "valueString": name},
                    {"name": "value", **value},
                ],
            }
            for name, value in operations
        ],
    }
    answer = plain.call("PATCH", f"Patient/{id_}", None, body)
    assert answer.status == 200, answer.body
    assert answer.json["generalPractitioner"] == [{"reference": "#d"}]


def test_I08_the_bytes_of_a_binary_can_be_patched(plain: House) -> None:
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGVsbG8="}
    id_ = stored(plain.post("Binary", None, binary))
    answer = patched(plain, f"Binary/{id_}", XML_PATCH, ("replace", "Binary.data", "YnllLi4="))
    assert answer.status == 200, answer.body
    assert plain.get(f"Binary/{id_}").body == b"bye.."


# I-09


@each_form
@pytest.mark.parametrize(("count", "status"), [(0, 404), (1, 200), (2, 412)])
def test_I09_a_conditional_patch_needs_one_match(
    plain: House, form: str, count: int, status: int
) -> None:
    value = f"{FORMS.index(form)}-of-{count}"
    identifier = [{"system": "http://patches.example", "value": value}]
    ids = [patient(plain, identifier=identifier) for _ in range(count)]
    query = f"identifier=http://patches.example|{value}"
    answer = patched(plain, "Patient", form, FEMALE, query=query)
    assert answer.status == status
    if count == 1:
        assert plain.get(f"Patient/{ids[0]}").json["gender"] == "female"
    else:
        assert code(answer) == {0: "not-found", 2: "multiple-matches"}[count]
        assert all(untouched(plain, id_) for id_ in ids)


@each_form
def test_I09_a_conditional_patch_heeds_if_match(plain: House, form: str) -> None:
    id_ = patient(plain)
    answer = patched(plain, "Patient", form, FEMALE, query=f"_id={id_}", if_match='W/"9"')
    assert answer.status == 412 and untouched(plain, id_)


@pytest.mark.parametrize(("name", "left"), [
    ({"given": ["a"], "_given": [{"id": "x"}, None]},
     {"given": ["a", "b"], "_given": [{"id": "x"}, None]}),
    ({"given": ["a"], "_given": [None, None]}, {"given": ["a", "b"]}),
    ({"given": [None], "_given": [BESIDE]}, {"given": [None, "b"], "_given": [BESIDE, None]}),
])  # fmt: skip
def test_I08_a_list_with_nulls_at_its_end_can_be_added_to(
    plain: House, name: dict[str, Any], left: dict[str, Any]
) -> None:
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient", "name": [name]}))
    answer = patched(plain, f"Patient/{id_}", FHIR_JSON, ("add", "Patient.name[0].given", "b"))
    assert (answer.status, answer.json.get("name")) == (200, [left]), answer.body


@each_form
def test_I08_a_list_of_nulls_is_kept_through_any_patch(plain: House, form: str) -> None:
    address = {"line": [None], "_line": [BESIDE], "city": "Lyon"}
    id_ = stored(plain.post("Patient", None, {
        "resourceType": "Patient", "gender": "male", "address": [address]}))  # fmt: skip
    answer = patched(plain, f"Patient/{id_}", form, FEMALE)
    assert (answer.status, answer.json["address"]) == (200, [address])
    answer = patched(plain, f"Patient/{id_}", form, ("replace", "Patient.address[0].city", "Nice"))
    assert (answer.status, answer.json["address"]) == (200, [address | {"city": "Nice"}])
    in_xml = plain.get(f"Patient/{id_}", accept=FHIR_XML).body
    put = plain.call("PUT", f"Patient/{id_}", None, in_xml, content_type=FHIR_XML)
    assert (put.status, plain.get(f"Patient/{id_}").json["address"][0]["line"]) == (200, [None])
