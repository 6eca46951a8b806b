"""Links between the entries of a transaction: every way to write one, replaced by what it became.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/bundle.html#references

What is a link is said by the definitions: a Reference, an element of type uri or url, an `href` or
`src` of a narrative. Elements of type canonical stay, as the standard says; those of type oid and
uuid stay, since no address is one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape, unescape
from typing import Any

from mappings.identifiers import normal_uri
from profiles.definitions import r4

_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
_LINK = re.compile(r"""(\b(?:href|src)\s*=\s*)(?:"([^"<>]*)"|'([^'<>]*)')""")
_ADDRESSES = frozenset({"uri", "url"})


@dataclass(frozen=True, slots=True)
class Links:
    """fullUrl → address (`Type/id`) of each entry; `base` is this server's, `root` the one that the
    relative references of the resource at hand are relative to ("" for none).
    """

    addresses: Mapping[str, str]
    base: str
    root: str = ""
    kept: frozenset[str] = frozenset()  # what stood in the resource before, and is no link to these

    def reference(self, text: str) -> str:
        """What a literal reference becomes: relative to this server."""
        return self._found(text) or text

    def address(self, text: str) -> str:
        """What an address becomes: it can be fetched as it stands."""
        found = self._found(text)
        return f"{self.base}/{found}" if found else text

    def _found(self, text: str) -> str | None:
        if text in self.kept:
            return None
        found = self.addresses.get(text)
        if found is None and text[:4].lower() == "urn:":
            found = self.addresses.get(normal_uri(text))
        if found is None and self.root and _RELATIVE.fullmatch(text):
            found = self.addresses.get(self.root + text)
        return found


def linked(resource: Mapping[str, Any], links: Links) -> dict[str, Any]:
    """The resource with its links to entries replaced; a Bundle inside keeps its own."""
    type_ = str(resource.get("resourceType"))
    if type_ == "Bundle" or not r4().is_resource(type_):
        return dict(resource)
    return _object(resource, type_, links)


def added(
    before: Mapping[str, Any], after: Mapping[str, Any], links: Links
) -> dict[str, Any]:
    """What a patch has made of a resource, with the links to entries that it has put there
    replaced.
    """
    return linked(after, replace(links, kept=frozenset(_strings(before))))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _object(value: Mapping[str, Any], type_: str, links: Links) -> dict[str, Any]:
    members = r4().types[type_].members
    made = {}
    for name, item in value.items():
        if (type_, name) == ("Reference", "reference"):
            inner = "link"
        elif name in members:
            inner = members[name][1]
        else:
            inner = "Element" if name.startswith("_") else ""
        made[name] = _value(item, inner, links)
    return made


def _value(value: Any, type_: str, links: Links) -> Any:
    if isinstance(value, list):
        return [_value(item, type_, links) for item in value]
    if isinstance(value, dict):
        if type_ == "Resource":
            return linked(value, links)
        return _object(value, type_, links) if type_ in r4().types else value
    if not isinstance(value, str):
        return value
    if type_ == "link":
        return links.reference(value)
    if type_ in _ADDRESSES:
        return links.address(value)
    return _narrative(value, links) if type_ == "xhtml" else value


def _narrative(div: str, links: Links) -> str:
    def replaced(match: re.Match[str]) -> str:
        text = unescape(match[2] if match[2] is not None else match[3])
        found = links.reference(text)
        return match[0] if found == text else f'{match[1]}"{escape(links.address(text))}"'

    return _LINK.sub(replaced, div)
