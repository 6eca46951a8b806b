"""What may be logged of a fault: its class, where it happened, and what the database calls it.

Its words are left out: they may hold what somebody asked for, or what is stored
(https://hl7.org/fhir/R4/security.html: no personal data in logs).
"""

from collections.abc import Iterator
from traceback import extract_tb


def told(fault: BaseException) -> str:
    """One line a fault, the first cause last."""
    return "\n  from ".join(_line(one) for one in _chain(fault))


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or fault.__context__


def _line(fault: BaseException) -> str:
    code = getattr(fault, "sqlstate", None) or getattr(fault, "sqlite_errorname", None)
    places = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in extract_tb(fault.__traceback__)
    ]
    name = type(fault).__name__ + (f" ({code})" if code else "")
    return f"{name} at {' > '.join(places)}" if places else name
