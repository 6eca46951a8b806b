"""The way of a request: who asks, what may he see, do it, note it, reply.

The straight line, from here on without a web framework: auth → policy scope → visible rows →
interaction → audit → reply.
"""

import logging
import re
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Callable

from fhir_server.audit.note import note_of
from fhir_server.auth.scopes import require
from fhir_server.auth.token import Verifier
from fhir_server.faults import told
from fhir_server.fhir import json_format
from fhir_server.fhir.form import asked
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import (
    Conflict,
    Failure,
    FhirError,
    Forbidden,
    Unavailable,
)
from fhir_server.interactions import search, touched
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations import operate
from fhir_server.interactions.own_documents import by_identifier
from fhir_server.interactions.perform import IN_ONE_STATEMENT, perform
from fhir_server.interactions.routes import Route, allowed, consulted, consults, letter_of, match
from fhir_server.policy.admission import admission
from fhir_server.policy.facts import subject_facts
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.rules import RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject
from fhir_server.settings import Settings
from fhir_server.storage.again import again
from fhir_server.storage.engine import Database, StorageBusy, StorageConflict
from fhir_server.storage.opened import House, Moment
from fhir_server.storage.rows import Named
from fhir_server.storage.touching import About
from fhir_server.storage.writing import Writing

log = logging.getLogger("fhir_server")

PUBLIC = frozenset({"capabilities"})
_UNPRINTABLE = re.compile(r"[^!-~]")
NOBODY = Subject("operator", "", scope="system/*.cruds")  # with FHIR_AUTH=off


@dataclass
class Services:
    """What every request needs; `clock` gives ms since 1970, `new_id` and `new_trace` ids.
    `strict`: re-raise faults (tests).
    """

    settings: Settings
    database: Database
    house: House
    verifier: Verifier | None
    clock: Callable[[], int]
    new_id: Callable[[], str]
    new_trace: Callable[[], str]
    strict: bool = False


@dataclass
class Visit:
    """One request on its way: what is known of it so far."""

    call: Call
    services: Services
    now: int
    request_id: str
    subject: Subject | None = None
    route: Route | None = None
    scope: Scope | None = None
    named: Named = field(default_factory=Named)
    whole: bool = False  # the body has been read


def serve(
    call: Call,
    services: Services,
    *,
    problem: FhirError | None = None,
    whole: Callable[[], Call] | None = None,
) -> Reply:
    """The answer to a call, whatever happens; its trace is committed with it.

    `problem` refuses it as soon as it is known who asks; `whole` gives the call with its body, or
    refuses it, once it is known that he asks for something that exists.
    """
    trace = services.new_trace()
    request_id = _word(call.header("x-request-id")) or trace
    visit = Visit(call, services, services.clock(), request_id)
    try:
        reply = again(partial(_answer, visit, trace, problem, whole), services.settings.timeout)
    except FhirError as refusal:
        reply = _refused(visit, trace, refusal)
    except StorageBusy as late:
        log.warning("request %s took too long: %s", trace, told(late))
        reply = _refused(
            visit,
            trace,
            Unavailable(f"the request took longer than {services.settings.timeout:g} s"),
        )
    except StorageConflict as clash:
        log.warning("request %s stood in another's way: %s", trace, told(clash))
        reply = _refused(visit, trace, Conflict("another writer was first: try again"))
    except Exception as fault:
        log.error("request %s failed: %s", trace, told(fault))
        if services.strict:
            raise
        reply = _refused(
            visit, trace, Failure(f"something went wrong here, number {trace}"), quietly=fault
        )
    reply.headers["X-Request-Id"] = visit.request_id
    if correlation := _word(call.header("x-correlation-id")):
        reply.headers["X-Correlation-Id"] = correlation
    return reply


def _word(text: str) -> str:
    """The caller's number for his request, as much of it as a header and the trail can hold."""
    return _UNPRINTABLE.sub("", text[:1000])[:64] if text else ""


def _answer(
    visit: Visit, trace: str, problem: FhirError | None, whole: Callable[[], Call] | None
) -> Reply:
    services = visit.services
    route = visit.route = match(visit.call) if visit.call.path == "metadata" else None
    visit.subject = _who(visit)
    if problem is not None:
        raise problem
    route = visit.route = route or match(visit.call)
    if whole and not visit.whole:
        visit.call, visit.whole = whole(), True
    call = visit.call
    visit.named = _named(visit, route)
    visit.scope = _scope(visit, route)
    _admit(visit, call, route)
    context = Context(
        services.settings, visit.subject, visit.now, visit.request_id, services.new_id, call.address
    )
    with _open(visit, trace) as stored, stored.session.limited():
        stored.check_age()
        in_steps = route.operation is not None and route.operation.in_steps
        if in_steps or route.interaction in IN_ONE_STATEMENT:
            return perform(call, stored, route, context, lambda c, r: _admit(visit, c, r))
        with stored.session.transaction():
            return perform(call, stored, route, context, lambda c, r: _admit(visit, c, r))


