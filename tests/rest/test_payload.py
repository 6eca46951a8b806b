"""What a body must be: rows G-22, G-23 and G-24.

https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/xml.html,
https://hl7.org/fhir/R4/extensibility.html#modifierExtension,
https://hl7.org/fhir/R4/references.html#contained
"""

import json
from typing import Any

import pytest

from tests.house import CNAM, INS, NINA, Answer, House
from tests.interactions.shared import new_ins
from tests.people import consent, opened, stored, team

JSON, XML = "application/fhir+json", "application/fhir+xml"
JSON_PATCH = "application/json-patch+json"
PATIENT = {"resourceType": "Patient", "active": True}


def sent(plain: House, body: Any, type_: str = "Patient", media: str = JSON) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return plain.call("POST", type_, None, data, content_type=media)


def refused(answer: Answer, code: str, at: str = "") -> bool:
    """400 with one reason, at that place."""
    assert answer.status == 400, answer.body
    (issue,) = answer.json["issue"]
    found = (issue["severity"], issue["code"], issue.get("expression", [""])[0])
    assert found == ("error", code, at), issue
    return True


MALFORMED = {
    "nothing": b"",
    "half": b'{"resourceType":"Patient"',
    "no JSON": b"{resourceType: Patient}",
    "a trailing comma": b'{"resourceType":"Patient",}',
    "more behind it": b'{"resourceType":"Patient"} x',
    "an array": b"[]",
    "a text": b'"Patient"',
    "no UTF-8": b'{"resourceType":"Patient","language":"\xff"}',
    "a comment": b'{"resourceType":"Patient" /* x */}',
    "NaN": b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
}  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_G22_malformed_json_is_refused(plain: House, body: bytes) -> None:
    assert refused(sent(plain, body), "structure")


def test_G22_a_key_that_stands_twice_is_named(plain: House) -> None:
    body = b'{"resourceType":"Patient","active":true,"active":false}'
    assert refused(sent(plain, body), "structure", "Patient.active")


MALFORMED_XML = {
    "half": b'<Patient xmlns="http://hl7.org/fhir">',
    "no namespace": b'<Patient><active value="true"/></Patient>',
    "another namespace": b'<Patient xmlns="http://a.example"><active value="true"/></Patient>',
    "no XML": b"Patient",
    "a doctype": b'<!DOCTYPE Patient [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"/>',
}  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED_XML.values(), ids=MALFORMED_XML)
def test_G22_malformed_xml_is_refused(plain: House, body: bytes) -> None:
    answer = sent(plain, body, media=XML)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "structure")


@pytest.mark.parametrize("type_", [None, "", 1, "patient", "Melon", ["Patient"]], ids=str)
def test_G22_the_type_of_a_resource_is_mandatory(plain: House, type_: Any) -> None:
    body = {"active": True} | ({} if type_ is None else {"resourceType": type_})
    assert sent(plain, body).status == 400


def test_G22_the_type_is_that_of_the_address(plain: House) -> None:
    assert refused(sent(plain, PATIENT, "Person"), "invalid", "Patient")


UNKNOWN = {
    "at the top": ({"melon": 1}, "Patient.melon"),
    "below": ({"name": [{"melon": "x"}]}, "Patient.name[0].melon"),
    "a choice of a wrong type": ({"deceasedString": "x"}, "Patient.deceasedString"),
    "a choice without its type": ({"deceased": True}, "Patient.deceased"),
    "in other letters": ({"Gender": "male"}, "Patient.Gender"),
    "a sibling of nothing": ({"_melon": {"id": "x"}}, "Patient.melon"),
    "comments of DSTU2": ({"fhir_comments": ["x"]}, "Patient.fhir_comments"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "at"), UNKNOWN.values(), ids=UNKNOWN)
def test_G22_an_unknown_element_is_refused(plain: House, more: Any, at: str) -> None:
    assert refused(sent(plain, PATIENT | more), "structure", at)


WRONG = {
    "a text for a boolean": ({"active": "true"}, "Patient.active"),
    "a number for a boolean": ({"active": 1}, "Patient.active"),
    "a number for a text": ({"language": 1}, "Patient.language"),
    "a text for a number": ({"multipleBirthInteger": "1"}, "Patient.multipleBirth"),
    "a fraction for an integer": ({"multipleBirthInteger": 1.5}, "Patient.multipleBirth"),
    "an object for an array": ({"name": {"family": "x"}}, "Patient.name"),
    "an array for an object": ({"maritalStatus": [{"text": "x"}]}, "Patient.maritalStatus"),
    "a text for an object": ({"maritalStatus": "M"}, "Patient.maritalStatus"),
    "an object for a text": ({"birthDate": {"value": "2020"}}, "Patient.birthDate"),
    "no date": ({"birthDate": "2020-13-01"}, "Patient.birthDate"),
    "no day of the calendar": ({"birthDate": "2021-02-30"}, "Patient.birthDate"),
    "a code that is none": ({"gender": "M"}, "Patient.gender"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "at"), WRONG.values(), ids=WRONG)
