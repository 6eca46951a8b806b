"""What leads to this server is kept relative; where bytes lie is shown whole."""

from typing import Any

import pytest

from fhir_server.fhir.json_format import write
from fhir_server.fhir.own_addresses import DOCUMENT, is_spaced, kept, shown

BASE, MOVED = "http://127.0.0.1:8080/fhir", "https://dmp.example/fhir"


def document(url: str, reference: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "subject": {"reference": reference},
        "extension": [{"url": f"{BASE}/StructureDefinition/x", "valueUri": f"{BASE}/Patient/1"}],
        "content": [{"attachment": {"url": url}}],
    }


@pytest.mark.parametrize(
    ("reference", "there"),
    [
        (f"{BASE}/Patient/1", "Patient/1"),
        (f"{BASE}/Patient/1/_history/2", "Patient/1/_history/2"),
        ("Patient/1", "Patient/1"),
        ("#x", "#x"),
        ("https://a.example/fhir/Patient/1", "https://a.example/fhir/Patient/1"),
        (f"{BASE}/Patient?identifier=x", f"{BASE}/Patient?identifier=x"),
        ("urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a01",) * 2,
        ("http:// no reference",) * 2,
    ],
)
def test_a_reference_to_this_server_is_kept_relative(reference: str, there: str) -> None:
    held = kept(document("", reference), base=BASE)
    assert held["subject"] == {"reference": there}
    assert held["extension"] == document("", "")["extension"]


@pytest.mark.parametrize(
    ("url", "there", "seen"),
    [
        (f"{BASE}/Binary/1", "Binary/1", f"{MOVED}/Binary/1"),
        ("Binary/1", "Binary/1", f"{MOVED}/Binary/1"),
        (f"{BASE}/Bundle/1", "Bundle/1", f"{MOVED}/Bundle/1"),
        (f"{BASE}/ValueSet/1", f"{BASE}/ValueSet/1", f"{BASE}/ValueSet/1"),
        (f"{BASE}/Binary", f"{BASE}/Binary", f"{BASE}/Binary"),
        ("https://a.example/fhir/Binary/1",) * 3,
        ("Binary/1/2",) * 3,
    ],
)
def test_the_address_of_bytes_is_shown_whole(url: str, there: str, seen: str) -> None:
    held = kept(document(url, "Patient/1"), base=BASE)
    assert held["content"] == [{"attachment": {"url": there}}]
    assert shown(write(held), DOCUMENT, base=MOVED) == write(held).replace(
        write(there), write(seen) if there != seen else write(there)
    )


def test_a_bundle_stays_as_it_is_wherever_it_stands() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": document(f"{BASE}/Binary/1", "x")}]}
    assert kept(bundle, base=BASE) is bundle
    within = {"resourceType": "Basic", "contained": [bundle]}
    assert kept(within, base=BASE) is within


def test_what_leads_nowhere_else_is_the_same_object() -> None:
    same = document("https://a.example/1", "Patient/1")
    assert kept(same, base=BASE) is same


@pytest.mark.parametrize(
    ("text", "spaced"),
    [
        (b'{"url": "Binary/1"}', True), (b'{"url" :"Bundle/1"}', True),
        (b'{"url":"Binary/1"}', False), (b'{"url": "http://x/Binary/1"}', False),
    ],
)  # fmt: skip
def test_an_address_with_spaces_before_it_is_noticed(text: bytes, spaced: bool) -> None:
    assert is_spaced(text, DOCUMENT) == spaced


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (f"{BASE}/Binary/1", f"{MOVED}/Binary/1"),
        ("Binary/1",) * 2,  # as it was sent: R4 lets it be relative
        ("https://a.example/fhir/Binary/1",) * 2,
    ],
)
def test_what_comes_whole_outside_documents_is_shown_whole(url: str, seen: str) -> None:
    patient = {"resourceType": "Patient", "photo": [{"url": url}]}
    held = write(kept(patient, base=BASE))
    assert shown(held, "Patient", base=MOVED) == write({**patient, "photo": [{"url": seen}]})
    spaced = b'{"resourceType": "Patient", "photo": [{"url": "Binary/1"}]}'
    assert not is_spaced(spaced, "Patient"), "its spaces are kept"
