"""HL7's examples and definitions of the corpus, and what is the same in two forms of one."""

import csv
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from lxml import etree

from fhir_server.fhir import json_format
from fhir_server.fhir.json_format import Exact
from tests.corpus import CORPUS, corpus_files

FHIR = "{http://hl7.org/fhir}"
OF_THE_SERVER = ("versionId", "lastUpdated")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PARSER = etree.XMLParser(remove_comments=True, remove_pis=True, huge_tree=True)


@cache
def refused() -> Mapping[str, Mapping[str, str]]:
    """The files that are not valid: `code`, `expression` and `reason` by path without suffix."""
    with (Path(__file__).parent / "refused_examples.csv").open(encoding="utf-8") as lines:
        return {row["file"]: row for row in csv.DictReader(lines)}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def in_both_formats() -> list[Path]:
    """The JSON files of the examples; each has an XML file beside it."""
    return corpus_files("r4/examples/*.json")


def big(kind: str) -> Path:
    """The biggest definition of this kind."""
    return max(corpus_files(f"r4/definitions/{kind}-*.json"), key=lambda path: path.stat().st_size)


@cache
def schema() -> etree.XMLSchema:
    assert CORPUS is not None
    return etree.XMLSchema(etree.parse(CORPUS / "r4/xsd/fhir/fhir-single.xsd"))


def schema_faults(xml: bytes) -> list[str]:
    """What R4's XML Schema has against this text."""
    schema().validate(etree.fromstring(xml, _PARSER))
    return [str(entry.message) for entry in schema().error_log]


def members(text: bytes) -> list[tuple[str, bytes]]:
    """The members of a JSON object in order, each value as it is spelled, without id and meta."""
    found = _MEMBERS.decode(text)
    return [(name, bytes(raw)) for name, raw in found.items() if name not in ("id", "meta")]


def meta(text: bytes) -> dict[str, Any]:
    """Its meta without what the server sets."""
    found: dict[str, Any] = json_format.read(text).get("meta", {})
    return {name: value for name, value in found.items() if name not in OF_THE_SERVER}


def in_two_arrays(value: Any) -> Any:
    """`value` with the array of nulls that R4 wants where a list has extensions alone: seven of
    HL7's examples have only `_event`. https://hl7.org/fhir/R4/json.html#primitive
    """
    if isinstance(value, list):
        return [in_two_arrays(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    nulls = {
        name[1:]: [None] * len(inner)
        for name, inner in value.items()
        if name.startswith("_") and isinstance(inner, list) and name[1:] not in value
    }
    return nulls | {name: in_two_arrays(inner) for name, inner in value.items()}


def spelled(value: Any) -> Any:
    """`value` with numbers as their spelling and narratives as canonical XML."""
    if isinstance(value, dict):
        return {name: spelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spelled(inner) for inner in value]
    if isinstance(value, str) and value.startswith("<div "):
        return etree.tostring(etree.fromstring(value), method="c14n", with_comments=False)
    if isinstance(value, Exact) or type(value) is int:
        return "number", value.text if isinstance(value, Exact) else str(value)
    return value


def content(text: bytes) -> Any:
    """The values of a resource in JSON, `spelled` and `in_two_arrays`, without the id and what the
    server sets.
    """
    found: dict[str, Any] = in_two_arrays(json_format.read(text))
    found.pop("id", None)
    own = {n: v for n, v in found.pop("meta", {}).items() if n not in OF_THE_SERVER}
    return spelled(found | ({"meta": own} if own else {}))


def canonical(xml: bytes) -> bytes:
    """A resource in XML without what tells nothing (comments, space between elements, hints for
    schema processors), without its id and what the server sets.

    https://www.w3.org/TR/xml-exc-c14n/
    """
    root = etree.fromstring(xml, _PARSER)
    for name in root.keys():
        if str(name).startswith("{http://www.w3.org/2001/XMLSchema-instance}"):
            del root.attrib[name]
    for path in ("id", "meta/versionId", "meta/lastUpdated"):
        for node in root.findall("/".join(FHIR + step for step in path.split("/"))):
            _remove(node)
    for node in root.findall(f"{FHIR}meta"):
        if not len(node) and not node.attrib:
            _remove(node)
    for node in root.iter(f"{FHIR}*"):
        node.text = (node.text or "").strip() or None
        for inner in node:
            inner.tail = (inner.tail or "").strip() or None
    return etree.tostring(deepcopy(root), method="c14n", exclusive=True)


def _remove(node: etree._Element) -> None:
    parent = node.getparent()
    assert parent is not None
    parent.remove(node)