def test_G22_a_wrong_type_is_refused(plain: House, more: Any, at: str) -> None:
    answer = sent(plain, PATIENT | more)
    assert answer.status == 400
    assert [issue["expression"] for issue in answer.json["issue"]] == [[at]]


EMPTY = {
    "a null": ({"birthDate": None}, "Patient.birthDate"),
    "a null for an object": ({"maritalStatus": None}, "Patient.maritalStatus"),
    "a null in an array": ({"name": [None]}, "Patient.name[0]"),
    "an array of nulls": ({"name": [{"given": [None]}]}, "Patient.name[0].given[0]"),
    "an empty array": ({"name": []}, "Patient.name"),
    "an empty text": ({"language": ""}, "Patient.language"),
    "a blank text": ({"name": [{"family": " "}]}, "Patient.name[0].family"),
    "an empty object": ({"name": [{}]}, "Patient.name[0]"),
    "an empty sibling": ({"_birthDate": {}}, "Patient.birthDate"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "at"), EMPTY.values(), ids=EMPTY)
def test_G22_what_is_empty_is_refused(plain: House, more: Any, at: str) -> None:
    answer = sent(plain, PATIENT | more)
    assert answer.status == 400, answer.body
    assert answer.json["issue"][0]["expression"] == [at]


def test_G22_a_null_beside_its_extension_is_none_of_these(plain: House) -> None:
    extension = {"extension": [{"url": "http://a.example/e", "valueString": "x"}]}
    body = PATIENT | {"name": [{"given": [None, "A"], "_given": [extension, None]}]}
    id_ = stored(sent(plain, body))
    assert plain.get(f"Patient/{id_}").json["name"] == body["name"]


@pytest.mark.parametrize(
    "spelling", ["1.00", "0.0000000001", "1e3", "100000000000000000.1", "-0.0"]
)
@pytest.mark.parametrize("accept", [JSON, XML])
def test_G22_decimals_keep_their_precision(plain: House, spelling: str, accept: str) -> None:
    body = (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        f'"valueQuantity":{{"value":{spelling}}}}}'
    ).encode()
    id_ = stored(sent(plain, body, "Observation"))
    answer = plain.get(f"Observation/{id_}", accept=accept)
    written = f'"value":{spelling}' if accept == JSON else f'<value value="{spelling}"/>'
    assert written.encode() in answer.body
    back = plain.call(
        "PUT", f"Observation/{id_}", None, answer.body, content_type=accept, accept=JSON
    )
    assert f'"value":{spelling}'.encode() in back.body


def test_G22_a_fault_in_xml_has_line_and_column(plain: House) -> None:
    body = b'<Patient xmlns="http://hl7.org/fhir">\n  <gender value="M"/>\n</Patient>'
    (issue,) = sent(plain, body, media=XML).json["issue"]
    assert issue["expression"] == ["Patient.gender"]
    assert issue["location"][0].startswith("2:")


# Modifier extensions.

MODIFIER = {"url": "http://a.example/not", "valueBoolean": True}


def record(house: House) -> str:
    return opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])


def misunderstood(answer: Answer, *places: str) -> bool:
    assert answer.status == 422, answer.body
    issues = answer.json["issue"]
    assert {issue["code"] for issue in issues} == {"extension"}
    assert all("`http://a.example/not`" in issue["diagnostics"] for issue in issues)
    assert [issue["expression"] for issue in issues] == [[place] for place in places]
    return True


def test_G23_a_modifier_that_is_not_understood_is_refused(house: House) -> None:
    body = team(record(house), NINA)
    body["participant"][0] |= {"modifierExtension": [MODIFIER]}
    body |= {"modifierExtension": [MODIFIER]}
    answer = house.post("CareTeam", CNAM, body)
    assert misunderstood(
        answer, "CareTeam.participant[0].modifierExtension[0]", "CareTeam.modifierExtension[0]"
    )


@pytest.mark.parametrize("type_", ["Observation", "Organization"])
def test_G23_whatever_the_resource_is(house: House, type_: str) -> None:
    modified = {"resourceType": type_, "modifierExtension": [MODIFIER]}
    body = modified | {
        "Observation": {
            "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{record(house)}"},
        },
        "Organization": {"name": "x"},
    }[type_]  # fmt: skip
    who = CNAM if type_ == "Organization" else NINA
    assert misunderstood(house.post(type_, who, body), f"{type_}.modifierExtension[0]")


