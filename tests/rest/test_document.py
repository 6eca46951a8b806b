"""The operation $document of a Composition, row I-25.

https://hl7.org/fhir/R4/composition-operation-document.html, https://hl7.org/fhir/R4/documents.html
"""

from typing import Any

import pytest

from profiles.validate import validate
from tests.house import BASE, Answer, House
from tests.people import stored
from tests.rest.operations import parameters, post


def made(plain: House, type_: str, **more: Any) -> str:
    return f"{type_}/{stored(plain.post(type_, None, {'resourceType': type_} | more))}"


def to(address: str) -> dict[str, str]:
    return {"reference": address}


def composition(plain: House, who: str, *entries: str, **more: Any) -> str:
    words = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'}
    section: dict[str, Any] = {"title": "a", "text": words}
    if entries:
        section["entry"] = [to(entry) for entry in entries]
    more = {"author": [{"display": "nobody"}], "date": "2026-01-01"} | more
    return made(plain, "Composition", status="final", type={"text": "x"}, title="a",
                subject=to(who), section=[section], **more)  # fmt: skip


def a_document(plain: House) -> tuple[str, dict[str, str]]:
    """A Composition, and what is to be in its document by name."""
    names = {"who": made(plain, "Patient", name=[{"family": "Essai"}])}
    names["house"] = made(plain, "Organization", name="a")
    names["doctor"] = made(plain, "Practitioner", name=[{"family": "b"}])
    names["role"] = made(plain, "PractitionerRole", practitioner=to(names["doctor"]))
    names["visit"] = made(plain, "Encounter", status="finished", subject=to(names["who"]),
                          **{"class": {"code": "AMB"}})  # fmt: skip
    names["drug"] = made(plain, "Medication", code={"text": "c"})
    names["order"] = made(
        plain, "MedicationRequest", status="active", intent="order", subject=to(names["who"]),
        medicationReference=to(names["drug"]),
    )  # fmt: skip
    names["composition"] = composition(
        plain, names["who"], names["order"], author=[to(names["role"])],
        custodian=to(names["house"]), encounter=to(names["visit"]),
        attester=[{"mode": "legal", "party": to(names["doctor"])}],
        event=[{"detail": [to(names["visit"])]}],
    )  # fmt: skip
    made(plain, "Basic", code={"text": "not in it"}, subject=to(names["who"]))
    return names["composition"], names


def inside(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [entry["fullUrl"].removeprefix(f"{BASE}/") for entry in answer.json["entry"]]


def test_I25_a_document_holds_all_that_the_composition_leads_to(plain: House) -> None:
    address, names = a_document(plain)
    found = inside(plain.get(f"{address}/$document"))
    assert found[0] == address
    assert (len(found), set(found)) == (len(names), set(names.values()))


def test_I25_a_document_is_a_valid_bundle_of_its_kind(plain: House) -> None:
    bundle = plain.get(f"{a_document(plain)[0]}/$document").json
    assert validate(bundle) == []
    assert (bundle["type"], bundle["identifier"]["system"]) == ("document", "urn:ietf:rfc:3986")
    assert bundle["identifier"]["value"].startswith("urn:uuid:")
    assert bundle["timestamp"].endswith("Z")
    assert not {"total", "link"} & set(bundle)
    assert all(set(entry) == {"fullUrl", "resource"} for entry in bundle["entry"])


def test_I25_each_document_has_an_identity_of_its_own(plain: House) -> None:
    address, _ = a_document(plain)
    one, other = (plain.get(f"{address}/$document").json["identifier"] for _ in range(2))
    assert one != other


def test_I25_what_leads_in_circles_is_there_once(plain: House) -> None:
    who = made(plain, "Patient", name=[{"family": "Essai"}])
    address = composition(plain, who)
    body = plain.get(address).json | {"relatesTo": [
        {"code": "appends", "targetReference": to(address)}]}  # fmt: skip
    assert plain.call("PUT", address, None, body).status == 200
    assert inside(plain.get(f"{address}/$document")) == [address, who]


def test_I25_a_composition_is_named_in_the_address_or_by_id(plain: House) -> None:
    address, names = a_document(plain)
    id_ = address.split("/")[1]
    for asked in (id_, address, f"{BASE}/{address}"):
        assert len(inside(plain.get(f"Composition/$document?id={asked}"))) == len(names)
    for asked in ("", "?id=http://other.example/fhir/Composition/a", "?id=Patient/a", "?id=a/b"):
        assert plain.get(f"Composition/$document{asked}").status == 400
    assert plain.get(f"{address}/$document?id={id_}").status == 400
    assert plain.get("Composition/nobody/$document").status == 404
    assert plain.get("Composition/$document?id=nobody").status == 404


def test_I25_a_graph_is_not_offered(plain: House) -> None:
    answer = plain.get(f"{a_document(plain)[0]}/$document?graph=http://a.example/g")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


def test_I25_a_document_is_stored_only_when_that_is_wanted(plain: House) -> None:
    address, names = a_document(plain)
    before = plain.get("Bundle?_summary=count").json["total"]
    plain.get(f"{address}/$document")
    post(plain, f"{address}/$document", None, parameters(persist=("valueBoolean", False)))
    assert plain.get("Bundle?_summary=count").json["total"] == before
    answer = post(plain, f"{address}/$document", None, parameters(persist=("valueBoolean", True)))
    assert set(inside(answer)) == set(names.values())
    kept = plain.get(answer.headers["Location"].removeprefix(f"{BASE}/"))
    assert kept.json == answer.json


def test_I25_a_get_stores_no_document(plain: House) -> None:
    answer = plain.get(f"{a_document(plain)[0]}/$document?persist=true")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_I25_a_document_has_as_many_entries_as_a_bundle_may_have(
    plain: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, names = a_document(plain)
    for most, status in ((len(names), 200), (len(names) - 1, 413), (3, 413)):
        object.__setattr__(plain.settings, "max_entries", most)
        try:
            assert plain.get(f"{address}/$document").status == status
        finally:
            object.__setattr__(plain.settings, "max_entries", 1000)


def test_I25_a_document_is_written_as_xml(plain: House) -> None:
    answer = plain.get(f"{a_document(plain)[0]}/$document", accept="application/fhir+xml")
    assert (answer.status, b"<Composition" in answer.body) == (200, True)
