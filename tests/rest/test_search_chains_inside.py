"""Chains and `_has` through contained resources, and into documents and messages.

https://hl7.org/fhir/R4/search.html#chaining: a chain is evaluated inside contained resources.
"""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED
from tests.documents import cda, new_document_id
from tests.house import ANNE, CNAM, INS, NINA, OTTO, House
from tests.interactions.shared import new_ins
from tests.journeys.test_story import iti105
from tests.people import opened, stored
from tests.rest.test_search_has import blank, coded, deposited, made, record
from tests.rest.test_search_interactions import addresses, new

Json = dict[str, Any]
OF = {"reference": "#o"}
PERSON = {"reference": "#p"}


def practitioner(family: str, **more: Any) -> Json:
    name = [{"family": family, "given": [f"{family}-anne"]}]
    return {"resourceType": "Practitioner", "id": "p", "name": name} | more


def role(id_: str = "r", **more: Any) -> Json:
    return {"resourceType": "PractitionerRole", "id": id_} | more


def document(plain: House, *inner: Json, **more: Any) -> str:
    body = {"status": "current", "content": [{"attachment": {"contentType": "text/plain"}}]}
    within = {"contained": list(inner)} if inner else {}
    return made(plain, "DocumentReference", **within, **body, **more)


def by_author(plain: House, x: str) -> str:
    organization = {"resourceType": "Organization", "id": "o", "name": f"{x} house"}
    return document(plain, practitioner(x), organization, author=[PERSON], custodian=OF)


def by_role(plain: House, x: str) -> str:
    """Both are contained."""
    inner = role(practitioner=PERSON, code=[coded(x)])
    return document(plain, practitioner(x), inner, author=[{"reference": "#r"}])


def by_role_of_stored(plain: House, x: str) -> str:
    """What is contained leads to what is stored."""
    one = made(plain, "Practitioner", name=[{"family": x}])
    return document(plain, role(practitioner={"reference": one}), author=[{"reference": "#r"}])


def by_stored_role(plain: House, x: str) -> str:
    """What is stored leads to what that contains."""
    one = made(plain, "PractitionerRole", contained=[practitioner(x)], practitioner=PERSON)
    return document(plain, author=[{"reference": one}])


def medicated(plain: House, x: str) -> str:
    drug = {"resourceType": "Medication", "id": "m", "code": coded(x)}
    patient = made(plain, name=[{"family": x}])
    return made(
        plain, "MedicationRequest", contained=[drug], status="active", intent="order",
        medicationReference={"reference": "#m"}, subject={"reference": patient},
    )  # fmt: skip


def listed(plain: House, x: str) -> str:
    return made(plain, "List", contained=[practitioner(x)], source=PERSON, status="current",
                mode="working")  # fmt: skip


CHAINS = [
    (by_author, "author.family={}"), (by_author, "author.given={}-anne"),
    (by_author, "author:Practitioner.family={}"), (by_author, "author.family:exact={}"),
    (by_author, "author.name:contains={}"), (by_author, "custodian.name={}"),
    (by_author, "custodian.name={}&author.family={}"), (by_author, "_filter=author.family eq {}"),
    (by_author, "_filter=author:Practitioner[family eq {}].given sw {}"),
    (by_author, "author.family={}&_sort=-_lastUpdated&_count=1"),
    (by_role, "author:PractitionerRole.practitioner.family={}"),
    (by_role, "author:PractitionerRole.role={}"), (by_role, "author.practitioner.given={}-anne"),
    (by_role_of_stored, "author:PractitionerRole.practitioner.family={}"),
    (by_stored_role, "author:PractitionerRole.practitioner.family={}"),
    (medicated, "medication.code={}"), (medicated, "medication:Medication.code={}"),
    (medicated, "medication.code=http://a.example/codes|{}"),
    (medicated, "medication.code={}&patient.family={}"),
    (medicated, "_filter=medication.code eq {}"),
    (listed, "source.family={}"), (listed, "source:Practitioner.given={}-anne"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "query"), CHAINS)
