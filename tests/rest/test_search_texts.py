"""Strings, tokens, references, addresses and absence, over HTTP and in both databases.

https://hl7.org/fhir/R4/search.html#string, #token, #reference, #uri, #missing
"""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import BASE, NINA, House
from tests.people import stored
from tests.rest.stated import said
from tests.rest.test_search_interactions import TAGS, blank, deposited, new, record, tagged
from tests.rest.test_search_values import held, made, refused

Json = dict[str, Any]
HOSPITAL, V2 = "urn:oid:1.2.250.1.71", "http://terminology.hl7.org/CodeSystem/v2-0203"
GENDERS = "http://hl7.org/fhir/administrative-gender"

PEOPLE: list[Json] = [
    {"name": [{"family": "Éluard", "given": ["Anne-Marie", "Zoé"], "prefix": ["Dr"]}],
     "address": [{"city": "Saint-Étienne", "line": ["12, rue de l’Église"],
                  "postalCode": "42000"}]},
    {"name": [{"text": "Marie  Curie"}], "address": [{"city": "Paris", "country": "FR"}]},
    {"name": [{"family": "eluard"}, {"family": "Œuvré", "suffix": ["Fils"]}]},
]  # fmt: skip


def test_Q12_a_string_begins_so_whatever_its_case_and_accents(plain: House) -> None:
    tag = new()
    ids = made(plain, tag, "Patient", *PEOPLE)
    held(plain, tag, "Patient", ids, [
        ("name=anne", "0"), ("name=ANNE-M", "0"), ("name=marie", "1"), ("name=marie%20curie", "1"),
        ("name=zoe", "0"), ("name=dr", "0"), ("name=fils", "2"), ("family=%C3%89LU", "02"),
        ("family=oeuvre", "2"), ("family=%C5%93uv", "2"), ("name=curie", ""), ("family=luard", ""),
        ("given=anne&given=zo", "0"), ("given=anne&given=marie", ""), ("name=anne,marie", "01"),
        ("address=42", "0"), ("address-city=saint-etienne", "0"), ("address=12%5C, rue", "0"),
        ("address=fr", "1"), ("address-country=FR,DE", "1"), ("address=12, par", "01"),
    ])  # fmt: skip


def test_Q12_a_string_is_contained_or_exact(plain: House) -> None:
    tag = new()
    ids = made(plain, tag, "Patient", *PEOPLE)
    held(plain, tag, "Patient", ids, [
        ("name:contains=marie", "01"), ("name:contains=CURIE", "1"), ("family:contains=uar", "02"),
        ("address:contains=eglise", "0"), ("family:exact=eluard", "2"), ("family:exact=Eluard", ""),
        ("family:exact=%C3%89luard", "0"), ("family:exact=%C3%89lu", ""), ("name:exact=Dr", "0"),
        ("name:exact=Marie%20%20Curie", "1"), ("name:exact=Marie%20Curie", ""),
        ("family:exact=eluard,%C5%92uvr%C3%A9", "2"), ("family:missing=true", "1"),
    ])  # fmt: skip


def identified(value: str, **more: Any) -> Json:
    return {"identifier": [{"value": value} | more]}


def test_Q13_a_token_has_a_system_none_or_any(plain: House) -> None:
    tag, kind = new(), {"coding": [{"system": V2, "code": "MR"}]}
    ids = made(
        plain, tag, "Patient", identified("A1", system=HOSPITAL, type=kind), identified("A1"),
        identified("a1", system=HOSPITAL), {"active": True}, identified("B|,$"),
    )  # fmt: skip
    held(plain, tag, "Patient", ids, [
        ("identifier=A1", "01"), (f"identifier={HOSPITAL}|A1", "0"), ("identifier=|A1", "1"),
        (f"identifier={HOSPITAL}|", "02"), ("identifier=a1", "2"), ("identifier=A", ""),
        ("identifier:not=A1", "234"), ("identifier:not=A1,a1", "34"), ("identifier=A1,a1", "012"),
        (f"identifier:not={HOSPITAL}|", "134"), (f"identifier:of-type={V2}|MR|A1", "0"),
        (f"identifier:of-type={V2}|SS|A1", ""), ("identifier=B%5C|%5C,%5C$", "4"),
        (f"identifier={HOSPITAL}|A1,|A1", "01"), ("identifier=A1&identifier:not=|A1", "0"),
    ])  # fmt: skip


