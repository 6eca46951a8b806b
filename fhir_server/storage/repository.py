"""The stored data as one caller may reach them: built per request, with his rights inside.

Reads go through visible rows; each write is decided, act by act, on what is stored now. Every method is one of: guarded
(through the scope), deciding (asks `policy.decide`), or bookkeeping of the trail; tests/test_architecture.py has the list.
"""

from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Iterable, Iterator, Self, Sequence

from fhir_server.audit.note import Note
from fhir_server.audit.note import write as write_note
from fhir_server.fhir.json_format import read as read_json
from fhir_server.fhir.json_format import write as write_json
from fhir_server.fhir.outcome import FhirError, Forbidden, Gone, NotFound, Unprocessable
from fhir_server.policy.decide import Decision, decide
from fhir_server.policy.facts import RELATIONS, YES, NO, RowFacts, Standing, nature_of, subject_facts
from fhir_server.policy.redaction import document_links, minimal_patient, without
from fhir_server.policy.relations import CLOSING, DMP_BASE
from fhir_server.policy.rules import RuleSet
from fhir_server.policy.scope import Scope, is_own
from fhir_server.policy.subject import Subject
from fhir_server.policy.writes import Act
from fhir_server.search.query import Query
from fhir_server.storage import read, trail
from fhir_server.storage.engine import Session
from fhir_server.storage.condition import BITS
from fhir_server.storage.find import Found, find
from fhir_server.storage.pages import cursor, position
from fhir_server.storage.rows import Named, Rows, standing
from fhir_server.storage.version import Version

# One text for all three: no authorisation, blocked, opposed (contract 5).
NO_ACCESS = "no access to this record"
MINIMUM = frozenset({CLOSING, DMP_BASE + "dmp-medecin-traitant"})


@dataclass(frozen=True, slots=True)
class Moment:
    """What differs from request to request, passed in: `now` in ms, `adult_before` the birth (ms) that makes of age."""

    now: int
    adult_before: int
    trace: str  # id of the AuditEvent
    request_id: str


@dataclass(frozen=True, slots=True)
class House:
    """What is the same for all requests: the rules (None: no policy), our address, the key of cursors."""

    rules: RuleSet | None
    base: str
    cursor_key: bytes


