"""Everybody whom a token can make, in one record: who asks in the tables of acts and questions."""

from collections.abc import Callable
from typing import Any

from fhir_server.policy.clocks import after, civil_date
from tests.house import ANNE, BRUNO, CNAM, INS, NINA, OTTO, PAUL, PS, STRUCTURE, House, Person
from tests.interactions.shared import new_ins
from tests.law.people import (
    SOCIAL,
    breaking_glass,
    contact_point,
    expert,
    of_profession,
    regulating,
    relative,
    somebody,
)
from tests.people import stored
from tests.policy.record import Record, made

SECRETARY = Person("secretary", f"{PS}|810000000074", "Secretaire", ANNE.organization)
AUTOMATE = Person("system", ANNE.organization, "Automate")
COLLEAGUE = Person("professional", f"{PS}|810000000082", "Dr Collegue", ANNE.organization)


def consenting(record: Record, who: Person, code: str = "dmp-pro-access") -> Person:
    stored(record.consent(record.holder, code, who))
    return who


def related(record: Record, relationship: str) -> Person:
    who = somebody(name="Un proche")
    relative(record, who, relationship)
    return who


def heir(record: Record, purpose: str) -> Person:
    who = somebody("heir", "Une fille", purpose=purpose)
    relative(record, who, "CHILD")
    return who


def charged(record: Record) -> Person:
    who = expert()
    period = {"start": "2026-11-01", "end": "2026-12-31"}
    stored(record.consent(CNAM, "dmp-expertise", who, period=period))
    return who


def as_actor(actor: str) -> Callable[[Record], Person]:
    return lambda record: Person(actor, f"{STRUCTURE}|1750100174", actor)


# Of each line of the tables: who asks, once the record is there.
CAST: dict[str, Callable[[Record], Person]] = {
    "holder": lambda record: record.holder,
    "holder of another": lambda record: Person("holder", f"{INS}|{new_ins()}", "Un autre"),
    "represents": lambda record: related(record, "representation"),
    "assists": lambda record: related(record, "assistance"),
    "assists with consent": lambda record: consenting(record, related(record, "assistance")),
    "parent of an adult": lambda record: related(record, "PRN"),
    "author": lambda record: ANNE,
    "author's colleague": lambda record: COLLEAGUE,
    "author, indirect": lambda record: ANNE.but(auth_mode="INDIRECTE"),
    "attending": lambda record: PAUL,
    "equivalent": lambda record: consenting(record, OTTO, "dmp-attending-equivalent"),
    "care team": lambda record: NINA,
    "care team, indirect": lambda record: NINA.but(auth_mode="INDIRECTE"),
    "care team, in secret": lambda record: NINA.but(secret=True),
    "consented": lambda record: consenting(record, OTTO),
    "social, consented": lambda record: of_profession(consenting(record, OTTO), "1", SOCIAL),
    "stranger": lambda record: OTTO,
    "blocked": lambda record: consenting(record, BRUNO, "dmp-pro-block"),
    "break-glass": lambda record: breaking_glass(record),
    "break-glass, author": lambda record: breaking_glass(record, ANNE),
    "centre 15": lambda record: regulating(record),
    "centre 15, author": lambda record: regulating(record, ANNE),
    "at work": lambda record: consenting(record, OTTO, "dmp-occupational").but(sector="SA13"),
    "at work, unasked": lambda record: consenting(record, OTTO).but(sector="SA13"),
    "secretary": lambda record: SECRETARY,
    "automate": lambda record: AUTOMATE,
    "operator": lambda record: CNAM,
    "heir of the living": lambda record: heir(record, "memory"),
    "expert": charged,
    "expert, uncharged": lambda record: expert(),
    "abroad": lambda record: consenting(record, contact_point(), "dmp-cross-border"),
    "abroad, unasked": lambda record: contact_point(),
    "host": as_actor("host"),
    "insurer": as_actor("insurer"),
    "employer": as_actor("employer"),
    "trusted person": lambda record: somebody("trusted-person"),
}


def born(house: House, *, days_to_majority: int) -> dict[str, Any]:
    """What makes a Patient come of age in so many days."""
    return {"birthDate": civil_date(after(house.clock(), months=-216, days=days_to_majority))}


def filled(house: House, **more: Any) -> Record:
    return made(house, [NINA], doctor=PAUL, **more)