def test_Q13_codes_flags_and_numbers_of_telephones_are_tokens(plain: House) -> None:
    tag = new()
    ids = made(
        plain, tag, "Patient",
        {"gender": "female", "active": True, "telecom": [{"system": "phone", "value": "+33601"}]},
        {"gender": "male", "active": False, "telecom": [{"system": "email", "value": "a@b.fr"}]},
        {"name": [{"text": "a"}]},
    )  # fmt: skip
    held(plain, tag, "Patient", ids, [
        ("gender=female", "0"), (f"gender={GENDERS}|male", "1"), ("gender=|male", "1"),
        (f"gender={GENDERS}|", "01"), ("gender=http://a.example|male", ""), ("gender=MALE", ""),
        ("gender:not=male", "02"), ("active=true", "0"), ("active=false", "1"),
        ("active:not=true", "12"), ("telecom=a@b.fr", "1"), ("phone=%2B33601", "0"),
        ("email=a@b.fr", "1"), ("phone=a@b.fr", ""), ("gender=male,female", "01"),
    ])  # fmt: skip


def test_Q14_a_reference_is_found_however_it_is_written(plain: House) -> None:
    tag, elsewhere = new(), "http://elsewhere.example/fhir/Patient/p"
    (id_,) = made(plain, tag, "Patient", {"active": True})
    subjects: list[Json] = [
        {"reference": f"Patient/{id_}"}, {"reference": f"{BASE}/Patient/{id_}"},
        {"reference": f"Patient/{id_}/_history/1"}, {"reference": elsewhere},
        {"identifier": {"system": HOSPITAL, "value": id_}},
    ]  # fmt: skip
    ids = made(plain, tag, "Observation", *(
        {"status": "final", "code": {"text": "x"}, "subject": subject} for subject in subjects
    ))  # fmt: skip
    held(plain, tag, "Observation", ids, [
        (f"subject={id_}", "012"), (f"subject=Patient/{id_}", "012"), (f"subject={elsewhere}", "3"),
        (f"subject={BASE}/Patient/{id_}", "012"), (f"subject:Patient={id_}", "012"),
        (f"subject=Patient/{id_}/_history/1", "2"), (f"subject=Patient/{id_}/_history/2", ""),
        (f"subject:identifier={HOSPITAL}|{id_}", "4"), (f"subject:identifier={id_}", "4"),
        (f"subject:identifier={HOSPITAL}|", "4"), (f"subject:identifier=|{id_}", ""),
        (f"subject:Group={id_}", ""), (f"subject=Group/{id_}", ""), (f"patient={id_}", "012"),
        ("subject:missing=true", ""), (f"subject=nobody,{elsewhere}", "3"), ("subject=p", ""),
    ])  # fmt: skip


def test_Q15_an_address_is_compared_letter_by_letter(plain: House) -> None:
    tag = new()
    place = f"http://a.example/{tag}"
    urls = (f"{place}/One", f"{place}/one", f"{place}/one/two", f"urn:oid:1.2.{tag[1:]}")
    ids = made(plain, tag, "ValueSet", *({"status": "draft", "url": url} for url in urls))
    held(plain, tag, "ValueSet", ids, [
        (f"url={urls[0]}", "0"), (f"url={urls[3]}", "3"), (f"url={place}", ""),
        (f"url={urls[0]},{urls[1]}", "01"), (f"url:below={place}/one", "12"),
        (f"url:below={place}", "012"), (f"url:above={urls[2]}/three", "12"),
        (f"url:above={urls[1]}", "1"), (f"url:below={urls[0]}/", ""), ("url:missing=true", ""),
    ])  # fmt: skip
    refused(plain, f"ValueSet?url:below={urls[3]}", "value")


META = [
    {"profile": ["http://a.example/profile|1.0"], "source": "urn:uuid:1",
     "security": [{"system": "urn:s", "code": "x", "display": "Secret"}]},
    {},
]  # fmt: skip


