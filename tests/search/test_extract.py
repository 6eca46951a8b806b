"""The rows of a resource."""

from typing import Any

import pytest

from fhir_server.search.extract import Index, extract
from fhir_server.search.parameters import parameters
from profiles.definitions import r4
from tests.corpus import corpus_files, needs_corpus
from tests.search.asking import BASE, read_json

EXAMPLES = "r4/examples/*.json"


def test_an_empty_resource_has_no_rows() -> None:
    assert extract({"resourceType": "Binary"}, base=BASE) == Index(frozenset(), (), (), (), ())


def test_the_general_parameters_are_in_every_index() -> None:
    tagged = {"resourceType": "Binary", "meta": {"tag": [{"system": "urn:t", "code": "x"}]}}
    assert parameters("Binary")["_tag"].present in extract(tagged, base=BASE).keys


def test_the_same_value_twice_has_one_row() -> None:
    name = {"family": "Exemple", "given": ["Exemple"]}
    rows = extract({"resourceType": "Patient", "name": [name, name]}, base=BASE).strings
    assert len(rows) == len(set(rows)) == 4  # name, family, given, phonetic


def test_a_resource_of_another_type_inside_is_not_indexed() -> None:
    inside = {"resourceType": "Patient", "id": "p", "gender": "male"}
    outside = {"resourceType": "DocumentReference", "contained": [inside]}
    assert extract(outside, base=BASE).keys == frozenset()


@pytest.mark.parametrize(
    "value", [{"valueBoolean": True}, {"valueInteger": 1}, {"valuePeriod": {}}]
)
def test_an_extension_may_hold_anything(value: dict[str, Any]) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/DiagnosticReport-geneticsAssessedCondition"
    report = {"resourceType": "DiagnosticReport", "extension": [{"url": url, **value}]}
    present = parameters("DiagnosticReport")["assessed-condition"].present
    assert extract(report, base=BASE).keys == {present}


@pytest.mark.parametrize("type_", r4().resources)
def test_every_type_can_be_indexed(type_: str) -> None:
    assert extract({"resourceType": type_, "id": "x"}, base=BASE).strings == ()


@needs_corpus
def test_every_example_can_be_indexed_and_is_marked_where_it_has_values() -> None:
    for file in corpus_files(EXAMPLES):
        resource = read_json(file)
        index = extract(resource, base=BASE)
        for parameter in parameters(resource["resourceType"]).values():
            if parameter.type == "composite":
                continue
            has_value = len(parameter.select(resource)) > 0
            assert (parameter.present in index.keys) is has_value, (file.name, parameter.code)


@needs_corpus
def test_every_literal_reference_of_an_example_has_its_row() -> None:
    seen = 0
    for file in corpus_files(EXAMPLES):
        resource = read_json(file)
        rows = set(extract(resource, base=BASE).references)
        for parameter in parameters(resource["resourceType"]).values():
            for type_, value in parameter.select(resource) if parameter.type == "reference" else ():
                text = value.get("reference", "") if type_ == "Reference" else ""
                if text.count("/") == 1:
                    target = tuple(text.split("/"))
                    assert (parameter.number, *target) in rows, (file.name, text)
                    seen += 1
    assert seen > 500


@needs_corpus
def test_every_date_of_an_example_has_its_row() -> None:
    counted = 0
    for file in corpus_files(EXAMPLES):
        resource = read_json(file)
        index = extract(resource, base=BASE)
        for parameter in parameters(resource["resourceType"]).values():
            if parameter.type == "date":
                simple = {
                    value for type_, value in parameter.select(resource) if type_ in SIMPLE_TIMES
                }
                rows = [row for row in index.dates if row[0] == parameter.number]
                assert len(rows) >= len(simple), (file.name, parameter.code)
                counted += len(rows)
    assert counted > 200


SIMPLE_TIMES = ("date", "dateTime", "instant")


@needs_corpus
def test_all_resources_of_the_guides_can_be_indexed() -> None:
    resources = 0
    for file in corpus_files("igs/ITI.PCF/**/*.json") + corpus_files("ihe/mhd/**/*.json"):
        found: Any = read_json(file)
        if isinstance(found, dict) and found.get("resourceType") in r4().resources:
            assert extract(found, base=BASE).keys, file.name
            resources += 1
    assert resources > 20
