"""XML Patches that cannot be taken: https://www.rfc-editor.org/rfc/rfc5261"""

import time

import pytest

from fhir_server.fhir.outcome import BadRequest, Unprocessable
from fhir_server.fhir.xml_patch import xml_patch
from tests.fhir.xml_patches import PATIENT, refused


@pytest.mark.parametrize(
    "patch",
    [
        b"",
        b"{}",
        b"<diff>",
        b"<Patient xmlns='http://hl7.org/fhir'/>",
        b"<diff xmlns='urn:x'/>",
        b"<diff><melt sel='Patient'/></diff>",
        b"<diff><add xmlns='urn:x' sel='Patient'/></diff>",
        b"<diff><remove/></diff>",
        b"<diff><remove sel=''/></diff>",
        b"<diff><remove sel='Patient/gender' pos='before'/></diff>",
        b"<diff><remove sel='Patient/gender' ws='some'/></diff>",
        b"<diff><remove sel='Patient/gender'><x/></remove></diff>",
        b"<diff><add sel='Patient' pos='last'/></diff>",
        b"<diff><add sel='Patient' type='namespace::x'>urn:x</add></diff>",
        b"<diff><add sel='Patient' type='@xmlns'>urn:x</add></diff>",
        b"<!DOCTYPE diff [<!ENTITY x 'y'>]><diff/>",
        b"<diff><replace sel='Patient/gender/@value'>&x;</replace></diff>",
        b"\xff\xfe<\x00d\x00/\x00>\x00",
    ],
    ids=str,
)
def test_what_is_no_patch_is_a_bad_request(patch: bytes) -> None:
    with pytest.raises(BadRequest):
        xml_patch(PATIENT, patch)


@pytest.mark.parametrize(
    "operation",
    [
        "<add sel='Patient' pos='before'><x/></add>",
        "<add sel='Patient' pos='after'>x</add>",
        "<add sel='Patient/gender/@value'>x</add>",
        "<add sel='Patient/gender/@value' type='@id'>x</add>",
        "<add sel='Patient/gender' type='@id'><x/></add>",
        "<replace sel='Patient/gender'>x</replace>",
        "<replace sel='Patient/gender'/>",
        "<replace sel='Patient/gender'><gender value='male'/><gender value='male'/></replace>",
        "<replace sel='Patient/gender/@value'><x/></replace>",
        "<remove sel='Patient'/>",
    ],
)
def test_what_cannot_be_applied_is_unprocessable(operation: str) -> None:
    assert refused(operation).status == 422


@pytest.mark.parametrize(
    ("operation", "expression"),
    [
        ("<add sel='Patient'><unknown/></add>", "Patient.unknown"),
        ("<add sel='Patient'><gender value='male'/></add>", "Patient.gender"),
        ("<remove sel='Patient/gender/@value'/>", "Patient.gender"),
        ("<add sel='Patient/gender'>text</add>", "Patient.gender"),
        ("<add sel='Patient' type='@x'>text</add>", "Patient"),
        ("<replace sel='Patient'><x/></replace>", "x"),
    ],
)
def test_what_leaves_no_fhir_is_refused_with_its_place(operation: str, expression: str) -> None:
    refusal = refused(operation)
    assert (refusal.status, refusal.expression) == (400, expression)


def _deep(depth: int) -> str:
    return "<extension url='x'>" * depth + "</extension>" * depth


DEEPER = "".join(f"<add sel='Patient{'/extension[last()]' * n}'>{_deep(20)}</add>" for n in
                 range(0, 300, 20))  # fmt: skip
GREEDY = {
    "operations": "<remove sel='Patient/x'/>" * 10_000,
    "a selector": f"<remove sel='Patient{'/x' * 100_000}'/>",
    "deep content": f"<add sel='Patient'>{_deep(300)}</add>",
    "deeper and deeper": DEEPER,
    "elements": "<remove sel='Patient/identifier[value and value/@value][1]'/>" * 1000,
    "long texts": "<add sel='Patient/text/div[text()]'/>" * 1000,
}


@pytest.mark.parametrize("greedy", GREEDY)
def test_what_costs_too_much_is_refused_at_once(greedy: str) -> None:
    long_div = f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 5_000_000}</div>'
    many = {"identifier": [{"value": str(n)} for n in range(5_000)]}
    resource = PATIENT | many | {"text": {"status": "generated", "div": long_div}}
    begin = time.thread_time()
    assert refused(GREEDY[greedy], resource).code == "too-costly"
    assert time.thread_time() - begin < 3


def test_the_size_of_the_result_is_bounded() -> None:
    with pytest.raises(Unprocessable, match="bytes"):
        xml_patch(PATIENT, b"<diff><remove sel='Patient/gender'/></diff>", max_size=100)
