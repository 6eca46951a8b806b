"""The profiles, labels and tags in use, as far as the caller sees: `$meta` of a type or of all.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

from typing import Any

from fhir_server.fhir.outcome import Forbidden
from fhir_server.policy.facts import by_nature
from fhir_server.search.parameters import parameters
from fhir_server.search.query import HasKey
from fhir_server.storage.across import Part
from fhir_server.storage.content import content_of
from fhir_server.storage.rows import Named
from fhir_server.storage.version import united
from fhir_server.storage.writing import Writing
from profiles.definitions import r4

SETS = ("profile", "security", "tag")
PAGE = 500
MOST = 5_000  # resources that are looked at for one answer

Records = list[tuple[int, str]]


def gathered(type_: str, stored: Writing) -> tuple[dict[str, Any], Records]:
    """The sets, and the records they are of with the rules that opened them. Traces have none of
    their own, so that they are looked at only where they are asked for. Forbidden (`too-costly`)
    where too many resources have any.
    """
    types = (type_,) if type_ else tuple(t for t in r4().resources if t != "AuditEvent")
    parts = [Part(together, _has_any(together)) for together in by_nature(types)]
    found: dict[str, dict[tuple[str, str], Any]] = {name: {} for name in SETS}
    records, cursor = Records(), ""
    while True:
        page = stored.across(parts, Named(), count=PAGE, asked=("$meta", ()), cursor=cursor)
        if page.total > MOST:
            raise Forbidden(
                f"more than {MOST} resources have profiles, labels or tags", code="too-costly"
            )
        records = united(records, page.records)
        for text in stored.shown(page.versions):
            _add(found, content_of(text).get("meta", {}))
        cursor = stored.cursor_after(page, ("$meta", ()))
        if not cursor:
            break
    sets = {name: [items[key] for key in sorted(items)] for name, items in found.items()}
    return {name: items for name, items in sets.items() if items}, records


def _has_any(types: tuple[str, ...]) -> HasKey:
    codes = [f"_{name}" for name in SETS]
    return HasKey(tuple(parameters(type_)[code].present for type_ in types for code in codes))


def _add(found: dict[str, dict[tuple[str, str], Any]], meta: dict[str, Any]) -> None:
    for name in SETS:
        for item in meta.get(name, ()):
            if item is not None:  # an address that is not known, with an extension beside it
                found[name].setdefault(identity(item), item)


def identity(item: Any) -> tuple[str, str]:
    """What makes a profile, label or tag the same: the address; system and code."""
    return (item.get("system", ""), item.get("code", "")) if isinstance(item, dict) else ("", item)
