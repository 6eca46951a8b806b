"""What a document says of itself: read out of its bytes, whatever door they came through, and held
against its metadata.

Contract 7, content and metadata: the content is what its bytes are, whatever its media type says;
patient, uniqueId and type of a CDA or FHIR document are those of the metadata.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.fhir import elements
from fhir_server.fhir.outcome import FhirError, Issue, TooLarge, Unprocessable
from fhir_server.fhir.recognition import (
    Content,
    Kind,
    contradicts,
    is_document_in_charset,
    recognise,
)
from fhir_server.interactions.context import Context
from fhir_server.policy.people import identifier_text
from fhir_server.policy.subject import INS_SYSTEMS
from fhir_server.storage.content import local
from mappings.cda.datatypes import CdaError
from mappings.cda.documentreference import documentreference, patient_of
from mappings.cda.header import Header, read
from mappings.code_tables import usual_system
from mappings.fhir_document import Document, DocumentError
from mappings.fhir_document import documentreference as of_fhir_document
from mappings.identifiers import ins_problem, normal
from mappings.xml_text import starts_like_xml
from profiles.validate import validate

ATTACHMENT = "DocumentReference.content[0].attachment"

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What a document says of itself: `metadata`, a DocumentReference without subject; `patient`, a
    Patient (None: it names none), `ins`, his INS (`system|value`) or "", and `reference`, where a
    patient lies that is not in the document.
    """

    metadata: dict[str, Any]
    patient: dict[str, Any] | None
    ins: str
    reference: str = ""


def recognised(data: bytes, media: str, context: Context) -> Content:
    """What the bytes of a document are. Unprocessable where they cannot be read, or are not what
    their media type says; "" for one that is not said. TooLarge for too many elements.
    """
    try:
        _check_elements(data, context.settings.max_elements)
        content = recognise(data, max_depth=context.settings.max_depth)
    except (TooLarge, Unprocessable) as refusal:
        raise replace(refusal, expression=ATTACHMENT) from refusal
    if contradicts(content, media) or is_document_in_charset(content, data, media):
        raise Unprocessable(
            f"`{media[:100]}` is not the type of the content, which is {content.kind.value}",
            code="value",
            expression=f"{ATTACHMENT}.contentType",
        )
    if not (media or content.media):
        raise Unprocessable(
            "the media type of the content is not said",
            code="required",
            expression=f"{ATTACHMENT}.contentType",
        )
    return content


def _check_elements(data: bytes, most: int) -> None:
    """As of the body of a request."""
    if starts_like_xml(data):
        elements.check_xml(data, most)
    elif data.lstrip()[:1] in (b"{", b"["):
        elements.check_json(data, most)


def header_of(content: Content, context: Context) -> Header | None:
    """The header of a CDA document; None for any other kind, and for an empty `ClinicalDocument`,
    which says nothing. Unprocessable for one that lacks what a deposit needs.
    """
    if content.kind is not Kind.CDA or content.root is None or not len(content.root):
        return None
    try:
        return read(content.root, check_key=context.settings.validation == "strict")
    except CdaError as problem:
        raise _cannot_be_taken("CDA", problem.reason) from problem


def said_by(content: Content, data: bytes, context: Context) -> Said | None:
    """What a content says of itself; None for one that says nothing that is understood."""
    if content.kind is Kind.FHIR_DOCUMENT and content.resource is not None:
        return _said_by_fhir(content.resource, content.media, data, context)
    header = header_of(content, context)
    if header is None:
        return None
    metadata = documentreference(header, data=data)
    return Said(metadata, patient_of(header.patient), header_ins(header))


