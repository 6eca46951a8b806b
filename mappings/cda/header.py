"""Read the header of a CDA document: whose it is, what it is, who wrote it and when.

https://hl7.org/cda/stds/core/2.0.1-sd/StructureDefinition-ClinicalDocument.html
https://esante.gouv.fr/volet-structuration-minimale-de-documents-de-sante (CI-SIS header)
"""

from dataclasses import dataclass

from lxml import etree

from mappings.cda.datatypes import (
    V3,
    Name,
    Period,
    attribute,
    code_of,
    date_time,
    every,
    first,
    instance_identifiers,
    name_of,
    path,
    patient_names,
    period_of,
    text_of,
)
from mappings.cda.datatypes import CdaError as CdaError
from mappings.code_tables import (
    LEVELS,
    Code,
    confidentiality,
    format_of_media_type,
    format_of_templates,
    type_label,
    usual_system,
)
from mappings.identifiers import INS_ROOTS, InstanceIdentifier, ins_problem, shown

_GENDERS = {"F": "female", "M": "male", "UN": "other"}
_RELATIONS = {"RPLC": "replaces", "APND": "appends", "XFRM": "transforms"}


@dataclass(frozen=True, slots=True)
class Organization:
    identifiers: tuple[InstanceIdentifier, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote or signed; `profession` with specialty (TRE_A02), `function` in this document."""

    identifiers: tuple[InstanceIdentifier, ...] = ()
    name: Name | None = None
    profession: Code | None = None
    function: Code | None = None
    organization: Organization | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """Software or apparatus that wrote; `kind` is its code (TRE_A00)."""

    identifiers: tuple[InstanceIdentifier, ...] = ()
    software: str = ""
    model: str = ""
    kind: Code | None = None
    organization: Organization | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """`identifiers`: all of them; `ins`: the one that counts, None when it has none."""

    identifiers: tuple[InstanceIdentifier, ...]
    ins: InstanceIdentifier | None
    names: tuple[Name, ...] = ()
    birth_date: str = ""  # FHIR date, may be partial
    gender: str = ""  # FHIR administrative gender, "" when not said


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """An act that the document tells of."""

    code: Code | None = None
    period: Period = Period()


@dataclass(frozen=True, slots=True)
class RelatedDocument:
    """`relation`: `replaces`, `appends` or `transforms`."""

    relation: str
    identifier: InstanceIdentifier


@dataclass(frozen=True, slots=True)
class Header:
    """What a CDA header says; times are FHIR dateTimes of the precision that was written."""

    identifier: InstanceIdentifier
    type: Code
    title: str
    time: str
    confidentiality: tuple[Code, ...]  # JDV_J58, at least one
    patient: Patient
    authors: tuple[Person | Device, ...]  # at least one
    format: Code
    language: str = ""
    set_identifier: InstanceIdentifier | None = None
    version: str = ""
    authenticator: Person | None = None
    custodian: Organization | None = None
    events: tuple[ServiceEvent, ...] = ()
    facility: Code | None = None
    setting: Code | None = None
    related: tuple[RelatedDocument, ...] = ()
    mime_type: str = "text/xml"

    @property
    def period(self) -> Period:
        """When the main act took place: the first that has a time."""
        return next((event.period for event in self.events if event.period.start), Period())


def read(root: etree._Element, *, check_key: bool = True) -> Header:
    """The header of a CDA document by its root element; CdaError when it lacks what a deposit
    needs.

    A deposit needs: one document id, a type, a date, a known confidentiality, one patient, an
    author. An INS that cannot be one is refused, with `check_key=False` but where there are two.
    """
    if root.tag != f"{{{V3}}}ClinicalDocument":
        raise CdaError(f"the root element is {shown(root.tag)}, not a ClinicalDocument of HL7 v3")
    try:
        return _header(root, check_key)
    except ValueError as problem:
        raise CdaError(str(problem)) from problem


def _header(root: etree._Element, check_key: bool) -> Header:
    type_ = _type(root)
    return Header(
        identifier=_identifier(root),
        type=type_,
        title=text_of(first(root, "title")) or type_.label or type_.code,
        time=_time(root),
        confidentiality=_confidentiality(root),
        patient=_patient(root, check_key),
        authors=_authors(root),
        format=_format(root),
        language=attribute(first(root, "languageCode"), "code"),
        set_identifier=_identifier_at(root, "setId"),
        version=attribute(first(root, "versionNumber"), "value"),
        authenticator=_authenticator(root),
        custodian=_organization(
            first(root, "custodian/assignedCustodian/representedCustodianOrganization")
        ),
        events=_events(root),
        facility=code_of(
            first(root, "componentOf/encompassingEncounter/location/healthCareFacility/code")
        ),
        setting=_setting(root),
        related=_related(root),
    )


def _identifier_at(parent: etree._Element, steps: str) -> InstanceIdentifier | None:
    return next(iter(instance_identifiers(every(parent, steps))), None)


def _identifier(root: etree._Element) -> InstanceIdentifier:
    found = _identifier_at(root, "id")
    if found is None:
        raise CdaError("the document has no id")
    if not found.is_global:
        raise CdaError(f"the root of the document's id, {shown(found.root)}, is no OID or UUID")
    return found


def _type(root: etree._Element) -> Code:
    found = code_of(first(root, "code"))
    if found is None:
        raise CdaError("the document has no code for its type")
    return Code(found.system, found.code, found.label or type_label(found.system, found.code))


def _time(root: etree._Element) -> str:
    value = attribute(first(root, "effectiveTime"), "value")
    if not value:
        raise CdaError("the document has no effectiveTime")
    return date_time(value)


def _confidentiality(root: etree._Element) -> tuple[Code, ...]:
    """All codes, which must be known: a label that nobody understands would protect nothing."""
    found = [code_of(element) for element in every(root, "confidentialityCode")]
    known = tuple(_known_confidentiality(code) for code in found if code is not None)
    if not known:
        raise CdaError("the document has no confidentialityCode")
    return known


def _known_confidentiality(code: Code) -> Code:
    known = confidentiality(usual_system(code.system) or LEVELS, code.code)
    if known is None:
        raise CdaError(f"the confidentiality {shown(code.code)} is not one of the DMP's")
    return known


def _patient(root: etree._Element, check_key: bool) -> Patient:
    roles = every(root, "recordTarget/patientRole")
    if len(roles) != 1:
        raise CdaError(f"the document is of {len(roles)} patients instead of one")
    identifiers = instance_identifiers(every(roles[0], "id"))
    birth = attribute(first(roles[0], "patient/birthTime"), "value")
    gender = attribute(first(roles[0], "patient/administrativeGenderCode"), "code")
    return Patient(
        identifiers,
        _ins(identifiers, check_key),
        patient_names(every(roles[0], "patient/name")),
        date_time(birth)[:10] if birth else "",
        _GENDERS.get(gender, "unknown") if gender else "",
    )


def _ins(
    identifiers: tuple[InstanceIdentifier, ...], check_key: bool
) -> InstanceIdentifier | None:
    """The INS: definitive before temporary, real before test. Two of one kind are two patients."""
    for root in INS_ROOTS:
        found = list(
            dict.fromkeys(one for one in identifiers if one.root == root and one.extension)
        )
        if len(found) > 1:
            raise CdaError("the patient has two different INS of one kind")
        if found:
            problem = ins_problem(found[0].extension) if check_key else None
            if problem:
                raise CdaError(problem)
            return found[0]
    return None


def _authors(root: etree._Element) -> tuple[Person | Device, ...]:
    found: list[Person | Device] = []
    for author in every(root, "author"):
        role = first(author, "assignedAuthor")
        if role is not None:
            found.append(_author(role, code_of(first(author, "functionCode"))))
    named = tuple(dict.fromkeys(one for one in found if one not in (Person(), Device())))
    if not named:
        raise CdaError("the document has no author")
    return named


def _author(role: etree._Element, function: Code | None) -> Person | Device:
    device = first(role, "assignedAuthoringDevice")
    if device is None:
        return _person(role, function)
    return Device(
        instance_identifiers(every(role, "id")),
        text_of(first(device, "softwareName")),
        text_of(first(device, "manufacturerModelName")),
        code_of(first(role, "code")),
        _organization(first(role, "representedOrganization")),
    )


def _person(role: etree._Element, function: Code | None = None) -> Person:
    return Person(
        instance_identifiers(every(role, "id")),
        name_of(first(role, "assignedPerson/name")),
        code_of(first(role, "code")),
        function,
        _organization(first(role, "representedOrganization")),
    )


def _authenticator(root: etree._Element) -> Person | None:
    role = first(root, "legalAuthenticator/assignedEntity")
    found = Person() if role is None else _person(role)
    return None if found == Person() else found


def _organization(element: etree._Element | None) -> Organization | None:
    identifiers = instance_identifiers(every(element, "id"))
    found = Organization(identifiers, text_of(first(element, "name")))
    return None if found == Organization() else found


def _events(root: etree._Element) -> tuple[ServiceEvent, ...]:
    return tuple(
        ServiceEvent(code_of(first(event, "code")), period_of(first(event, "effectiveTime")))
        for event in every(root, "documentationOf/serviceEvent")
    )


def _setting(root: etree._Element) -> Code | None:
    """CI-SIS writes the practice setting with the performer of the main act."""
    steps = "performer/assignedEntity/representedOrganization/standardIndustryClassCode"
    return code_of(first(root, f"documentationOf/serviceEvent/{steps}"))


def _related(root: etree._Element) -> tuple[RelatedDocument, ...]:
    """CdaError for a relation that is none, and for a replaced document that is not named."""
    found = []
    for related in every(root, "relatedDocument"):
        code = related.get("typeCode", "").strip()
        if code not in _RELATIONS:
            raise CdaError(f"{shown(code)} is no typeCode of a relatedDocument")
        parent = _identifier_at(related, "parentDocument/id")
        if parent is not None:
            found.append(RelatedDocument(_RELATIONS[code], parent))
        elif code == "RPLC":
            raise CdaError("the document that it replaces has no id")
    return tuple(found)


def _format(root: etree._Element) -> Code:
    """Of a body that is not structured, its media type; else the templates of the document."""
    text = root.find(path("component/nonXMLBody/text"))
    if text is not None:
        return format_of_media_type(text.get("mediaType", "text/plain"))
    return format_of_templates(attribute(one, "root") for one in every(root, "templateId"))
