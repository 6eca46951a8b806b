"""Makers of invented CDA documents with a CI-SIS header; a test names only what it is about."""

import base64
import uuid
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from mappings.cda.header import Header, read
from mappings.xml_text import root_of

LOINC = "2.16.840.1.113883.6.1"
CONFIDENTIALITY = "2.16.840.1.113883.5.25"
VISIBILITY = "1.2.250.1.213.1.1.4.13"
TEST_ROOT = "1.2.250.1.213.1.4.10"
PDF = b"%PDF-1.4\n% not a real one\n%%EOF\n"

# Invented people: INS of the test root with valid keys.
CLAIRE, LUCIEN, ANGE = "285047512345607", "124018852493334", "167012A00412301"


def header_of(data: bytes) -> Header:
    """The header of a CDA document."""
    return read(root_of(data))


def new_document_id() -> str:
    """An OID that nobody has used yet."""
    return f"2.25.{uuid.uuid4().int}"


def tag(name: str, **attributes: str) -> str:
    """An empty element; attributes that are "" are left out."""
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if value)
    return f"<{name}{written}/>"


def person(
    idnat: str,
    name: str,
    organization: str = "",
    *,
    structure: str = "1750100125",
    code: str = "G15_10/SM26",
) -> str:
    """What stands in an assignedAuthor or assignedEntity; `name`: "Dr Anne Exemple"."""
    title, given, family = name.split(" ", 2)
    within = tag("id", root="1.2.250.1.71.4.2.2", extension=structure)
    setting = tag(
        "standardIndustryClassCode", code="AMBULATOIRE", codeSystem="1.2.250.1.213.1.1.4.9"
    )
    represented = (
        f"<representedOrganization>{within}<name>{escape(organization)}</name>{setting}"
        "</representedOrganization>"
    )
    return (
        f"{tag('id', root='1.2.250.1.71.4.2.1', extension=idnat)}"
        f"{tag('code', code=code, codeSystem='1.2.250.1.213.1.1.4.5')}"
        f"<assignedPerson><name><given>{escape(given)}</given><family>{escape(family)}</family>"
        f"<suffix>{escape(title)}</suffix></name></assignedPerson>"
        f"{represented if organization else ''}"
    )


def cda(
    *,
    patient_ins: str = CLAIRE,
    ins_root: str = TEST_ROOT,
    author_idnat: str = "899700218896",
    author_name: str = "Dr Anne Exemple",
    organization: str = "Cabinet Exemple",
    title: str = "Compte rendu de consultation",
    type_code: str = "11488-4",
    type_system: str = LOINC,
    confidentiality: Sequence[str] = ("N",),
    document_id: str | None = None,
    extension: str = "",
    when: str = "20240312101500+0100",
    body_text: str = "Consultation de suivi.",
    pdf: bytes | None = None,
    replaces: str | None = None,
    birth: str = "19850412",
    more_authors: str = "",
    more_ids: str = "",
) -> bytes:
    """One CDA document; with `pdf` its body is not structured; a part given as "" is left out."""
    system = {code: CONFIDENTIALITY if len(code) == 1 else VISIBILITY for code in confidentiality}
    labels = "".join(
        tag("confidentialityCode", code=code, codeSystem=system[code]) for code in confidentiality
    )
    author = person(author_idnat, author_name, organization)
    ins = tag("id", root=ins_root, extension=patient_ins) if patient_ins else ""
    parent = f"<parentDocument>{tag('id', root=replaces)}</parentDocument>" if replaces else ""
    related = f'<relatedDocument typeCode="RPLC">{parent}</relatedDocument>' if parent else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.2.8.2.1"/><templateId root="1.2.250.1.213.1.1.1.1"/>
{tag("id", root=document_id or new_document_id(), extension=extension)}
{tag("code", code=type_code, codeSystem=type_system, displayName="Type of the document")}
<title>{escape(title)}</title>{tag("effectiveTime", value=when)}{labels}
<languageCode code="fr-FR"/>
<recordTarget><patientRole>{ins}{more_ids}<patient><name>
<family qualifier="BR">ESSAI</family><given>Claire Marie</given><given qualifier="BR">Claire</given>
<family qualifier="CL">ESSAI-DUPONT</family><given qualifier="CL">Claire</given></name>
<administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
{tag("birthTime", value=birth)}
</patient></patientRole></recordTarget>
<author>{tag("time", value=when)}<assignedAuthor>{author}</assignedAuthor></author>{more_authors}
<custodian><assignedCustodian><representedCustodianOrganization>
<id root="1.2.250.1.71.4.2.2" extension="1750100125"/><name>{escape(organization)}</name>
</representedCustodianOrganization></assignedCustodian></custodian>
<legalAuthenticator>{tag("time", value=when)}<signatureCode code="S"/>
<assignedEntity>{author}</assignedEntity></legalAuthenticator>
<documentationOf><serviceEvent><code code="11429006" codeSystem="2.16.840.1.113883.6.96"/>
<effectiveTime>{tag("low", value=when)}</effectiveTime>
<performer typeCode="PRF"><assignedEntity>{author}</assignedEntity></performer>
</serviceEvent></documentationOf>{related}
<componentOf><encompassingEncounter><effectiveTime nullFlavor="NA"/><location><healthCareFacility>
<code code="SA07" codeSystem="1.2.250.1.71.4.2.4" displayName="Cabinet individuel"/>
</healthCareFacility></location></encompassingEncounter></componentOf>
<component>{_body(body_text, pdf)}</component>
</ClinicalDocument>
""".encode()


def _body(text: str, pdf: bytes | None) -> str:
    if pdf is not None:
        encoded = base64.b64encode(pdf).decode("ascii")
        attributes = 'mediaType="application/pdf" representation="B64"'
        return f"<nonXMLBody><text {attributes}>{encoded}</text></nonXMLBody>"
    return (
        "<structuredBody><component><section><title>Compte rendu</title>"
        f"<text><paragraph>{escape(text)}</paragraph></text></section></component></structuredBody>"
    )
