"""FHIR XML to and from the same dicts as FHIR JSON, driven by the R4 tables.

https://hl7.org/fhir/R4/xml.html

Nothing is lost or respelled on the way. Order, attributes, namespaces and unknown elements are
judged here, because the dict no longer shows them; everything else is left to `profiles.validate`,
and `locate` says where an element that it refused stands. A document type is refused, so there are
no entities; comments and processing instructions are skipped, as the standard asks.
"""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from itertools import zip_longest
from typing import Any

from lxml import etree

from fhir_server.fhir.json_format import Exact
from fhir_server.fhir.outcome import BadRequest, Issue
from fhir_server.fhir.xml_places import expression, find, local, places
from fhir_server.fhir.xml_shapes import DIV, FHIR, OBJECT, PRIMITIVE, XHTML, Child, Shape, shape
from profiles.definitions import r4

# Hints for a schema processor, allowed on the root and of no meaning.
_HINTS = frozenset(
    "{http://www.w3.org/2001/XMLSchema-instance}" + name
    for name in ("schemaLocation", "noNamespaceSchemaLocation")
)
_DECLARED = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"']*)["']"""
)
_SPACE = " \t\r\n"  # of XML
_FHIR_TAG = f"{{{FHIR}}}"
_DIV_NAMESPACES = {None: XHTML}
# What an attribute cannot hold as it is; the second group is in no XML at all, and not valid.
_SPECIAL = re.compile('[&<"\t\n\r]|[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ESCAPED = {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


class _Fault(Exception):
    """Something at `node` that no resource has."""

    def __init__(self, node: etree._Element, text: str) -> None:
        super().__init__(text)
        self.node, self.text = node, text


# reading


def read(data: bytes, *, max_depth: int = 100) -> dict[str, Any]:
    """The resource in `data` as FHIR JSON has it; BadRequest, with the place, where it is not FHIR.

    It is UTF-8, and declares nothing else. Elements nested deeper than `max_depth` are refused (the
    root is at 1). A boolean or number that is none stays a string. The size of `data` is the
    caller's to limit. The bytes `<!DOCTYPE` are refused even in a comment.
    """
    root = parse(data)
    try:
        return _Reader(max_depth).resource(root, 1)
    except _Fault as fault:
        path = expression(fault.node)
        place = places(data, [fault.node]).get(fault.node, "")
        issue = Issue("structure", fault.text, path, location=place)
        raise BadRequest(fault.text, "structure", path, (issue,)) from None
    except RecursionError:
        raise BadRequest("the body is nested too deep", code="structure") from None


def locate(data: bytes, expressions: Iterable[str]) -> dict[str, str]:
    """`line:column` in `data` of these FHIRPath expressions; of what is missing, of its parent."""
    root = parse(data)
    nodes = {path: find(root, path) for path in expressions}
    found = places(data, nodes.values()) if nodes else {}
    return {path: found[node] for path, node in nodes.items() if node in found}


def parse(data: bytes) -> etree._Element:
    if b"<!DOCTYPE" in data:
        raise BadRequest("a document type declaration is not allowed", code="structure")
    declared = _DECLARED.match(data)
    if declared and declared[1].upper() != b"UTF-8":
        name = declared[1].decode(errors="replace")[:100]
        raise BadRequest(f"the body is UTF-8, and declares `{name}`", code="structure")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever its first bytes look like: the tests above see the same
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=True,  # for base64 over 10 MB; without a document type there is nothing to expand
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        fault = str(error.msg).rpartition(", line ")[0].removesuffix(", use XML_PARSE_HUGE option")
        text = f"the body is not XML: {fault[:1].lower()}{fault[1:100]}"
        issue = Issue("structure", text, location=f"{line}:{column}")
        raise BadRequest(text, "structure", issues=(issue,)) from None


class _Reader:
    """Element by element into dicts; every method is given the depth of its node."""

    def __init__(self, max_depth: int) -> None:
        self.max_depth = max_depth

    def resource(self, node: etree._Element, depth: int) -> dict[str, Any]:
        name = node.tag.removeprefix(_FHIR_TAG)
        if name == node.tag or not r4().is_resource(name):
            raise _Fault(node, _why_not(node, "a resource type"))
        result: dict[str, Any] = {"resourceType": name}
        for attribute in node.keys():
            if attribute not in _HINTS:
                raise _no_attribute(node, attribute)
        self.children(node, shape(name), result, depth)
        return result

    def object(self, node: etree._Element, inside: Shape, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for attribute, text in node.items():
            if attribute not in inside.attributes:
                raise _no_attribute(node, attribute)
            result[str(attribute)] = text
        self.children(node, inside, result, depth)
        return result

    def children(
        self, node: etree._Element, inside: Shape, result: dict[str, Any], depth: int
    ) -> None:
        self.refuse_depth(node, depth)
        _refuse_text(node, node.text)
        last = 0
        for element in node:
            child = inside.tags.get(element.tag)
            if child is None:
                raise _Fault(element, _why_not(element, "an element of this type"))
            if child.order < last:
                before = f"`{child.name}` must stand before the elements in front of it"
                raise _Fault(element, before)
            last, name = child.order, child.name
            if not child.many and (name in result or "_" + name in result):
                raise _Fault(element, f"`{name}` may stand only once")
            if element.tail is not None:
                _refuse_text(element, element.tail)
            if child.kind == PRIMITIVE:
                _store(result, child, *self.primitive(element, child, depth + 1))
            elif child.many:
                result.setdefault(name, []).append(self.value(element, child, depth + 1))
            else:
                result[name] = self.value(element, child, depth + 1)

    def primitive(self, node: etree._Element, child: Child, depth: int) -> tuple[Any, Any]:
        """The value, and the object with its id and extensions; None for what is not there."""
        text = node.get("value")
        if text is not None and not len(node) and node.text is None and len(node.attrib) == 1:
            self.refuse_depth(node, depth)
            return (child.convert(text) if child.convert else text), None
        more = {}
        for attribute, value in node.items():
            if attribute == "id":
                more["id"] = value
            elif attribute != "value":
                raise _no_attribute(node, attribute)
        self.children(node, shape("Element"), more, depth)
        if text is None and not more:
            raise _Fault(node, f"`{child.name}` has neither a value nor an extension")
        return (child.convert(text) if child.convert and text is not None else text), more or None

    def value(self, node: etree._Element, child: Child, depth: int) -> Any:
        if child.kind == OBJECT:
            return self.object(node, shape(child.type), depth)
        if child.kind == DIV:
            return self.div(node, depth)
        if len(node) != 1 or node.keys():
            raise _Fault(node, f"`{child.name}` holds exactly one resource")
        _refuse_text(node, node.text)
        _refuse_text(node, node[0].tail)
        return self.resource(node[0], depth + 1)

    def div(self, node: etree._Element, depth: int) -> str:
        level = [node]
        while level:
            self.refuse_depth(node, depth)
            level = [inner for outer in level for inner in outer]
            depth += 1
        if node.nsmap != _DIV_NAMESPACES:
            node = _without_prefixes(node)
        return etree.tostring(node, encoding="unicode", with_tail=False)

    def refuse_depth(self, node: etree._Element, depth: int) -> None:
        if depth > self.max_depth:
            raise _Fault(node, f"the body is nested deeper than {self.max_depth} elements")


def _why_not(node: etree._Element, expected: str) -> str:
    if not node.tag.startswith(_FHIR_TAG):
        return f"`{local(node.tag)}` is not in the namespace {FHIR}"
    return f"`{local(node.tag)}` is not {expected}"


def _no_attribute(node: etree._Element, attribute: str | bytes) -> _Fault:
    return _Fault(node, f"`{local(node.tag)}` has no attribute `{local(str(attribute))}`")


def _without_prefixes(div: etree._Element) -> etree._Element:
    """The same div without the prefixes declared around it: lxml would repeat them in the text."""
    plain = etree.Element(div.tag, nsmap=_DIV_NAMESPACES)  # type: ignore[arg-type]  # stub
    plain.attrib.update(div.attrib)
    plain.text = div.text
    plain.extend(deepcopy(inner) for inner in div)
    return plain


def _refuse_text(node: etree._Element, text: str | None) -> None:
    if text and text.strip(_SPACE):
        raise _Fault(node, f"text where only elements may stand: `{text.strip()[:100]}`")


def _store(result: dict[str, Any], child: Child, value: Any, more: Any) -> None:
    """Put a primitive's value under its name, the rest under `_` and its name, in equal lists."""
    name, sibling = child.name, "_" + child.name
    if not child.many:
        if value is not None:
            result[name] = value
        if more is not None:
            result[sibling] = more
        return
    values = result.setdefault(name, [])
    if more is not None or sibling in result:
        result.setdefault(sibling, [None] * len(values)).append(more)
    values.append(value)


# writing


def write(resource: Mapping[str, Any]) -> bytes:
    """The resource, which must be valid, as XML; BadRequest for a member its type does not have."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write_resource(parts, resource, f' xmlns="{FHIR}"')
    return "".join(parts).encode()


def _write_resource(parts: list[str], resource: Mapping[str, Any], namespace: str = "") -> None:
    name = str(resource.get("resourceType"))
    if not r4().is_resource(name):
        raise BadRequest(f"`{name[:100]}` is not a resource type", code="structure")
    _write_object(parts, name, resource, shape(name), namespace)


def _write_object(
    parts: list[str], tag: str, value: Mapping[str, Any], inside: Shape, attributes: str = ""
) -> None:
    for name in inside.attributes:
        if name in value:
            attributes += f' {name}="{_text(value[name])}"'
    parts.append(f"<{tag}{attributes}>")
    try:
        names = sorted(value, key=inside.order.__getitem__)
    except KeyError as unknown:
        text = f"`{str(unknown.args[0])[:100]}` is not an element of `{tag}`"
        raise BadRequest(text, code="structure") from None
    for name in names:
        child = inside.members.get(name.removeprefix("_"))
        if child is None or (name != child.name and child.name in value):
            continue  # an attribute, or a sibling written with its value
        if child.kind == PRIMITIVE:
            _write_primitives(parts, child, value.get(child.name), value.get("_" + child.name))
        else:
            for item in value[name] if child.many else (value[name],):
                _write_item(parts, child, item)
    parts.append(f"</{tag}>")


def _write_item(parts: list[str], child: Child, item: Any) -> None:
    if child.kind == OBJECT:
        _write_object(parts, child.name, item, shape(child.type))
    elif child.kind == DIV:
        parts.append(_checked_div(item))
    else:
        parts.append(f"<{child.name}>")
        _write_resource(parts, item)
        parts.append(f"</{child.name}>")


def _write_primitives(parts: list[str], child: Child, value: Any, more: Any) -> None:
    if not child.many:
        _write_primitive(parts, child.name, value, more)
        return
    for item, beside in zip_longest(value or (), more or ()):
        if item is not None or beside is not None:  # nulls at the end say nothing
            _write_primitive(parts, child.name, item, beside)


def _write_primitive(parts: list[str], name: str, value: Any, more: Any) -> None:
    attributes = "" if value is None else f' value="{_text(value)}"'
    if not more:
        parts.append(f"<{name}{attributes}/>")
        return
    _write_object(parts, name, more, shape("Element"), attributes)


def _text(value: Any) -> str:
    if type(value) is str:
        return _SPECIAL.sub(_escape, value) if _SPECIAL.search(value) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Exact) else str(value)


def _escape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], "\ufffd")


def _checked_div(div: str) -> str:
    """The narrative as it is spelled, once it is sure to be one element, in its own namespace."""
    tag = parse(div.encode()).tag
    if tag != f"{{{XHTML}}}div" or not re.match(r"\s*<\w", div) or not div.rstrip().endswith(">"):
        raise BadRequest("a narrative is not one XHTML div", code="structure")
    return div
