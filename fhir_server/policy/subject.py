"""Who asks: what a verified token says of the caller, in the words of the rules.

`contract.md` section 3 of the design: the claims; nothing here decides a relation to a patient.
"""

from dataclasses import dataclass

ACTORS = (
    "holder",
    "representative",
    "professional",
    "secretary",
    "system",
    "operator",
    "host",
    "insurer",
    "employer",
    "trusted-person",
    "heir",
    "expert",
    "eu-professional",
)
# The person whose record it is, and who acts for him.
# Who acts for a structure: that a record exists is no secret to them (contract 7, Status).
PROFESSIONALS = frozenset({"professional", "secretary", "system"})
HOLDER_SIDE = frozenset({"holder", "representative"})
INS_SYSTEMS = (
    "urn:oid:1.2.250.1.213.1.4.8",  # INS-NIR
    "urn:oid:1.2.250.1.213.1.4.9",  # INS-NIA
    "urn:oid:1.2.250.1.213.1.4.10",  # INS-NIR, test
    "urn:oid:1.2.250.1.213.1.4.11",  # INS-NIR, demonstration
)
PROFESSIONAL_SYSTEM = "urn:oid:1.2.250.1.71.4.2.1"  # PS_IdNat
STRUCTURE_SYSTEM = "urn:oid:1.2.250.1.71.4.2.2"  # Struct_IdNat


@dataclass(frozen=True, slots=True)
class Coded:
    """A system and a code."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The caller; identifiers are written `system|value`, and "" stands for what the token does not
    say.
    """

    actor: str  # one of ACTORS
    identifier: str
    name: str = ""
    organization: str = ""
    organization_name: str = ""
    roles: tuple[Coded, ...] = ()
    purpose: str = "normal"
    reason: str = ""
    sector: str = ""
    auth_mode: str = "DIRECTE"
    secret: bool = False
    person: str = ""  # the token is good for this patient alone
    client: str = ""
    token_id: str = ""
    scope: str = "user/*.cruds"  # as the token spells it

    @property
    def me(self) -> tuple[str, ...]:
        """The identifiers that relations and authors are compared with: the person, and for
        professionals the house.
        """
        houses = (
            (self.organization,) if self.actor in PROFESSIONALS else ()
        )
        return tuple(identifier for identifier in (self.identifier, *houses) if identifier)
