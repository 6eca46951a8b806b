"""All that is in a patient's record, page by page, with the shared resources it refers to.

https://hl7.org/fhir/R4/patient-operation-everything.html

Matches are in the patient's compartment; included are practitioners, organizations, medications and
other shared resources that the page's matches lead to. Bytes (Binary) are fetched by the addresses
in documents; traces are there when `_type` names AuditEvent.
"""

from fhir_server.auth.scopes import grants
from fhir_server.fhir.dates import EARLIEST, LATEST, interval
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.arguments import Arguments, cuts
from fhir_server.interactions.operations.closure import shared_of
from fhir_server.interactions.page import ONLY_WHEN_NAMED, entries, links, page
from fhir_server.interactions.routes import Route
from fhir_server.policy.facts import by_nature
from fhir_server.search.compartment import cared, members, patient_types
from fhir_server.search.moments import whole
from fhir_server.search.parse import CURSOR
from fhir_server.search.query import AllOf, Criterion, Nothing, UpdatedIs
from fhir_server.storage.across import Part
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing
from profiles.dates import nanoseconds
from profiles.definitions import r4


def everything(
    call: Call, stored: Writing, route: Route, context: Context, given: Arguments
) -> Reply:
    """A searchset. NotFound or Forbidden as for any request that names a patient (contract 7)."""
    if not context.policed:
        stored.read("Patient", route.id_)
    wanted, used = _types(given), _used(given) + cuts(call)
    count = _count(given, context)
    asked, cursor = (call.path, used), call.parameter(CURSOR)
    found = stored.across(
        _parts(wanted, route.id_, given, context),
        Named(resource=("Patient", route.id_)),
        count=count,
        asked=asked,
        cursor=cursor,
    )
    note = context.note(
        call, "operation", "Patient", route.id_, detail=(("operation", "$everything"),)
    )
    stored.note(note, found.records or [(0, "")])
    shown = entries(found.versions, stored, context)
    led_to = shared_of([entry.text for entry in shown], stored, context)
    included = [version for version in led_to if not wanted or version.type_ in wanted]
    shown += entries(included, stored, context, "include")
    to_others = links(found, asked, cursor, stored, context)
    return page("searchset", shown, to_others, context, total=found.total)


def _types(given: Arguments) -> frozenset[str]:
    """Those that `_type` names, empty for all; BadRequest for one that is none."""
    named = [name.strip() for value in given.all("_type") for name in value.split(",")]
    for name in named:
        if not r4().is_resource(name):
            raise BadRequest(f"`_type`: `{name[:100]}` is no resource type", code="value")
    return frozenset(named)


def _count(given: Arguments, context: Context) -> int:
    """As much as a page can hold when nothing is said: who asks for everything wants it at once."""
    count = given.one("_count")
    if count is not None and count < 0:
        raise BadRequest(f"`_count`: `{count}` is less than nothing", code="value")
    most = context.settings.max_page
    return most if count is None else min(count, most)


def _used(given: Arguments) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, values in given.values.items() for value in values)


def _parts(
    wanted: frozenset[str], patient: str, given: Arguments, context: Context
) -> list[Part]:
    """What is asked of the types of each nature; only of types that the token covers."""
    types = [
        type_
        for type_ in patient_types()
        if (type_ in wanted or not (wanted or type_ in ONLY_WHEN_NAMED))
        and grants(context.subject, type_, "r")
    ]
    if not types:
        return [Part(("Patient",), Nothing())]
    dated = given.one("start") or given.one("end")  # a date of care is a type's own affair
    groups = [(type_,) for type_ in types] if dated else by_nature(types)
    return [Part(one, _where(one, patient, given, context)) for one in groups]


def _where(
    types: tuple[str, ...], patient: str, given: Arguments, context: Context
) -> Criterion:
    """With the policy on, the record says what is in it, also what names its patient by INS."""
    parts = [] if context.policed else [members(types, patient)]
    start, end, since = given.one("start"), given.one("end"), given.one("_since")
    if start or end:
        low = interval(start)[0] if start else EARLIEST
        high = interval(end)[1] if end else LATEST
        if high <= low:
            raise BadRequest(f"`end`: `{end}` is before `{start}`", code="value")
        parts.append(cared(types, low, high))
    if since:
        parts.append(UpdatedIs(*whole("ge", *nanoseconds(since))))
    return AllOf(tuple(parts))
