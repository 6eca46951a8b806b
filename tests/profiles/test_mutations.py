"""Small resources, each with something changed at random: never a crash, always a place; and what
is still valid goes to XML and back, and is valid there too.

Hypothesis prints what failed, and a line (`@reproduce_failure`) that brings it back. More cases:
`FHIR_TEST_MUTATIONS=20000 pytest tests/profiles/test_mutations.py`.
"""

import json
import os
import re
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.outcome import BadRequest
from profiles.definitions import r4
from profiles.validate import Issue, validate
from tests.corpus import needs_corpus
from tests.interactions.minimal import minimal
from tests.journeys.official import schema_faults, spelled
from tests.profiles.test_bundle_rules import GOOD as BUNDLES
from tests.profiles.test_validate import GOOD

RESOURCES = [*GOOD.values(), *BUNDLES.values(), *map(minimal, r4().resources)]
ITEM = {"url": "urn:a", "valueCode": "b"}
NAMES = (
    "id", "_id", "resourceType", "extension", "_active", "valueString", "valueQuantity", "given",
    "_given", "reference", "url", "contained", "meta", "text", "div", "status", "foo", "", "a.b[0]",
)  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 2**31, 10**400, 1.5, "", " ", "a", "#", "#o", "a b", "2020", "2020-02-30",
    "\x00", "\u00a0", "\ufffe", "\U0001f600", "Patient/1", "urn:uuid:a", [], [None], [[]], {},
    [{}], {"id": "a"}, {"extension": [ITEM]}, [None, {"extension": [ITEM]}],
    {"resourceType": "Group"}, {"resourceType": "Patient", "id": "o"}, {"resourceType": []},
    {"reference": "#o"}, {"system": "a", "code": "b"}, "A" * 70, "AAAA\nAA==",
    '<div xmlns="http://www.w3.org/1999/xhtml">a</div>', "<div", "<!DOCTYPE div>",
]  # fmt: skip
BYTES = [
    b"", b"<", b">", b'"', b"{", b"[", b"\x00", b"\xff", b"&a;", b"<!--", b"]]>", b" xmlns='a'",
    b"\xef\xbb\xbf", b":", b",",
]  # fmt: skip
EXPRESSION = re.compile(r"[A-Z]\w*(\..*)?", re.ASCII | re.DOTALL)
CASES = settings(
    max_examples=int(os.environ.get("FHIR_TEST_MUTATIONS", "400")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def holders(value: Any) -> list[Any]:
    """Every object and array in `value`, itself first."""
    found = [value]
    for item in found:  # grows while it is read
        inner = item.values() if isinstance(item, dict) else item
        found += [one for one in inner if isinstance(one, (dict, list))]
    return found


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """A small resource with one to three changes."""
    resource: dict[str, Any] = deepcopy(draw(st.sampled_from(RESOURCES)))
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(holders(resource)))
        value = deepcopy(draw(st.sampled_from(VALUES)))
        if isinstance(holder, list):
            place = draw(st.integers(0, len(holder)))
            holder[place : place + draw(st.integers(0, 1))] = [value]
            continue
        name = draw(st.sampled_from([*holder, *NAMES]))
        how = draw(st.sampled_from(("put", "drop", "move", "wrap", "unwrap")))
        old = holder.pop(name, value)
        if how == "drop":
            continue
        if how == "move":
            name = draw(st.sampled_from(NAMES))
        first = old[0] if isinstance(old, list) and old else old
        holder[name] = {"put": value, "move": old, "wrap": [old], "unwrap": first}[how]
    return resource


def told(issues: list[Issue], type_: Any) -> None:
    """Each issue has a code, words, and a place in the resource; at the root it may be none."""
    for issue in issues:
        assert issue.code in ("structure", "required", "value", "invariant", "code-invalid")
        assert issue.text.strip() and len(issue.text) < 500
        if issue.expression:
            assert EXPRESSION.fullmatch(issue.expression)
        else:
            assert not (isinstance(type_, str) and r4().is_resource(type_))


@CASES
@given(mutants())
def test_a_mutant_is_judged_with_its_places(mutant: dict[str, Any]) -> None:
    told(validate(mutant), mutant.get("resourceType"))


@CASES
@given(mutants())
def test_a_valid_mutant_goes_to_xml_and_back(mutant: dict[str, Any]) -> None:
    if not validate(mutant):
        mutant = json_format.read(json.dumps(mutant).encode())
        again = xml_format.read(xml_format.write(mutant))
        assert spelled(without_nulls(again)) == spelled(without_nulls(mutant))


@needs_corpus
@CASES
@given(mutants())
def test_a_valid_mutant_is_valid_xml(mutant: dict[str, Any]) -> None:
    if not validate(mutant):
        assert schema_faults(xml_format.write(mutant)) == []


@CASES
@given(mutants(), st.data())
def test_broken_texts_are_read_or_refused_with_a_reason(mutant: dict[str, Any], data: Any) -> None:
    for text, read in texts(mutant):
        start = data.draw(st.integers(0, len(text)))
        new = data.draw(st.sampled_from(BYTES))
        text = text[:start] + new + text[start + data.draw(st.integers(0, 3)) :]
        try:
            resource = read(text)
        except BadRequest as refusal:
            assert refusal.code == "structure" and refusal.text
            continue
        issues = validate(resource)
        told(issues, resource["resourceType"])
        if read is xml_format.read:
            found = xml_format.locate(text, [issue.expression for issue in issues])
            assert all(re.fullmatch(r"\d+:\d+", place) for place in found.values())


def texts(mutant: dict[str, Any]) -> list[tuple[bytes, Any]]:
    """The mutant as JSON, and as XML when it can be written."""
    found: list[tuple[bytes, Any]] = [(json.dumps(mutant).encode(), json_format.read)]
    if not validate(mutant):
        found.append((xml_format.write(mutant), xml_format.read))
    return found


def without_nulls(value: Any) -> Any:
    """Lists of nulls alone, as no list: XML does not tell one from the other."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_nulls(item)
        for name, item in value.items()
        if not isinstance(item, list) or any(one is not None for one in item)
    }


def test_most_mutants_are_not_valid_and_some_are() -> None:
    """The tests above would say nothing otherwise."""
    verdicts: list[bool] = []

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(mutants())
    def judged(mutant: dict[str, Any]) -> None:
        verdicts.append(not validate(mutant))

    judged()
    assert 5 < sum(verdicts) < len(verdicts) / 2