@dataclass
class Repository:
    """Opened for one caller and one request; see the file's docstring."""

    session: Session
    house: House
    subject: Subject
    scope: Scope
    moment: Moment
    noted: bool = False
    entries: int = 0  # of a Bundle, done so far
    created: set[tuple[str, str]] = field(default_factory=set)  # in this request: may be referred to

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: the connection is the thread's."""

    # Guarded: through the visible rows.

    def rows(self, named: Named = Named()) -> Rows:
        return Rows(self.scope, self.session.database.postgres, self.moment.now, self.moment.adult_before, named)

    def read(self, type_: str, id_: str, note: Note | None = None) -> Version:
        """The current version; NotFound, or Gone when it is deleted. `note` is written with it when it is disclosed."""
        version = self._read(type_, id_, note)
        if version is None:
            raise NotFound(f"there is no `{type_}/{id_}`")
        if version.deleted:
            raise Gone(f"`{type_}/{id_}` is deleted")
        return version

    def _read(self, type_: str, id_: str, note: Note | None) -> Version | None:
        self._make_events(type_, "t.id = :event", {"event": id_})
        rows = self.rows()
        if note is not None and self._in_one_statement():
            version = read.read_row(self.session, rows, type_, id_, self._trace(note))
            self.noted = version is not None and not version.deleted
            return version
        with self.session.transaction():
            version = read.read_row(self.session, rows, type_, id_, None)
            if version is not None and not version.deleted and note is not None:
                self.note(note, [(version.record, version.rules)])
        return version

    def _in_one_statement(self) -> bool:
        """Whether what is read and its note can go in one statement, which needs no transaction around it."""
        return self.session.database.postgres and not self.session.open

    def versions(self, type_: str, id_: str) -> list[Version]:
        """All versions, newest first; of a deleted document its deletion alone. NotFound when hidden or absent."""
        current = self._read(type_, id_, None)
        if current is None:
            raise NotFound(f"there is no `{type_}/{id_}`")
        if current.deleted and not self.scope.everything and nature_of(type_) == "document":
            return [current]
        return [current, *read.past_versions(self.session, current)]

    def version(self, type_: str, id_: str, number: int) -> Version:
        """One version; NotFound when hidden or absent, Gone when deleted or its document is."""
        current = self._read(type_, id_, None)
        if current is None:
            raise NotFound(f"there is no version {number} of `{type_}/{id_}`")
        if current.deleted and not self.scope.everything and nature_of(type_) == "document":
            raise Gone(f"`{type_}/{id_}` is deleted")
        found = [current] if current.version == number else read.past_versions(self.session, current, number)
        if not found:
            raise NotFound(f"there is no version {number} of `{type_}/{id_}`")
        if found[0].deleted:
            raise Gone(f"version {number} of `{type_}/{id_}` is a deletion")
        return found[0]

    def search(self, query: Query, named: Named, note: Note | None = None) -> Found:
        """One page of matches. Forbidden when a record is named in which the caller has no right at all."""
        if query.type_ == "AuditEvent":
            self._make_events("AuditEvent", *self._pending(named))
        rows = self.rows(Named() if self.scope.everything else named)
        last = position(query.cursor, key=self.house.cursor_key, bound_to=self._bound(query)) if query.cursor else []
        if note is not None and self._in_one_statement():
            found = find(self.session, rows, query, last, self._trace(note))
            self._check_access(found, query, rows)
            self.noted = True
            return found
        with self.session.transaction():
            found = find(self.session, rows, query, last, None)
            self._check_access(found, query, rows)
            if note is not None:
                self.note(note, found.records or [(0, "")])
        return found

    def _check_access(self, found: Found, query: Query, rows: Rows) -> None:
        if not rows.named or found.access or found.versions:
            return
        if found.access is None and read.is_professional(rows.shape):
            return  # an unknown patient: nothing is found, and that is no secret
        if query.type_ == "Patient" and read.is_professional(rows.shape):
            return
        raise Forbidden(NO_ACCESS)

    def next_cursor(self, query: Query, found: Found) -> str:
        """The cursor of the next page, "" on the last."""
        return cursor(found.last, key=self.house.cursor_key, bound_to=self._bound(query)) if found.last else ""

    def _bound(self, query: Query) -> str:
        return repr((self.subject.actor, self.subject.identifier, self.subject.organization, query.type_, query.used))

    def visible(self, addresses: Iterable[tuple[str, str]], *, deleted: bool = False) -> set[tuple[str, str]]:
        """Those of these resources the caller may see; `deleted`: or could, were they not deleted."""
        by_type: dict[str, list[str]] = {}
        for type_, id_ in addresses:
            by_type.setdefault(type_, []).append(id_)
        return {
            (type_, id_)
            for type_, ids in by_type.items()
            for id_ in read.visible_addresses(self.session, self.rows(), type_, ids, deleted=deleted)
        }

    def shown(self, versions: Sequence[Version]) -> list[bytes]:
        """The text of each version as this caller may see it: without entries that lead to hidden documents."""
        if self.scope.everything or all(v.full and not v.linked for v in versions):
            return [v.body for v in versions]
        return [self._shown(v) for v in versions]

    def _shown(self, version: Version) -> bytes:
        if not version.full:
            return write_json(minimal_patient(read_json(bytes(version.body)), MINIMUM))
        if not version.linked or not version.body:
            return version.body
        resource = read_json(bytes(version.body))
        links = set(document_links(resource))
        hidden = links - self.visible(links, deleted=True)
        return write_json(without(resource, frozenset(hidden))) if hidden else version.body

    @contextmanager
    def asking(self, asks: str) -> Iterator[None]:
        """Within, the request counts as one that asks so: `identifier` finds one's own documents without a right to read."""
        before = self.scope
        if not before.everything:
            self.scope = Scope.of(self.subject, before.rules, dict(before.known) | {"asks": asks})
        try:
            yield
        finally:
            self.scope = before

    # Deciding.

    def standing(self, named: Named) -> Standing | None:
        """The caller's place in the one record named; None when there is none, or none for him yet."""
        rows = self.rows(named)
        rows.params |= {"now": self.moment.now, "adult_before": self.moment.adult_before}
        for n, identifier in enumerate(self.subject.me):
            rows.params[f"me{n}"] = identifier
        text = standing(rows.named_records(), len(self.subject.me), rows.postgres, True)
        text = f"SELECT record, state, born <= :adult_before, held FROM ({text}) s"
        found = self.session.rows(text, rows.params)
        if len(found) != 1:
            return None
        number, state, of_age, held = found[0]
        if state == "before" and self.house.rules and self.subject.actor != "operator":
            return None
        if self.subject.person and self.house.rules and self.record_of_holder(self.subject.person) != number:
            raise Forbidden(NO_ACCESS, rule="person_id", record=number)
        relations = frozenset(relation for relation, bit in BITS.items() if held & bit)
        return Standing(number, state, bool(of_age), relations)

    def record_of_holder(self, ins: str) -> int | None:
        """The record whose holder has this INS (`system|value`): to compare two names of a patient, never to show."""
        rows = self.session.rows("SELECT record FROM relation WHERE actor = :actor AND kind = 'holder'", {"actor": ins})
        return int(rows[0][0]) if rows else None

    def check_age(self) -> None:
        """Forbidden for a holder who is too young to act for himself (FHIR_MINOR_ACCESS_AGE)."""
        if self.house.rules is None or self.subject.actor != "holder":
            return
        young = self.session.rows(
            "SELECT x.record FROM relation x JOIN record k ON k.number = x.record WHERE x.actor = :actor"
            " AND x.kind = 'holder' AND k.born > :adult_before",
            {"actor": self.subject.identifier, "adult_before": self.moment.adult_before},
        )
        if young:
            raise Forbidden("a minor acts through his representatives", rule="K53", record=young[0][0])

    def decision(self, act: Act, standing: Standing, row: RowFacts) -> Decision:
        if self.house.rules is None:
            return Decision(True, ("off",))
        facts = dict(subject_facts(self.subject, action=act.action, asks=act.asks))
        return decide(self.house.rules.rules, facts | standing.facts() | row.facts())

    def permit(self, acts: Iterable[Act], standing: Standing, row: RowFacts) -> str:
        """The names of the rules that permit every act; Forbidden at the first that is not."""
        settled: list[str] = []
        for act in acts:
            decision = self.decision(act, standing, row)
            if not decision.permitted:
                raise Forbidden(NO_ACCESS, rule=" ".join(decision.reasons), record=standing.record)
            settled += decision.reasons
        return " ".join(dict.fromkeys(settled))

    def row_facts(self, type_: str, owners: str, masked: bool, veiled_until: int, secret: bool) -> RowFacts:
        nature = nature_of(type_)
        return RowFacts(nature, is_own(nature, owners, self.subject.me), masked, veiled_until > self.moment.now, secret)

    # The trail.

    def note(self, note: Note, records: Iterable[tuple[int, str]]) -> None:
        """Append a note for each record, with the rules that settled the access."""
        trail.append(
            self.session, trace=self.moment.trace, now=self.moment.now, agent=self.subject.identifier,
            note=write_note(note), records=records,
        )
        self.noted = True

    def note_refusal(self, note: Note, named: Named, refusal: FhirError) -> None:
        """Append a refusal: to the caller's own log as he asked it, and to each record it touched, with the rules.

        Two notes, since what the caller may read of it must not tell whether there was anything to touch.
        """
        text = write_note(note)
        with self.session.transaction():
            trail.append(
                self.session, trace=self.moment.trace, now=self.moment.now, agent=self.subject.identifier, note=text,
                records=[(0, "")],
            )
            touched = set(read.records_named(self.session, named, self.rows())) | {refusal.record} - {0}
            rules = refusal.rule or self.reasons(named)
            trail.append(
                self.session, trace=f"{self.moment.trace}-r", now=self.moment.now, agent="", note=text,
                records=[(record, rules) for record in sorted(touched - {0})],
            )

    def reasons(self, named: Named) -> str:
        """The rules that keep the caller from reading what is named; "" when nothing is, or nothing keeps him."""
        standing = self.standing(named) if named and self.house.rules else None
        if standing is None:
            return ""
        type_, row = "DocumentReference", RowFacts("document")
        if named.resource:
            type_ = named.resource[0]
            row = self.row_facts(type_, *read.facts_of(self.session, *named.resource))
        decision = self.decision(Act("read"), standing, row)
        return "" if decision.permitted else " ".join(decision.reasons)

    def savepoint(self) -> AbstractContextManager[None]:
        """What fails within is undone alone."""
        return self.session.savepoint()

    def next_trace(self) -> None:
        """The next entry of a Bundle leaves a trace of its own."""
        self.entries += 1
        self.moment = replace(self.moment, trace=f"{self.moment.trace[:36]}-{self.entries}")
        self.noted = False

    def _trace(self, note: Note) -> dict[str, object]:
        return {
            "trace": self.moment.trace, "at": self.moment.now, "agent": self.subject.identifier, "note": write_note(note),
        }

    def _make_events(self, type_: str, where: str, params: dict[str, Any]) -> None:
        if type_ == "AuditEvent":
            with self.session.transaction():
                trail.make_events(self.session, where, params, base=self.house.base)

    def _pending(self, named: Named) -> tuple[str, dict[str, Any]]:
        """Which notes must be AuditEvents before this search: of the named records, or all."""
        if not named:
            return "1 = 1", {}
        numbers = read.records_named(self.session, named, self.rows())
        return f"t.record IN ({', '.join(map(str, numbers)) or '-2'})", {}
