"""Identifiers of people, structures and documents: check digits, French prefixes, HL7 v3 ⇄ FHIR.

https://esante.gouv.fr/produits-services/referentiel-ins
https://hl7.org/fhir/R4/datatypes.html#Identifier
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

URN_SYSTEM = "urn:ietf:rfc:3986"
TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"

PROFESSIONAL_ROOT = "1.2.250.1.71.4.2.1"  # PS_IdNat
STRUCTURE_ROOT = "1.2.250.1.71.4.2.2"  # Struct_IdNat
# In the order in which they are preferred: a definitive number before a temporary one.
INS_ROOTS = (
    "1.2.250.1.213.1.4.8",  # INS-NIR
    "1.2.250.1.213.1.4.9",  # INS-NIA
    "1.2.250.1.213.1.4.10",  # INS-NIR, test
    "1.2.250.1.213.1.4.11",  # INS-NIR, demonstration
)
INS_SYSTEMS = tuple(f"urn:oid:{root}" for root in INS_ROOTS)
_TYPE_AND_USE = {
    INS_ROOTS[0]: ("INS-NIR", "official"),
    INS_ROOTS[1]: ("INS-NIA", "temp"),
    INS_ROOTS[2]: ("INS-NIR-TEST", "official"),
    INS_ROOTS[3]: ("INS-NIR-DEMO", "official"),
    PROFESSIONAL_ROOT: ("IDNPS", "official"),
    STRUCTURE_ROOT: ("IDNST", "official"),
}

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OID = re.compile(r"[0-2](\.[0-9]+)+")
_INS = re.compile(r"[0-9]{5}([0-9]{2}|2[AB])[0-9]{8}")
_LA_POSTE = "356000000"


def shown(value: str) -> str:
    """A user's value for a message: in backticks, cut to 100 characters."""
    return f"`{value[:100]}`"


# Check digits.


def ins_key(number: str) -> str:
    """The two digits after the 13 of an INS; Corsican departments count as 19 (2A) and 18 (2B)."""
    digits = number[:5] + number[5:7].replace("2A", "19").replace("2B", "18") + number[7:]
    return f"{97 - int(digits) % 97:02}"


def ins_problem(value: str) -> str | None:
    """Why `value` cannot be an INS (15 characters, key included); None when it can.

    Lenient as the rule books ask: months, departments and the first digit are not judged.
    """
    if len(value) != 15:
        return f"the INS {shown(value)} has {len(value)} characters instead of 15"
    if not _INS.fullmatch(value):
        return f"the INS {shown(value)} is not made of digits"
    if value[13:] != ins_key(value[:13]):
        return f"the INS {shown(value)} has a wrong key"
    return None


def passes_luhn(digits: str) -> bool:
    """Say whether the last digit is the Luhn key of the others; no for anything but digits."""
    if not re.fullmatch(r"[0-9]+", digits):
        return False
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(map(int, digits[-1::-2]))) % 10 == 0


def is_rpps(value: str) -> bool:
    return len(value) == 11 and passes_luhn(value)


def is_siren(value: str) -> bool:
    return len(value) == 9 and passes_luhn(value)


def is_siret(value: str) -> bool:
    """14 digits; for the offices of La Poste it is enough that their sum is a multiple of 5."""
    if not re.fullmatch(r"[0-9]{14}", value):
        return False
    return passes_luhn(value) or (value.startswith(_LA_POSTE) and sum(map(int, value)) % 5 == 0)


def is_finess(value: str) -> bool:
    """9 characters; the key of a Corsican number (2A…, 2B…) is not judged: its rule is unknown."""
    return bool(re.fullmatch(r"2[AB][0-9]{7}", value)) or (len(value) == 9 and passes_luhn(value))


# Prefixes: for checks and labels alone; comparisons are of whole values.

_PROFESSIONAL_FORMS = {
    "ADELI": r"0[0-9A-Z]+",
    "ADELI-practice": r"1[0-9A-Z]+/.+",
    "FINESS": r"3[0-9A-Z]+/.+",
    "SIREN": r"4[0-9]+/.+",
    "SIRET": r"5[0-9]+/.+",
    "RPPS-practice": r"6[0-9]+/.+",
    "RPPS": r"8[0-9]+",
}
_STRUCTURE_FORMS = {
    "ADELI-practice": r"0[0-9A-Z]{9,}",
    "FINESS": r"1[0-9AB]{9}",
    "SIREN": r"2[0-9]{9}",
    "SIRET": r"3[0-9]{14}",
    "RPPS-rang": r"4[0-9]{13}",
}


def professional_kind(value: str) -> str | None:
    """What a PS_IdNat is made of (`RPPS`, `FINESS`…); None when it has none of the forms."""
    return _kind(_PROFESSIONAL_FORMS, value)


def structure_kind(value: str) -> str:
    """What a Struct_IdNat is made of (`FINESS`, `SIRET`…), else `technical`."""
    return _kind(_STRUCTURE_FORMS, value) or "technical"


def lacks_prefix(value: str) -> bool:
    """Whether a Struct_IdNat is a bare number: of nine, FINESS or SIREN, which one nobody knows; of
    fourteen, a SIRET, but for those with a 4, which are RPPS-rang.
    """
    return re.fullmatch(r"[0-9AB]{9}|[0-35-9][0-9]{13}", value) is not None


def _kind(forms: Mapping[str, str], value: str) -> str | None:
    return next((kind for kind, form in forms.items() if re.fullmatch(form, value)), None)


# HL7 v3 ⇄ FHIR.


