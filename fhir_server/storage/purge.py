"""Destroy a record: every row of it, in every table.

L.1111-18 al.5, R.1111-36 CSP. Nothing here asks who wants it: `jobs` has found that it is due.
"""

from fhir_server.storage.engine import Session

# Every table, and how what is a record's is found in it; `{pk}` and `{address}` stand for those of
# its resources, `{rows}` for the former and those of what they contain. The order is that of the
# statements: what leads to resources goes before them.
OF_A_RECORD = {
    "string": "pk IN ({rows})",
    "moment": "pk IN ({rows})",
    "number": "pk IN ({rows})",
    "reference": "pk IN ({rows})",
    "token": "pk IN ({rows})",
    "key": "pk IN ({rows})",  # SQLite alone
    "inward": "pk IN ({rows})",
    "contained": "container IN ({pk})",
    "attachment": "document IN ({documents})",
    "history": "(type, id) IN ({address})",
    "trail": "id IN ({notes})",
    "relation": "record = :record",
    "due": "record = :record",
    "resource": "record = :record",
    "record": "number = :record",
}
KEPT = frozenset({"alembic_version", "indexing", "lease", "parameter", "secret"})
ONLY_SQLITE = frozenset({"key"})

PARTS = {
    "pk": "SELECT r.pk FROM resource r WHERE r.record = :record",
    "rows": "SELECT r.pk FROM resource r WHERE r.record = :record UNION ALL"
    " SELECT c.pk FROM resource r JOIN contained c ON c.container = r.pk"
    " WHERE r.record = :record",
    "documents": "SELECT r.id FROM resource r"
    " WHERE r.record = :record AND r.type = 'DocumentReference'",
    "address": "SELECT r.type, r.id FROM resource r WHERE r.record = :record",
    # By the index of what is pending, and by those that have become AuditEvents.
    "notes": "SELECT t.id FROM trail t WHERE t.pending AND t.record = :record UNION ALL"
    " SELECT r.id FROM resource r WHERE r.record = :record AND r.type = 'AuditEvent'",
}


def purge(session: Session, record: int, words: tuple[str, ...]) -> None:
    """Destroy a record, and what was asked in vain in these `words` that name its holder (his
    INS, the id of his Patient), which stands in nobody's record; within a transaction.
    """
    postgres = session.database.postgres
    if not postgres:  # what is deleted is written over
        session.rows("PRAGMA secure_delete = ON", {})
    else:  # who indexes one of these again is waited for, so that no row comes after
        session.rows(f"{PARTS['pk']} ORDER BY r.pk FOR UPDATE", {"record": record})
    for table, where in OF_A_RECORD.items():
        if not (postgres and table in ONLY_SQLITE):
            text = f"DELETE FROM {table} WHERE {where.format(**PARTS)}"
            session.run(text, {"record": record})
    for id_ in sorted({id_ for word in words for id_ in _asked(session, word)}):
        _forget(session, id_)


def sweep(session: Session) -> None:
    """After destructions: what was read at that very moment has left a note in no record; SQLite
    keeps what it deleted in its log until that is written back.
    PostgreSQL's pages are written over after a VACUUM, its own or the operator's.
    """
    with session.transaction():
        nowhere = "NOT EXISTS (SELECT 1 FROM record k WHERE k.number = trail.record)"
        session.run(f"DELETE FROM trail WHERE pending AND record > 0 AND {nowhere}", {})
    if not session.database.postgres:
        session.rows("PRAGMA wal_checkpoint(TRUNCATE)", {})


def _asked(session: Session, word: str) -> list[str]:
    """The ids of notes in no record that hold this word."""
    found = "position(:word IN note)" if session.database.postgres else "instr(note, :word)"
    text = f"SELECT id FROM trail WHERE record = 0 AND {found} > 0"
    return [row[0] for row in session.rows(text, {"word": word.encode()})]


def _forget(session: Session, id_: str) -> None:
    """A note, and the AuditEvent that it may have become."""
    one = "SELECT r.pk FROM resource r WHERE r.type = 'AuditEvent' AND r.id = :id"
    for table, where in OF_A_RECORD.items():
        # A trace contains no other resource.
        if "{rows}" in where and not (session.database.postgres and table in ONLY_SQLITE):
            session.run(f"DELETE FROM {table} WHERE {where.format(rows=one)}", {"id": id_})
    session.run("DELETE FROM resource WHERE type = 'AuditEvent' AND id = :id", {"id": id_})
    session.run("DELETE FROM trail WHERE id = :id", {"id": id_})