def test_a_chain_looks_into_contained_resources(plain: House, make: Any, query: str) -> None:
    x = new()
    one = make(plain, x)
    make(plain, new())
    type_ = one.partition("/")[0]
    answer = plain.get(f"{type_}?{query.format(x, x)}", prefer="handling=strict")
    assert (addresses(answer), answer.json["total"]) == ([one], 1)
    assert addresses(plain.get(f"{type_}?{query.format(new(), new())}")) == []


@pytest.mark.parametrize(
    "query",
    [
        "authenticator.family={}",  # it leads to another
        "author:Practitioner.name={} house", "author:Patient.family={}",
        "author._id=p", "author:Practitioner._id=p", "author._lastUpdated=gt2020-01-01&author={}",
        "author.family={}&author.family={}x",
    ],
)  # fmt: skip
def test_a_chain_leads_to_what_is_referred_to_by_it_alone(plain: House, query: str) -> None:
    x = new()
    one = by_author(plain, x)
    answer = plain.get(f"DocumentReference?{query.format(x, x)}&_count=500")
    assert one not in addresses(answer)


def test_what_lies_beside_it_is_not_led_to(plain: House) -> None:
    x, other = new(), new()
    beside = practitioner(other) | {"id": "q"}
    reference = {"reference": "#q"}
    document(plain, practitioner(x), beside, author=[PERSON], authenticator=reference)
    assert addresses(plain.get(f"DocumentReference?author.family={other}")) == []
    assert len(addresses(plain.get(f"DocumentReference?authenticator.family={other}"))) == 1


def test_a_chain_with_not_is_met_by_another_contained_one(plain: House) -> None:
    x, tag = new(), new()
    woman = practitioner(x, gender="female")
    meta = {"tag": [{"system": "http://a.example", "code": tag}]}
    one = document(plain, woman, author=[PERSON], meta=meta)
    query = f"DocumentReference?_tag={tag}&author:Practitioner.gender:not="
    assert addresses(plain.get(f"{query}male")) == [one]
    assert addresses(plain.get(f"{query}female")) == []
    query = f"DocumentReference?_tag={tag}&author.gender:missing="
    assert addresses(plain.get(f"{query}true")) == []
    assert addresses(plain.get(f"{query}false")) == [one]


def test_what_is_stored_now_is_found(plain: House) -> None:
    before, after = new(), new()
    one = by_author(plain, before)
    body = plain.get(one).json
    body["contained"][0]["name"] = [{"family": after}]
    assert plain.call("PUT", one, None, body).status == 200
    assert addresses(plain.get(f"DocumentReference?author.family={before}")) == []
    assert addresses(plain.get(f"DocumentReference?author.family={after}")) == [one]
    assert plain.call("DELETE", one).status == 204
    assert addresses(plain.get(f"DocumentReference?author.family={after}")) == []


def test_who_is_contained_is_found_nowhere_by_himself(plain: House) -> None:
    x = new()
    by_author(plain, x)
    assert addresses(plain.get(f"Practitioner?family={x}")) == []


def test_conditions_are_met_through_contained_resources(plain: House) -> None:
    x = new()
    one = by_author(plain, x)
    answer = plain.post(
        "DocumentReference", None, plain.get(one).json, if_none_exist=f"author.family={x}"
    )
    assert (answer.status, f"DocumentReference/{answer.id}") == (200, one)
    asked = {"author.family": x}
    assert plain.call("DELETE", "DocumentReference", query=asked).status == 204
    assert plain.get(one).status == 410


def test_pages_of_a_chain_hold_each_match_once(plain: House) -> None:
    x = new()
    ones = {by_author(plain, x) for _ in range(5)}
    found: list[str] = []
    path = f"DocumentReference?author.family={x}&_count=2"
    while path:
        answer = plain.get(path)
        assert answer.json["total"] == 5
        found += addresses(answer)
        links = {one["relation"]: one["url"] for one in answer.json["link"]}
        path = links.get("next", "").partition("/fhir/")[2]
    assert len(found) == 5 and set(found) == ones


