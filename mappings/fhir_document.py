"""What a FHIR document says of itself, as a DocumentReference: made from its Composition.

https://hl7.org/fhir/R4/documents.html, https://hl7.org/fhir/R4/composition-mappings.html (XDS)
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.cda.contained import Contained
from mappings.cda.datatypes import is_instant
from mappings.cda.documentreference import categories, strictest
from mappings.code_tables import (
    LEVELS,
    MIME_TYPE_IS_ENOUGH,
    NORMAL,
    confidentiality,
    usual_system,
)

Json = dict[str, Any]
Resource = Mapping[str, Any]

_REST = re.compile(r"(.*/)[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}")
# What of a person, house or thing goes with the metadata, and which references lead on.
_KEPT = {
    "Patient": ("identifier", "name", "gender", "birthDate"),
    "Practitioner": ("identifier", "name"),
    "PractitionerRole": ("identifier", "code", "specialty"),
    "Organization": ("identifier", "name", "type"),
    "Device": ("identifier", "deviceName", "type"),
    "RelatedPerson": ("identifier", "name", "relationship"),
}
_LEADING = ("practitioner", "organization", "patient", "owner")


class DocumentError(Exception):
    """A FHIR document that cannot be deposited; `reason`: lower case, no full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a document is about: the Patient in it or None, the reference to one that is elsewhere
    or "", and the identifier that the reference has itself.
    """

    patient: Json | None
    reference: str
    identifier: Resource


class Document:
    """A FHIR document, a valid Bundle, and what its references lead to."""

    def __init__(self, bundle: Resource) -> None:
        self.bundle = bundle
        entries = [entry for entry in bundle["entry"] if "resource" in entry]
        self.composition: Resource = entries[0]["resource"]
        self._resources = [entry["resource"] for entry in entries]
        self._by_url = {entry.get("fullUrl", ""): entry["resource"] for entry in entries}
        root = _REST.fullmatch(entries[0].get("fullUrl", ""))
        self._root = root[1] if root else ""

    def target(self, reference: Resource) -> Resource | None:
        """The resource of this document that a reference leads to."""
        text = reference.get("reference", "")
        if text.startswith("#"):
            inside = self.composition.get("contained", ())
            return next((one for one in inside if f"#{one.get('id')}" == text), None)
        return (self._by_url.get(text) or self._by_url.get(self._root + text)) if text else None

    def subject(self) -> Subject:
        """Whom the document is about; DocumentError for what is no patient, or cannot be found."""
        reference = self.composition.get("subject", {})
        found, text = self.target(reference), reference.get("reference", "")
        identifier = reference.get("identifier", {})
        if found is not None and found["resourceType"] != "Patient":
            raise DocumentError("the subject of the document is no patient")
        patient = _kept(found) if found is not None else None
        return Subject(patient, "" if found is not None else text, identifier)

    def labels(self) -> list[Json]:
        """The strictest level and every visibility code that the Bundle, its Composition or another
        entry bears; DocumentError for a label of the first two that is not known.
        """
        found = [{"coding": [NORMAL.coding()]}]
        said = _security(self.bundle) + _security(self.composition)
        for coding in said:
            if _known(coding) is None:
                shown = f"{coding.get('system', '')}|{coding.get('code', '')}"
                raise DocumentError(f"no such label in this record: `{shown[:100]}`")
        for resource in self._resources:
            said += _security(resource)
        for coding in said:
            if (label := _known(coding)) is not None:
                found = strictest(found, [label])
        return found

    def relations(self) -> list[Json]:
        """`relatesTo`, by identifier; DocumentError for a replaced document without one."""
        found = []
        for one in self.composition.get("relatesTo", ()):
            target = one.get("targetReference", {})
            identifier = one.get("targetIdentifier") or target.get("identifier")
            if identifier:
                named = {"type": "DocumentReference", "identifier": identifier}
                found.append({"code": one["code"], "target": named})
            elif one["code"] == "replaces":
                raise DocumentError("the document that it replaces has no identifier")
        return found


def _security(resource: Resource) -> list[Json]:
    code = resource.get("confidentiality") if resource["resourceType"] == "Composition" else ""
    level = [{"system": LEVELS, "code": code}] if code else []
    return [*level, *resource.get("meta", {}).get("security", ())]


def _known(coding: Resource) -> Json | None:
    code = confidentiality(usual_system(coding.get("system", "")), coding.get("code", ""))
    return code.concept() if code is not None else None


def documentreference(bundle: Resource, *, data: bytes, media: str) -> Json:
    """A DocumentReference (R4) without id and subject, derived from a valid document Bundle.

    `data`: the document, for size and SHA-1. What it does not say is left out. DocumentError for
    labels and relations that are not understood.
    """
    document = Document(bundle)
    composition, contained = document.composition, Contained()
    patient = document.subject().patient
    source = {"reference": contained.add("patient", patient)} if patient else None
    people = _People(document, contained)
    legal = (one for one in composition.get("attester", ()) if one["mode"] == "legal")
    signed = (people.reference(one["party"]) for one in legal if "party" in one)
    found = {
        "resourceType": "DocumentReference",
        "masterIdentifier": {n: bundle["identifier"][n] for n in ("system", "value")},
        "status": "current",
        "type": composition["type"],
        "category": categories(composition["type"]),
        "date": composition["date"] if is_instant(composition["date"]) else None,
        "author": [one for a in composition["author"] if (one := people.reference(a))],
        "authenticator": next((one for one in signed if one and not people.is_patient(one)), None),
        "custodian": people.reference(composition.get("custodian", {})),
        "relatesTo": document.relations(),
        "securityLabel": document.labels(),
        "content": [_content(composition, data, media)],
        "context": _context(composition, source),
        "contained": contained.resources(),
    }
    return _present(found)


class _People:
    """Who wrote and keeps a document, as contained resources of its metadata."""

    def __init__(self, document: Document, contained: Contained) -> None:
        self._document, self._contained = document, contained

    def reference(self, reference: Resource, depth: int = 3) -> Json | None:
        """The same reference within the metadata; None where nothing is left to say."""
        target = self._document.target(reference) if depth else None
        kept = {n: v for n, v in reference.items() if n in ("identifier", "display", "type")}
        text = reference.get("reference", "")
        if target is not None and target["resourceType"] in _KEPT:
            resource = _kept(target)
            for name in _LEADING:
                led = self.reference(target[name], depth - 1) if name in target else None
                resource |= {name: led} if led else {}
            if len(resource) > 1:
                name = str(resource["resourceType"]).lower()
                kept["reference"] = self._contained.add(name, resource)
        elif text and not text.startswith(("#", "urn:")):
            kept["reference"] = text
        return kept or None

    def is_patient(self, reference: Resource) -> bool:
        return str(reference.get("reference", "")).startswith(("#patient", "#related"))


def _kept(resource: Resource) -> Json:
    names = ("resourceType", *_KEPT[resource["resourceType"]])
    return {name: resource[name] for name in names if name in resource}


def _content(composition: Resource, data: bytes, media: str) -> Json:
    # SHA-1 is what XDS and MHD prescribe: it finds broken copies, it does not protect
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    attachment = {
        "contentType": media,
        "language": composition.get("language"),
        "size": len(data),
        "hash": base64.b64encode(digest).decode("ascii"),
        "title": composition["title"],
        "creation": composition["date"],
    }
    return {"attachment": _present(attachment), "format": MIME_TYPE_IS_ENOUGH.coding()}


def _context(composition: Resource, source: Json | None) -> Json:
    events = composition.get("event", ())
    codes = [code for event in events for code in event.get("code", ())]
    periods: Iterator[Any] = (event["period"] for event in events if "period" in event)
    return _present({"event": codes, "period": next(periods, None), "sourcePatientInfo": source})


def _present(parts: Resource) -> Json:
    """Without what is empty, which FHIR does not allow."""
    return {name: value for name, value in parts.items() if value not in (None, "", [], {}, ())}
