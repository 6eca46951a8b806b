"""Where the bytes of a document lie: rows, which hold whatever the document says, and whatever
becomes of it. By them bytes are hidden, shown and deleted with their document.
"""

from collections.abc import Iterable

from fhir_server.storage.engine import Session

Address = tuple[str, str]  # type and id


def attach(session: Session, document: str, addresses: Iterable[Address]) -> None:
    """The bytes of the document with this id, in place of those it had."""
    session.run("DELETE FROM attachment WHERE document = :document", {"document": document})
    rows = [
        {"document": document, "type": type_, "id": id_}
        for type_, id_ in dict.fromkeys(addresses)
    ]
    if rows:
        session.many(
            "INSERT INTO attachment (document, type, id) VALUES (:document, :type, :id)", rows
        )


def bytes_of(session: Session, document: str) -> list[Address]:
    """The addresses of a document's bytes, also of a deleted one's."""
    rows = session.rows(
        "SELECT type, id FROM attachment WHERE document = :document ORDER BY type, id",
        {"document": document},
    )
    return [(row[0], row[1]) for row in rows]
