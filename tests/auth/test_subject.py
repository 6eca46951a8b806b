"""Claims and the Subject they make, or the refusal."""

from typing import Any

import pytest

from fhir_server.auth.development import claims_for
from fhir_server.auth.subject import SYSTEMS_OF, subject_of
from fhir_server.fhir.outcome import Unauthorized
from fhir_server.policy.subject import (
    ACTORS,
    INS_SYSTEMS,
    PROFESSIONAL_SYSTEM,
    STRUCTURE_SYSTEM,
    Coded,
    Subject,
)

INS = f"{INS_SYSTEMS[0]}|124018852493334"
RPPS = f"{PROFESSIONAL_SYSTEM}|899700218896"
FINESS = f"{STRUCTURE_SYSTEM}|1750100125"
R248 = "urn:oid:1.2.250.1.213.1.1.4.248"
DMP = "https://fhir-server.example/fhir/CodeSystem/dmp-purpose"

DOCTOR = Subject(
    actor="professional",
    identifier=RPPS,
    name="Dr Anne Exemple",
    organization=FINESS,
    organization_name="Cabinet Exemple",
    roles=(Coded("urn:oid:1.2.250.1.71.1.2.7", "10"),),
    purpose="bris_de_glace",
    reason="patient inconscient\naux urgences",
    sector="SA07",
    auth_mode="INDIRECTE_RENFORCEE",
    secret=True,
    person=INS,
    client="lps-demo",
    token_id="one",
    scope="user/*.rs ITI-68",
)


def doctor_claims(**changes: Any) -> dict[str, Any]:
    """The claims of DOCTOR; changes by claim: in `ihe_iua`, in `dmp`, or beside them."""
    claims = claims_for(
        actor=DOCTOR.actor, identifier=DOCTOR.identifier, now=0, lifetime=60, audience="a",
        name=DOCTOR.name, organization=DOCTOR.organization, roles=DOCTOR.roles,
        organization_name=DOCTOR.organization_name, purpose=DOCTOR.purpose, reason=DOCTOR.reason,
        sector=DOCTOR.sector, auth_mode=DOCTOR.auth_mode, secret=DOCTOR.secret, scope=DOCTOR.scope,
        patient=DOCTOR.person, client=DOCTOR.client, token_id=DOCTOR.token_id,
    )  # fmt: skip
    extensions = claims["extensions"]
    for name, value in changes.items():
        inner = next((part for part in extensions.values() if name in part), claims)
        inner[name] = value
    return claims


def without(name: str) -> dict[str, Any]:
    claims = doctor_claims()
    for part in (claims, *claims["extensions"].values()):
        part.pop(name, None)
    return claims


def asks(*purposes: tuple[str, str]) -> list[dict[str, str]]:
    return [{"system": system, "code": code} for system, code in purposes]


REFUSED = {
    "no extensions": without("extensions"),
    "no dmp": {**doctor_claims(), "extensions": {"ihe_iua": {}}},
    "extensions is a list": doctor_claims(extensions=[]),
    "dmp is text": doctor_claims(extensions={"dmp": "professional"}),
    "ihe_iua is a list": doctor_claims(extensions={"ihe_iua": [1], "dmp": {"actor": "holder"}}),
    "no actor": without("actor"),
    "unknown actor": doctor_claims(actor="doctor"),
    "actor in capitals": doctor_claims(actor="Professional"),
    "actor is a list": doctor_claims(actor=["professional"]),
    "no sub": without("sub"),
    "sub is a number": doctor_claims(sub=899700218896),
    "sub without system": doctor_claims(sub="899700218896"),
    "sub without value": doctor_claims(sub=f"{PROFESSIONAL_SYSTEM}|"),
    "sub of an unknown system": doctor_claims(sub="urn:oid:1.2.3|899700218896"),
    "sub of another actor's system": doctor_claims(sub=INS),
    "sub with a space": doctor_claims(sub=f"{RPPS} "),
    "sub with two bars": doctor_claims(sub=f"{RPPS}|1"),
    "sub with a NUL": doctor_claims(sub=f"{RPPS}\0"),
    "no auth_mode": without("auth_mode"),
    "unknown auth_mode": doctor_claims(auth_mode="directe"),
    "auth_mode is a number": doctor_claims(auth_mode=1),
    "sector in the spelling of VIHF": doctor_claims(sector="SA23^1.2.250.1.71.4.2.4"),
    "sector is a list": doctor_claims(sector=["SA07"]),
    "secret is text": doctor_claims(secret="false"),
    "secret is null": doctor_claims(secret=None),
    "reason is an object": doctor_claims(reason={"text": "x"}),
    "reason with a NUL": doctor_claims(reason="x\0"),
    "name is a list": doctor_claims(subject_name=["Anne"]),
    "organisation is a person": doctor_claims(subject_organization_id=INS),
    "organisation without system": doctor_claims(subject_organization_id="1750100125"),
    "person_id of a professional": doctor_claims(person_id=RPPS),
    "person_id is empty": doctor_claims(person_id=""),
    "person_id is false": doctor_claims(person_id=False),
    "roles are an object": doctor_claims(subject_role={"system": "s", "code": "10"}),
    "a role is text": doctor_claims(subject_role=["10"]),
    "a role without system": doctor_claims(subject_role=[{"code": "10"}]),
    "a role's code is a number": doctor_claims(subject_role=[{"system": "s", "code": 10}]),
    "purpose is an object": doctor_claims(purpose_of_use=asks((R248, "normal"))[0]),
    "purpose is text": doctor_claims(purpose_of_use=["normal"]),
    "unknown purpose": doctor_claims(purpose_of_use=asks((R248, "curiosity"))),
    "purpose of another system": doctor_claims(purpose_of_use=asks((DMP, "bris_de_glace"))),
    "purpose of the heirs as TRE_R248": doctor_claims(purpose_of_use=asks((R248, "memory"))),
    "a purpose without system": doctor_claims(purpose_of_use=[{"code": "normal"}]),
    "two purposes": doctor_claims(purpose_of_use=asks((R248, "normal"), (R248, "centre_15"))),
    "scope is a list": doctor_claims(scope=["user/*.rs"]),
    "client is a number": doctor_claims(client_id=1),
    "jti is a number": doctor_claims(jti=1),
}


