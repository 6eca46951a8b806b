"""What is refused before the store is asked: the design's `contract.md` section 7, Status."""

import pytest

from fhir_server.policy.admission import BANNED, Refusal, admission
from fhir_server.policy.facts import subject_facts
from fhir_server.policy.rules import DMP_2022
from fhir_server.policy.scope import Scope
from tests.policy.asking import caller

DOCUMENT = "DocumentReference"


def asked(
    actor: str,
    *,
    type_: str = DOCUMENT,
    consults: bool = True,
    by_identifier: bool = False,
    **who: str,
) -> Refusal | None:
    subject = caller(actor, **who)
    asks = "identifier" if by_identifier else "other"
    scope = Scope.of(subject, DMP_2022, subject_facts(subject, action="read", asks=asks))
    return admission(subject, scope, type_=type_, consults=consults, by_identifier=by_identifier)


@pytest.mark.parametrize("actor", ["insurer", "employer", "trusted-person", "host"])
@pytest.mark.parametrize("type_", [DOCUMENT, "Patient", "Organization", "AuditEvent"])
@pytest.mark.parametrize("consults", [True, False])
def test_who_never_has_access_never_comes_in(actor: str, type_: str, consults: bool) -> None:
    refusal = asked(actor, type_=type_, consults=consults)
    assert refusal and (refusal.code, refusal.text) == ("forbidden", BANNED)
    assert {"insurer": "R002", "employer": "R003", "trusted-person": "R004", "host": "R005"}[
        actor
    ] in refusal.rule


@pytest.mark.parametrize("reason", ["", " ", "\t\n"])
def test_break_glass_needs_a_reason(reason: str) -> None:
    refusal = asked("professional", purpose="bris_de_glace", reason=reason)
    assert refusal and (refusal.code, refusal.rule) == ("required", "R114")
    assert asked("professional", purpose="bris_de_glace", reason="unconscious") is None
    assert asked("professional", purpose="normal", reason=reason) is None


@pytest.mark.parametrize(
    "who",
    [
        {"actor": "professional", "auth_mode": "INDIRECTE"},
        {"actor": "secretary"},
        {"actor": "system"},
    ],
    ids=lambda value: value["actor"],
)
def test_indirect_callers_consult_next_to_nothing(who: dict[str, str]) -> None:
    refusal = asked(**who)  # type: ignore[arg-type]
    assert refusal and (refusal.code, refusal.rule) == ("forbidden", "R150")
    assert asked(**who, type_="AuditEvent") is not None  # type: ignore[arg-type]
    assert asked(**who, by_identifier=True) is None  # type: ignore[arg-type]
    assert asked(**who, type_="Patient") is None  # type: ignore[arg-type]
    assert asked(**who, type_="Practitioner") is None  # type: ignore[arg-type]
    assert asked(**who, consults=False) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["DIRECTE", "INDIRECTE_RENFORCEE"])
def test_a_strong_authentication_consults(mode: str) -> None:
    assert asked("professional", auth_mode=mode) is None
