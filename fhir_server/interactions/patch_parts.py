"""A patch in any of its three forms, taken apart where the DMP guide means more than its form says.

https://hl7.org/fhir/R4/http.html#patch; the guide's TD3.3a, b (`replace` of the first label) and
TD3.3d (`replace` of the extension isArchived, which may not be there yet). What stands between two
such operations is one part, done as its form says.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from lxml import etree

from fhir_server.fhir import xml_format
from fhir_server.fhir.fhirpath_patch import fhirpath_patch
from fhir_server.fhir.json_patch import json_patch
from fhir_server.fhir.patch import check_count, too_costly
from fhir_server.fhir.xml_places import local
from fhir_server.fhir.xml_patch import xml_patch
from fhir_server.policy.labels import ARCHIVED

FIRST_LABEL, ARCHIVE, ORDINARY = "first label", "archive", "ordinary"
FIRST_EXTENSION = "first extension"  # by a real pointer, of what may have none yet
MOST_OF_THE_GUIDE = 10  # operations of the guide in one patch: each is done by itself

_URL = re.escape(ARCHIVED)
_POINTERS = {
    FIRST_LABEL: re.compile(r"/securityLabel/0"),
    ARCHIVE: re.compile(rf"/extension\[url:'{_URL}'\]/valueBoolean"),
}
_PATHS = {
    FIRST_LABEL: re.compile(r"(DocumentReference\.)?securityLabel(\[0\]|\.first\(\))?"),
    ARCHIVE: re.compile(
        rf"(DocumentReference\.)?extension(\.where\(\s*url\s*=\s*'{_URL}'\s*\)|\('{_URL}'\))"
        r"\.value(\.ofType\(boolean\))?"
    ),
}
_STEP = r"(?:[\w.-]+:)?"
_SELECTORS = {
    FIRST_LABEL: re.compile(rf"/?{_STEP}DocumentReference/{_STEP}securityLabel(\[1\])?"),
    ARCHIVE: re.compile(
        rf"/?{_STEP}DocumentReference/{_STEP}extension\[@url\s*=\s*(['\"]){_URL}\1\]"
        rf"/{_STEP}valueBoolean(/@value)?"
    ),
}

Resource = Mapping[str, Any]
T = TypeVar("T")
Ways = Mapping[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """Operations that are done together: `meaning` is FIRST_LABEL, ARCHIVE or FIRST_EXTENSION for
    one the guide gives a meaning of its own, ORDINARY for all others.
    """

    meaning: str
    apply: Callable[[Resource], dict[str, Any]]


def of_json(operations: Any) -> list[Part]:
    """The parts of a JSON Patch; what is none is one part, which will be refused."""
    if not isinstance(operations, list):
        return [Part(ORDINARY, lambda resource: json_patch(resource, operations))]
    return [
        Part(meaning, lambda resource, some=some: json_patch(resource, some))  # type: ignore[misc]
        for meaning, some in _grouped(operations, _of_operation)
    ]


def of_parameters(parameters: Resource) -> list[Part]:
    """The parts of a FHIRPath Patch, a valid Parameters resource."""
    found = parameters.get("parameter", ())
    return [
        Part(
            meaning,
            lambda resource, some=some: fhirpath_patch(  # type: ignore[misc]
                resource, dict(parameters) | {"parameter": some}
            ),
        )
        for meaning, some in _grouped(
            [_at_first_label(one) for one in found], lambda one: _meaning(_PATHS, *_asked(one))
        )
    ] or [Part(ORDINARY, lambda resource: fhirpath_patch(resource, parameters))]


def of_xml(data: bytes, *, max_depth: int, max_size: int) -> list[Part]:
    """The parts of an XML Patch."""

    def part(meaning: str, text: bytes) -> Part:
        return Part(
            meaning,
            lambda resource: xml_patch(resource, text, max_depth=max_depth, max_size=max_size),
        )

    root = xml_format.parse(data)
    groups = list(_grouped(list(root), _of_element))
    if all(meaning == ORDINARY for meaning, _ in groups):
        return [part(ORDINARY, data)]
    return [part(meaning, _document(root, some)) for meaning, some in groups]


def _grouped(
    operations: Sequence[T], meaning: Callable[[T], str]
) -> Iterator[tuple[str, list[T]]]:
    check_count(len(operations))
    meanings = [meaning(operation) for operation in operations]
    if sum(one != ORDINARY for one in meanings) > MOST_OF_THE_GUIDE:
        raise too_costly(f"a patch replaces labels at most {MOST_OF_THE_GUIDE} times")

    def key(place: int) -> tuple[str, Hashable]:
        return meanings[place], None if meanings[place] == ORDINARY else place

    for (found, _), places in groupby(range(len(operations)), key):
        yield found, [operations[place] for place in places]


def _meaning(ways: Ways, kind: Any, path: Any) -> str:
    if kind not in ("replace", "add") or not isinstance(path, str):
        return ORDINARY
    if ways[ARCHIVE].fullmatch(path):
        return ARCHIVE
    return FIRST_LABEL if kind == "replace" and ways[FIRST_LABEL].fullmatch(path) else ORDINARY


def _of_operation(operation: Any) -> str:
    if not isinstance(operation, dict):
        return ORDINARY
    kind, path = operation.get("op"), operation.get("path")
    value = operation.get("value")
    archives = path == "/extension/0/valueBoolean" or (
        path == "/extension/0" and isinstance(value, dict) and value.get("url") == ARCHIVED
    )
    return FIRST_EXTENSION if kind == "replace" and archives else _meaning(_POINTERS, kind, path)


def _asked(operation: Resource) -> tuple[Any, Any]:
    """Type and path of an operation in Parameters, as far as they are there."""
    parts = {part.get("name"): part for part in operation.get("part", ())}
    kind = parts.get("type", {})
    return (
        kind.get("valueCode", kind.get("valueString")),
        parts.get("path", {}).get("valueString"),
    )


def _at_first_label(operation: Resource) -> Resource:
    """An operation on `securityLabel`, without an index, is one on its first."""
    kind, path = _asked(operation)
    if _meaning(_PATHS, kind, path) != FIRST_LABEL:
        return operation
    path = {"name": "path", "valueString": "DocumentReference.securityLabel[0]"}
    parts = [path if part.get("name") == "path" else part for part in operation["part"]]
    return dict(operation) | {"part": parts}


def _of_element(operation: etree._Element) -> str:
    kind = local(operation.tag)
    return _meaning(_SELECTORS, kind, operation.get("sel")) if kind == "replace" else ORDINARY


def _document(root: etree._Element, operations: Sequence[etree._Element]) -> bytes:
    """The patch with these operations alone."""
    kept = {root.index(operation) for operation in operations}
    made = deepcopy(root)
    for place, one in enumerate(list(made)):
        if place not in kept:
            made.remove(one)
        elif _of_element(one) == FIRST_LABEL and not one.get("sel", "").endswith("]"):
            one.set("sel", f"{one.get('sel')}[1]")
    return etree.tostring(made)