@pytest.mark.parametrize("claims", REFUSED.values(), ids=REFUSED)
def test_claims_that_are_not_good_are_a_401(claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized) as caught:
        subject_of(claims)
    challenge = caught.value.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="invalid_token", error_description="')


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", [], [1], {}, {"a": 1}], ids=repr)
@pytest.mark.parametrize(
    "name",
    [
        "sub", "client_id", "jti", "scope", "extensions", "subject_name", "subject_organization",
        "subject_organization_id", "subject_role", "purpose_of_use", "person_id", "actor", "sector",
        "auth_mode", "reason", "secret",
    ],
)  # fmt: skip
def test_no_json_type_of_any_claim_is_more_than_a_401(name: str, value: Any) -> None:
    try:
        assert isinstance(subject_of(doctor_claims(**{name: value})), Subject)
    except Unauthorized:
        pass


def test_every_claim_has_its_place_in_the_subject() -> None:
    assert subject_of(doctor_claims()) == DOCTOR


@pytest.mark.parametrize(
    ("claims", "field", "value"),
    [
        (without("purpose_of_use"), "purpose", "normal"),
        (doctor_claims(purpose_of_use=[]), "purpose", "normal"),
        (doctor_claims(purpose_of_use=asks((R248, "centre_15")) * 2), "purpose", "centre_15"),
        (doctor_claims(purpose_of_use=asks((DMP, "own-rights"))), "purpose", "own-rights"),
        (without("person_id"), "person", ""),
        (doctor_claims(person_id=None), "person", ""),
        (doctor_claims(reason=None), "reason", ""),
        (without("reason"), "reason", ""),
        (without("secret"), "secret", False),
        (without("sector"), "sector", ""),
        (without("subject_organization_id"), "organization", ""),
        (without("scope"), "scope", ""),
    ],
)
def test_what_a_token_need_not_say(claims: dict[str, Any], field: str, value: object) -> None:
    assert getattr(subject_of(claims), field) == value


def test_a_break_glass_without_reason_is_for_the_policy_to_refuse() -> None:
    assert subject_of(without("reason")).purpose == "bris_de_glace"


def test_a_person_need_not_say_how_he_was_authenticated() -> None:
    claims = doctor_claims(actor="holder", sub=INS, auth_mode=None)
    assert subject_of(claims).auth_mode == "DIRECTE"


FITTING = {
    "holder": {INS}, "representative": {INS}, "heir": {INS}, "trusted-person": {INS},
    "professional": {RPPS}, "secretary": {RPPS}, "expert": {RPPS},
    "system": {FINESS}, "operator": {FINESS}, "eu-professional": {FINESS},
    "host": {FINESS, RPPS}, "insurer": {FINESS, RPPS}, "employer": {FINESS, RPPS},
}  # fmt: skip


@pytest.mark.parametrize("actor", ACTORS)
def test_an_actor_is_known_by_his_own_kind_of_identifier(actor: str) -> None:
    accepted = set()
    for sub in (INS, RPPS, FINESS):
        try:
            accepted.add(subject_of(doctor_claims(actor=actor, sub=sub)).identifier)
        except Unauthorized:
            pass
    assert accepted == FITTING[actor]


@pytest.mark.parametrize("system", INS_SYSTEMS)
def test_every_system_of_the_ins_names_a_holder(system: str) -> None:
    assert subject_of(doctor_claims(actor="holder", sub=f"{system}|1")).identifier == f"{system}|1"


def test_every_actor_of_the_rules_has_its_systems() -> None:
    assert set(SYSTEMS_OF) == set(ACTORS)
