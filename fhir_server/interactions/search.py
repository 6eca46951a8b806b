"""Search one type, everywhere or in a compartment, by GET or by POST.

https://hl7.org/fhir/R4/http.html#search
"""

from dataclasses import replace

from fhir_server.auth.scopes import covering, grants
from fhir_server.fhir.form import is_form, sent
from fhir_server.fhir.headers import prefer
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, NotFound, UnsupportedMedia
from fhir_server.interactions.context import Context
from fhir_server.interactions.included import admitted, told
from fhir_server.interactions.page import links, page
from fhir_server.interactions.routes import Route
from fhir_server.interactions.search_contained import search_contained
from fhir_server.policy.subject import INS_SYSTEMS
from fhir_server.search.compartment import compartment_types, members
from fhir_server.search.criteria import MAX_ALTERNATIVES
from fhir_server.search.mentions import mentioned, telling, without
from fhir_server.search.named import named_patient
from fhir_server.search.parse import parse
from fhir_server.search.query import AllOf, Query
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing
from mappings.identifiers import normal
from profiles.definitions import r4


def search(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """A searchset of one type, in the compartment that the route names if it names one."""
    pairs = parameters(call)
    inside = not route.within
    query = read_query(pairs, route.type_, call, context, stored, inside=inside)
    if query.contained:
        return search_contained(call, query, stored, route, context)
    about = named_by(call, route.type_, context)
    if route.within:
        query, about = in_compartment(query, about, route, stored, context)
    if query.ways:
        query = replace(query, ways=admitted(query.ways, stored, context))
    found = stored.search(query, about, context.note(call, route.code, route.type_))
    shown = told(found, query.warned, stored, context)
    to_others = links(found, query.asked, query.cursor, stored, context)
    total = None if query.total == "none" else found.total
    return page("searchset", shown, to_others, context, total=total)


def in_compartment(
    query: Query, about: Named, route: Route, stored: Writing, context: Context
) -> tuple[Query, Named]:
    """The query for what is in a compartment alone, and the record it is about. NotFound where the
    type is in no such compartment, or nothing is there that could have one.
    """
    of, id_ = check_compartment(route, stored, context)
    path = f"{of}/{id_}"
    if context.policed and of == "Patient":  # the record says what is in it
        return replace(query, within=path), Named(resource=(of, id_))
    where = AllOf((members((route.type_,), id_, of), query.where))
    return replace(query, where=where, within=path), about


def check_compartment(route: Route, stored: Writing, context: Context) -> tuple[str, str]:
    """Type and id of whose compartment it is; NotFound where there is none."""
    assert route.within is not None
    of, id_ = route.within
    types = compartment_types(of)
    if not types or (route.type_ and route.type_ not in types):
        text = f"`{route.type_ or '*'}` is not in the compartment of `{of}`"
        raise NotFound(text, code="not-supported")
    if not (context.policed and of == "Patient"):
        stored.read(of, id_)
    return of, id_


def parameters(call: Call) -> list[tuple[str, str]]:
    """Those of the URL and, with POST, of the form; BadRequest where they are not UTF-8."""
    if "parameters" not in call.read:
        call.read["parameters"] = _read_parameters(call)
    found: list[tuple[str, str]] = call.read["parameters"]
    return found


def _read_parameters(call: Call) -> list[tuple[str, str]]:
    if call.method == "POST" and call.body and not is_form(call):
        raise UnsupportedMedia(
            f"a search by POST is a form, not `{call.header('content-type')[:100]}`"
        )
    return sent(call)


def read_query(
    pairs: list[tuple[str, str]],
    type_: str,
    call: Call,
    context: Context,
    stored: Writing,
    *,
    inside: bool = False,
) -> Query:
    """The query of a search; a document it mentions that is hidden matches nothing. `inside`:
    contained resources can be searched.
    """
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
            offer=stored.offer,
            inside=inside,
            covers=covering(context.subject),
        )

    if not stored.scope.everything and (name := telling(type_, pairs)):
        raise BadRequest(f"`{name[:100]}` is not offered for `{type_}`", code="not-supported")
    query, wanted = read(pairs), frozenset[tuple[str, str]]()
    _refuse_ambiguous(query, stored, context)
    if not stored.scope.everything:  # else nothing is hidden, also what leads nowhere
        wanted = mentioned(type_, pairs, base=context.base, offer=stored.offer)
    hidden = stored.hidden(wanted)
    if not hidden:
        return query
    seen = without(
        type_, pairs, hidden, base=context.base, offer=stored.offer,
        types_of=lambda id_: stored.types_of(id_, r4().resources),
    )  # fmt: skip
    return replace(query, where=read(seen).where)


def _refuse_ambiguous(query: Query, stored: Writing, context: Context) -> None:
    """BadRequest where an id alone is that of resources of several types, as far as this caller
    sees them: R4, https://hl7.org/fhir/R4/search.html#reference
    """
    for one in query.untyped:
        types = stored.types_of(one.id_, one.types, least=2)
        seen = sorted(type_ for type_ in types if grants(context.subject, type_, "r"))
        if len(seen) > 1:
            ways = " or ".join(f"`{type_}/{one.id_}`" for type_ in seen)
            raise BadRequest(f"`{one.code}`: `{one.id_}` is {ways}: say which", code="value")


def named_by(call: Call, type_: str, context: Context) -> Named:
    """The patients that the parameters of a call name; read once."""
    if "named" not in call.read:
        call.read["named"] = named(parameters(call), type_, context)
    found: Named = call.read["named"]
    return found


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
        systems = [system] if system else INS_SYSTEMS
        identifiers += ["|".join(normal(one, value)) for one in systems]
    return Named(tuple(identifiers), found.ids)
