"""The facts of one question to the rules; a test names only those it is about.

The design's `domain.md` 1.3: who asks, in which record, for what.
"""

from collections.abc import Iterable
from typing import Any

from fhir_server.policy.decide import Decision, decide
from fhir_server.policy.facts import RowFacts, Standing, subject_facts
from fhir_server.policy.rules import DMP_2022
from fhir_server.policy.subject import Coded, Subject

INS = "urn:oid:1.2.250.1.213.1.4.10|124018852493334"
PS = "urn:oid:1.2.250.1.71.4.2.1|899700218896"
HOUSE = "urn:oid:1.2.250.1.71.4.2.2|1750100125"
DOCTOR = Coded("urn:oid:1.2.250.1.71.1.2.7", "10")
IDENTIFIERS = {"holder": INS, "representative": INS, "trusted-person": INS, "heir": INS}


def caller(actor: str = "professional", **more: Any) -> Subject:
    """`more`: purpose, reason, sector, auth_mode, organization, person, roles (a doctor's)."""
    if actor == "professional":
        more = {"roles": (DOCTOR,)} | more
    return Subject(actor, IDENTIFIERS.get(actor, PS), **more)


def facts(
    subject: Subject,
    *,
    action: str = "read",
    asks: str = "other",
    relations: Iterable[str] = (),
    state: str = "open",
    of_age: bool = True,
    minor: bool = False,
    row: RowFacts | None = None,
) -> dict[str, str]:
    """Every fact there is; the row is an ordinary document unless it is given."""
    standing = Standing(1, state, of_age, frozenset(relations), minor=minor)
    found = dict(subject_facts(subject, action=action, asks=asks))
    return found | standing.facts() | (row or RowFacts("document")).facts()


def decision(
    actor: str = "professional",
    *relations: str,
    action: str = "read",
    asks: str = "other",
    state: str = "open",
    of_age: bool = True,
    minor: bool = False,
    row: RowFacts | None = None,
    **who: Any,
) -> Decision:
    """What DMP 2022 says."""
    asked = facts(
        caller(actor, **who),
        action=action, asks=asks, relations=relations, state=state, of_age=of_age, minor=minor,
        row=row,
    )  # fmt: skip
    return decide(DMP_2022.rules, asked)
