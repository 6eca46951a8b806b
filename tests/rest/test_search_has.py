"""Search by who refers to it: https://hl7.org/fhir/R4/search.html#has"""

from time import perf_counter
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import ANNE, INS, NINA, OTTO, Answer, House, Person
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.rest.test_search_interactions import addresses, new

SYSTEM = "http://a.example/codes"


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": SYSTEM, "code": code}]}


def observation(plain: House, subject: str, code: str, **more: Any) -> str:
    body = {"resourceType": "Observation", "status": "final", "code": coded(code),
            "subject": {"reference": subject}} | more  # fmt: skip
    return "Observation/" + stored(plain.post("Observation", None, body))


def made(plain: House, type_: str = "Patient", **more: Any) -> str:
    return f"{type_}/" + stored(plain.post(type_, None, {"resourceType": type_} | more))


def test_Q18_what_is_referred_to_is_found_by_who_refers(plain: House) -> None:
    code, one, other = new(), made(plain), made(plain)
    observation(plain, one, code)
    observation(plain, other, new())
    for name in ("code", "patient:Patient._has:Observation:patient:code"):
        asked = f"_has:Observation:patient:{name}={SYSTEM}|{code}"
        assert addresses(plain.get(f"Patient?{asked}")) == [one]
    answer = plain.get(f"Patient?_has:Observation:patient:code={code}&_id={other.split('/')[1]}")
    assert addresses(answer) == []


def test_Q18_it_takes_modifiers_and_alternatives(plain: House) -> None:
    a, b, one, other = new(), new(), made(plain), made(plain)
    observation(plain, one, a)
    observation(plain, other, b)
    both = plain.get(f"Patient?_has:Observation:patient:code={a},{b}&_sort=_id")
    assert addresses(both) == sorted([one, other])
    ids = ",".join(address.split("/")[1] for address in (one, other))
    neither = plain.get(f"Patient?_has:Observation:patient:code:not={a}&_id={ids}")
    assert addresses(neither) == [other]
    asked = "_has:Observation:patient:performer:missing"
    assert addresses(plain.get(f"Patient?{asked}=false&_id={ids}")) == []
    assert len(addresses(plain.get(f"Patient?{asked}=true&_id={ids}"))) == 2


def test_Q18_it_is_nested(plain: House) -> None:
    one, code = made(plain), new()
    group = observation(plain, one, new())
    observation(plain, made(plain), new())
    observation(plain, one, code, hasMember=[{"reference": group}])
    asked = f"_has:Observation:patient:_has:Observation:has-member:code={code}"
    assert addresses(plain.get(f"Patient?{asked}")) == [one]
    asked = f"_has:Observation:has-member:code={code}"
    assert addresses(plain.get(f"Observation?{asked}")) == [group]


def test_Q18_it_stands_after_a_chain_and_before_one(plain: House) -> None:
    family, code = new(), new()
    one = made(plain, name=[{"family": family}])
    seen = observation(plain, one, code)
    observation(plain, made(plain), new())
    asked = f"subject:Patient._has:Observation:patient:code={code}"
    assert addresses(plain.get(f"Observation?{asked}")) == [seen]
    asked = f"_has:Observation:patient:subject:Patient.family={family}"
    assert addresses(plain.get(f"Patient?{asked}")) == [one]


def test_Q18_a_reference_to_a_namesake_of_another_type_is_none(plain: House) -> None:
    id_, code = new(), new()
    for type_ in ("Patient", "Group"):
        more = {"type": "person", "actual": True} if type_ == "Group" else {}
        body = {"resourceType": type_, "id": id_} | more
        assert plain.call("PUT", f"{type_}/{id_}", None, body).status == 201
    observation(plain, f"Group/{id_}", code)
    asked = f"_has:Observation:subject:code={code}"
    assert addresses(plain.get(f"Patient?{asked}")) == []
    assert addresses(plain.get(f"?_type=Patient,Group&{asked}")) == [f"Group/{id_}"]


@pytest.mark.parametrize("name", [
    "_has:Observation", "_has:Observation:patient", "_has:Observation::code", "_has:Nonsense:a:b",
    "_has:Observation:patient:", "_has:'; DROP:a:b", "_has:Observation:patient:code:nonsense",
])  # fmt: skip
def test_Q18_what_is_written_wrong_is_refused(plain: House, name: str) -> None:
    assert plain.get(f"Patient?{name}=x").status == 400


