"""Read the HL7 v3 data types that CDA headers are made of: II, CD, TS, IVL_TS, PN, ST.

https://hl7.org/cda/stds/core/2.0.1-sd/, https://hl7.org/fhir/R4/datatypes.html#dateTime

Readers take an element or None, and give nothing for what is absent or has a nullFlavor.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from lxml import etree

from mappings.code_tables import Code, system_uri
from mappings.identifiers import InstanceIdentifier, shown

V3 = "urn:hl7-org:v3"
_TIME = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?P<fraction>\.\d+)?)?)?)?)?)?"
    r"(?:(?P<sign>[+-])(?P<zone>\d{1,4}))?",
    re.ASCII,
)
_ZONE = re.compile(r"[+-]((0\d|1[0-3]):[0-5]\d|14:00)", re.ASCII)
_ROOT = re.compile(r"[0-9A-Za-z.-]+")
_FILLERS = frozenset({"", "."})  # CI-SIS writes "." where the schema wants a text and there is none


class CdaError(Exception):
    """A document that cannot be read or deposited; `reason`: lower case, no full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Period:
    """FHIR dateTimes; "" stands for an open end."""

    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name; `use` is "", `official` (birth) or `usual`.

    `given_list`: all first names in the order of the birth record, where they are told apart.
    """

    use: str = ""
    family: str = ""
    given: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    given_list: str = ""
    text: str = ""

    @property
    def full(self) -> str:
        """For display: `Dr Anne Exemple`."""
        return self.text or " ".join(filter(None, [*self.suffix, *self.given, self.family]))


@cache
def path(steps: str) -> str:
    """`a/b` in the namespace of HL7 v3, as lxml writes it."""
    return "/".join(f"{{{V3}}}{step}" for step in steps.split("/"))


def first(parent: etree._Element | None, steps: str) -> etree._Element | None:
    """The first element at `a/b` under `parent`, unless it has a nullFlavor."""
    return next(iter(every(parent, steps)), None)


def every(parent: etree._Element | None, steps: str) -> list[etree._Element]:
    """The elements at `a/b` under `parent`, without those that have a nullFlavor."""
    found = [] if parent is None else parent.findall(path(steps))
    return [element for element in found if "nullFlavor" not in element.attrib]


def words(text: str | None) -> str:
    """A text without the white space around and between its words that FHIR does not allow."""
    joined = " ".join((text or "").split())
    return "" if joined in _FILLERS else joined


def text_of(element: etree._Element | None) -> str:
    """ST: the text of an element and all under it."""
    return "" if element is None else words("".join(map(str, element.itertext())))


def attribute(element: etree._Element | None, name: str) -> str:
    return "" if element is None else words(element.get(name))


def instance_identifiers(elements: Iterable[etree._Element]) -> tuple[InstanceIdentifier, ...]:
    """II: those that have a root."""
    found = [
        InstanceIdentifier(element.get("root", "").strip(), element.get("extension", "").strip())
        for element in elements
    ]
    return tuple(one for one in found if _ROOT.fullmatch(one.root))


def code_of(element: etree._Element | None) -> Code | None:
    """CD, CE, CV: code, system as a URI, label (displayName, else the original text)."""
    code = attribute(element, "code")
    if not code:
        return None
    system = system_uri(attribute(element, "codeSystem"))
    label = attribute(element, "displayName") or text_of(first(element, "originalText"))
    return Code("" if " " in system else system, code, label)


def date_time(value: str) -> str:
    """TS as a FHIR dateTime of the same precision; a ValueError says what is wrong.

    FHIR wants a time to have seconds and a zone: minutes and seconds that are left out are zero,
    and a time without a zone is cut to its day, which is right wherever it was written.
    """
    found = _TIME.fullmatch(value)
    if found is None:
        raise ValueError(f"{shown(value)} is not a date")
    year, month, day, hour = found.group("year", "month", "day", "hour")
    date = "-".join(filter(None, (year, month, day)))
    clock = f"{hour or '00'}:{found['minute'] or '00'}:{found['second'] or '00'}"
    zone = _zone(found["sign"], found["zone"])
    try:
        datetime.fromisoformat(f"{year}-{month or '01'}-{day or '01'}T{clock}")
    except ValueError:
        raise ValueError(f"{shown(value)} is not a date") from None
    if zone and not _ZONE.fullmatch(zone):
        raise ValueError(f"{shown(value)} is not in a time zone")
    return f"{date}T{clock}{found['fraction'] or ''}{zone}" if hour and zone else date


def _zone(sign: str | None, digits: str | None) -> str:
    """`+01:00` of `+0100`, but also of `+01` and of the `+100` of real documents."""
    if not sign or not digits:
        return ""
    four = digits.zfill(2) + "00" if len(digits) < 3 else digits.zfill(4)
    return f"{sign}{four[:2]}:{four[2:]}"


def is_instant(value: str) -> bool:
    """Say whether a FHIR dateTime is precise enough to be an instant."""
    return "T" in value


def period_of(element: etree._Element | None) -> Period:
    """IVL_TS: low and high, or the value of a point in time as its start; ValueError as above."""
    point = attribute(element, "value")
    low = attribute(first(element, "low"), "value") or point
    high = attribute(first(element, "high"), "value")
    return Period(date_time(low) if low else "", date_time(high) if high else "")


def name_of(element: etree._Element | None) -> Name | None:
    """PN of a professional: its parts as they are, or its text when it has none."""
    if element is None:
        return None
    parts = _parts(element)
    name = Name(
        family=" ".join(_texts(parts, "family")),
        given=_texts(parts, "given"),
        prefix=_texts(parts, "prefix"),
        suffix=_texts(parts, "suffix"),
        text="" if parts else text_of(element),
    )
    return None if name == Name() else name


def patient_names(elements: Iterable[etree._Element]) -> tuple[Name, ...]:
    """PN of a patient: CI-SIS puts the name at birth (BR) and the one in use (CL, SP) into one."""
    found: list[Name] = []
    for element in elements:
        parts = _parts(element)
        if any(qualifiers for _, qualifiers, _ in parts):
            found += filter(None, (_birth_name(parts), _usual_name(parts)))
        else:
            found += filter(None, [name_of(element)])
    return tuple(dict.fromkeys(found))


_Part = tuple[str, frozenset[str], str]


def _birth_name(parts: list[_Part]) -> Name | None:
    listed = _texts(parts, "given")
    family = _texts(parts, "family", "BR") or _texts(parts, "family")
    given = _texts(parts, "given", "BR") or listed
    if not family:
        return None
    return Name("official", " ".join(family), given, given_list=" ".join(listed))


def _usual_name(parts: list[_Part]) -> Name | None:
    family = _texts(parts, "family", "CL") or _texts(parts, "family", "SP")
    given = _texts(parts, "given", "CL")
    return Name("usual", " ".join(family), given) if family or given else None


def _parts(element: etree._Element) -> list[_Part]:
    """The parts of a PN: which, its qualifiers, its text; those with a text alone."""
    found = []
    for part in element.iterchildren(tag=etree.Element):
        qualifiers = frozenset((part.get("qualifier") or "").split())
        found.append((etree.QName(part).localname, qualifiers, text_of(part)))
    return [part for part in found if part[2]]


def _texts(parts: list[_Part], which: str, qualifier: str = "") -> tuple[str, ...]:
    """The texts of the parts with this qualifier, or of those without any."""
    return tuple(
        text
        for name, qualifiers, text in parts
        if name == which and (qualifier in qualifiers if qualifier else not qualifiers)
    )
