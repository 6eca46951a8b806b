"""Lists of documents: what names a document by its identifier, or by what it contains, leads to it
by its address, so that it can be left out when the document is hidden.

`contract.md` section 7 of the design, lists of references. What leads to no document that the
caller sees is refused in the words of every other reference.
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.fhir.outcome import Unprocessable
from fhir_server.fhir.reference import changed
from fhir_server.policy.pcf import SINGLE
from fhir_server.policy.redaction import (
    LISTS,
    changed_items,
    names_document,
    nested_documents,
    without_orphans,
)
from fhir_server.storage.about import SPEAKS
from fhir_server.storage.checks import nothing_there
from fhir_server.storage.replacements import TYPE, Replacing

Resource = Mapping[str, Any]
# Documents are related with their deposit, Compositions to Compositions; traces are our own.
OTHERS = frozenset({TYPE, "Composition", "AuditEvent"})
# What a Provenance is about: https://hl7.org/fhir/R4/provenance.html
ABOUT = ("target", "what")


class Filing(Replacing):
    """A repository that knows which documents a list names."""

    def filed(self, resource: Resource) -> dict[str, Any]:
        """`resource` with the address of each document that an item of a list names otherwise."""
        type_ = resource["resourceType"]
        if self.house.rules is not None and type_ == SPEAKS:
            return self._about(resource)
        if self.house.rules is None or type_ not in LISTS or type_ in OTHERS:
            return dict(resource)
        if path := nested_documents(resource):
            raise Unprocessable(
                SINGLE,
                code="business-rule",
                expression=path,
            )
        contained = {f"#{one.get('id')}": one for one in resource.get("contained", ())}

        def change(element: Resource, where: str) -> Resource:
            if not names_document(element, contained):
                if "identifier" in element:  # beside an address: of the same document
                    self._meant(element, contained, where)
                return element
            found = self._meant(element, contained, where)
            if found is None:
                identifier = element.get("identifier", {})
                text = element.get("reference") or identifier.get("value") or TYPE
                raise Unprocessable(
                    nothing_there(str(text)).text, code="not-found", expression=where
                )
            return dict(element) | {"reference": found.address}

        return without_orphans(changed_items(resource, change), resource)

    def _about(self, resource: Resource) -> dict[str, Any]:
        """A Provenance with the address of each document that it is about, so that it has their
        facts; what else it names by an identifier stays.
        """
        contained = {f"#{one.get('id')}": one for one in resource.get("contained", ())}

        def change(name: str, element: dict[str, Any]) -> dict[str, Any]:
            if name not in ABOUT or not names_document(element, contained):
                return element
            found = self._meant(element, contained, f"{SPEAKS}.{name}")
            return element if found is None else element | {"reference": found.address}

        return without_orphans(changed(resource, change), resource)
