"""HL7's own examples go in and come out unchanged, in both formats, and those that are not valid
are refused for their reason (`refused_examples.csv`).

https://hl7.org/fhir/R4/downloads.html
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.fhir import json_format
from profiles.validate import validate
from tests.corpus import corpus_files, needs_corpus
from tests.house import Answer, House
from tests.journeys import official

JSON, XML = "application/fhir+json", "application/fhir+xml"
FORMATS = {".json": JSON, ".xml": XML}
KINDS = (
    "CodeSystem", "CompartmentDefinition", "OperationDefinition", "SearchParameter",
    "StructureDefinition", "ValueSet",
)  # fmt: skip
VALID = [p for p in official.in_both_formats() if official.name_of(p) not in official.refused()]
INVALID = [p for p in official.in_both_formats() if official.name_of(p) in official.refused()]

pytestmark = needs_corpus


@pytest.fixture(scope="module")
def unchecked(shared_url: str) -> Iterator[House]:
    """A plain server that does not look where references lead."""
    house = House(shared_url, auth="off", policy="off", references="off")
    yield house
    house.close()


def put(house: House, address: str, body: bytes, format_: str = JSON) -> Answer:
    return house.call("PUT", address, None, body, content_type=format_)


def stored(house: House, path: Path, body: bytes) -> str:
    """The address at which the server has now stored `body`, the contents of this file."""
    told = json_format.read(path.with_suffix(".json").read_bytes())
    address = f"{told['resourceType']}/{told['id']}"
    answer = put(house, address, body, FORMATS[path.suffix])
    assert answer.status in (200, 201), answer.body
    return address


def read(house: House, address: str, format_: str) -> bytes:
    answer = house.get(address, accept=format_)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_in_json_comes_back_unchanged(unchecked: House, path: Path) -> None:
    sent = path.read_bytes()
    body = read(unchecked, stored(unchecked, path, sent), JSON)
    assert official.members(body) == official.members(sent)
    assert official.meta(body) == official.meta(sent)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_in_xml_comes_back_the_same_and_valid(unchecked: House, path: Path) -> None:
    path = path.with_suffix(".xml")
    sent = path.read_bytes()
    body = read(unchecked, stored(unchecked, path, sent), XML)
    assert official.canonical(body) == official.canonical(sent)
    assert official.schema_faults(body) == []


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_goes_from_json_to_xml_and_back(unchecked: House, path: Path) -> None:
    sent = path.read_bytes()
    address = stored(unchecked, path, sent)
    xml = read(unchecked, address, XML)
    assert official.schema_faults(xml) == []
    assert put(unchecked, address, xml, XML).status == 200
    assert official.content(read(unchecked, address, JSON)) == official.content(sent)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_example_goes_from_xml_to_json_and_back(unchecked: House, path: Path) -> None:
    path = path.with_suffix(".xml")
    sent = path.read_bytes()
    address = stored(unchecked, path, sent)
    body = read(unchecked, address, JSON)
    assert official.content(body) == official.content(path.with_suffix(".json").read_bytes())
    assert put(unchecked, address, body).status == 200
    assert official.canonical(read(unchecked, address, XML)) == official.canonical(sent)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_is_refused_for_its_reason(
    unchecked: House, path: Path, suffix: str
) -> None:
    told = json_format.read(path.read_bytes())
    address = f"{told['resourceType']}/{told['id']}"
    body = path.with_suffix(suffix).read_bytes()
    answer = put(unchecked, address, body, FORMATS[suffix])
    reason = official.refused()[official.name_of(path)]
    found = [(issue["code"], *issue["expression"]) for issue in answer.json["issue"]]
    assert (answer.status, found) == (400, [(reason["code"], reason["expression"])])
    assert ("location" in answer.json["issue"][0]) == (suffix == ".xml")


@pytest.mark.parametrize("kind", KINDS)
def test_the_biggest_definitions_are_stored_as_they_are(unchecked: House, kind: str) -> None:
    path = official.big(kind)
    sent = path.read_bytes()
    address = stored(unchecked, path, sent)
    assert official.members(read(unchecked, address, JSON)) == official.members(sent)
    xml = read(unchecked, address, XML)
    assert official.schema_faults(xml) == []
    assert put(unchecked, address, xml, XML).status == 200
    assert official.content(read(unchecked, address, JSON)) == official.content(sent)


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_definition_is_refused(kind: str) -> None:
    found = {}
    for path in corpus_files(f"r4/definitions/{kind}-*.json"):
        for issue in validate(json_format.read(path.read_bytes())):
            found[official.name_of(path)] = issue.code, issue.expression
    expected = {
        name: (row["code"], row["expression"])
        for name, row in official.refused().items()
        if name.startswith(f"definitions/{kind}-")
    }
    assert found == expected


def test_the_table_of_reasons_names_files_of_the_corpus() -> None:
    every = {official.name_of(path) for path in corpus_files("r4/*/*.json")}
    assert set(official.refused()) <= every and len(VALID) > 300
    assert all(row["reason"] for row in official.refused().values())