@dataclass(frozen=True, slots=True)
class InstanceIdentifier:
    """HL7 v3 II: `root` is an OID or a UUID, `extension` may be empty."""

    root: str
    extension: str = ""

    @property
    def is_global(self) -> bool:
        """Say whether the root is an OID or a UUID, as a globally unique identifier needs."""
        return bool(_UUID.fullmatch(self.root) or _OID.fullmatch(self.root))

    @property
    def urn(self) -> str:
        """`urn:oid:root`, `urn:oid:root^extension`, `urn:uuid:…`: an XDS uniqueId in FHIR."""
        urn = root_to_urn(self.root)
        return f"{urn}^{self.extension}" if self.extension else urn


def root_to_urn(root: str) -> str:
    """`urn:uuid:` in small letters for a UUID, `urn:oid:` for anything else."""
    return f"urn:uuid:{root.lower()}" if _UUID.fullmatch(root) else f"urn:oid:{root}"


def urn_to_root(urn: str) -> str | None:
    """The OID or UUID of `urn:oid:…` or `urn:uuid:…`; None for any other URI."""
    scheme, _, root = urn.rpartition(":")
    return root if root and scheme in ("urn:oid", "urn:uuid") else None


def to_identifier(instance: InstanceIdentifier) -> dict[str, Any]:
    """A FHIR Identifier, with use and type where France has settled them."""
    if not instance.extension:
        return {"system": URN_SYSTEM, "value": root_to_urn(instance.root)}
    found = {"system": root_to_urn(instance.root), "value": instance.extension}
    if instance.root not in _TYPE_AND_USE:
        return found
    type_, use = _TYPE_AND_USE[instance.root]
    return {"use": use, "type": {"coding": [{"system": TYPES, "code": type_}]}} | found


def from_identifier(identifier: Mapping[str, Any]) -> InstanceIdentifier | None:
    """The II of a FHIR Identifier; None when neither system nor value is an OID or a UUID."""
    system, value = identifier.get("system", ""), identifier.get("value", "")
    if system == URN_SYSTEM:
        urn, _, extension = value.partition("^")
        root = urn_to_root(urn)
        return InstanceIdentifier(root, extension) if root else None
    root = urn_to_root(system)
    return InstanceIdentifier(root, value) if root and value else None


# What is the same identifier.

_RPPS = re.compile(r"https?://rpps\.esante\.gouv\.fr/?")
_DIRECTORIES = {
    re.compile(r"https?://finess\.esante\.gouv\.fr/?"): "1",
    re.compile(r"https?://rppsrang\.esante\.gouv\.fr/?"): "4",
}
_URN = re.compile(r"urn:(oid|uuid):(.*)", re.IGNORECASE | re.DOTALL)


def normal_uri(text: str) -> str:
    """The one spelling of a global identifier: `urn:oid:1.2.3` for `URN:OID:1.2.3` and `1.2.3`,
    `urn:uuid:…` in small letters for a UUID in any case, in braces or alone. What follows `^` (the
    extension of an XDS uniqueId) stays; any other text is given back as it is.
    """
    scheme = _URN.fullmatch(text)
    root, mark, extension = (scheme[2] if scheme else text).partition("^")
    bare = root[1:-1] if root[:1] == "{" and root[-1:] == "}" else root
    if _UUID.fullmatch(bare):
        return f"urn:uuid:{bare.lower()}{mark}{extension}"
    if _OID.fullmatch(root) and not (scheme and scheme[1].lower() == "uuid"):
        return f"urn:oid:{root}{mark}{extension}"
    return f"urn:{scheme[1].lower()}:{scheme[2]}" if scheme else text


def normal_spelling(system: str, value: str) -> tuple[str, str]:
    """System and value of an identifier, each OID and UUID in its one spelling (`normal_uri`); a
    value is one under `urn:ietf:rfc:3986`, and without a system where it says that it is a URN.
    """
    if system.lower() == URN_SYSTEM:
        return URN_SYSTEM, normal_uri(value)
    if not system:
        return "", normal_uri(value) if _URN.fullmatch(value) else value
    return normal_uri(system), value


def normal(system: str, value: str) -> tuple[str, str]:
    """The one form of an identifier: two are the same when their normal forms are equal.

    Beyond `normal_spelling`: a URN needs no system, `urn:oid:R^E` is the value E of the system
    `urn:oid:R` (HL7 v3 II), an RPPS number is a PS_IdNat (`8` before it), FINESS and RPPS-rang
    numbers by the directory's URL are a Struct_IdNat (`1`, `4`).
    """
    system, value = normal_spelling(system, value)
    if system in ("", URN_SYSTEM) and _URN.match(value):
        root, mark, extension = value.partition("^")
        return normal(root, extension) if mark else (URN_SYSTEM, value)
    professional = f"urn:oid:{PROFESSIONAL_ROOT}"
    if _RPPS.fullmatch(system) or (system == professional and re.fullmatch(r"[0-9]{11}", value)):
        return professional, value if re.fullmatch(r"8[0-9]{11}", value) else f"8{value}"
    for url, prefix in _DIRECTORIES.items():
        if url.fullmatch(system):
            return f"urn:oid:{STRUCTURE_ROOT}", f"{prefix}{value}"
    return system, value


def forms(system: str, value: str) -> tuple[tuple[str, str], ...]:
    """The ways in which one identifier of a document may be written, OIDs and UUIDs in their one
    spelling: under its root, as a URN, or as a URN without a system.
    """
    root, extension = normal(system, value)
    if root == URN_SYSTEM:
        return (URN_SYSTEM, extension), ("", extension)
    if not _URN.fullmatch(root):
        return (normal_spelling(system, value),)
    urn = f"{root}^{extension}"
    return (root, extension), (URN_SYSTEM, urn), ("", urn)
