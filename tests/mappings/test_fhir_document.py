"""The DocumentReference of a FHIR document: from its Composition, valid; refused where it is not
understood.
"""

import json
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from mappings.fhir_document import Document, DocumentError, documentreference
from profiles.validate import validate
from tests.corpus import corpus_files, needs_corpus
from tests.fhir_documents import LEVELS, fhir_document
from tests.house import LUCIEN_INS

Json = dict[str, Any]


def derived(bundle: Json) -> Json:
    assert validate(bundle) == []
    found = documentreference(bundle, data=b"x", media="application/fhir+json")
    assert validate(found) == []
    return found


def label(code: str, system: str = LEVELS) -> Json:
    return {"system": system, "code": code}


def codes(document: Json) -> list[str]:
    return [c["code"] for one in document["securityLabel"] for c in one["coding"]]


def test_the_composition_says_who_and_what_and_when() -> None:
    found = derived(fhir_document(LUCIEN_INS, identifier="urn:oid:1.2.3"))
    assert found["masterIdentifier"]["value"] == "urn:oid:1.2.3"
    assert found["type"]["coding"][0]["code"] == "11488-4"
    assert found["date"] == "2026-11-24T11:00:00Z"
    kinds = {one["id"]: one["resourceType"] for one in found["contained"]}
    assert kinds[found["author"][0]["reference"][1:]] == "Practitioner"
    assert kinds[found["custodian"]["reference"][1:]] == "Organization"
    assert kinds[found["context"]["sourcePatientInfo"]["reference"][1:]] == "Patient"
    assert codes(found) == ["N"]


LABELS: dict[str, tuple[Json, list[str]]] = {
    "of the Composition": ({"confidentiality": "V"}, ["V"]),
    "in its meta": ({"labels": [label("R")]}, ["R"]),
    "in the meta of the Bundle": ({"bundle_labels": [label("V")]}, ["V"]),
    "the strictest": (
        {"confidentiality": "R", "labels": [label("N")], "bundle_labels": [label("V")]}, ["V"],
    ),
    "a mask": ({"labels": [label(MASKED, VISIBILITY)]}, ["N", MASKED]),
    "a mask by OID": ({"bundle_labels": [label(MASKED, "urn:oid:1.2.250.1.213.1.1.4.13")]},
                      ["N", MASKED]),
    "of another entry": (
        {"patient": {"resourceType": "Patient", "meta": {"security": [label(MASKED, VISIBILITY)]}}},
        ["N", MASKED],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("more", "found"), LABELS.values(), ids=list(LABELS))
def test_the_strictest_label_counts_wherever_it_stands(more: Json, found: list[str]) -> None:
    assert codes(derived(fhir_document(LUCIEN_INS, **more))) == found


@pytest.mark.parametrize("more", [{"confidentiality": "V"}, {"meta": {"security": [label("V")]}}])
def test_an_entry_without_an_address_counts_too(more: Json) -> None:
    bundle = fhir_document(LUCIEN_INS)
    composition = {n: v for n, v in bundle["entry"][0]["resource"].items() if n != "meta"}
    bundle["entry"] += [{"resource": composition | more}, {"resource": composition}]
    assert codes(derived(bundle)) == ["V"]


REFUSED: dict[str, Json] = {
    "a level that the record has not": {"confidentiality": "L"},
    "a label that is not known": {"labels": [label("MASQUE_TOUT", VISIBILITY)]},
    "a label of another system": {"bundle_labels": [label("HTEST", "urn:x")]},
    "a replaced document without identifier": {
        "relatesTo": [{"code": "replaces", "targetReference": {"reference": "Composition/1"}}]
    },
}


@pytest.mark.parametrize("more", REFUSED.values(), ids=list(REFUSED))
def test_what_is_not_understood_is_refused(more: Json) -> None:
    bundle = fhir_document(LUCIEN_INS, **more)
    with pytest.raises(DocumentError):
        documentreference(bundle, data=b"x", media="application/fhir+json")


def test_what_is_about_no_patient_is_refused() -> None:
    bundle = fhir_document(LUCIEN_INS, patient={"resourceType": "Group"})
    with pytest.raises(DocumentError):
        Document(bundle).subject()


FILES = corpus_files("**/Bundle-*.json") + corpus_files("r4/examples/document-*.json")


@needs_corpus
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_documents_of_guides_give_valid_metadata(path: Any) -> None:
    bundle = json.loads(path.read_bytes())
    if bundle.get("type") != "document" or validate(bundle):
        return
    try:
        found = documentreference(bundle, data=b"x", media="application/fhir+json")
    except DocumentError:
        return
    assert validate(found) == []
