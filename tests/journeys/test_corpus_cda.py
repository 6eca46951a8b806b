"""The CI-SIS documents of the corpus: each comes back byte for byte, or is refused.

Some say that they replace a document that is not among them: they are taken where that one is.

https://esante.gouv.fr/volet-structuration-minimale-de-documents-de-sante
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fhir_server.interactions.inside import header_ins
from fhir_server.load import load_files
from mappings.cda.header import CdaError
from tests.corpus import corpus_files, needs_corpus
from tests.documents import cda, header_of
from tests.house import ANNE, House, Person
from tests.journeys.test_story import iti105
from tests.people import opened

FOLDER = "fr/cda/examples"
DEPOSITED, REFUSED, SUCCESSORS = 34, 5, 2
REASON, WITHOUT_REPLACED = "has a wrong key", "leads to nothing that can be referred to"

pytestmark = needs_corpus


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    house = House(database_url, minor_access_age=0)  # newborns read their documents here
    yield house
    house.close()


def ins_of(data: bytes) -> str:
    """`system|value` of the patient, "" where the document has no usable INS."""
    try:
        return header_ins(header_of(data))
    except CdaError:
        return ""


def replaced(data: bytes) -> bytes:
    """An invented document that this one replaces, b"" where it replaces none."""
    try:
        header = header_of(data)
    except CdaError:
        return b""
    for one in header.related:
        if one.relation == "replaces":
            root, number = header_ins(header).removeprefix("urn:oid:").split("|")
            return cda(
                patient_ins=number, ins_root=root,
                document_id=one.identifier.root, extension=one.identifier.extension,
            )  # fmt: skip
    return b""


def contents() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in corpus_files(f"{FOLDER}/*.xml")}


def found(house: House, who: Person, ins: str) -> list[bytes]:
    """The bytes of all current documents of this patient, as `who` finds and retrieves them."""
    query = {"patient.identifier": ins, "status": "current", "_count": "500"}
    answer = house.call("GET", "DocumentReference", who, query=query)
    assert answer.status == 200, answer.body
    urls = [one["content"][0]["attachment"]["url"] for one in answer.entries]
    answers = [house.get(f"Binary/{urlsplit(url).path.split('/')[-1]}", who) for url in urls]
    assert {one.status for one in answers} <= {200}
    return sorted(one.body for one in answers)


def by_patient(documents: dict[Path, bytes]) -> dict[str, list[bytes]]:
    patients: dict[str, list[bytes]] = {}
    for data in documents.values():
        patients.setdefault(ins_of(data), []).append(data)
    return {ins: sorted(all_) for ins, all_ in patients.items() if ins}


def test_documents_are_deposited_found_and_retrieved_byte_for_byte(house: House) -> None:
    documents = contents()
    patients = by_patient(documents)
    for ins in patients:
        system, value = ins.split("|")
        opened(house, ANNE, identifier=[{"system": system, "value": value}])
    first = [older for data in documents.values() if (older := replaced(data))]
    assert len(first) == SUCCESSORS
    before = [house.post("DocumentReference", ANNE, iti105(data)) for data in first]
    assert {answer.status for answer in before} == {201}
    answers = [house.post("DocumentReference", ANNE, iti105(data)) for data in documents.values()]
    kept = [answer for answer in answers if answer.status == 201]
    assert len(kept) == DEPOSITED == sum(map(len, patients.values()))
    assert {ins: found(house, ANNE, ins) for ins in patients} == patients


def test_documents_without_a_usable_ins_are_refused_with_a_reason(house: House) -> None:
    refused = [data for data in contents().values() if not ins_of(data)]
    answers = [house.post("DocumentReference", ANNE, iti105(data)) for data in refused]
    assert [answer.status for answer in answers] == [422] * REFUSED
    assert all(REASON in answer.diagnostics for answer in answers)


def test_a_folder_is_loaded_records_and_all(house: House) -> None:
    documents, said = contents(), list[str]()
    folder = next(iter(documents)).parent
    refused = load_files([folder], house.services, said.append)
    alone = {path for path, data in documents.items() if replaced(data)}
    taken, left = DEPOSITED - len(alone), REFUSED + len(alone)
    assert (refused, said[0]) == (left, f"loaded {taken}, refused {left}")
    bad = {path for path, data in documents.items() if not ins_of(data)}
    lines = {line.split(": ")[0]: line for line in said[1:]}
    assert list(lines) == [str(path) for path in sorted(bad | alone)]
    assert all(REASON in lines[str(path)] for path in bad)
    assert all(WITHOUT_REPLACED in lines[str(path)] for path in alone)
    patients = by_patient({p: data for p, data in documents.items() if p not in alone})
    holders = {ins: Person("holder", ins) for ins in patients}
    assert {ins: found(house, who, ins) for ins, who in holders.items()} == patients
