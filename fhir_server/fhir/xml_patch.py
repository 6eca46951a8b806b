"""XML Patch on a resource: it is applied to the XML of the resource, and that is read back.

https://www.rfc-editor.org/rfc/rfc5261, https://www.rfc-editor.org/rfc/rfc7351,
https://hl7.org/fhir/R4/http.html#patch

The patch is `diff` or `patch` with `add`, `replace` and `remove`, in the namespaces of these RFCs,
that of FHIR, or none; new elements without a namespace are FHIR's. What is added is put into the
order of the definitions afterwards: FHIR leaves no choice, and `add` appends when it is told
nothing. `ws` is of no effect, since the XML of a resource has no white space between elements.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from fhir_server.fhir import xml_format
from fhir_server.fhir.outcome import BadRequest, Unprocessable
from fhir_server.fhir.patch import Budget, check_count, too_costly
from fhir_server.fhir.xml_places import local
from fhir_server.fhir.xml_select import Target, select
from fhir_server.fhir.xml_shapes import DIV, FHIR, PRIMITIVE, RESOURCE, Shape, shape
from profiles.definitions import r4

_NAMESPACES = ("", "urn:ietf:rfc:7351", "urn:ietf:params:xml:schema:patch-ops")
_ATTRIBUTES = {
    "add": {"sel", "pos", "type"},
    "replace": {"sel"},
    "remove": {"sel", "ws"},
}
_LAST = 1_000_000  # the order of an element that its type does not have


def xml_patch(
    resource: Mapping[str, Any], data: bytes, *, max_depth: int = 100, max_size: int = 1 << 24
) -> dict[str, Any]:
    """`resource`, which must be valid, after the XML Patch in `data`.

    BadRequest for what is no patch, or leaves XML that is not FHIR; Unprocessable for a selector
    that does not lead to exactly one node, and for what costs too much. `max_size`: bytes of XML.
    """
    operations = _operations(data)
    document = etree.Element("document")  # so that the root element has a parent like any other
    document.append(xml_format.parse(xml_format.write(resource)))
    before = _spelled(document)
    budget = Budget()
    for operation in operations:
        _adopt(operation, budget)
        found = select(document, operation.get("sel", ""), _prefixes(operation), budget)
        if len(found) != 1:
            amount = "several nodes" if found else "no node"
            raise Unprocessable(f"`{operation.get('sel', '')[:100]}` selects {amount}, not one")
        _DO[local(operation.tag)](operation, found[0], max_depth)
    if len(document) != 1:
        raise Unprocessable("what the patch leaves is not one resource")
    _sort(document[0])
    text = etree.tostring(document[0], encoding="utf-8", with_tail=False)
    if len(text) > max_size:
        raise too_costly(f"what a patch leaves has at most {max_size} bytes")
    made = _read(text, max_depth)
    after = _spelled(document)
    for name in before.keys() & after.keys():
        if before[name] == after[name]:  # in JSON too it stays as it was spelled
            made |= {each: resource[each] for each in (name, "_" + name) if each in resource}
    return made


def _spelled(document: etree._Element) -> Mapping[str, bytes]:
    """The XML of each element of the resource, those of one name together."""
    found: dict[str, list[bytes]] = {}
    for child in document[0]:
        found.setdefault(etree.QName(child).localname, []).append(etree.tostring(child))
    return {name: b"".join(texts) for name, texts in found.items()}


def _read(text: bytes, max_depth: int) -> dict[str, Any]:
    try:
        return xml_format.read(text, max_depth=max_depth)
    except BadRequest as refusal:  # its line and column are of a text the client does not have
        raise BadRequest(refusal.text, refusal.code, refusal.expression) from None


# the patch document


def _operations(data: bytes) -> list[etree._Element]:
    root = xml_format.parse(data)
    if _name(root) not in ("diff", "patch"):
        raise BadRequest("an XML Patch is a `diff` or a `patch`", code="structure")
    check_count(len(root))
    found = list(root)
    for n, operation in enumerate(found):
        name = _name(operation)
        if name not in _ATTRIBUTES:
            raise BadRequest(f"operation {n} is none of {', '.join(_ATTRIBUTES)}", code="structure")
        for attribute in operation.keys():
            if attribute not in _ATTRIBUTES[name]:
                text = f"`{name}` has no attribute `{local(str(attribute))}`"
                raise BadRequest(text, code="structure")
        if not operation.get("sel"):
            raise BadRequest(f"operation {n}, `{name}`, needs a `sel`", code="required")
    return found


def _name(element: etree._Element) -> str:
    namespace = etree.QName(element).namespace or ""
    return local(element.tag) if namespace in (*_NAMESPACES, FHIR) else ""


def _prefixes(operation: etree._Element) -> Mapping[str | None, str]:
    return {prefix: str(uri) for prefix, uri in operation.nsmap.items()}


def _adopt(operation: etree._Element, budget: Budget) -> None:
    """New elements without a namespace of their own are FHIR's."""
    for element in operation.iterdescendants("*"):
        budget.spend(1)
        if (etree.QName(element).namespace or "") in _NAMESPACES:
            element.tag = f"{{{FHIR}}}{etree.QName(element).localname}"


def _content(operation: etree._Element) -> tuple[str, list[etree._Element]]:
    """The text before the first new element, and the new elements, with the text behind each."""
    return operation.text or "", list(operation)


# the operations