def test_Q09_what_every_resource_has_is_searched_by_its_modifiers(plain: House) -> None:
    tag = new()
    metas = [one | {"tag": [{"system": TAGS, "code": tag}]} for one in META]
    ids = made(plain, tag, "Basic", *({"code": {"text": "x"}, "meta": meta} for meta in metas))
    held(plain, tag, "Basic", ids, [
        *((f"{code}:missing={is_}", numbers)
          for code in ("_profile", "_source", "_security")
          for is_, numbers in (("true", "1"), ("false", "0"))),
        ("_tag:missing=false", "01"), ("_tag:missing=true", ""), ("_id:missing=true", ""),
        ("_id:missing=false", "01"), ("_lastUpdated:missing=false", "01"),
        ("_lastUpdated:missing=true", ""), (f"_id={ids[0]},nobody", "0"),
        (f"_id:not={ids[0]}", "1"), ("_profile=http://a.example/profile", "0"),
        ("_profile=http://a.example/profile|1.0", "0"),
        ("_profile=http://a.example/profile|2", ""), ("_profile:below=http://a.example", "0"),
        ("_profile:below=http://a.example/profile|1", "0"), ("_source=urn:uuid:1", "0"),
        ("_security=urn:s|x", "0"), ("_security:not=x", "1"), ("_security:text=secr", "0"),
        (f"_tag:not={TAGS}|{tag}", ""), (f"_tag={tag},other", "01"),
    ])  # fmt: skip


ABSENT = {
    "Observation": "value-concept code-value-date component-code-value-quantity value-string date"
    " value-quantity subject combo-code-value-concept component-value-quantity method encounter",
    "MolecularSequence": "window-start chromosome-window-coordinate chromosome-variant-coordinate"
    " referenceseqid-variant-coordinate type patient",
    "ValueSet": "url date version jurisdiction context-type-quantity reference",
    "DocumentReference": "relationship relatesto creation isArchived type period custodian",
}
BARE: dict[str, Json] = {
    "Observation": {"status": "final", "code": {"text": "x"}},
    "MolecularSequence": {"coordinateSystem": 0},
    "ValueSet": {"status": "draft"},
    "DocumentReference": {"status": "current",
                          "content": [{"attachment": {"contentType": "text/plain"}}]},
}  # fmt: skip


@pytest.mark.parametrize("type_", ABSENT)
def test_Q17_a_resource_without_a_value_lacks_it_whatever_its_type(
    plain: House, type_: str
) -> None:
    tag = new()
    ids = made(plain, tag, type_, BARE[type_])
    held(plain, tag, type_, ids, [
        pair for code in ABSENT[type_].split()
        for pair in ((f"{code}:missing=true", "0"), (f"{code}:missing=false", ""))
    ])  # fmt: skip
    for value in ("yes", "1", "TRUE", "true,false"):
        refused(plain, f"{type_}?{ABSENT[type_].split()[0]}:missing={value}", "value")


@pytest.mark.parametrize("query", [
    "security-label:missing=false", f"security-label:not={VISIBILITY}|x", "creation:missing=true",
    "type:above=http://terminology.hl7.org/CodeSystem/v3-ActClass|OBS", "type:missing=true",
    "security-label:below=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N",
    "status:in=http://hl7.org/fhir/ValueSet/document-reference-status", f"security-label={MASKED}",
    "description:missing=true", "date=ne2000", "custodian:missing=true", "_source:missing=true",
])  # fmt: skip
def test_Q17_what_is_masked_neither_has_a_value_nor_lacks_it(house: House, query: str) -> None:
    patient = record(house, NINA)
    deposited(house, patient, masked=False)
    deposited(house, patient, masked=True)
    asked = f"DocumentReference?patient={patient}&{query}"
    before = house.get(asked, NINA)
    deposited(house, patient, masked=True)
    assert blank(house.get(asked, NINA)) == blank(before)


@pytest.mark.parametrize("prefer", ["", "handling=strict"])
def test_Q02_what_needs_distances_is_declared_by_being_left_out(
    plain: House, prefer: str
) -> None:
    assert "near" not in {one["name"] for one in said(plain, "Location")["searchParam"]}
    stored(plain.post("Location", None, tagged("Location", new())))
    answer = plain.get("Location?near=48.8|2.3|10|km", prefer=prefer)
    assert answer.status == (400 if prefer else 200)
    assert prefer or "near" not in answer.json["link"][0]["url"]