def test_G23_neither_an_update_nor_a_patch_brings_one_in(house: House) -> None:
    body = {"resourceType": "Organization", "name": "x"}
    id_ = stored(house.post("Organization", CNAM, body))
    changed = body | {"id": id_, "modifierExtension": [MODIFIER]}
    place = "Organization.modifierExtension[0]"
    assert misunderstood(house.call("PUT", f"Organization/{id_}", CNAM, changed), place)
    change = [{"op": "add", "path": "/modifierExtension", "value": [MODIFIER]}]
    patched = house.call(
        "PATCH", f"Organization/{id_}", CNAM, json.dumps(change).encode(), content_type=JSON_PATCH
    )
    assert misunderstood(patched, place)
    assert "modifierExtension" not in house.get(f"Organization/{id_}", CNAM).json


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_G23_nor_does_an_entry_of_a_bundle(house: House, kind: str) -> None:
    body = {"resourceType": "Organization", "name": "y", "modifierExtension": [MODIFIER]}
    entry = {"request": {"method": "POST", "url": "Organization"}, "resource": body}
    answer = house.post("", CNAM, {"resourceType": "Bundle", "type": kind, "entry": [entry]})
    if kind == "transaction":
        assert misunderstood(answer, "Bundle.entry[0].resource.modifierExtension[0]")
    else:
        (response,) = (one["response"] for one in answer.json["entry"])
        assert response["status"].startswith("422")
        assert response["outcome"]["issue"][0]["code"] == "extension"


def test_G23_a_consent_that_is_modified_never_lies_there(house: House) -> None:
    body = consent(record(house), "dmp-pro-access", NINA)
    body["provision"] |= {"modifierExtension": [MODIFIER]}
    assert misunderstood(
        house.post("Consent", CNAM, body), "Consent.provision.modifierExtension[0]"
    )


def test_G23_in_xml_the_place_is_told(house: House) -> None:
    body = (
        b'<Organization xmlns="http://hl7.org/fhir">\n'
        b'<modifierExtension url="http://a.example/not"><valueBoolean value="true"/>'
        b'</modifierExtension>\n<name value="x"/></Organization>'
    )
    (issue,) = house.call("POST", "Organization", CNAM, body, content_type=XML).json["issue"]
    assert (issue["code"], issue["location"][0].split(":")[0]) == ("extension", "2")


def test_G23_a_plain_server_keeps_what_it_does_not_act_upon(plain: House) -> None:
    id_ = stored(sent(plain, PATIENT | {"modifierExtension": [MODIFIER]}))
    assert plain.get(f"Patient/{id_}").json["modifierExtension"] == [MODIFIER]


# Contained resources.

ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "x"}


def holding(*contained: dict[str, Any], **more: Any) -> dict[str, Any]:
    return PATIENT | {"contained": list(contained)} | more


CONTAINED = {
    "dom-2": (
        holding(ORGANIZATION | {"contained": [ORGANIZATION]},
                managingOrganization={"reference": "#o"}),
        "Patient.contained[0].contained[0]",
    ),
    "dom-3": (holding(ORGANIZATION), "Patient.contained[0]"),
    "dom-4": (
        holding(ORGANIZATION | {"meta": {"versionId": "1"}},
                managingOrganization={"reference": "#o"}),
        "Patient.contained[0].meta.versionId",
    ),
    "dom-5": (
        holding(ORGANIZATION | {"meta": {"security": [{"code": "x"}]}},
                managingOrganization={"reference": "#o"}),
        "Patient.contained[0].meta.security",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", CONTAINED)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_G24_contained_resources_follow_the_rules(plain: House, rule: str, method: str) -> None:
    body, at = CONTAINED[rule]
    path = "Patient/contained" if method == "PUT" else "Patient"
    answer = plain.call(method, path, None, body | {"id": "contained"})
    assert answer.status == 400, answer.body
    issue = answer.json["issue"][0]
    assert (issue["code"], issue["expression"]) == ("invariant", [at])
    assert rule in issue["diagnostics"]


def test_G24_a_local_reference_leads_to_what_is_contained(plain: House) -> None:
    body = PATIENT | {"managingOrganization": {"reference": "#nobody"}}
    answer = sent(plain, body)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "invariant")
    assert "ref-1" in answer.diagnostics


def test_G24_what_is_contained_is_checked_itself(plain: House) -> None:
    body = holding(ORGANIZATION | {"melon": 1}, managingOrganization={"reference": "#o"})
    assert refused(sent(plain, body), "structure", "Patient.contained[0].melon")


def test_G24_a_contained_resource_may_refer_to_its_container(plain: House) -> None:
    account = {
        "resourceType": "Account", "id": "a", "status": "active", "subject": [{"reference": "#"}],
    }  # fmt: skip
    assert sent(plain, holding(account)).status == 201


def test_G24_what_is_contained_comes_back_as_it_was(plain: House) -> None:
    body = holding(ORGANIZATION, managingOrganization={"reference": "#o"})
    id_ = stored(sent(plain, body))
    found = plain.get(f"Patient/{id_}").json
    assert found["contained"] == [ORGANIZATION]
    assert plain.get("Organization/o").status == 404
