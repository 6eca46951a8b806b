"""A page of a searchset or a history: its entries, and the links to the other pages.

https://hl7.org/fhir/R4/http.html#paging, https://hl7.org/fhir/R4/bundle.html#searchset
"""

from collections.abc import Sequence

from fhir_server.fhir.bundle import Entry, bundle, self_link
from fhir_server.fhir.dates import instant
from fhir_server.fhir.http import Reply
from fhir_server.interactions.answer import resource_text
from fhir_server.interactions.authorised import authorisation
from fhir_server.interactions.context import Context
from fhir_server.storage.find import Found
from fhir_server.storage.history import Page
from fhir_server.storage.repository import Asked
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Writing

# Types that a search of many leaves out unless it names them: a look at the trail writes more.
ONLY_WHEN_NAMED = frozenset({"AuditEvent"})

Links = list[tuple[str, str]]


def links(
    found: Found | Page, asked: Asked, cursor: str, stored: Writing, context: Context, at: str = ""
) -> Links:
    """`self`, on a page after the first `first`, and `next` on all but the last.

    `cursor`: of this page, as the client sent it. `at`: the path, where it is not that of `asked`.
    """
    path, used = at or asked[0], asked[1]
    found_links = [("self", self_link(context.base, path, used, cursor))]
    if cursor:
        found_links.append(("first", self_link(context.base, path, used)))
    if following := stored.cursor_after(found, asked):
        found_links.append(("next", self_link(context.base, path, used, following)))
    return found_links


def entries(
    versions: Sequence[Version], stored: Writing, context: Context, mode: str = "match"
) -> list[Entry]:
    """Entries of a searchset, as this caller may see them."""
    return [
        Entry(
            f"{context.base}/{version.address}",
            resource_text(version, text),
            {"search": authorisation(version, context) | {"mode": mode}},
        )
        for version, text in zip(versions, stored.shown(versions), strict=True)
    ]


def page(
    kind: str, shown: Sequence[Entry], links: Links, context: Context, *, total: int | None
) -> Reply:
    """200 with the Bundle; `total`: of all pages, None where it was not asked for."""
    text = bundle(
        kind,
        shown,
        total=total,
        links=links,
        id_=context.new_id(),
        updated=instant(context.now),
    )
    return Reply(200, text)
