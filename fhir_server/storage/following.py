"""What follows from a write, in the same transaction: relations, the state of the record, facts of
what hangs on a document, and the clocks that it starts.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.fhir.outcome import Unprocessable
from fhir_server.policy import life, notices
from fhir_server.policy.clocks import civil_date, deletion_limit, notice_due
from fhir_server.policy.facts import SHARED, nature_of, ownership
from fhir_server.policy.labels import VEILED, flags
from fhir_server.policy.life import NOTICE, RELEASE, Due
from fhir_server.policy.relation import Relation
from fhir_server.policy.relations import TELLING, record_state, relations_of
from fhir_server.storage import write
from fhir_server.storage.about import spread
from fhir_server.storage.chain import replaced_by
from fhir_server.storage.checks import Checking
from fhir_server.storage.attachments import attach
from fhir_server.storage.content import birth, byte_addresses, content_of
from fhir_server.storage.due import add_due, set_due
from fhir_server.storage.membership import Membership
from fhir_server.storage.notices import tell
from fhir_server.storage.place import PEOPLE, who
from fhir_server.storage.read import raw_version, referring
from fhir_server.storage.teams import TYPE as TEAM
from fhir_server.storage.teams import of_record, team
from fhir_server.storage.write import New

# What its holder is told when the state of his record changes from one to the other.
MOVES = {
    ("before", "open"): notices.OPENED,
    ("open", "closed"): notices.CLOSED,
    ("closed", "open"): notices.REOPENED,
}


class Following(Checking, Membership):
    """A repository that keeps up with what has been written."""

    def _derive(self, resource: Mapping[str, Any], new: New) -> None:
        """Relations, state and facts that this content says, in the same transaction."""
        self._derive_parameter(new, resource)
        if new.type_ in TELLING:
            self._relate((new.type_, new.id_), new.record, resource)
        if new.type_ == "Patient":
            self._move(resource, new)
        elif new.record > SHARED:
            self._add_owners(new)
        if new.type_ in PEOPLE:
            self.standings.clear()
            self._derive_again(new.type_, new.id_)
        self._start_clocks(resource, new)
        if new.type_ == "DocumentReference":
            attach(self.session, new.id_, byte_addresses(resource, self.house.base))
        if new.type_ == "DocumentReference" and new.version > 1:  # its first bytes come with it
            spread(self.session, new.id_, new.record, new.facts, self.house.base)

    def _check_chain(self, id_: str, taken: frozenset[str]) -> None:
        """A document that a hidden one replaced leaves no superseded trace: its flags are taken off
        with those of the latter, but for the one that time takes off. Unprocessable otherwise.
        """
        taken -= {VEILED}
        for later in self._successors(id_) if taken else ():
            if kept := taken & flags(later):
                raise Unprocessable(
                    f"`{min(kept)}` is on the document that replaced this one: take it off there",
                    code="business-rule",
                    expression="DocumentReference.securityLabel",
                )

    def _check_status(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """A document that has been replaced is not current again beside its successor.
        Unprocessable otherwise.
        """
        if old.get("status") != "superseded" or new.get("status") != "current":
            return
        if any(self._successors(str(old["id"]))):
            raise Unprocessable(
                "this document has been replaced: its successor is the current one",
                code="business-rule",
                expression="DocumentReference.status",
            )

    def _successors(self, id_: str) -> Iterator[dict[str, Any]]:
        """The documents that have replaced this one, whoever sees them."""
        for type_, other in referring(self.session, "DocumentReference", id_):
            later = raw_version(self.session, type_, other)
            if later is None or type_ != "DocumentReference":
                continue
            content = content_of(later.body)
            if id_ in replaced_by(content, self.house.base):
                yield content

    def _add_owners(self, new: New) -> None:
        """Note that its owners have something of their own in the record, once a request."""
        kind = ownership(nature_of(new.type_))
        found = {(new.record, Relation(owner, kind)) for owner in new.facts.owners} - self.owners
        self.owners |= found
        write.add_owners(self.session, new.record, [relation for _, relation in found])

    def _relate(
        self, address: tuple[str, str], record: int, resource: Mapping[str, Any]
    ) -> None:
        """What a resource says of people, in place of what it said before; with a team the consents
        that may name it are read again.
        """
        self.standings.clear()
        if address[0] in (TEAM, "Consent"):
            self.lock(f"teams of {record}")  # each sees what the other has written
        people = who(self.session, resource, base=self.house.base)
        teams = team(self.session, resource, record, base=self.house.base)
        found = relations_of(resource, people, teams)
        write.set_relations(self.session, "/".join(address), record, found)
        if address[0] == TEAM:
            self._read_consents_again(record)

    def _read_consents_again(self, record: int) -> None:
        self.standings.clear()
        for id_, consent in of_record(self.session, record, "Consent"):
            self._relate(("Consent", id_), record, consent)

    def _derive_again(self, type_: str, id_: str) -> None:
        """Rights go by identifiers: when those of a person or house change, so do the relations
        that name it.
        """
        rows = self.session.rows(
            "SELECT d.type, d.id, d.record, d.body FROM reference f JOIN resource d ON d.pk = "
            "f.pk WHERE NOT d.deleted"
            " AND f.target_type = :type AND f.target_id = :id AND d.type IN ('Patient', "
            "'CareTeam', 'Consent')",
            {"type": type_, "id": id_},
        )
        for source_type, source_id, record, body in {(r[0], r[1], r[2], bytes(r[3])) for r in rows}:
            self._relate((source_type, source_id), record, content_of(body))

    # The life of a record.

    def _move(self, patient: Mapping[str, Any], new: New) -> None:
        """The record has the state its Patient says; its holder is told of a change."""
        state = record_state(patient)
        (before,) = self.session.rows(
            "SELECT state FROM record WHERE number = :record", {"record": new.record}
        )[0]
        write.change_record(self.session, new.record, state=state, born=birth(patient))
        if self.house.rules is None or new.version == 1:
            return
        kind = MOVES.get((before, state), "")
        if kind == notices.CLOSED and life.is_suspended(patient):
            kind = notices.SUSPENDED
        if kind:
            self._tell(kind, new.record, about=new.version)
        asked = life.deletion_asked(patient)
        if asked and asked == self.moment.now:
            until = civil_date(deletion_limit(asked))
            self._tell(notices.TO_BE_DELETED, new.record, about=new.version, said=until)

    def _start_clocks(self, resource: Mapping[str, Any], new: New) -> None:
        """What this version makes due, in place of what the one before did. What is hidden from
        the holder is counted from its deposit: later versions keep that time.
        """
        source, until = f"{new.type_}/{new.id_}", new.facts.veiled_until
        if self.house.rules is None:
            return
        if new.type_ in ("Patient", "Consent"):
            set_due(self.session, source, new.record, life.due(resource, self.moment.now))
        elif new.type_ == "DocumentReference" and new.version == 1 and until:
            told = Due(NOTICE, notice_due(self.moment.now))
            add_due(self.session, source, new.record, (told, Due(RELEASE, until)))
        elif new.type_ == "DocumentReference" and new.version > 1:
            self._keep_clocks(source, new.record, until)

    def _keep_clocks(self, source: str, record: int, until: int) -> None:
        kept = {"source": source, "kind": NOTICE if until else ""}
        self.session.run("DELETE FROM due WHERE source = :source AND kind <> :kind", kept)
        if until:  # an older document gets the flag of the one that replaces it
            add_due(self.session, source, record, (Due(RELEASE, until),))

    def _tell(self, kind: str, record: int, *, about: object, said: str = "") -> None:
        """Tell the holder by a notice, once for all that is `about` the same."""
        tell(
            self.session, kind, secret=self.house.cursor_key, base=self.house.base,
            record=record, now=self.moment.now, about=about, said=said,
        )  # fmt: skip
