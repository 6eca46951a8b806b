"""bdl-1 to bdl-12 hold of a Bundle that is stored, and of one that is done."""

from typing import Any

import pytest

from tests.house import House
from tests.interactions.shared import rows
from tests.rest.bundles import A, PATIENT, TABLES, basic, entry

Bundle = dict[str, Any]
# A Bundle, the element that is wrong, the rule.
BROKEN: dict[str, tuple[Bundle, str, str]] = {
    "no request": ({"entry": [{"resource": PATIENT}]}, "Bundle.entry[0].request", "bdl-3"),
    "a response": (
        {"entry": [entry("GET", "Patient") | {"response": {"status": "200"}}]},
        "Bundle.entry[0].response", "bdl-4"),
    "a total": ({"total": 0}, "Bundle.total", "bdl-1"),
    "a search": (
        {"entry": [entry("GET", "Patient") | {"search": {"mode": "match"}}]},
        "Bundle.entry[0].search", "bdl-2"),
    "one address twice": (
        {"entry": [entry("POST", "Patient", PATIENT, A), entry("POST", "Basic", basic(A), A)]},
        "Bundle.entry[1].fullUrl", "bdl-7"),
    "the address of a version": (
        {"entry": [entry("GET", "Patient", None, "http://a/Patient/b/_history/1")]},
        "Bundle.entry[0].fullUrl", "bdl-8"),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize("path", ["", "Bundle"], ids=["done", "stored"])
def test_I17_a_bundle_that_breaks_an_invariant_is_refused(
    plain: House, path: str, kind: str, broken: tuple[Bundle, str, str]
) -> None:
    members, at, rule = broken
    before = rows(plain, *TABLES)
    answer = plain.post(path, None, {"resourceType": "Bundle", "type": kind} | members)
    issue = answer.json["issue"][0]
    assert (answer.status, issue["code"], issue["expression"]) == (400, "invariant", [at])
    assert issue["diagnostics"].startswith(rule)
    assert rows(plain, *TABLES) == before


def test_I17_a_document_is_stored_when_it_is_one(plain: House) -> None:
    document = {"resourceType": "Bundle", "type": "document", "timestamp": "2026-11-24T12:00:00Z"}
    answer = plain.post("Bundle", None, document)
    found = {issue["diagnostics"].partition(":")[0] for issue in answer.json["issue"]}
    assert (answer.status, found) == (400, {"bdl-9", "bdl-11"})
