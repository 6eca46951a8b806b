"""Where an element stands: its FHIRPath expression, and its line and column in an XML text.

https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression
"""

import re
from collections.abc import Iterable, Mapping
from xml.parsers import expat

from lxml import etree

from fhir_server.fhir.xml_shapes import RESOURCE, Shape, shape
from profiles.definitions import r4

_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?", re.ASCII)


class _Enough(Exception):
    """All the elements asked for have been seen."""


def local(tag: str) -> str:
    """The name without its namespace, cut to 100 characters."""
    return tag.rpartition("}")[2][:100]


def expression(node: etree._Element) -> str:
    """The FHIRPath of `node`, an element of a resource, from the root of its tree."""
    chain = [*reversed(list(node.iterancestors())), node]
    steps = [local(chain[0].tag)]
    inside: Shape | None = _shape_of(chain[0])
    for step in chain[1:]:
        if inside is None:  # the resource in `contained` or `resource` has no step of its own
            inside = _shape_of(step)
            continue
        child = inside.tags.get(step.tag)
        if child is None:
            steps.append(local(step.tag))
            break
        before = sum(1 for _ in step.itersiblings(step.tag, preceding=True))
        steps.append(f"{child.path}[{before}]" if child.many else child.path)
        inside = None if child.kind == RESOURCE else shape(child.type)
    return ".".join(steps)


def _shape_of(resource: etree._Element) -> Shape:
    name = local(resource.tag)
    return shape(name if r4().is_resource(name) else "Resource")


def find(root: etree._Element, path: str) -> etree._Element:
    """The element that a FHIRPath expression of ours names, or the last one on the way to it."""
    node, inside = root, _shape_of(root)
    for name, index in _STEP.findall(path.partition(".")[2]):
        found = [c for c in node if (child := inside.tags.get(c.tag)) and child.path == name]
        if int(index or 0) >= len(found):
            break
        node = found[int(index or 0)]
        child = inside.tags[node.tag]
        if child.kind == RESOURCE and len(node):
            node = node[0]
            inside = _shape_of(node)
        else:
            inside = shape(child.type)
    return node


def places(data: bytes, nodes: Iterable[etree._Element]) -> Mapping[etree._Element, str]:
    """`line:column` of each node, counted from 1; `data` is the text their tree was read from."""
    wanted = set(nodes)
    root = next(iter(wanted)).getroottree().getroot()
    order = {number: node for number, node in enumerate(root.iter("*")) if node in wanted}
    found: dict[etree._Element, str] = {}
    count = -1

    def start(_name: str, _attributes: object) -> None:
        nonlocal count
        count += 1
        if count in order:
            place = f"{parser.CurrentLineNumber}:{parser.CurrentColumnNumber + 1}"
            found[order[count]] = place
            if len(found) == len(order):
                raise _Enough

    parser = expat.ParserCreate(encoding="utf-8")
    parser.StartElementHandler = start
    try:
        parser.Parse(data, True)
    except (_Enough, expat.ExpatError):  # expat may be stricter than lxml: then no place is known
        pass
    return found
