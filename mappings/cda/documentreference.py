"""Make the DocumentReference of a CDA document from its header, as MHD and the French PDSm want it.

https://profiles.ihe.net/ITI/MHD/StructureDefinition-IHE.MHD.Comprehensive.DocumentReference.html
https://profiles.ihe.net/PCC/TF/Volume2/ch-4.html (what comes from where, section 4.1.1)
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from mappings.cda.contained import Contained, reached, renamed
from mappings.cda.datatypes import Name, is_instant
from mappings.cda.header import Device, Header, Organization, Patient, Person
from mappings.code_tables import (
    NORMAL,
    PROFESSIONS,
    Code,
    class_of,
    confidentiality,
    is_level,
    usual_system,
)
from mappings.identifiers import (
    INS_ROOTS,
    PROFESSIONAL_ROOT,
    URN_SYSTEM,
    InstanceIdentifier,
    to_identifier,
)

Json = dict[str, Any]

GIVEN_LIST = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name"
MHD = "https://profiles.ihe.net/ITI/MHD"
_LEVELS = ("", "N", "R", "V")  # from the least to the most confidential
_FILLED_WITHIN = frozenset({"content", "attachment", "context"})


def documentreference(
    header: Header, *, data: bytes, patient: str = "", url: str | None = None
) -> Json:
    """A DocumentReference (R4) without id, derived from the header.

    `data`: the document, for size and SHA-1; `patient`: reference to the holder (`Patient/1`) and
    `url`: where the document will be found, both left out when the caller adds them later. What the
    header does not say is left out; `date` too, when the document's time is not precise enough.
    """
    contained = Contained()
    source = _source_patient(header.patient, contained)
    authenticator = header.authenticator
    document = {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": URN_SYSTEM, "value": header.identifier.urn},
        "status": "current",
        "type": header.type.concept(),
        "category": categories(header.type.concept()),
        "subject": {"reference": patient} if patient else None,
        "date": header.time if is_instant(header.time) else None,
        "author": [_author(author, header.patient, contained) for author in header.authors],
        "authenticator": _authenticator(authenticator, contained) if authenticator else None,
        "custodian": _organization(header.custodian, contained),
        "relatesTo": relations(header),
        "securityLabel": [code.concept() for code in _labels(header.confidentiality)],
        "content": [_content(header, data, url)],
        "context": _context(header, source),
    }
    return _present(document | {"contained": contained.resources()})


def complete(given: Mapping[str, Any], derived: Mapping[str, Any]) -> Json:
    """The client's DocumentReference with what it leaves out taken from the derived one.

    The client's values win, but that the stricter label counts; inside `content[0]`, its attachment
    and `context` the same holds for each part. The category follows from the client's type where
    they give one. Both are valid R4.
    """
    taken = {resource.get("id", "") for resource in given.get("contained", ())}
    source = renamed(derived, taken)
    if "type" in given and "type" in source:
        given = dict(given) | {"type": {"coding": source["type"]["coding"]} | given["type"]}
    if "type" in given:
        source["category"] = categories(given["type"])
    document = _present(_filled(given, source))
    if "securityLabel" in given:
        document["securityLabel"] = strictest(given["securityLabel"], source["securityLabel"])
    document.pop("contained", None)
    contained = [*given.get("contained", ()), *reached(document, source.get("contained", ()))]
    return document | {"contained": contained} if contained else document


def categories(type_: Mapping[str, Any]) -> list[Json]:
    """The category of a document of this type (a CodeableConcept); empty for an unknown type."""
    codings = type_.get("coding", ())
    classes = [class_of(coding.get("system", ""), coding.get("code", "")) for coding in codings]
    return [class_.concept() for class_ in dict.fromkeys(classes) if class_][:1]


def submission_set(document: Mapping[str, Any], *, id_: str, source_id: str, when: str) -> Json:
    """The List (MHD SubmissionSet) of one document that came alone (ITI-105).

    `document`: the stored DocumentReference, with its id; `id_`: a UUID for the List;
    `source_id`: URN of the sending system (`urn:oid:…`); `when`: instant of the submission.
    """
    designation = next(iter(document.get("category", ())), None) or document.get("type")
    extensions = [
        _extension("ihe-designationType", "valueCodeableConcept", designation),
        _extension("ihe-sourceId", "valueIdentifier", {"system": URN_SYSTEM, "value": source_id}),
    ]
    source = _source(document)
    found = {
        "resourceType": "List",
        "id": id_,
        "contained": reached(source, document.get("contained", ())),
        "extension": [one for one in extensions if one],
        "identifier": [{"use": "official", "system": URN_SYSTEM, "value": f"urn:uuid:{id_}"}],
        "status": "current",
        "mode": "working",
        "code": Code(f"{MHD}/CodeSystem/MHDlistTypes", "submissionset").concept(),
        "subject": document.get("subject"),
        "date": when,
        "source": source,
        "entry": [{"item": {"reference": f"DocumentReference/{document['id']}"}}],
    }
    return _present(found)


def _extension(name: str, kind: str, value: Any) -> Json | None:
    return {"url": f"{MHD}/StructureDefinition/{name}", kind: value} if value else None


def _source(document: Mapping[str, Any]) -> Json | None:
    """The first author; an organization, which R4 does not allow there, as MHD's extension."""
    author = next(iter(document.get("author", ())), None)
    if author is None:
        return None
    reference = author.get("reference", "")
    types = {f"#{one.get('id')}": one["resourceType"] for one in document.get("contained", ())}
    if types.get(reference, reference.partition("/")[0]) == "Organization":
        return {"extension": [_extension("ihe-authorOrg", "valueReference", author)]}
    return dict(author)


