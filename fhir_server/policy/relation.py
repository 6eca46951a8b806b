"""What somebody is to a record, and for how long."""

from dataclasses import dataclass
from typing import Any, Callable, Mapping

from fhir_server.fhir.dates import EARLIEST, LATEST, period

Resource = Mapping[str, Any]
# A Reference element to the identifiers `system|value` of whom it names.
Who = Callable[[Mapping[str, Any]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Relation:
    """`actor` (`system|value`) is `kind` to the record from `since` until `until` (ms, half-open).
    """

    actor: str
    kind: str
    since: int = EARLIEST
    until: int = LATEST


def in_force(value: Mapping[str, Any] | None) -> tuple[int, int]:
    """The interval of a Period (ms, half-open), all times when there is none."""
    try:
        return period(value) if value else (EARLIEST, LATEST)
    except ValueError:
        return LATEST, EARLIEST  # an impossible period is never in force; it is refused at the door
