"""HL7's own examples, each in JSON and in XML: the same values, spelled the same, both ways."""

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from fhir_server.fhir import json_format, xml_format
from tests.corpus import CORPUS, corpus_files, needs_corpus
from tests.journeys.official import in_two_arrays, spelled

EXAMPLES = corpus_files("r4/examples/*.xml")


def pair(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = in_two_arrays(json_format.read(path.with_suffix(".json").read_bytes()))
    return found


@needs_corpus
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_official_example_reads_the_same_from_xml_and_json(path: Path) -> None:
    assert spelled(xml_format.read(path.read_bytes())) == spelled(pair(path))


@needs_corpus
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_official_example_goes_to_xml_and_back(path: Path) -> None:
    assert spelled(xml_format.read(xml_format.write(pair(path)))) == spelled(pair(path))


@needs_corpus
def test_the_xml_of_the_official_examples_is_valid_against_the_official_schema() -> None:
    assert CORPUS is not None
    schema = etree.XMLSchema(etree.parse(CORPUS / "r4/xsd/fhir/fhir-single.xsd"))
    invalid = [
        p.stem for p in EXAMPLES if not schema.validate(etree.fromstring(xml_format.write(pair(p))))
    ]
    assert len(EXAMPLES) > 300 and invalid == []