@pytest.mark.parametrize("name", [
    "_has:Observation:nonsense:code", "_has:Observation:code:code",
    "_has:Observation:encounter:code", "_has:Observation:patient:nonsense",
])  # fmt: skip
def test_Q18_what_cannot_lead_there_is_no_parameter(plain: House, name: str) -> None:
    answer = plain.get(f"Patient?{name}=x&_count=0")
    assert "_has" not in answer.json["link"][0]["url"]
    assert plain.get(f"Patient?{name}=x", prefer="handling=strict").status == 400


def test_Q18_what_would_cost_too_much_is_refused(plain: House) -> None:
    deep = "_has:Observation:has-member:" * 5
    answer = plain.get(f"Observation?{deep}code=x")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly")
    begun = perf_counter()
    assert plain.get(f"Observation?{deep[: len(deep) * 4 // 5]}code=x").status == 200
    assert perf_counter() - begun < 2


# With the policy on.


def record(house: House) -> str:
    return opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])


def deposited(house: House, patient: str, code: str, *labels: str, **more: Any) -> str:
    document: dict[str, Any] = {
        "resourceType": "DocumentReference", "status": "current", "type": coded(code),
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{new()[1:]}77"},
        "subject": {"reference": f"Patient/{patient}"},
        "securityLabel": [{"coding": [{"system": VISIBILITY, "code": one}]} for one in labels],
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    } | more  # fmt: skip
    if not labels:
        del document["securityLabel"]
    return stored(house.post("DocumentReference", ANNE, document))


def test_Q18_a_document_leads_only_those_who_see_it(house: House) -> None:
    patient, plainly, masked = record(house), new(), new()
    deposited(house, patient, plainly)
    deposited(house, patient, masked, MASKED)

    def found(code: str, who: Person) -> list[str]:
        answer = house.get(f"Patient?_has:DocumentReference:patient:type={code}", who)
        return addresses(answer)

    assert found(plainly, NINA) == [f"Patient/{patient}"]
    assert found(masked, NINA) == []
    assert found(plainly, OTTO) == []


CHANNELS = (
    "Patient?_has:DocumentReference:patient:type={code}",
    "Patient?_has:DocumentReference:patient:type:not=zz",
    "Patient?_has:DocumentReference:patient:security-label:missing=false",
    "DocumentReference?_has:DocumentReference:relatesto:type={code}",
    "DocumentReference?subject:Patient._has:DocumentReference:patient:type={code}",
    "Patient?_has:DocumentReference:patient:_has:List:item:_lastUpdated=gt2020",
)


@pytest.mark.parametrize("channel", CHANNELS)
def test_Q18_what_is_hidden_changes_no_byte(house: House, channel: str) -> None:
    patient, code = record(house), new()
    seen = deposited(house, patient, new())
    before = house.get(channel.format(code=code), NINA)
    target = {"reference": f"DocumentReference/{seen}"}
    relates = [{"code": "appends", "target": target}]
    deposited(house, patient, code, MASKED, relatesTo=relates)
    assert blank(house.get(channel.format(code=code), NINA)) == blank(before)


def blank(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return {name: value for name, value in answer.json.items() if name not in ("id", "meta")}


@pytest.mark.parametrize("query", [
    "Patient?_has:List:patient:item=DocumentReference/1",
    "Patient?_has:List:patient:item:missing=false",
    "Patient?_has:DocumentReference:patient:relation=replaces",
    "Patient?_has:DocumentReference:patient:_has:DocumentReference:relatesto:relation=replaces",
    "DocumentReference?subject:Patient._has:Consent:patient:data:missing=true",
])  # fmt: skip
def test_Q18_what_would_tell_hidden_items_is_refused(house: House, query: str) -> None:
    answer = house.get(query, NINA)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


def test_Q18_a_patient_known_by_his_identity_is_not_found_by_more(house: House) -> None:
    ins, tag = new_ins(), "http://a.example/t"
    identifier = [{"system": INS, "value": ins}]
    meta = {"tag": [{"system": tag, "code": "x"}]}
    patient = opened(house, NINA, identifier=identifier, meta=meta)
    asked = f"Patient?identifier={INS}|{ins}"
    assert addresses(house.get(asked, OTTO)) == [f"Patient/{patient}"]
    deposited(house, patient, "y")
    for more in (f"_tag={tag}|x", "_has:DocumentReference:patient:type=y"):
        assert addresses(house.get(f"{asked}&{more}", NINA)) == [f"Patient/{patient}"]
        assert addresses(house.get(f"{asked}&{more}", OTTO)) == []
