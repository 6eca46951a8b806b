"""The invariants of Bundles, each kept and each broken."""

from typing import Any

import pytest

from profiles.validate import validate

PATIENT = {"resourceType": "Patient", "id": "a"}
ASKED = {"method": "GET", "url": "Patient/a"}
DONE = {"status": "200"}
TITLE = {"resourceType": "Composition", "status": "final", "type": {"text": "a"}, "date": "2026",
         "author": [{"display": "b"}], "title": "c"}  # fmt: skip
HEADER = {"resourceType": "MessageHeader", "eventCoding": {"code": "a"},
          "source": {"endpoint": "http://a.example"}}  # fmt: skip
NUMBER = {"system": "urn:a", "value": "1"}
DATED = {"timestamp": "2026-11-24T12:00:00Z", "identifier": NUMBER}
BESIDE = {"extension": [{"url": "a", "valueCode": "b"}]}


def bundle(kind: str, *entries: Any, **members: Any) -> dict[str, Any]:
    found = {"entry": list(entries)} if entries else {}
    return {"resourceType": "Bundle", "type": kind, **members, **found}


def of(version: str) -> dict[str, Any]:
    return {"fullUrl": "urn:a", "resource": PATIENT | {"meta": {"versionId": version}}}


GOOD = {
    "an empty one": bundle("collection"),
    "an empty batch": bundle("batch"),
    "a search with its total": bundle(
        "searchset", {"resource": PATIENT, "search": {"mode": "match"}}, total=1),
    "a batch": bundle("batch", {"request": ASKED}),
    "a transaction": bundle("transaction", {"resource": PATIENT, "request": ASKED}),
    "answers": bundle("batch-response", {"response": DONE}),
    "answers of a transaction": bundle("transaction-response", {"response": DONE}),
    "a history": bundle(
        "history", {"request": ASKED, "response": DONE, "fullUrl": "urn:a"},
        {"request": ASKED, "response": DONE, "fullUrl": "urn:a"}, total=2),
    "two versions at one address": bundle("collection", of("1"), of("2")),
    "two without an address": bundle("collection", {"resource": PATIENT}, {"resource": PATIENT}),
    "a document": bundle("document", {"resource": TITLE}, {"resource": PATIENT}, **DATED),
    "a document whose number has no value but an extension": bundle(
        "document", {"resource": TITLE}, timestamp=DATED["timestamp"],
        identifier={"system": "urn:a", "_value": BESIDE}),
    "a message": bundle("message", {"resource": HEADER}),
}  # fmt: skip

NO_ENTRY = "Bundle.entry[0].resource"
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a collection's total": (bundle("collection", total=0), "bdl-1", "Bundle.total"),
    "a total that is none": (bundle("batch", _total=BESIDE), "bdl-1", "Bundle.total"),
    "a search of none": (
        bundle("collection", {"resource": PATIENT, "search": {"mode": "match"}}),
        "bdl-2", "Bundle.entry[0].search"),
    "a search in a history": (
        bundle("history", {"request": ASKED, "response": DONE, "search": {"mode": "match"}}),
        "bdl-2", "Bundle.entry[0].search"),
    **{
        f"a {kind} without a request": (
            bundle(kind, {"resource": PATIENT, "response": DONE} if kind == "history"
                   else {"resource": PATIENT}),
            "bdl-3", "Bundle.entry[0].request")
        for kind in ("batch", "transaction", "history")
    },
    **{
        f"a {kind} with a request": (
            bundle(kind, {"resource": PATIENT, "request": ASKED}),
            "bdl-3", "Bundle.entry[0].request")
        for kind in ("searchset", "collection")
    },
    **{
        f"a {kind} without a response": (
            bundle(kind, {"request": ASKED} if kind == "history" else {"resource": PATIENT}),
            "bdl-4", "Bundle.entry[0].response")
        for kind in ("batch-response", "transaction-response", "history")
    },
    "a transaction with a response": (
        bundle("transaction", {"request": ASKED, "response": DONE}),
        "bdl-4", "Bundle.entry[0].response"),
    "an entry of an address alone": (
        bundle("collection", {"resource": PATIENT}, {"fullUrl": "urn:a"}),
        "bdl-5", "Bundle.entry[1]"),
    "one address twice": (
        bundle("collection", of("1"), of("2"), of("1")), "bdl-7", "Bundle.entry[2].fullUrl"),
    "one address twice, without versions": (
        bundle("transaction", {"fullUrl": "urn:a", "request": ASKED},
               {"fullUrl": "urn:a", "request": ASKED}), "bdl-7", "Bundle.entry[1].fullUrl"),
    "the address of a version": (
        bundle("collection", {"resource": PATIENT, "fullUrl": "http://a/Patient/a/_history/1"}),
        "bdl-8", "Bundle.entry[0].fullUrl"),
    "a document without number": (
        bundle("document", {"resource": TITLE}, timestamp=DATED["timestamp"]),
        "bdl-9", "Bundle.identifier"),
    "a document whose number has no system": (
        bundle("document", {"resource": TITLE}, **DATED | {"identifier": {"value": "1"}}),
        "bdl-9", "Bundle.identifier"),
    "a document without time": (
        bundle("document", {"resource": TITLE}, identifier=NUMBER), "bdl-10", "Bundle.timestamp"),
    "a document whose time is an extension": (
        bundle("document", {"resource": TITLE}, identifier=NUMBER, _timestamp=BESIDE),
        "bdl-10", "Bundle.timestamp"),
    "a document of something else": (
        bundle("document", {"resource": PATIENT}, {"resource": TITLE}, **DATED),
        "bdl-11", NO_ENTRY),
    "a document of nothing": (bundle("document", **DATED), "bdl-11", NO_ENTRY),
    "a message of something else": (
        bundle("message", {"resource": PATIENT}), "bdl-12", NO_ENTRY),
    "a message of nothing": (bundle("message"), "bdl-12", NO_ENTRY),
    "a Bundle in a Bundle": (
        bundle("collection", {"resource": bundle("message")}),
        "bdl-12", "Bundle.entry[0].resource.entry[0].resource"),
}  # fmt: skip


@pytest.mark.parametrize("resource", GOOD.values(), ids=GOOD.keys())
def test_a_bundle_that_keeps_its_invariants_is_valid(resource: dict[str, Any]) -> None:
    assert validate(resource) == []


@pytest.mark.parametrize(("resource", "rule", "expression"), BAD.values(), ids=BAD.keys())
def test_a_broken_invariant_is_named_with_its_place(
    resource: dict[str, Any], rule: str, expression: str
) -> None:
    found = [(i.code, i.text.partition(":")[0], i.expression) for i in validate(resource)]
    assert found == [("invariant", rule, expression)]


def test_every_invariant_of_a_bundle_is_broken_by_some_case() -> None:
    every = {f"bdl-{number}" for number in range(1, 13)} - {"bdl-6"}
    assert {rule for _, rule, _ in BAD.values()} == every
