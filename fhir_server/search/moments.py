"""Where an instant stands in the index of dates: one whole number of 63 bits, in the order of time.

It is exact to the nanosecond from 1779 to 2160, and to the microsecond before and after; of what is
finer stands the interval that holds it. What lies in whole milliseconds, `lastUpdated`, is compared
with the same instants.
"""

from fhir_server.fhir.dates import NANOSECONDS
from fhir_server.search.query import Prefix

FIRST, LAST = -9 * 10**18, 9 * 10**18  # open ends: before and after every year there is
_EDGE = 6 * 10**18  # nanoseconds before and after 1970, 190 years
_COARSE = 1_000

Moments = tuple[int, int]


def moments(low: int, high: int) -> Moments:
    """The interval [low, high), in nanoseconds since 1970 UTC, as the index has it."""
    return _floor(low), -_floor(-high)


def of_milliseconds(low: int, high: int) -> Moments:
    return moments(low * NANOSECONDS, high * NANOSECONDS)


def whole(prefix: Prefix, low: int, high: int) -> tuple[Prefix, int, int]:
    """What an interval of whole milliseconds is compared with, so that the answer is that of
    [low, high) in nanoseconds: see `query.holds` for which end is compared with which.
    """
    if prefix in ("sa", "eb", "ap"):
        return prefix, low // NANOSECONDS, -(-high // NANOSECONDS)
    low, high = -(-low // NANOSECONDS), high // NANOSECONDS
    # Within one millisecond they cross; `ge` and `le` ask for either of the two ends.
    if prefix == "ge":
        low = min(low, high)
    return prefix, low, max(low, high) if prefix == "le" else high


def _floor(nanoseconds: int) -> int:
    if nanoseconds > _EDGE:
        return _EDGE + (nanoseconds - _EDGE) // _COARSE
    if nanoseconds < -_EDGE:
        return -_EDGE + (nanoseconds + _EDGE) // _COARSE
    return nanoseconds
