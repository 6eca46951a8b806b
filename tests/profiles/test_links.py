"""Where references lead, as far as a resource tells: to what it contains, to entries beside it."""

from typing import Any

import pytest

from profiles.links import fragments
from profiles.validate import validate

ORGANIZATION = {"resourceType": "Organization", "name": "a"}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "a"}}
A, B, C = (f"urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a0{n}" for n in (1, 2, 3))


def holding(type_: str = "Organization", **members: Any) -> dict[str, Any]:
    """A Patient that contains something with the id `o`."""
    inner = {"resourceType": type_, "id": "o"}
    return {"resourceType": "Patient", "contained": [inner], **members}


def collection(*entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


def about(reference: str, full_url: str) -> dict[str, Any]:
    resource = OBSERVATION | {"subject": {"reference": reference}}
    return collection(
        {"fullUrl": full_url, "resource": ORGANIZATION}, {"fullUrl": B, "resource": resource}
    )


LINKED = {
    "a reference": holding(managingOrganization={"reference": "#o"}),
    "a reference in an extension": holding(
        extension=[{"url": "a", "valueReference": {"reference": "#o"}}]),
    "a canonical": holding(
        "SearchParameter", extension=[{"url": "a", "valueCanonical": "#o"}]),
    "a URI": holding(extension=[{"url": "a", "valueUri": "#o"}]),
    "a URL": holding(extension=[{"url": "a", "valueUrl": "#o"}]),
    "a reference beside a primitive": holding(
        _active={"extension": [{"url": "a", "valueReference": {"reference": "#o"}}]}),
}  # fmt: skip


@pytest.mark.parametrize("resource", LINKED.values(), ids=LINKED.keys())
def test_what_is_contained_is_referred_to(resource: dict[str, Any]) -> None:
    assert set(fragments(resource)) == {"#o"}
    assert not [issue for issue in validate(resource) if "dom-3" in issue.text]


UNLINKED = {
    "a text": holding(name=[{"text": "#o"}]),
    "a display": holding(managingOrganization={"display": "#o"}),
    "a code": holding(extension=[{"url": "a", "valueCode": "#o"}]),
    "the id of an element": holding(name=[{"id": "#o", "text": "a"}]),
    "a link of the narrative": holding(text={
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><a href="#o">a</a></div>'}),
}  # fmt: skip


@pytest.mark.parametrize("resource", UNLINKED.values(), ids=UNLINKED.keys())
def test_only_references_and_addresses_refer_to_what_is_contained(resource: dict[str, Any]) -> None:
    found = [(issue.text.partition(":")[0], issue.expression) for issue in validate(resource)]
    assert found == [("dom-3", "Patient.contained[0]")]


@pytest.mark.parametrize("full_url", [A, "http://a.example/records/7"])
def test_a_reference_to_an_entry_has_the_type_of_its_resource(full_url: str) -> None:
    found = [(i.code, i.text.split()[0], i.expression) for i in validate(about(full_url, full_url))]
    assert found == [("structure", "`Organization`", "Bundle.entry[1].resource.subject")]


def test_a_reference_to_no_entry_may_lead_anywhere() -> None:
    assert validate(about(C, A)) == []


def test_a_bundle_in_a_bundle_knows_its_own_entries_alone() -> None:
    inner = collection({"resource": OBSERVATION | {"subject": {"reference": A}}})
    assert validate(collection({"fullUrl": A, "resource": ORGANIZATION}, {"resource": inner})) == []
