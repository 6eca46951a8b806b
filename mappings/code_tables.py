"""The code tables: document types and classes, confidentiality, formats, OID ⇄ URI of systems.

https://mos.esante.gouv.fr/NOS/ (JDV_J66, JDV_J57, JDV_J58, ASS_X16, ASS_A11); each line of
`codes/*.csv` names its source.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

NOS = "https://mos.esante.gouv.fr/NOS"
CLASSES = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
PROFESSIONS = f"{NOS}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
VISIBILITY = f"{NOS}/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
FORMATS = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"


@dataclass(frozen=True, slots=True)
class Code:
    """A code; `system` is a URI, "" when it has none, and `label` may be empty."""

    system: str
    code: str
    label: str = ""

    def coding(self) -> dict[str, Any]:
        """A FHIR Coding."""
        parts = {"system": self.system, "code": self.code, "display": self.label}
        return {name: value for name, value in parts.items() if value}

    def concept(self) -> dict[str, Any]:
        """A FHIR CodeableConcept."""
        return {"coding": [self.coding()]}


NORMAL = Code(LEVELS, "N", "Normal")
MIME_TYPE_IS_ENOUGH = Code(FORMATS, "urn:ihe:iti:xds:2017:mimeTypeSufficient")


def _rows(name: str) -> list[dict[str, str]]:
    path = Path(__file__).parent / "codes" / f"{name}.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


# Code systems: the first URI of an OID is the one we write, the others are read as equal.


@cache
def _uris() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for row in _rows("systems"):
        found.setdefault(row["oid"], row["uri"])
    return found


@cache
def _oids() -> Mapping[str, str]:
    return {row["uri"]: row["oid"] for row in _rows("systems")}


def system_uri(oid: str) -> str:
    """The URI of the code system with this OID; `urn:oid:…` when no other is known, "" for ""."""
    return _uris().get(oid) or (f"urn:oid:{oid}" if oid else "")


def system_oid(uri: str) -> str | None:
    """The OID of a code system, whichever of its URIs is given; None when unknown."""
    return uri.removeprefix("urn:oid:") if uri.startswith("urn:oid:") else _oids().get(uri)


def usual_system(uri: str) -> str:
    """The URI under which we write a code system that has several; `uri` when it has no other."""
    oid = system_oid(uri)
    return system_uri(oid) if oid else uri


# Document types and classes.


@cache
def _types() -> Mapping[tuple[str, str], tuple[str, str]]:
    rows = _rows("document_types")
    return {(row["system"], row["code"]): (row["label"], row["class"]) for row in rows}


@cache
def _classes() -> Mapping[str, Code]:
    rows = _rows("document_classes")
    return {row["code"]: Code(row["system"], row["code"], row["label"]) for row in rows}


def document_classes() -> Mapping[str, Code]:
    """The classes of documents (JDV_J57) by code."""
    return _classes()


def type_label(system: str, code: str) -> str:
    """The French label of a document type; "" for a type that is not in JDV_J66."""
    return _types().get((usual_system(system), code), ("", ""))[0]


def class_of(system: str, code: str) -> Code | None:
    """The class of a document type; None for a type that ASS_X16 does not know (yet)."""
    return _classes().get(_types().get((usual_system(system), code), ("", ""))[1])


# Confidentiality.


@cache
def _confidentiality() -> Mapping[tuple[str, str], tuple[Code, str]]:
    found = {}
    for row in _rows("confidentiality"):
        code = Code(row["system"], row["code"], row["label"])
        found[code.system, code.code] = (code, row["kind"])
    return found


def confidentiality(system: str, code: str) -> Code | None:
    """The code of JDV_J58, level or visibility, under the system we write; None for any other."""
    found = _confidentiality().get((usual_system(system), code))
    return found[0] if found else None


def is_level(code: Code) -> bool:
    """Say whether a code is N, R or V, of which a document has exactly one."""
    found = _confidentiality().get((code.system, code.code))
    return found is not None and found[1] == "level"


# Formats.


@cache
def _formats() -> Mapping[str, Code]:
    rows = _rows("formats")
    return {row["template"] or row["media_type"]: Code(row["system"], row["code"]) for row in rows}


def format_of_templates(templates: Iterable[str]) -> Code:
    """The format of a structured CDA body: of the last of its template ids that ASS_A11 knows.

    `mimeTypeSufficient` when it knows none.
    """
    known = [_formats()[template] for template in templates if template in _formats()]
    return known[-1] if known else MIME_TYPE_IS_ENOUGH


def format_of_media_type(media_type: str) -> Code:
    """The format of an unstructured CDA body; `mimeTypeSufficient` for an unknown media type."""
    return _formats().get(media_type, MIME_TYPE_IS_ENOUGH)
