"""Search resources that are inside others: what is found is what they are in.

https://hl7.org/fhir/R4/search.html#contained
"""

from fhir_server.auth.scopes import grants
from fhir_server.fhir.http import Call, Reply
from fhir_server.interactions.context import Context
from fhir_server.interactions.included import check_consults, told
from fhir_server.interactions.page import ONLY_WHEN_NAMED, links, page
from fhir_server.interactions.routes import Route
from fhir_server.policy.facts import by_nature
from fhir_server.search.query import Query
from fhir_server.storage.across import Part
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing
from profiles.definitions import r4


def search_contained(
    call: Call, query: Query, stored: Writing, route: Route, context: Context
) -> Reply:
    """A searchset of the resources that contain what is asked for, of each type that the token
    covers; with `both` also of what stands by itself. Whom a contained resource names is not whom
    the request is about, so that no record is named by it.
    """
    types = [
        type_
        for type_ in r4().resources
        if type_ not in ONLY_WHEN_NAMED and grants(context.subject, type_, "s")
    ]
    check_consults(types, stored, context)
    parts = [Part(group, query.where, inside=query.type_) for group in by_nature(types)]
    if query.contained == "both":
        parts.append(Part((query.type_,), query.where))
    found = stored.across(
        parts, Named(), count=query.count, asked=query.asked, cursor=query.cursor
    )
    stored.note(context.note(call, route.code, route.type_), found.records or [(0, "")])
    shown = told(found, query.warned, stored, context)
    to_others = links(found, query.asked, query.cursor, stored, context)
    total = None if query.total == "none" else found.total
    return page("searchset", shown, to_others, context, total=total)