def observed(plain: House, patient: str, code: str) -> str:
    inner = {"resourceType": "Observation", "id": "v", "status": "final", "code": coded(code),
             "subject": {"reference": patient}}  # fmt: skip
    return made(plain, "DiagnosticReport", contained=[inner], status="final", code={"text": "x"},
                result=[{"reference": "#v"}])  # fmt: skip


def test_who_refers_may_be_contained(plain: House) -> None:
    x, patient, other = new(), made(plain), made(plain)
    report = observed(plain, patient, x)
    observed(plain, other, new())
    for query in ("_has:Observation:subject:code={}", "_has:Observation:patient:code={}",
                  "_filter=_has:Observation:patient:code eq {}"):  # fmt: skip
        assert addresses(plain.get(f"Patient?{query.format(x)}")) == [patient], query
    body = plain.get(report).json
    body["contained"][0]["code"] = coded(new())
    assert plain.call("PUT", report, None, body).status == 200
    assert addresses(plain.get(f"Patient?_has:Observation:subject:code={x}")) == []


def test_who_refers_is_found_by_what_it_contains(plain: House) -> None:
    x = new()
    one = medicated(plain, x)
    patient = plain.get(one).json["subject"]["reference"]
    asked = f"_has:MedicationRequest:patient:medication.code={x}"
    assert addresses(plain.get(f"Patient?{asked}")) == [patient]


# Bundle?composition.* and Bundle?message.*.


def bundle(kind: str, *entries: tuple[str, Json]) -> Json:
    found = [{"fullUrl": url, "resource": resource} for url, resource in entries]
    more = {"timestamp": "2026-11-24T12:00:00Z"}
    identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:x:{new()}"}
    return {"resourceType": "Bundle", "type": kind, "entry": found, "identifier": identifier} | more


def urn(number: int) -> str:
    return f"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6{number:02}"


ABROAD = "http://abroad.example/fhir"


def a_document(x: str, at: Any) -> Json:
    """`at`: type and number to the fullUrl of an entry."""
    composition = {
        "resourceType": "Composition", "id": "c1", "status": "final", "title": f"{x} title",
        "type": coded(x), "date": "2026-11-24", "subject": {"reference": at("Patient", 2, True)},
        "author": [{"reference": at("Practitioner", 3, True)}, {"reference": "#d"}],
        "contained": [{"resourceType": "Device", "id": "d", "udiCarrier": [],
                       "deviceName": [{"name": f"{x} device", "type": "other"}]}],
        "section": [{"entry": [{"reference": at("Observation", 4, True)}]}],
    }  # fmt: skip
    del composition["contained"][0]["udiCarrier"]  # type: ignore[index]
    patient = {"resourceType": "Patient", "id": "p2", "name": [{"family": f"{x}Patient"}],
               "identifier": [{"system": "urn:i", "value": x}]}  # fmt: skip
    author = {"resourceType": "Practitioner", "id": "p3", "name": [{"family": f"{x}Author"}]}
    seen = {"resourceType": "Observation", "id": "p4", "status": "final", "code": coded(x),
            "subject": {"reference": at("Patient", 2, True)}}  # fmt: skip
    entries = (("Composition", 1, composition), ("Patient", 2, patient),
               ("Practitioner", 3, author), ("Observation", 4, seen))  # fmt: skip
    return bundle("document", *((at(type_, n, False), one) for type_, n, one in entries))


def by_urn(type_: str, number: int, _: bool) -> str:
    return urn(number)


def by_address(type_: str, number: int, relative: bool) -> str:
    path = f"{type_}/{'c' if number == 1 else 'p'}{number}"
    return path if relative else f"{ABROAD}/{path}"


