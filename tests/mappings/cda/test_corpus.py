"""The CI-SIS documents of the corpus: each read, or refused for a reason that is known."""

from pathlib import Path

import pytest

from mappings.cda.documentreference import documentreference
from mappings.cda.header import CdaError, Header
from profiles.validate import validate
from tests.corpus import corpus_files, needs_corpus
from tests.documents import header_of

FILES = corpus_files("fr/cda/examples/*.xml")
KEY = "has a wrong key"
REFUSED = {
    "CSE-CS8_2025.01.xml": KEY,
    "CSE-CS9_2024.01.xml": KEY,
    "CSE-CS9_2025.01.xml": KEY,
    "CSE-MDE_2023.01.xml": KEY,
    "OBP-SEM_2024.01.xml": KEY,
}
GOOD = [path for path in FILES if path.name not in REFUSED]
BAD = [path for path in FILES if path.name in REFUSED]
# Without a line in ASS_A11.
NO_FORMAT = {"BIO-TROD_2024.01_COVID-19.xml", "BIO-TROD_2024.01_Cystite.xml"}
REPLACING = {"CNAM-HR_2021.01_sans-info.xml", "OPH-BRE_2022.02.xml"}

good = pytest.mark.parametrize("path", GOOD, ids=[path.stem for path in GOOD])


def header(path: Path) -> Header:
    return header_of(path.read_bytes())


@needs_corpus
def test_the_corpus_is_whole() -> None:
    assert (len(FILES), len(BAD)) == (39, len(REFUSED))


@pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])
def test_a_document_without_a_usable_ins_is_refused(path: Path) -> None:
    with pytest.raises(CdaError, match=REFUSED[path.name]):
        header(path)


@good
def test_a_document_gives_a_valid_documentreference(path: Path) -> None:
    data = path.read_bytes()
    document = documentreference(header_of(data), data=data, patient="Patient/1", url="Binary/1")
    assert validate(document) == []


@good
def test_what_pdsm_requires_is_all_there(path: Path) -> None:
    data = path.read_bytes()
    document = documentreference(header_of(data), data=data, patient="Patient/1", url="Binary/1")
    required = {"masterIdentifier", "status", "type", "category", "subject", "date", "author"}
    assert required | {"authenticator", "custodian", "securityLabel", "content"} <= set(document)
    attachment = {"contentType", "language", "url", "size", "hash", "title", "creation"}
    assert attachment == set(document["content"][0]["attachment"])
    context = {"period", "facilityType", "practiceSetting", "sourcePatientInfo"}
    assert context <= set(document["context"])
    assert document["context"]["period"]["start"]


@good
def test_the_author_has_a_national_number(path: Path) -> None:
    roots = {one.root for author in header(path).authors for one in author.identifiers}
    assert roots == {"1.2.250.1.71.4.2.1"}


@good
def test_the_format_and_what_is_replaced_are_known(path: Path) -> None:
    found = header(path)
    assert found.format.code.endswith("mimeTypeSufficient") == (path.name in NO_FORMAT)
    assert bool(found.related) == (path.name in REPLACING)


def test_no_two_documents_have_the_same_id() -> None:
    ids = [header(path).identifier for path in GOOD]
    assert len(set(ids)) == len(ids)
