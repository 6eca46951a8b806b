"""Which codes of R4 are above others, and which value sets list theirs."""

import json

import pytest

from profiles.compile import Codes, by_system, is_of_hl7
from profiles.definitions import r4
from profiles.terminology import codes_of, family
from tests.corpus import CORPUS, corpus_files, needs_corpus

REPORT = "http://hl7.org/fhir/diagnostic-report-status"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"


def test_a_family_is_the_code_with_all_above_or_below_it() -> None:
    assert family(REPORT, "amended", "below") == {"amended", "corrected", "appended"}
    assert family(REPORT, "corrected", "above") == {"corrected", "amended"}
    assert family(REPORT, "final", "below") == {"final"}
    assert family(f"{V3}Confidentiality", "V", "above") == {"V", "_Confidentiality"}


def test_steps_are_walked_to_the_end() -> None:
    below = family(f"{V3}ActClass", "ACT", "below")
    assert below is not None and len(below) > 90
    above = family(f"{V3}ActClass", "OBS", "above")
    assert above == {"OBS", "ACT"}


@pytest.mark.parametrize("system", ["http://hl7.org/fhir/administrative-gender", "", "urn:x"])
def test_a_system_without_steps_has_no_families(system: str) -> None:
    assert family(system, "final", "above") is None
    assert family(system, "final", "below") is None


def test_a_value_set_lists_its_codes() -> None:
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    found = codes_of("http://hl7.org/fhir/ValueSet/observation-category")
    assert found is not None and "vital-signs" in found[category]
    assert codes_of("http://hl7.org/fhir/ValueSet/condition-code") is None
    required = "http://hl7.org/fhir/ValueSet/observation-status"
    assert codes_of(required) == r4().codes[required]


def test_no_codes_of_others_are_handed_on() -> None:
    assert codes_of("http://hl7.org/fhir/ValueSet/animal-breeds") is None  # SNOMED CT
    assert codes_of("http://hl7.org/fhir/ValueSet/c80-doc-typecodes") is None  # LOINC


@needs_corpus
def test_value_sets_are_listed_as_r4_defines_them() -> None:
    assert CORPUS is not None
    codes = Codes(CORPUS / "r4" / "definitions")
    for url in sorted(codes.sets):
        expanded, listed = codes.expand(url), codes_of(url) or {}
        shown = expanded and (url in r4().codes or is_of_hl7(expanded))
        expected = by_system(expanded) if expanded and shown else {}
        assert {system: list(found) for system, found in listed.items()} == expected, url


@needs_corpus
def test_a_code_stands_below_the_one_it_is_nested_in() -> None:
    pairs = 0
    for file in corpus_files("r4/definitions/CodeSystem-*.json"):
        system = json.loads(file.read_bytes())
        for concept in system.get("concept", ()):
            for inner in concept.get("concept", ()):
                below = family(system["url"], concept["code"], "below")
                assert below is not None and inner["code"] in below
                pairs += 1
    assert pairs > 500


@needs_corpus
def test_no_code_system_of_r4_compares_letters_without_their_case() -> None:
    """So tokens are compared as they are written; the codes of SNOMED CT are digits."""
    systems = (json.loads(f.read_bytes()) for f in corpus_files("r4/definitions/CodeSystem-*.json"))
    found = {system["url"] for system in systems if system.get("caseSensitive") is False}
    assert found == {"http://snomed.info/sct"}