INTO_DOCUMENTS = [
    "composition.title={}", "composition:Composition.title={} title", "composition.type={}",
    "composition.patient.identifier=urn:i|{}", "composition.patient.family={}Patient",
    "composition.subject:Patient.family={}Patient", "composition.author.family={}Author",
    "composition.author:Practitioner.name={}Author", "composition.author.device-name={}",
    "composition.entry:Observation.code={}", "composition.entry.code={}",
    "composition.entry:Observation.patient.family={}Patient", "composition.title:contains={}",
    "_filter=composition.title co {}", "composition.title={}&composition.status=final",
]  # fmt: skip


@pytest.mark.parametrize("query", INTO_DOCUMENTS)
@pytest.mark.parametrize("at", [by_urn, by_address])
def test_a_chain_leads_into_a_document(plain: House, at: Any, query: str) -> None:
    x = new()
    one = made(plain, **a_document(x, at), type_="Bundle")
    made(plain, **a_document(new(), at), type_="Bundle")
    answer = plain.get(f"Bundle?{query.format(x)}", prefer="handling=strict")
    assert addresses(answer) == [one]
    assert addresses(plain.get(f"Bundle?{query.format(new())}")) == []
    body = plain.get(one).json
    body["entry"] = a_document(new(), at)["entry"]
    assert plain.call("PUT", one, None, body).status == 200
    assert addresses(plain.get(f"Bundle?{query.format(x)}")) == []


def test_what_stands_in_a_document_is_no_contained_resource(plain: House) -> None:
    x = new()
    made(plain, **a_document(x, by_urn), type_="Bundle")
    for value in ("true", "both", "false"):
        assert addresses(plain.get(f"Patient?family={x}&_contained={value}")) == []


def test_a_chain_leads_into_a_message(plain: House) -> None:
    x = new()
    header = {
        "resourceType": "MessageHeader", "id": "h", "eventUri": f"http://a.example/{x}",
        "source": {"name": f"{x} source", "endpoint": f"http://{x}.example"},
        "author": {"reference": urn(2)}, "focus": [{"reference": urn(3)}],
        "responsible": {"reference": urn(4)},
    }  # fmt: skip
    author = {"resourceType": "Practitioner", "name": [{"family": f"{x}Author"}]}
    focus = {"resourceType": "Patient", "name": [{"family": f"{x}Focus"}]}
    house = {"resourceType": "Organization", "name": f"{x} house"}
    body = bundle("message", (urn(1), header), (urn(2), author), (urn(3), focus), (urn(4), house))
    one = made(plain, **body, type_="Bundle")
    for query in ("message.author.family={}Author", "message.focus:Patient.family={}Focus",
                  "message.source-uri=http://{}.example", "message.source={}",
                  "message:MessageHeader.responsible:Organization.name={}",
                  "message.event=http://a.example/{}"):  # fmt: skip
        answer = plain.get(f"Bundle?{query.format(x)}", prefer="handling=strict")
        assert addresses(answer) == [one], query


def test_a_document_without_its_first_entry_is_found_by_nothing_of_it(plain: House) -> None:
    x = new()
    patient = {"resourceType": "Patient", "name": [{"family": x}]}
    made(plain, **bundle("collection", (urn(2), patient)), type_="Bundle")
    assert addresses(plain.get(f"Bundle?composition.patient.family={x}")) == []


# Under the policy: what is contained is seen with what contains it.


def author(family: str) -> Json:
    """Members of a document by a contained author, through a role that is contained too."""
    inner = [practitioner(family), role(practitioner=PERSON, code=[coded(family)])]
    return {"contained": inner, "authenticator": {"reference": "#r"}}


def test_a_document_is_found_through_what_it_contains_by_who_sees_it(house: House) -> None:
    patient, plainly, masked = record(house), new(), new()
    one = deposited(house, patient, new(), **author(plainly))
    two = deposited(house, patient, new(), MASKED, **author(masked))
    for query in (f"patient={patient}&", ""):
        query = f"DocumentReference?{query}authenticator:PractitionerRole.practitioner.family="
        assert addresses(house.get(query + plainly, NINA)) == [f"DocumentReference/{one}"]
        assert addresses(house.get(query + masked, NINA)) == []
        assert addresses(house.get(query + masked, ANNE)) == [f"DocumentReference/{two}"]
    assert addresses(house.get(query + plainly, OTTO)) == []