def _who(visit: Visit) -> Subject:
    verifier = visit.services.verifier
    if verifier is None or (visit.route and visit.route.interaction in PUBLIC):
        return NOBODY
    return verifier.verify(visit.call.header("authorization"), visit.now // 1000)


def _named(visit: Visit, route: Route) -> Named:
    """What the request is about: the trail of a refusal goes to these records."""
    if route.operation:
        return operate.named(visit.call, route, _bare_context(visit))
    if route.id_:
        return Named(resource=(route.type_, route.id_))
    if route.within and route.within[0] == "Patient":
        return Named(resource=route.within)
    if route.interaction.startswith("search-") or route.interaction.startswith("conditional-"):
        return search.named_by(visit.call, route.type_, _bare_context(visit))
    return Named()


def _bare_context(visit: Visit) -> Context:
    """To read a request with, before rights are known."""
    return Context(visit.services.settings, NOBODY, visit.now, "", visit.services.new_id)


def _scope(visit: Visit, route: Route) -> Scope:
    rules, subject = visit.services.house.rules, visit.subject
    assert subject is not None
    if rules is None:
        return Scope.all_rows(because="FHIR_POLICY=off")
    asks = "identifier" if _by_identifier(visit.call, route) else "other"
    return _scope_of(subject, rules, asks)


@lru_cache(maxsize=4096)
def _scope_of(subject: Subject, rules: RuleSet, asks: str) -> Scope:
    """What the token and the rules leave to be asked of the store; nothing stored has a part in it.
    """
    return Scope.of(subject, rules, subject_facts(subject, action="read", asks=asks))


def _by_identifier(call: Call, route: Route) -> bool:
    """Whether documents are asked for by their identifier (TD3.1b)."""
    if route.interaction not in ("search-type", "conditional-patch", "conditional-delete"):
        return False
    return by_identifier(route.type_, search.parameters(call))


def _admit(visit: Visit, call: Call, route: Route) -> None:
    """Refuse what needs no look at the store: scopes of the token, bans, indirect consultations."""
    subject, scope = visit.subject, visit.scope
    assert subject is not None and scope is not None
    if visit.services.verifier is not None and route.interaction not in PUBLIC:
        if letter := letter_of(route):
            require(subject, route.type_, letter)
    if visit.services.house.rules is None or route.interaction in PUBLIC:
        return
    refusal = admission(
        subject,
        scope,
        type_=consulted(route),
        consults=consults(route),
        by_identifier=_by_identifier(call, route),
    )
    if refusal:
        raise Forbidden(refusal.text, code=refusal.code, rule=refusal.rule)


def _open(visit: Visit, trace: str) -> Writing:
    services = visit.services
    assert visit.subject is not None and visit.scope is not None
    of_age = birth_of_age(visit.now, services.settings.minor_access_age)
    stored = Writing(
        services.database.session(),
        services.house,
        visit.subject,
        visit.scope,
        Moment(visit.now, of_age, trace, visit.request_id),
    )
    stored.enforce = services.settings.references == "enforce"
    return stored


def _refused(
    visit: Visit, trace: str, refusal: FhirError, quietly: Exception | None = None
) -> Reply:
    """The OperationOutcome, noted when the caller is known; if even that fails, a bare 500 with the
    number.
    """
    try:
        if (
            visit.subject is not None
            and visit.subject is not NOBODY
            and visit.services.house.rules is not None
        ):
            _note_refusal(visit, refusal)
    except StorageBusy as late:
        log.warning("request %s: no time to note its refusal: %s", trace, told(late))
        refusal = Unavailable("the database is busy: try again later")
    except Exception as fault:
        log.error("request %s: its refusal could not be noted: %s", trace, told(fault))
        if visit.services.strict and quietly is None:
            raise
        refusal = Failure(f"something went wrong here, number {trace}")
    headers = ({"Allow": allowed(visit.call)} if refusal.status == 405 else {}) | dict(
        refusal.headers
    )
    return Reply(refusal.status, json_format.write(refusal.outcome()), headers)


def _note_refusal(visit: Visit, refusal: FhirError) -> None:
    """Under an id of its own: what was read before the refusal may have left its trace already."""
    visit.scope = visit.scope or Scope.all_rows(
        because="a refusal is noted before rights are known"
    )
    route, subject = visit.route, visit.subject
    assert subject is not None
    note = note_of(
        subject,
        interaction=route.code if route else "operation",
        type_=route.type_ if route else "",
        asked=asked(visit.call),
        status=refusal.status,
        request_id=visit.request_id,
        address=visit.call.address,
    )
    with _open(visit, visit.services.new_trace()) as stored, stored.session.limited():
        stored.note_refusal(note, _about(visit, refusal), refusal)


def _about(visit: Visit, refusal: FhirError) -> tuple[About, ...]:
    """What the trail of a refusal is kept in; in a transaction what the refused entry is about."""
    assert visit.subject is not None
    about = (*refusal.touched, *touched.by_token(visit.subject))
    if visit.route is None or (visit.route.interaction == "transaction" and refusal.touched):
        return about
    named = touched.by_call(visit.call, visit.route, _bare_context(visit))
    return (visit.named, *about, *named)
