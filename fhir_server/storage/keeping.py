"""The store opened for the server itself: what a clock has made due is done by law, not at
anybody's request.

No rule is asked: who calls has found it due, and each act leaves its trace with the rule that
wants it.
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.audit.note import note_of
from fhir_server.policy.subject import Subject
from fhir_server.storage import write
from fhir_server.storage.content import content_of
from fhir_server.storage.notices import FOR_FEW, tell
from fhir_server.storage.purge import purge
from fhir_server.storage.read import raw_version
from fhir_server.storage.version import Version
from fhir_server.storage.write import Facts
from fhir_server.storage.writing import Draft, Writing

SERVER = Subject("operator", "", name="fhir-server", client="fhir-server jobs")


class Keeping(Writing):
    """What the job reads and writes, within a transaction."""

    def lying(self, type_: str, id_: str) -> tuple[Version, dict[str, Any]] | None:
        """A resource as it lies, and its content; None when it is deleted or not there."""
        version = raw_version(self.session, type_, id_)
        if version is None or version.deleted:
            return None
        return version, content_of(version.body)

    def state(self, record: int) -> str:
        """The state of a record; "" when there is none any more."""
        text = "SELECT state FROM record WHERE number = :record"
        rows = self.session.rows(text, {"record": record})
        return str(rows[0][0]) if rows else ""

    def patient(self, record: int) -> tuple[Version, dict[str, Any]] | None:
        text = "SELECT patient FROM record WHERE number = :record"
        rows = self.session.rows(text, {"record": record})
        return self.lying("Patient", str(rows[0][0])) if rows else None

    def consents(self, record: int) -> list[tuple[Version, dict[str, Any]]]:
        """The Consents that lie in a record."""
        text = (
            "SELECT d.id FROM resource d WHERE d.record = :record AND d.type = 'Consent'"
            " AND NOT d.deleted ORDER BY d.id"
        )
        rows = self.session.rows(text, {"record": record})
        found = (self.lying("Consent", str(row[0])) for row in rows)
        return [one for one in found if one is not None]

    def put(self, current: Version, resource: Mapping[str, Any]) -> None:
        """A new version, with what follows from it; StorageConflict when another writer was first.
        """
        facts = self.facts_of(current)
        new = self._new(
            Draft(dict(resource)), current.id_, current.version + 1, "PATCH", current.record,
            self._facts(resource, facts.owners, facts.veiled_until or None),
        )  # fmt: skip
        index = self._index(resource)
        write.replace(self.session, current.pk, new, index, base=self.house.base)
        self._derive(resource, new)

    def tell(
        self, kind: str, record: int, *, about: object, facts: Facts = FOR_FEW
    ) -> bool:
        """A notice to the holder; False when he has been told that already."""
        return tell(
            self.session, kind, secret=self.house.cursor_key, base=self.house.base,
            record=record, now=self.moment.now, about=about, facts=facts,
        )  # fmt: skip

    def leave_trace(
        self, event: str, record: int, rule: str, address: tuple[str, str] = ("", "")
    ) -> None:
        """What was done (a code of `dmp-event`) by which rule, and to what beside the record."""
        note = note_of(
            SERVER, interaction=event, type_=address[0], id_=address[1], status=200,
            request_id=self.moment.request_id,
        )  # fmt: skip
        self.note(note, [(record, rule)])

    def destroy(self, record: int, words: tuple[str, ...]) -> None:
        """Every row of a record, and what was asked in `words` that name its holder."""
        purge(self.session, record, words)
        self.standings.clear()
