"""Values of each type, as the standard's tables have them, over HTTP and in both databases.

https://hl7.org/fhir/R4/search.html#ptypes; modifiers are in `test_search_modifiers`.
"""

from typing import Any

import pytest

from tests.house import House
from tests.people import stored
from tests.rest.test_search_interactions import TAGS, new, tagged

Json = dict[str, Any]
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
REPORTS = "http://hl7.org/fhir/diagnostic-report-status"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def found(plain: House, tag: str, type_: str, query: str) -> list[str]:
    """The ids, in the order of the answer."""
    answer = plain.get(f"{type_}?_tag={TAGS}|{tag}&{query}", prefer="handling=strict")
    assert answer.status == 200, (query, answer.body)
    return [one["id"] for one in answer.entries]


def refused(plain: House, query: str, code: str) -> None:
    answer = plain.get(query)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, code), query


def made(plain: House, tag: str, type_: str, *elements: Json) -> list[str]:
    """One resource with each of these elements."""
    bodies = [tagged(type_, tag) | one for one in elements]
    return [stored(plain.post(type_, None, body)) for body in bodies]


def held(plain: House, tag: str, type_: str, ids: list[str], cases: list[tuple[str, str]]) -> None:
    """Each case says which of `ids` its query finds, by their numbers."""
    wrong = [
        (query, numbers, got)
        for query, numbers in cases
        if (got := {str(ids.index(id_)) for id_ in found(plain, tag, type_, query)}) != {*numbers}
    ]
    assert wrong == []


#


def test_Q16_the_ends_of_a_variant_are_of_the_same_one(plain: House) -> None:
    tag = new()
    ids = made(plain, tag, "MolecularSequence", *(
        {"coordinateSystem": 0,
         "variant": [{"start": a} | ({"end": b} if b else {}) for a, b in variants],
         "referenceSeq": {"chromosome": {"coding": [{"code": chromosome}]},
                          "referenceSeqId": {"coding": [{"code": f"NC_{chromosome}"}]}}}
        for chromosome, variants in (
            ("1", [(10, 20), (30, 40)]), ("1", [(10, 40)]), ("2", [(5, None)]),
        )
    ))  # fmt: skip
    code = "chromosome-variant-coordinate"
    held(plain, tag, "MolecularSequence", ids, [
        (f"{code}=1$10$20", "0"), (f"{code}=1$10$40", "1"), (f"{code}=2$10$20", ""),
        (f"{code}=1$lt15$gt35", "1"), (f"{code}=1$ge30$le40", "0"), (f"{code}=1$eb30$sa10", "01"),
        (f"{code}=1$ne10$40", "0"), (f"{code}=1$ap10$ap21", "0"), (f"{code}=1$10$20,1$10$40", "01"),
        ("referenceseqid-variant-coordinate=NC_1$gt0$40", "01"), (f"{code}:missing=true", "2"),
        (f"{code}=1$10$20&{code}=1$30$40", "0"), (f"{code}=1$10$20&{code}=1$10$40", ""),
    ])  # fmt: skip
    for value in ("1$10", "1$x$20", "1$10$20$30", "1$$20"):
        refused(plain, f"MolecularSequence?{code}={value}", "value")


# what is above and below.


def test_Q13_a_status_is_above_or_below_another(plain: House) -> None:
    tag, code = new(), {"text": "x"}
    ids = made(plain, tag, "DiagnosticReport", *(
        {"status": status, "code": code}
        for status in ("final", "amended", "corrected", "appended", "partial")
    ))  # fmt: skip
    held(plain, tag, "DiagnosticReport", ids, [
        ("status:below=amended", "123"), (f"status:below={REPORTS}|amended", "123"),
        ("status:above=corrected", "12"), ("status:above=appended", "13"),
        ("status:below=final", "0"), ("status:below=partial,final", "04"), ("status=amended", "1"),
        ("status:below=preliminary", ""), ("status:above=preliminary", "4"),
    ])  # fmt: skip


def test_Q13_a_label_is_above_or_below_another(plain: House) -> None:
    tag = new()
    ids = made(plain, tag, "Basic", *(
        {"code": {"text": "x"}, "meta": {
            "tag": [{"system": TAGS, "code": tag}],
            "security": [{"system": CONFIDENTIALITY, "code": label}]}}
        for label in ("N", "R", "_Confidentiality")
    ))  # fmt: skip
    held(plain, tag, "Basic", ids, [
        (f"_security:below={CONFIDENTIALITY}|_Confidentiality", "012"),
        (f"_security:above={CONFIDENTIALITY}|N", "02"),
        (f"_security:below={CONFIDENTIALITY}|R", "1"),
    ])  # fmt: skip
    refused(plain, "Basic?_security:below=R", "not-supported")
    refused(plain, "Basic?_security:below=http://loinc.org|1", "not-supported")


def test_Q13_value_sets_of_r4_that_no_element_must_take_are_known(plain: House) -> None:
    def of(system: str) -> Json:
        return {"category": [{"coding": [{"system": system, "code": "vital-signs"}]}]}

    tag, sets = new(), "http://hl7.org/fhir/ValueSet/"
    ids = made(plain, tag, "Observation", *(
        {"status": "final", "code": {"text": "x"}} | category
        for category in (of(CATEGORY), of("http://a.example"), {})
    ))  # fmt: skip
    held(plain, tag, "Observation", ids, [
        (f"category:in={sets}observation-category", "0"),
        (f"category:in={sets}observation-category|4.0.1", "0"),
        (f"category:not-in={sets}observation-category", "12"),
    ])  # fmt: skip
    refused(plain, f"Observation?code:in={sets}condition-code", "not-supported")


def test_Q14_a_canonical_is_below_its_folder_and_its_shorter_version(plain: House) -> None:
    tag, forms = new(), "http://forms.example/q"
    ids = made(plain, tag, "QuestionnaireResponse", *(
        {"status": "completed", "questionnaire": address}
        for address in (f"{forms}/one|1.2.3", f"{forms}/one|2", f"{forms}/two", "http://x.example")
    ))  # fmt: skip
    held(plain, tag, "QuestionnaireResponse", ids, [
        (f"questionnaire:below={forms}/one|1.2", "0"), (f"questionnaire:below={forms}/one|2", "1"),
        (f"questionnaire:below={forms}", "012"), (f"questionnaire:below={forms}/one", "01"),
        (f"questionnaire:below={forms}/one|1.20", ""), (f"questionnaire={forms}/one|2", "1"),
        (f"questionnaire={forms}/one", "01"),
    ])  # fmt: skip
    refused(plain, "QuestionnaireResponse?questionnaire:below=Questionnaire/1", "value")


@pytest.mark.parametrize("query", [
    "Procedure?location:below=Location/1", "Location?partof:below=Location/1",
    "Organization?partof:above=Organization/1", "QuestionnaireResponse?questionnaire:above=http://"
    "a.example/1", "Observation?subject:text=x",
])  # fmt: skip
def test_Q14_hierarchies_of_resources_are_not_walked(plain: House, query: str) -> None:
    refused(plain, query, "not-supported")
