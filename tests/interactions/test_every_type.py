"""All 146 resource types of R4 are created, read, found and deleted:
https://hl7.org/fhir/R4/resourcelist.html
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.definitions import r4
from tests.corpus import corpus_files, needs_corpus
from tests.house import House
from tests.interactions.minimal import minimal
from tests.people import stored

JSON = "application/fhir+json"
# Their narrative is blank, against txt-2.
BLANK = (
    "activitydefinition-servicerequest-example", "activitydefinition-supplyrequest-example",
    "eventdefinition-example",
)  # fmt: skip
# One of each type that has any.
EXAMPLES = {
    path.stem.partition("-")[0]: path
    for path in reversed(corpus_files("r4/examples/*.json"))
    if path.stem not in BLANK
}


@pytest.fixture(scope="module")
def unchecked(shared_url: str) -> Iterator[House]:
    """A plain server that does not look where references lead."""
    house = House(shared_url, auth="off", policy="off", references="off")
    yield house
    house.close()


@pytest.mark.parametrize("type_", r4().resources)
def test_every_type_is_created_read_found_and_deleted(plain: House, type_: str) -> None:
    id_ = stored(plain.post(type_, None, minimal(type_)))
    read = plain.get(f"{type_}/{id_}", accept=JSON)
    assert (read.status, read.json["resourceType"]) == (200, type_)
    assert {n: v for n, v in read.json.items() if n not in ("id", "meta")} == minimal(type_)
    assert [entry["id"] for entry in plain.get(f"{type_}?_id={id_}").entries] == [id_]
    assert plain.call("DELETE", f"{type_}/{id_}").status == 204
    assert plain.get(f"{type_}/{id_}").status == 410
    assert plain.get(f"{type_}?_id={id_}").json["total"] == 0


@pytest.mark.parametrize("type_", r4().resources)
def test_every_type_goes_out_and_in_as_xml(plain: House, type_: str) -> None:
    xml = "application/fhir+xml"
    first = plain.post(type_, None, minimal(type_), accept=xml)
    assert first.status == 201
    again = plain.call("POST", type_, None, first.body, content_type=xml, accept=JSON)
    assert {n: v for n, v in again.json.items() if n not in ("id", "meta")} == minimal(type_)


@needs_corpus
@pytest.mark.parametrize("path", EXAMPLES.values(), ids=EXAMPLES)
def test_published_examples_come_back_as_they_are(unchecked: House, path: Path) -> None:
    sent = json.loads(path.read_bytes())
    type_ = sent["resourceType"]
    id_ = stored(unchecked.call("POST", type_, None, path.read_bytes()))
    found = unchecked.get(f"{type_}/{id_}", accept=JSON).json
    unlike = ("id", "meta")
    assert {n: v for n, v in found.items() if n not in unlike} == {
        n: v for n, v in sent.items() if n not in unlike
    }
    assert unchecked.get(f"{type_}?_id={id_}").json["total"] == 1
