"""Closing, reopening and the end of a record, as its Patient says it.

R.1111-36 CSP; `contract.md` section 7, Record: the server adds `dmp-fermeture` with the date.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhir_server.fhir.dates import instant
from fhir_server.interactions.context import Context
from fhir_server.policy.clocks import civil_date
from fhir_server.policy.life import CLOSING_DATE, EARLY_DELETION, extension
from fhir_server.policy.relations import CLOSING, record_state
from fhir_server.storage.writing import Draft

Resource = Mapping[str, Any]


def with_life(old: Resource, draft: Draft, context: Context) -> Draft:
    """`draft` of a Patient with what the server itself says of the life of the record: since when
    it is closed, by holder, operator or death, and since when its holder wants it destroyed; a
    reopening ends both. Only the operator may date a closing.
    """
    new = draft.resource
    told = {CLOSING: _closing(old, new, context), EARLY_DELETION: _deletion(old, new, context.now)}
    found = [*_in_place(new.get("extension", ()), told)]
    if found == new.get("extension", []):
        return draft
    rest = {name: value for name, value in new.items() if name != "extension"}
    return Draft(rest | ({"extension": found} if found else {}))


def _in_place(given: Iterable[Resource], told: dict[str, Resource | None]) -> Iterator[Resource]:
    """The extensions of a resource, those in `told` as told there, once each."""
    left = dict(told)
    for one in given:
        said = left.pop(one.get("url", ""), None) if one.get("url") in told else one
        if said is not None:
            yield said
    yield from (one for one in left.values() if one is not None)


def _closing(old: Resource, new: Resource, context: Context) -> Resource | None:
    given, before = extension(new, CLOSING), extension(old, CLOSING)
    was_open, is_open = _is_open(old), _is_open(new)
    if is_open:
        return given if was_open else None
    if context.subject.actor == "operator":
        return given or (_dated({}, civil_date(context.now)) if was_open else None)
    if was_open:
        return _dated(given or {}, civil_date(context.now))
    return before and _dated(given or before, _date(before))


def _is_open(patient: Resource) -> bool:
    """Whether a Patient says neither that its record is closed nor that its holder is dead."""
    alive = record_state(patient) != "deceased"
    return alive and bool(patient.get("active", True))


def _date(closing: Resource) -> str:
    parts = closing.get("extension", ())
    dates = (str(part.get("valueDate", "")) for part in parts if part["url"] == CLOSING_DATE)
    return next(dates, "")


def _dated(closing: Resource, date: str) -> Resource:
    """`closing` with this date of the server's, whatever it says itself."""
    parts = [part for part in closing.get("extension", ()) if part["url"] != CLOSING_DATE]
    dated = [{"url": CLOSING_DATE, "valueDate": date}] if date else []
    return {"url": CLOSING, "extension": [*dated, *parts]}


def _deletion(old: Resource, new: Resource, now: int) -> Resource | None:
    """The wish, since when it is there; of an open record as it was sent, for the rules to refuse.
    """
    given, before = extension(new, EARLY_DELETION), extension(old, EARLY_DELETION)
    if given is None or _is_open(new):
        return given if _is_open(old) else None
    return before or {"url": EARLY_DELETION, "valueDateTime": instant(now)}
