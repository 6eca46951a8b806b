"""FHIR content with a member or an element a line, for people.

https://hl7.org/fhir/R4/http.html#parameters
"""

import msgspec
from lxml import etree

from fhir_server.fhir.xml_shapes import XHTML


def pretty_json(text: bytes) -> bytes:
    """The same JSON, its numbers as they were spelled."""
    return msgspec.json.format(text, indent=2)


def pretty_xml(text: bytes) -> bytes:
    """The same XML; a narrative, in which white space counts, keeps its own."""
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, huge_tree=True))
    level, margin = [root], "\n"
    while level:
        inner: list[etree._Element] = []
        for node in level:
            children = [] if str(node.tag).startswith(f"{{{XHTML}}}") else list(node)
            if children:
                node.text = margin + "  "
            for child in children:
                child.tail = margin + "  "
            if children:
                children[-1].tail = margin
            inner += children
        level, margin = inner, margin + "  "
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
