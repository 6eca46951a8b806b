"""What is refused before the store is asked: bans, missing reasons, indirect consultations.

`contract.md` section 7, Status: none of these answers depends on what is stored.
"""

from dataclasses import dataclass

from fhir_server.policy.facts import nature_of
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject

BANNED = "this kind of actor has no access to shared medical records"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a caller is not let in: an issue code, a text, the rule for the trail."""

    code: str
    text: str
    rule: str


def admission(
    subject: Subject, scope: Scope, *, type_: str, consults: bool, by_identifier: bool
) -> Refusal | None:
    """None when the request may go on. `by_identifier`: a search of documents by their identifier
    alone (TD3.1b).
    """
    if scope.sees_nothing:
        return Refusal("forbidden", BANNED, "R002 R003 R004 R005")
    if subject.purpose == "bris_de_glace" and not subject.reason.strip():
        return Refusal("required", "break-glass needs a reason: claim `dmp.reason`", "R114")
    indirect = subject.auth_mode == "INDIRECTE" or subject.actor in ("secretary", "system")
    if (
        consults
        and indirect
        and not (by_identifier or type_ == "Patient" or nature_of(type_) == "shared")
    ):
        return Refusal("forbidden", "no consultation with this kind of authentication", "R150")
    return None