HEADER = [
    "author.family=Exemple", "author.given=Anne", "author.name=exemple",
    "author.family:exact=Exemple", "_filter=author.family eq exemple",
    "author:PractitionerRole.practitioner.family=Exemple", "custodian.name=Cabinet",
    "author.family=Exemple&custodian.name=cabinet",
]  # fmt: skip


@pytest.mark.parametrize("query", HEADER)
def test_the_author_whom_the_server_takes_from_a_header_is_found(house: House, query: str) -> None:
    """ITI-67, of a CDA document that was deposited by ITI-105."""
    ins = new_ins()
    patient = opened(house, NINA, identifier=[{"system": INS, "value": ins}])
    body = iti105(cda(patient_ins=ins, document_id=new_document_id()))
    one = f"DocumentReference/{stored(house.post('DocumentReference', ANNE, body))}"
    found = house.get(f"DocumentReference?patient={patient}&status=current&{query}", NINA)
    assert addresses(found) == [one]
    nobody = query.replace("xemple", "xempleX").replace("Anne", "AnneX").replace("abinet", "abinX")
    assert addresses(house.get(f"DocumentReference?patient={patient}&{nobody}", NINA)) == []


def test_who_refers_from_within_a_document_is_told_to_those_who_see_it(house: House) -> None:
    patient, plainly, masked = record(house), new(), new()
    person = {"resourceType": "Practitioner", "name": [{"family": plainly}]}
    stored_one = f"Practitioner/{stored(house.post('Practitioner', CNAM, person))}"

    def by(code: str) -> Json:
        inner = role(practitioner={"reference": stored_one}, code=[coded(code)])
        return {"contained": [inner], "authenticator": {"reference": "#r"}}

    deposited(house, patient, new(), **by(plainly))
    deposited(house, patient, new(), MASKED, **by(masked))
    for query in ("_has:PractitionerRole:practitioner:role={}",
                  "_filter=_has:PractitionerRole:practitioner:role eq {}"):  # fmt: skip
        seen = f"Practitioner?{query.format(plainly)}"
        hidden = f"Practitioner?{query.format(masked)}"
        assert addresses(house.get(seen, NINA)) == [stored_one]
        assert addresses(house.get(hidden, NINA)) == addresses(house.get(seen, OTTO)) == []
        assert addresses(house.get(hidden, ANNE)) == [stored_one]
        assert addresses(house.get(hidden, CNAM)) == addresses(house.get(seen, CNAM))
        narrow = ANNE.but(scope="user/Practitioner.s user/PractitionerRole.s")
        assert addresses(house.get(hidden, narrow)) == []


CHANNELS = (
    "DocumentReference?authenticator:PractitionerRole.practitioner.family={family}",
    "DocumentReference?patient={patient}&authenticator.practitioner.family={family}",
    "DocumentReference?authenticator:PractitionerRole.role={family}&_count=0",
    "DocumentReference?patient={patient}&authenticator:PractitionerRole.role:not=zz&_count=0",
    "DocumentReference?patient={patient}&_filter=authenticator:PractitionerRole.role eq {family}",
    "DocumentReference?_has:Provenance:target:agent:PractitionerRole.role={family}",
    "Patient?_has:DocumentReference:patient:authenticator.practitioner.family={family}",
    "List?item:DocumentReference.authenticator:PractitionerRole.role={family}",
    "Practitioner?_has:PractitionerRole:practitioner:role={family}",
    "Practitioner?_has:PractitionerRole:practitioner:role:not={family}&_count=0",
)


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_is_hidden_changes_no_byte(house: House, channel: str) -> None:
    patient, family = record(house), new()
    deposited(house, patient, new(), **author(new()))
    path = channel.format(family=family, patient=patient)
    before = house.get(path, NINA)
    deposited(house, patient, new(), MASKED, **author(family))
    after = house.get(path, NINA)
    assert (before.status, blank(before)) == (after.status, blank(after))