def _present(parts: Mapping[str, Any]) -> Json:
    """Without what is empty, which FHIR does not allow."""
    return {name: value for name, value in parts.items() if value not in (None, "", [], {}, ())}


# People and organizations.


def _identifiers(instances: tuple[InstanceIdentifier, ...]) -> list[Json]:
    return [to_identifier(instance) for instance in instances]


def _human_name(name: Name) -> Json:
    listed = [{"url": GIVEN_LIST, "valueString": name.given_list}] if name.given_list else []
    return _present(
        {
            "extension": listed,
            "use": name.use,
            "text": name.text,
            "family": name.family,
            "given": list(name.given),
            "prefix": list(name.prefix),
            "suffix": list(name.suffix),
        }
    )


def patient_of(patient: Patient) -> Json:
    """The patient as a header has him, as a Patient without id."""
    return _present(
        {
            "resourceType": "Patient",
            "identifier": _identifiers(patient.identifiers),
            "name": [_human_name(name) for name in patient.names],
            "gender": patient.gender,
            "birthDate": patient.birth_date,
        }
    )


def _reference(
    anchor: str, instances: tuple[InstanceIdentifier, ...], display: str, *, prefer: str = ""
) -> Json:
    """A reference that also names its target, for readers that do not look into contained."""
    named = sorted(instances, key=lambda one: one.root != prefer)
    identifier = None
    if named:
        whole = to_identifier(named[0])
        identifier = {"system": whole["system"], "value": whole["value"]}
    return _present({"reference": anchor, "identifier": identifier, "display": display})


def _organization(organization: Organization | None, contained: Contained) -> Json | None:
    if organization is None:
        return None
    resource = {
        "resourceType": "Organization",
        "identifier": _identifiers(organization.identifiers),
        "name": organization.name,
    }
    anchor = contained.add("organization", _present(resource))
    return _reference(anchor, organization.identifiers, organization.name)


def _author(author: Person | Device, patient: Patient, contained: Contained) -> Json:
    if isinstance(author, Device):
        return _device(author, contained)
    if patient.ins and patient.ins in author.identifiers:
        return _reference(contained.add("patient", patient_of(patient)), (patient.ins,), "")
    if _is_patient(author):
        names = (author.name,) if author.name else ()
        resource = patient_of(Patient(author.identifiers, author.identifiers[0], names))
        return _reference(contained.add("patient", resource), author.identifiers, "")
    return _professional(author, contained)


def _authenticator(person: Person, contained: Contained) -> Json | None:
    """A patient who signs has no place in R4's authenticator."""
    return None if _is_patient(person) else _professional(person, contained)


def _is_patient(person: Person) -> bool:
    return any(one.root in INS_ROOTS for one in person.identifiers)


def _professional(person: Person, contained: Contained) -> Json:
    """A contained Practitioner, and a PractitionerRole over it when his place is known."""
    display = person.name.full if person.name else ""
    practitioner = {
        "resourceType": "Practitioner",
        "identifier": _identifiers(person.identifiers),
        "name": [_human_name(person.name)] if person.name else None,
    }
    anchor = contained.add("practitioner", _present(practitioner))
    if person.profession or person.function or person.organization:
        role = {
            "resourceType": "PractitionerRole",
            "practitioner": {"reference": anchor},
            "organization": _organization(person.organization, contained),
            "code": [code.concept() for code in _role_codes(person)],
            "specialty": [person.profession.concept()] if person.profession else None,
        }
        anchor = contained.add("role", _present(role))
    return _reference(anchor, person.identifiers, display, prefer=PROFESSIONAL_ROOT)


def _role_codes(person: Person) -> list[Code]:
    """The function in the document and the profession (TRE_G15) that a TRE_A02 code starts with."""
    profession = re.match(r"G15_(\d+)", person.profession.code if person.profession else "")
    codes = [person.function, Code(PROFESSIONS, profession[1]) if profession else None]
    return [code for code in codes if code]


