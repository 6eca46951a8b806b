"""The claims of a verified token, as a Subject.

`contract.md` section 3 of the design; `ihe_iua`:
https://profiles.ihe.net/ITI/IUA/index.html#34714224-jwt-iua-extension
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.auth import invalid_token, shown
from fhir_server.policy.subject import (
    INS_SYSTEMS,
    PROFESSIONAL_SYSTEM,
    STRUCTURE_SYSTEM,
    Coded,
    Subject,
)
from mappings.identifiers import normal

Claims = Mapping[str, Any]

_PERSON = INS_SYSTEMS
_PROFESSIONAL = (PROFESSIONAL_SYSTEM,)
_STRUCTURE = (STRUCTURE_SYSTEM,)
# By which kind of identifier each actor is known. Those who never have access are told so (403)
# whether a person or an organisation asks.
SYSTEMS_OF: Mapping[str, Sequence[str]] = {
    "holder": _PERSON,
    "representative": _PERSON,
    "heir": _PERSON,
    "trusted-person": _PERSON,
    "professional": _PROFESSIONAL,
    "secretary": _PROFESSIONAL,
    "expert": _PROFESSIONAL,
    "system": _STRUCTURE,
    "operator": _STRUCTURE,
    "eu-professional": _STRUCTURE,
    "host": _STRUCTURE + _PROFESSIONAL,
    "insurer": _STRUCTURE + _PROFESSIONAL,
    "employer": _STRUCTURE + _PROFESSIONAL,
}
AUTH_MODES = ("DIRECTE", "INDIRECTE", "INDIRECTE_RENFORCEE")

ACCESS_MODE = "urn:oid:1.2.250.1.213.1.1.4.248"  # TRE_R248
DMP_PURPOSE = "https://fhir-server.example/fhir/CodeSystem/dmp-purpose"
PURPOSES = {  # code → its code system
    "normal": ACCESS_MODE,
    "bris_de_glace": ACCESS_MODE,
    "centre_15": ACCESS_MODE,
    "cause-of-death": DMP_PURPOSE,
    "memory": DMP_PURPOSE,
    "own-rights": DMP_PURPOSE,
    "legal-expertise": DMP_PURPOSE,
    "occupational-health": DMP_PURPOSE,
}

# TRE_R02, and two codes of TRE_A00. Bans compare sectors exactly: another spelling is refused.
_SECTOR = re.compile(r"SA[0-9]{2}|EXP_PATIENT|SNR")
_VALUE = re.compile(r"[!-{}~]{1,200}")  # printable ASCII without space and |
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # never in a FHIR string


def subject_of(claims: Claims) -> Subject:
    """Who a verified token speaks for.

    Raises Unauthorized (`invalid_token`) for a claim that is missing, unknown, of the wrong JSON
    type, or does not fit the others.
    """
    extensions = _object(claims, "extensions")
    iua, dmp = _object(extensions, "ihe_iua"), _object(extensions, "dmp")
    if not dmp:
        raise invalid_token("the claim `dmp` is missing")
    actor = _actor(dmp)
    return Subject(
        actor=actor,
        identifier=_identifier(claims, "sub", SYSTEMS_OF[actor], of=f"the actor `{actor}`"),
        name=_text(iua, "subject_name"),
        organization=_organization(iua),
        organization_name=_text(iua, "subject_organization"),
        roles=tuple(_coded(one, "subject_role") for one in _list(iua, "subject_role")),
        purpose=_purpose(iua),
        reason=_text(dmp, "reason"),
        sector=_sector(dmp),
        auth_mode=_auth_mode(dmp, actor),
        secret=_secret(dmp),
        person=_person(iua),
        client=_text(claims, "client_id"),
        token_id=_text(claims, "jti"),
        scope=_text(claims, "scope"),
    )


def _object(parent: Claims, name: str) -> Claims:
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid_token(f"the claim `{name}` is not an object")
    return value


def _list(parent: Claims, name: str) -> list[Any]:
    value = parent.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid_token(f"the claim `{name}` is not a list")
    return value


def _text(parent: Claims, name: str) -> str:
    """Null says no more than nothing; "" for both."""
    value = parent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or _CONTROL.search(value):
        raise invalid_token(f"the claim `{name}` is not text")
    return value


def _identifier(parent: Claims, name: str, systems: Sequence[str], *, of: str) -> str:
    """`system|value` in its one form (`mappings.identifiers.normal`)."""
    system, _, value = _text(parent, name).partition("|")
    normal_system, normal_value = normal(system, value)
    if normal_system not in systems:
        raise invalid_token(f"{of} cannot have the system {shown(system)} in the claim `{name}`")
    if not _VALUE.fullmatch(value):
        raise invalid_token(f"the claim `{name}` is not `system|value`")
    return f"{normal_system}|{normal_value}"


def _organization(iua: Claims) -> str:
    # Authors and consents are compared with it, so nothing but an organisation may stand here.
    name = "subject_organization_id"
    return _identifier(iua, name, _STRUCTURE, of="an organisation") if _text(iua, name) else ""


def _person(iua: Claims) -> str:
    # Present and blank would lift the limit to one record: only absent or null does.
    if iua.get("person_id") is None:
        return ""
    return _identifier(iua, "person_id", INS_SYSTEMS, of="a patient")


def _actor(dmp: Claims) -> str:
    actor = _text(dmp, "actor")
    if actor not in SYSTEMS_OF:
        raise invalid_token(f"unknown actor {shown(actor)}")
    return actor


def _auth_mode(dmp: Claims, actor: str) -> str:
    mode = _text(dmp, "auth_mode")
    if not mode and SYSTEMS_OF[actor] == _PERSON:
        return "DIRECTE"  # the modes tell how professionals were authenticated
    if mode not in AUTH_MODES:
        raise invalid_token(f"unknown auth_mode {shown(mode)}")
    return mode


def _sector(dmp: Claims) -> str:
    sector = _text(dmp, "sector")
    if sector and not _SECTOR.fullmatch(sector):
        raise invalid_token(f"unknown sector {shown(sector)}")
    return sector


def _secret(dmp: Claims) -> bool:
    secret = dmp.get("secret", False)
    if not isinstance(secret, bool):
        raise invalid_token("the claim `secret` is neither true nor false")
    return secret


def _coded(value: object, name: str) -> Coded:
    if not isinstance(value, dict):
        raise invalid_token(f"the claim `{name}` is not a list of codes")
    coded = Coded(_text(value, "system"), _text(value, "code"))
    if not coded.system or not coded.code:
        raise invalid_token(f"the claim `{name}` has a code without system, or none")
    return coded


def _purpose(iua: Claims) -> str:
    asked = {_coded(one, "purpose_of_use") for one in _list(iua, "purpose_of_use")}
    for purpose in asked:
        if PURPOSES.get(purpose.code) != purpose.system:
            raise invalid_token(f"unknown purpose {shown(f'{purpose.system}|{purpose.code}')}")
    if len(asked) > 1:
        raise invalid_token("the claim `purpose_of_use` has two different purposes")
    return asked.pop().code if asked else "normal"
