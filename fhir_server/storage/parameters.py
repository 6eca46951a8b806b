"""The operator's search parameters as the database keeps them: what every index is made with now.

Workers learn of a change without being told: each write gives back the generation it was done under
(`write`), and a search asks for it when it meets a name that the definitions do not have.
"""

import logging
from secrets import randbits
from typing import Any, Mapping

from fhir_server.search.custom import Judged, definition_of, is_active, judged
from fhir_server.search.registry import Registry, by_type, made_with, missing
from fhir_server.storage.content import content_of
from fhir_server.storage.engine import Row, Session

log = logging.getLogger("fhir_server")

GENERATION = "(SELECT generation FROM indexing)"
NEW_GENERATION = "UPDATE indexing SET generation = :generation"


def current(session: Session) -> Registry:
    """The parameters there are now, read again where they have changed."""
    generation = session.rows(f"SELECT {GENERATION}", {})[0][0]
    return session.registry if generation == session.registry.generation else load(session)


def load(session: Session) -> Registry:
    """Read them; this thread writes and searches by them from now on."""
    rows = session.rows(
        "SELECT i.generation, i.made_with, p.id, p.state, p.body FROM indexing i"
        " LEFT JOIN parameter p ON p.state IN ('indexing', 'active') ORDER BY p.number",
        {},
    )
    generation, made = rows[0][:2]
    states = {row[2]: row[3] for row in rows if row[2] is not None}
    found = judged([content_of(row[4]) for row in rows if row[2] is not None], guarded=False)
    for one in found:
        if one.reason:
            log.error("SearchParameter/%s is not searched by: %s", one.id_, one.reason)
    session.registry = session.database.registry = Registry(
        generation,
        by_type(parameter for one in found for parameter in one.parameters),
        by_type(p for one in found if states[one.id_] == "active" for p in one.parameters),
        missing(made) if made != made_with() else frozenset(),
    )
    return session.registry


def renew(session: Session) -> None:
    """A number no state ever had: one that is rolled back must not be taken for the next."""
    session.run(NEW_GENERATION, {"generation": randbits(62) + 2})


def kept(session: Session) -> list[Row]:
    """Number, id, state and content of each parameter that the index has, or may have, rows of."""
    rows = session.rows("SELECT number, id, state, body FROM parameter ORDER BY number", {})
    return [(number, id_, state, content_of(body)) for number, id_, state, body in rows]


def stored(session: Session, *, guarded: bool) -> tuple[list[Judged], dict[str, bytes]]:
    """Each SearchParameter that is stored, and the texts by id. They are shared: whoever is
    admitted reads them.
    """
    rows = session.rows(
        "SELECT id, body FROM resource WHERE type = 'SearchParameter' AND NOT deleted ORDER BY id",
        {},
    )
    bodies = {id_: bytes(body) for id_, body in rows}
    return judged([content_of(body) for body in bodies.values()], guarded=guarded), bodies


def retire(session: Session, id_: str, now: Mapping[str, Any]) -> None:
    """Stop to index and search by SearchParameter `id_` unless its content `now` (empty: deleted)
    means the same; the next reindex takes its rows away.
    """
    still = definition_of(now) if is_active(now) else None
    gone = [
        number
        for number, of, state, body in kept(session)
        if of == id_ and state in ("indexing", "active") and definition_of(body) != still
    ]
    for number in gone:
        retired = "UPDATE parameter SET state = 'retired' WHERE number = :number"
        session.run(retired, {"number": number})
    if gone:
        renew(session)
