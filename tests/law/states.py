"""Whom the state of a record, or the age of its holder, makes another caller."""

from collections.abc import Callable

from tests.house import ANNE, CNAM, NINA, PAUL, Person
from tests.law.cast import born, charged, heir, related
from tests.law.people import breaking_glass
from tests.policy.record import Record


def dead(record: Record, who: Person) -> Person:
    died = ("/deceasedDateTime", "2026-11-20")
    assert record.patch(CNAM, record.id, died, type_="Patient").status == 200
    return who


def closed(record: Record, who: Person) -> Person:
    record.closed()
    return who


def minor(record: Record, who: Person, *, days: int = 1) -> Person:
    """The holder comes of age in so many days."""
    birth = born(record.house, days_to_majority=days)["birthDate"]
    assert record.patch(CNAM, record.id, ("/birthDate", birth), type_="Patient").status == 200
    return who


STATES: dict[str, Callable[[Record], Person]] = {
    "minor, 17 y 364 d": lambda record: minor(record, record.holder),
    "of age, 18 y": lambda record: minor(record, record.holder, days=0),
    "parent, 17 y 364 d": lambda record: minor(record, related(record, "PRN")),
    "parent, 18 y": lambda record: minor(record, related(record, "PRN"), days=0),
    "represents a minor": lambda record: minor(record, related(record, "representation")),
    "closed: holder": lambda record: closed(record, record.holder),
    "closed: represents": lambda record: closed(record, related(record, "representation")),
    "closed: attending": lambda record: closed(record, PAUL),
    "closed: author": lambda record: closed(record, ANNE),
    "closed: break-glass": lambda record: closed(record, breaking_glass(record)),
    "closed: expert": lambda record: closed(record, charged(record)),
    "dead: holder": lambda record: dead(record, record.holder),
    "dead: represents": lambda record: dead(record, related(record, "representation")),
    "dead: attending": lambda record: dead(record, PAUL),
    "dead: care team": lambda record: dead(record, NINA),
    "dead: heir": lambda record: dead(record, heir(record, "memory")),
    "dead: heir, no reason": lambda record: dead(record, heir(record, "normal")),
    "dead: expert": lambda record: dead(record, charged(record)),
    "dead: operator": lambda record: dead(record, CNAM),
}