def _add(operation: etree._Element, target: Target, max_depth: int) -> None:
    kind, position = operation.get("type"), operation.get("pos")
    if kind is not None:
        _add_attribute(operation, target, kind)
        return
    if position not in (None, "before", "after", "prepend"):
        raise BadRequest(f"`{position[:100]}` is no `pos` of an addition", code="value")
    lead, elements = _content(operation)
    if target.attribute or (target.text and position in (None, "prepend")):
        raise Unprocessable(f"nothing can be added to `{operation.get('sel', '')[:100]}`")
    if position in (None, "prepend"):
        parent, at = target.node, 0 if position else len(target.node)
    elif target.text == "text":
        parent, at = target.node, 0
    else:
        parent = _parent(target.node)
        behind = target.text == "tail" or position == "after"
        at = parent.index(target.node) + (1 if behind else 0)
    if parent.getparent() is None and (lead.strip() or elements):
        raise Unprocessable("a resource has nothing beside it")
    _check_depth(parent, elements, max_depth)
    in_front = position == "prepend" or (position == ("before" if target.text else "after"))
    _insert(parent, at, lead, elements, in_front=in_front)


def _add_attribute(operation: etree._Element, target: Target, kind: str) -> None:
    name = kind[1:]
    if not kind.startswith("@") or not name.isidentifier() or name == "xmlns":
        raise BadRequest(f"`{kind[:100]}` is not read by this server's patches", "not-supported")
    if len(operation) or target.attribute or target.text:
        raise Unprocessable(f"`{kind[:100]}` is an attribute, a text, of an element")
    if name in target.node.attrib:
        raise Unprocessable(f"there is an attribute `{name[:100]}` already")
    target.node.set(name, operation.text or "")


def _replace(operation: etree._Element, target: Target, max_depth: int) -> None:
    lead, elements = _content(operation)
    if target.attribute or target.text:
        if elements:
            raise Unprocessable(f"`{operation.get('sel', '')[:100]}` is replaced by a text")
        _set(target, lead)
        return
    texts = [lead, *(element.tail or "" for element in elements)]
    if len(elements) != 1 or any(text.strip() for text in texts):
        raise Unprocessable(f"`{operation.get('sel', '')[:100]}` is replaced by one element")
    parent = _parent(target.node)
    _check_depth(parent, elements, max_depth)
    elements[0].tail = target.node.tail
    parent.replace(target.node, elements[0])


def _remove(operation: etree._Element, target: Target, _: int) -> None:
    if operation.get("ws", "both") not in ("before", "after", "both"):
        raise BadRequest(f"`{operation.get('ws', '')[:100]}` is no `ws`", code="value")
    if len(operation) or (operation.text or "").strip():
        raise BadRequest("a removal has no content", code="structure")
    if target.attribute:
        del target.node.attrib[target.attribute]
    elif target.text:
        _set(target, "")
    else:
        parent, tail = _parent(target.node), target.node.tail or ""
        at = parent.index(target.node)
        parent.remove(target.node)
        _insert(parent, at, tail, [], in_front=False)


_DO: Mapping[str, Callable[[etree._Element, Target, int], None]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
}


# the tree


def _parent(node: etree._Element) -> etree._Element:
    parent = node.getparent()
    assert parent is not None  # the root element has `document`
    return parent


def _set(target: Target, text: str) -> None:
    if target.attribute:
        target.node.set(target.attribute, text)
    elif target.text == "text":
        target.node.text = text
    else:
        target.node.tail = text


def _insert(
    parent: etree._Element, at: int, lead: str, elements: list[etree._Element], *, in_front: bool
) -> None:
    """Put text and elements before the child at `at`; `in_front` of the text there, or behind it.
    """
    slot = Target(parent[at - 1], text="tail") if at else Target(parent, text="text")
    there = (parent[at - 1].tail if at else parent.text) or ""
    if not in_front:
        lead, there = there + lead, ""
    if elements:
        elements[-1].tail = (elements[-1].tail or "") + there
    else:
        lead += there
    _set(slot, lead)
    parent[at:at] = elements


def _check_depth(parent: etree._Element, elements: list[etree._Element], max_depth: int) -> None:
    """Refuse before the tree gets deeper than it can be read: what walks it may recurse."""
    depth = sum(1 for _ in parent.iterancestors())
    level = elements
    while level:
        depth += 1
        if depth > max_depth:
            raise too_costly(f"what a patch leaves is nested deeper than {max_depth} elements")
        level = [inner for outer in level for inner in outer]


def _sort(root: etree._Element) -> None:
    """Put the children of each element into the order of its type."""
    waiting = [(root, _shape(root))]
    while waiting:
        node, inside = waiting.pop()
        if inside is None:
            continue
        elements = list(node)
        found = [inside.tags.get(element.tag) for element in elements]
        order = [_LAST if child is None else child.order for child in found]
        if order != sorted(order):
            node[:] = [elements[n] for n in sorted(range(len(order)), key=order.__getitem__)]
        for element in elements:
            child = inside.tags.get(element.tag)
            if child is None or child.kind == DIV:
                continue
            if child.kind == RESOURCE:
                waiting += [(inner, _shape(inner)) for inner in element]
            else:
                type_ = "Element" if child.kind == PRIMITIVE else child.type
                waiting.append((element, shape(type_)))


def _shape(resource: etree._Element) -> Shape | None:
    name = local(resource.tag)
    return shape(name) if r4().is_resource(name) else None
