"""Search one type, by GET or by POST.

https://hl7.org/fhir/R4/http.html#search
"""

from dataclasses import replace
from urllib.parse import parse_qsl

from fhir_server.fhir.bundle import Entry, bundle, self_link
from fhir_server.fhir.dates import instant
from fhir_server.fhir.formats import split
from fhir_server.fhir.headers import prefer
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, UnsupportedMedia
from fhir_server.interactions.answer import resource_text
from fhir_server.interactions.context import Context
from fhir_server.interactions.routes import Route
from fhir_server.policy.subject import INS_SYSTEMS
from fhir_server.search.criteria import MAX_ALTERNATIVES
from fhir_server.search.mentions import mentioned, telling, without
from fhir_server.search.named import named_patient
from fhir_server.search.parse import parse
from fhir_server.search.query import Query
from fhir_server.storage.find import Found
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing

FORM = "application/x-www-form-urlencoded"


def search(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    pairs = parameters(call)
    query = read_query(pairs, route.type_, call, context, stored)
    found = stored.search(
        query, named(pairs, route.type_, context), context.note(call, "search-type", route.type_)
    )
    return Reply(200, _bundle(found, query, stored, context))


def parameters(call: Call) -> list[tuple[str, str]]:
    """Those of the URL and, with POST, of the form; BadRequest where they are not UTF-8."""
    if "parameters" not in call.read:
        call.read["parameters"] = _read_parameters(call)
    found: list[tuple[str, str]] = call.read["parameters"]
    return found


def _read_parameters(call: Call) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(call.query, keep_blank_values=True, errors="strict", max_num_fields=1000)
        if call.method == "POST" and call.body:
            if split(call.header("content-type"))[0] != FORM:
                raise UnsupportedMedia(
                    f"a search by POST is a form, not `{call.header('content-type')[:100]}`"
                )
            form = call.body.decode()
            pairs += parse_qsl(form, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as problem:
        raise BadRequest(f"the parameters cannot be read: {problem}", code="value") from problem
    return pairs


def read_query(
    pairs: list[tuple[str, str]], type_: str, call: Call, context: Context, stored: Writing
) -> Query:
    """The query of a search; a document it mentions that is hidden matches nothing."""
    settings = context.settings

    def read(pairs: list[tuple[str, str]]) -> Query:
        return parse(
            type_,
            pairs,
            base=context.base,
            now=context.now,
            page_size=settings.page_size,
            max_page=settings.max_page,
            strict=prefer(call).get("handling") == "strict",
        )

    if not stored.scope.everything and (name := telling(type_, pairs)):
        raise BadRequest(f"`{name[:100]}` is not offered for `{type_}`", code="not-supported")
    query, wanted = read(pairs), mentioned(type_, pairs, base=context.base)
    hidden = wanted - stored.visible(wanted, deleted=True) if wanted else frozenset()
    if not hidden:
        return query
    return replace(query, where=read(without(type_, pairs, hidden, base=context.base)).where)


def named(pairs: list[tuple[str, str]], type_: str, context: Context) -> Named:
    """The patients a search names, as storage asks for them; an identifier without system may be
    any INS.
    """
    found = named_patient(type_, pairs, base=context.base)
    if len(found.identifiers) + len(found.ids) > MAX_ALTERNATIVES:
        return Named()  # refused before the store is asked
    identifiers = []
    for identifier in found.identifiers:
        system, _, value = identifier.rpartition("|")
        identifiers += (
            [f"{system}|{value}"] if system else [f"{one}|{value}" for one in INS_SYSTEMS]
        )
    return Named(tuple(identifiers), found.ids)


def _bundle(found: Found, query: Query, stored: Writing, context: Context) -> bytes:
    links = [("self", self_link(context.base, query.type_, query.used))]
    cursor = stored.next_cursor(query, found)
    if cursor:
        links.append(("next", self_link(context.base, query.type_, query.used, cursor)))
    entries = [
        Entry(
            f"{context.base}/{version.address}",
            resource_text(version, text),
            {"search": {"mode": "match"}},
        )
        for version, text in zip(found.versions, stored.shown(found.versions), strict=True)
    ]
    total = None if query.total == "none" else found.total
    return bundle(
        "searchset",
        entries,
        total=total,
        links=links,
        id_=context.new_id(),
        updated=instant(context.now),
    )