def _device(device: Device, contained: Contained) -> Json:
    names = [(device.software, "user-friendly-name"), (device.model, "model-name")]
    resource = {
        "resourceType": "Device",
        "identifier": _identifiers(device.identifiers),
        "deviceName": [{"name": name, "type": type_} for name, type_ in names if name],
        "type": device.kind.concept() if device.kind else None,
        "owner": _organization(device.organization, contained),
    }
    anchor = contained.add("device", _present(resource))
    return _reference(anchor, device.identifiers, device.software or device.model)


# The document.


def _labels(codes: tuple[Code, ...]) -> list[Code]:
    """The level first; a document with visibility codes alone is a normal one."""
    levels = [code for code in codes if is_level(code)]
    return [*(levels or [NORMAL]), *(code for code in codes if not is_level(code))]


def relations(header: Header) -> list[Json]:
    """What the document says it replaces, appends or transforms, as `relatesTo`: by identifier,
    since where it lies is not known here.
    """
    return [
        {
            "code": one.relation,
            "target": {
                "type": "DocumentReference",
                "identifier": {"system": URN_SYSTEM, "value": one.identifier.urn},
            },
        }
        for one in header.related
    ]


def _content(header: Header, data: bytes, url: str | None) -> Json:
    # SHA-1 is what XDS and MHD prescribe: it finds broken copies, it does not protect
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    attachment = {
        "contentType": header.mime_type,
        "language": header.language,
        "url": url,
        "size": len(data),
        "hash": base64.b64encode(digest).decode("ascii"),
        "title": header.title,
        "creation": header.time,
    }
    return {"attachment": _present(attachment), "format": header.format.coding()}


def _source_patient(patient: Patient, contained: Contained) -> Json | None:
    """The patient as the header has him; None when it says nothing of him."""
    resource = patient_of(patient)
    if len(resource) == 1:
        return None
    return _reference(contained.add("patient", resource), (patient.ins,) if patient.ins else (), "")


def _context(header: Header, source: Json | None) -> Json:
    events = dict.fromkeys(event.code for event in header.events if event.code)
    period = {"start": header.period.start, "end": header.period.end}
    return _present(
        {
            "event": [code.concept() for code in events],
            "period": _present(period),
            "facilityType": header.facility.concept() if header.facility else None,
            "practiceSetting": header.setting.concept() if header.setting else None,
            "sourcePatientInfo": source,
        }
    )


# Completing.


def _filled(given: Mapping[str, Any], derived: Mapping[str, Any]) -> Json:
    result = dict(given)
    for name, value in derived.items():
        if name in given and name in _FILLED_WITHIN:
            result[name] = _filled_within(given[name], value)
        elif name not in given and f"_{name}" not in given:
            result[name] = value
    return result


def _filled_within(given: Any, derived: Any) -> Any:
    if isinstance(given, list):
        return [_filled(given[0], derived[0]), *given[1:]]
    return _filled(given, derived)


def strictest(given: list[Json], derived: list[Json]) -> list[Json]:
    """The labels of `given` with the stricter of both levels (N < R < V), and the visibility codes
    of both. Of several levels on one side all are left: nobody can say which is meant.
    """
    mine, others = _levels(given), _levels(derived)
    plain = len(mine) < 2 and len(others) < 2
    level = max((*mine, *others), key=_LEVELS.index, default="")
    kept = [_with_codings(label, level) for label in given] if plain else list(given)
    there = [c for label in kept for c in label.get("coding", ())]
    missing = [
        c
        for label in derived
        for c in label.get("coding", ())
        if (_level(c) in ("", level) or not plain) and not any(_same_label(c, o) for o in there)
    ]
    levels = [{"coding": [c]} for c in missing if _level(c)]
    flags = [{"coding": [c]} for c in missing if not _level(c)]
    return [*levels, *(one for one in kept if one), *flags]


def _with_codings(label: Json, level: str) -> Json:
    """A label without the codes of other levels; empty when nothing is left of it."""
    codings = label.get("coding", [])
    kept = [coding for coding in codings if _level(coding) in ("", level)]
    if len(kept) == len(codings):
        return label
    rest = {name: value for name, value in label.items() if name != "coding"}
    return rest | {"coding": kept} if kept else {}


def _levels(labels: list[Json]) -> list[str]:
    return [level for one in labels for c in one.get("coding", ()) if (level := _level(c))]


def _level(coding: Mapping[str, Any]) -> str:
    """N, R or V, "" for any other code."""
    code = confidentiality(usual_system(coding.get("system", "")), coding.get("code", ""))
    return code.code if code is not None and is_level(code) else ""


def _same_label(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    systems = (usual_system(coding.get("system", "")) for coding in (one, other))
    return len(set(systems)) == 1 and one.get("code") == other.get("code")
