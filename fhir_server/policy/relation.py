"""What somebody is to a record, and for how long."""

from dataclasses import dataclass
from typing import Any, Callable, Mapping

from fhir_server.fhir.dates import EARLIEST, LATEST
from fhir_server.policy.clocks import civil_interval

Resource = Mapping[str, Any]
# A Reference element to the identifiers `system|value` of whom it names.
Who = Callable[[Mapping[str, Any]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Member:
    """One of those whom a reference names (`system|value`), from `since` until `until` (ms)."""

    actor: str
    since: int = EARLIEST
    until: int = LATEST


# A Reference element to the members of the CareTeam it names; None when it names none.
Team = Callable[[Mapping[str, Any]], tuple[Member, ...] | None]


def no_team(reference: Mapping[str, Any]) -> None:
    """Of what names nobody by a CareTeam."""


# In force at no time: an impossible period, which is refused at the door.
AT_NO_TIME = (LATEST, EARLIEST)


@dataclass(frozen=True, slots=True)
class Relation:
    """`actor` (`system|value`) is `kind` to the record from `since` until `until` (ms, half-open).
    """

    actor: str
    kind: str
    since: int = EARLIEST
    until: int = LATEST


def in_force(value: Mapping[str, Any] | None) -> tuple[int, int]:
    """The interval of a Period (ms, half-open), all times when there is none: from the first moment
    of its start to the last of its end, which are days of Paris where they have no hour.
    """
    try:
        since = civil_interval(value["start"])[0] if value and "start" in value else EARLIEST
        until = civil_interval(value["end"])[1] if value and "end" in value else LATEST
    except ValueError:
        return AT_NO_TIME
    return (since, until) if since < until else AT_NO_TIME