def _said_by_fhir(bundle: Resource, media: str, data: bytes, context: Context) -> Said:
    """Unprocessable for a Bundle that R4 does not allow, and for what is not understood in it."""
    if faults := validate(bundle):
        issues = tuple(Issue(one.code, one.text, one.expression) for one in faults)
        raise Unprocessable("the FHIR document is not valid", issues=issues)
    try:
        metadata = of_fhir_document(bundle, data=data, media=media)
        subject = Document(bundle).subject()
    except DocumentError as problem:
        raise _cannot_be_taken("FHIR", problem.reason) from problem
    patient = subject.patient or {}
    named = {
        text
        for one in (subject.identifier, *patient.get("identifier", ()))
        if (text := identifier_text(one)).partition("|")[0] in INS_SYSTEMS
    }
    if len(named) > 1:
        raise _cannot_be_taken("FHIR", "its patient has two different INS")
    ins = next(iter(named), "")
    fault = ins_problem(ins.partition("|")[2]) if ins else None
    if fault and context.settings.validation == "strict":
        raise _cannot_be_taken("FHIR", fault)
    lies = local(subject.reference, context.base)
    if subject.reference and not ins and (lies is None or lies.type_ != "Patient"):
        shown = f"its subject `{subject.reference[:100]}` is not in it"
        raise _cannot_be_taken("FHIR", shown)
    return Said(metadata, subject.patient, ins, subject.reference)


def _cannot_be_taken(kind: str, reason: str) -> FhirError:
    text = f"the {kind} document cannot be taken: {reason}"
    return Unprocessable(text, code="invalid", expression=ATTACHMENT)


def header_ins(header: Header) -> str:
    """`system|value` of the patient's INS in a CDA header, or ""."""
    ins = header.patient.ins
    return f"urn:oid:{ins.root}|{ins.extension}" if ins else ""


def check_agreement(document: Resource, said: Said) -> None:
    """Unprocessable where metadata say another patient, uniqueId or type than the document."""
    if said.ins and (others := _patients(document) - {said.ins}):
        raise _contradiction("patient", others.pop(), said.ins, "subject")
    given, own = (_identifier(one) for one in (document, said.metadata))
    if given and own and given != own:
        shown = said.metadata["masterIdentifier"]["value"]
        text = document["masterIdentifier"]["value"]
        raise _contradiction("identifier", text, shown, "masterIdentifier")
    types, own_types = (_codings(one.get("type", {})) for one in (document, said.metadata))
    if types and own_types and not _agree(types, own_types):
        shown, text = ("|".join(min(codes)) for codes in (own_types, types - own_types))
        raise _contradiction("type", text, shown, "type")


def _contradiction(what: str, given: str, own: str, element: str) -> FhirError:
    more = ": XDSPatientIdDoesNotMatch" if what == "patient" else ""
    return Unprocessable(
        f"`{given[:100]}` is not the {what} of the document, which says `{own[:100]}`{more}",
        code="business-rule",
        expression=f"DocumentReference.{element}",
    )


def _patients(document: Resource) -> set[str]:
    """Every INS by which the metadata name the patient of the document."""
    contained = {f"#{item.get('id')}": item for item in document.get("contained", ())}
    found = set[str]()
    source = document.get("context", {}).get("sourcePatientInfo", {})
    for reference in (document.get("subject", {}), source):
        identifiers = [reference.get("identifier", {})]
        identifiers += contained.get(reference.get("reference", ""), {}).get("identifier", ())
        pairs = (normal(str(i.get("system", "")), str(i.get("value", ""))) for i in identifiers)
        found |= {f"{system}|{value}" for system, value in pairs if system in INS_SYSTEMS}
    return found


def _identifier(document: Resource) -> tuple[str, str] | None:
    master = document.get("masterIdentifier", {})
    value = str(master.get("value", ""))
    return normal(str(master.get("system", "")), value) if value else None


def _codings(concept: Resource) -> set[tuple[str, str]]:
    return {
        (usual_system(str(coding.get("system", ""))), str(coding["code"]))
        for coding in concept.get("coding", ())
        if "code" in coding
    }


def _agree(given: set[tuple[str, str]], own: set[tuple[str, str]]) -> bool:
    """One code of both is the same, and none of the same system another."""
    systems = {system for system, _ in own}
    return bool(given & own) and {one for one in given if one[0] in systems} <= own
