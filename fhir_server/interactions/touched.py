"""What a refused request was about: the logs of these records tell of it.

`contract.md` section 7, Traces and More points. Whether a record is named by an address, a
parameter, a business identifier, a condition, the subject of what was sent, or by the token that is
good for it alone: it is told the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from fhir_server.fhir.form import is_form
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest, FhirError
from fhir_server.interactions.body import read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.routes import ID, Route
from fhir_server.interactions.search import named, parameters
from fhir_server.policy.people import holders
from fhir_server.policy.subject import Subject
from fhir_server.search.criteria import Criteria
from fhir_server.search.named import by_name
from fhir_server.search.query import HasKey
from fhir_server.search.terms import Asked
from fhir_server.storage.place import OWNERS, patient_of
from fhir_server.storage.rows import Named
from fhir_server.storage.touching import About, Identified
from profiles.definitions import r4
from profiles.validate import validate

MOST = 100  # names of one request that are looked up
SENDING = frozenset({"create", "update", "conditional-update", "transaction", "operation"})
Pairs = Sequence[tuple[str, str]]


def by_token(subject: Subject) -> tuple[About, ...]:
    """The record of `person_id`."""
    return (Named(identifiers=(subject.person,)),) if subject.person else ()


def by_call(call: Call, route: Route, context: Context) -> tuple[About, ...]:
    """What a call is about beside the patients and the resource that its address names."""
    try:
        return tuple(_by_call(call, route, context))
    except FhirError:  # it cannot be read, and is refused for that
        return ()


def _by_call(call: Call, route: Route, context: Context) -> Iterator[About]:
    interaction, type_ = route.interaction, route.type_
    if interaction.startswith(("search-", "conditional-")):
        yield from _names(parameters(call), type_, context)
    if interaction == "create":
        yield from by_condition(type_, call.header("if-none-exist"), context)
    if route.within:
        yield Named(resource=route.within)
    if interaction in SENDING and call.body and type_ != "Binary" and not is_form(call):
        yield from _by_body(read_body(call, context).resource, context)


def _by_body(body: Mapping[str, Any], context: Context) -> Iterator[About]:
    """What was sent: a resource, a Bundle of requests, or the parameters of an operation."""
    yield from by_resource(body, context)
    for parameter in _dicts(body.get("parameter")):
        yield from by_resource(parameter.get("resource"), context)
    for entry in _dicts(body.get("entry")):
        if isinstance(request := entry.get("request"), dict):
            url = str(request.get("url", "")).removeprefix(context.base).lstrip("/")
            condition = str(request.get("ifNoneExist", ""))
            yield from by_entry(url, condition, entry.get("resource"), context)


def _dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in a list, so many as are looked up; none where it is no list."""
    return [one for one in value[:MOST] if isinstance(one, dict)] if isinstance(value, list) else []


def by_entry(
    url: str, condition: str, resource: Any, context: Context
) -> tuple[About, ...]:
    """What an entry of a Bundle is about: its address, its condition, what it sends."""
    return (*_by_request(url, condition, context), *by_resource(resource, context))


def _by_request(url: str, condition: str, context: Context) -> Iterator[About]:
    path, _, query = url.partition("?")
    type_, id_, *_ = [*path.split("/"), ""]
    if ID.fullmatch(id_):
        yield Named(resource=(type_, id_))
    elif query:
        yield from by_condition(type_, query, context)
    if condition:
        yield from by_condition(type_, condition, context)


def by_condition(type_: str, text: str, context: Context) -> Iterator[About]:
    """What a condition names, with or without `Type?` before it."""
    pairs = parse_qsl(text.removeprefix(type_).removeprefix("?"))
    if pairs and r4().is_resource(type_):
        yield named(pairs, type_, context)
        yield from _names(pairs, type_, context)


def _names(pairs: Pairs, type_: str, context: Context) -> Iterator[About]:
    """Resources of a type by their ids and business identifiers."""
    if not type_:
        return
    for name, value in list(by_name(pairs))[:MOST]:
        if name == "_id":
            yield Named(resource=(type_, value))
        elif isinstance(found := _identifier(type_, value, context), HasKey):
            yield Identified(type_, found)


def _identifier(type_: str, value: str, context: Context) -> object:
    try:
        return Criteria(Asked(context.base, context.now)).read(type_, "identifier", value)
    except BadRequest:
        return None


def by_resource(resource: Any, context: Context) -> Iterator[About]:
    """The patient whose resource it is, as far as it says so; a Patient by its INS."""
    type_ = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(type_, str) or not r4().is_resource(type_):
        return
    sound = _sound(resource, type_) if validate(resource) else resource
    if type_ == "Patient":
        yield Named(identifiers=holders(sound))
    else:
        yield patient_of(sound, base=context.base)


def _sound(resource: Mapping[str, Any], type_: str) -> dict[str, Any]:
    """What says whose a resource is that is refused for its form, as far as that part is sound."""
    made: dict[str, Any] = {"resourceType": type_}
    frame: dict[str, Any] = {"resourceType": "Basic", "code": {"text": "x"}}
    inside = {"contained": resource["contained"]} if "contained" in resource else {}
    for name in OWNERS:
        if name in resource and not validate(frame | inside | {"subject": resource[name]}):
            made |= inside | {name: resource[name]}
    named = {"identifier": resource.get("identifier")}
    return made if validate(frame | named) else made | named
