"""The search parameters that guides add, held to the guides' own definitions and examples.

https://hl7.org/fhir/R4/searchparameter.html
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.search.parameters import COLUMNS, parameters
from profiles.compile import search_parameters
from profiles.definitions import GUIDES, r4
from profiles.fhirpath.place import Item, Place, root
from profiles.fhirpath.places import find
from profiles.validate import validate
from tests.corpus import CORPUS, corpus_files, needs_corpus
from tests.search.asking import finds_value, read_json

OURS = sorted(GUIDES.glob("*.json"))
THEIRS = [p for p in corpus_files("*/**/SearchParameter-*.json") if "r4/" not in p.as_posix()]

Json = dict[str, Any]


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.stem)
def test_each_is_a_valid_resource_and_offered_for_all_its_types(file: Path) -> None:
    ours = json.loads(file.read_bytes())
    assert validate(ours) == []
    for type_ in ours["base"]:
        known = r4().synonyms[type_][ours["code"]]
        assert ours["url"] in [one.url for one in known]
        assert {one.type for one in known} == {parameters(type_)[ours["code"]].type}


def test_the_definition_of_r4_stands_before_that_of_a_guide() -> None:
    assert parameters("List")["source"].targets == (
        "Device", "Patient", "Practitioner", "PractitionerRole",
    )  # fmt: skip


@needs_corpus
def test_the_guides_add_nothing_that_is_not_here() -> None:
    urls = {read_json(file)["url"] for file in THEIRS}
    assert len(urls) == 12
    assert urls <= {json.loads(file.read_bytes())["url"] for file in OURS}


@pytest.mark.parametrize("file", THEIRS, ids=lambda file: file.stem)
def test_each_is_what_its_guide_says_it_is(file: Path) -> None:
    theirs = read_json(file)
    (ours,) = (o for o in (json.loads(f.read_bytes()) for f in OURS) if o["url"] == theirs["url"])
    for name in ("code", "type", "base"):
        assert ours[name] == theirs[name]


@pytest.mark.parametrize("file", THEIRS, ids=lambda file: file.stem)
def test_it_finds_what_the_expression_of_the_guide_selects_in_the_examples(file: Path) -> None:
    theirs = read_json(file)
    asked = [
        finds_value(theirs["code"], value, resource)
        for type_ in theirs["base"]
        for resource in examples(type_)
        for selected in read_by_another(theirs["expression"], resource)
        for value in values(selected)
    ]
    assert all(asked)
    assert bool(asked) == (theirs["id"] in SHOWN)


# The guides whose examples have what the parameter is about; no example has an image's technique,
# an `authorOrg` on the list itself, or a literal reference to a source.
SHOWN = {
    "List-SourceId", "DocumentReference-Creation", "List-DesignationType", "PDSm-isArchived",
    "PDSm-DocumentReference-period-start", "PDSm-DocumentReference-period-end",
    "TDE-AuditEvent-period-start",
}  # fmt: skip


def examples(type_: str) -> Iterator[Json]:
    """Of this type in all guides, also those that stand in Bundles."""
    for file in corpus_files("*/**/*.json"):
        if "/r4/" not in file.as_posix() and f'"{type_}"' in file.read_text("utf-8"):
            yield from within(read_json(file), type_)


def within(resource: Any, type_: str) -> Iterator[Json]:
    if isinstance(resource, dict) and resource.get("resourceType") == type_:
        yield resource
    if isinstance(resource, dict) and resource.get("resourceType") == "Bundle":
        for entry in resource.get("entry", ()):
            yield from within(entry.get("resource"), type_)


def read_by_another(expression: str, resource: Json) -> list[Place]:
    """By the reader of FHIRPath Patch, which shares nothing with that of search parameters."""
    return find(expression, root(resource), lambda _: None)


def values(selected: Item) -> Iterator[str]:
    """How a search asks for what stands here."""
    assert isinstance(selected, Place)
    value = selected.value
    match selected.type_:
        case "CodeableConcept":
            yield from (f"{one['system']}|{one['code']}" for one in value["coding"])
        case "Identifier":
            yield f"{value.get('system', '')}|{value['value']}"
        case "boolean":
            yield "true" if value else "false"
        case "Reference":
            yield from [value["reference"]] if not value["reference"].startswith("#") else []
        case _:
            yield value


# What is a parameter of another type, and of none of this.
WRONG = ("Provenance", "subject", "http://hl7.org/fhir/SearchParameter/ServiceRequest-subject")


@needs_corpus
def test_what_the_servers_of_guides_declare_is_offered() -> None:
    """By definition or code: the names in these statements are sometimes titles, the definitions
    sometimes those of other types.
    """
    asked, lacking = 0, set()
    for type_, name, url in declared():
        asked += 1
        offered = {one.url for code in parameters(type_) for one in r4().synonyms[type_][code]}
        offered |= {r4().search[type_][code].url for code in COLUMNS}
        if url not in offered and name not in parameters(type_):
            lacking.add((type_, name, url))
    assert asked > 100
    assert lacking == {WRONG}


def declared() -> Iterator[tuple[str, str, str]]:
    """Type, name and definition of each parameter of a guide's CapabilityStatement."""
    for file in corpus_files("*/**/CapabilityStatement-*.json"):
        if "/r4/" in file.as_posix():
            continue
        for rest in read_json(file).get("rest", ()):
            for resource in rest.get("resource", ()):
                for one in resource.get("searchParam", ()):
                    url = one.get("definition", "").partition("|")[0]
                    if url:
                        yield resource["type"], one["name"], url


@needs_corpus
def test_the_table_of_r4_is_what_its_definitions_compile_to() -> None:
    assert CORPUS is not None
    compiled = search_parameters(CORPUS / "r4" / "definitions")
    stored = json.loads((GUIDES.parent / "r4" / "search.json").read_bytes())
    assert json.loads(json.dumps(compiled)) == stored
