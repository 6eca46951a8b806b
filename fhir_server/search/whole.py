"""The resources that stand in one whole: what a resource contains, the entries of a document or a
message; and which of them a reference leads to.

https://hl7.org/fhir/R4/search.html#chaining: a chain is evaluated inside contained resources.
https://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from fhir_server.fhir.bundle import root_of
from fhir_server.fhir.reference import elements

Resource = Mapping[str, Any]
BUNDLES = ("document", "message")  # whose first entry R4 searches by


@dataclass(frozen=True, slots=True)
class Names:
    """Where the references of one resource lead within its whole: to the number of a part.

    `inner`: by `#id`. `entries`: by fullUrl; `root` is what relative references are relative to.
    """

    inner: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    root: str = ""

    def find(self, text: str) -> int | None:
        if text.startswith("#"):
            return self.inner.get(text)
        found = self.entries.get(text)
        return self.entries.get(self.root + text) if found is None and self.root else found


NOWHERE = Names()


@dataclass(frozen=True, slots=True)
class Part:
    """A resource within a whole; `read`: as its parameters read it, `entry`: in a Bundle."""

    resource: Resource
    read: Resource
    names: Names
    entry: bool = False


def parts(resource: Resource) -> tuple[tuple[Part, ...], Names]:
    """All there are, in the order of their numbers, and where the references of the whole lead."""
    if resource.get("resourceType") == "Bundle":
        return (_entries(resource), NOWHERE) if resource.get("type") in BUNDLES else ((), NOWHERE)
    contained = _contained(resource)
    names = Names(_by_id(contained, 0)) if contained else NOWHERE
    return tuple(Part(one, _beside(one, contained), names) for one in contained), names


def _contained(resource: Resource) -> list[Resource]:
    found = resource.get("contained", ())
    return [one for one in found if isinstance(one, dict) and "resourceType" in one]


def _by_id(contained: list[Resource], first: int) -> dict[str, int]:
    return {f"#{one['id']}": first + n for n, one in enumerate(contained) if "id" in one}


def _beside(one: Resource, contained: list[Resource]) -> Resource:
    """A contained resource with those beside it, so that its paths know where `#id` leads."""
    return {**one, "contained": contained}


def _entries(bundle: Resource) -> tuple[Part, ...]:
    """The resources of the entries, the first one first, then what they contain."""
    entries = [e for e in bundle.get("entry", ()) if isinstance(e.get("resource"), dict)]
    if not entries or entries[0] is not bundle["entry"][0]:
        return ()
    urls = [str(entry.get("fullUrl", "")) for entry in entries]
    addresses = {url: n for n, url in enumerate(urls) if url}
    types = [str(entry["resource"].get("resourceType")) for entry in entries]
    found, within = list[Part](), list[Part]()
    for entry, url in zip(entries, urls, strict=True):
        resource = deepcopy(entry["resource"])
        contained = _contained(resource)
        inner = _by_id(contained, len(entries) + len(within))
        names = Names(inner, addresses, root_of(url))
        for reference in elements(resource):  # so that its paths know where it leads
            number = names.find(reference["reference"])
            if number is not None and number < len(types):
                reference["type"] = types[number]
        found.append(Part(entry["resource"], resource, names, entry=True))
        within += [Part(one, _beside(one, contained), names, entry=True) for one in contained]
    return (*found, *within)
