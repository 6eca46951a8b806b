"""The records that a refused request was about, however it names them, whoever asks: for the trail
alone, never for an answer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fhir_server.search.query import HasKey
from fhir_server.storage.compile import Compiler
from fhir_server.storage.engine import Session
from fhir_server.storage.rows import Named, Rows

MOST = 100  # resources that one business identifier may have for the trail


@dataclass(frozen=True, slots=True)
class Identified:
    """What is named by a business identifier: a type, and what the identifier is in the index."""

    type_: str
    where: HasKey


About = Named | Identified


def places(session: Session, rows: Rows, about: Iterable[About]) -> Iterator[Named]:
    """Each with a business identifier as the resources that have it, so that it ends like one named
    by its id.
    """
    for one in dict.fromkeys(about):
        if isinstance(one, Identified):
            for type_, id_ in _having(session, rows, one):
                yield Named(resource=(type_, id_))
        elif one:
            yield one


def _having(session: Session, rows: Rows, wanted: Identified) -> list[tuple[str, str]]:
    asked = Rows(rows.scope, rows.postgres, rows.now, rows.adult_before)
    has = Compiler(asked).where(wanted.where, "d")
    text = f"SELECT d.type, d.id FROM resource d WHERE d.type = :kind AND {has} LIMIT {MOST}"
    found = session.rows(text, asked.params | {"kind": wanted.type_})
    return [(row[0], row[1]) for row in found]
