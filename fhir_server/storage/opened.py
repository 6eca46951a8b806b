"""The store opened for one caller: his place in a record, what is decided there, what is noted.

Every method is one of: guarded (through the scope), deciding (asks `policy.decide`), or bookkeeping
of the trail; tests/test_architecture.py has the list.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Iterable, Iterator, Self, Sequence

import msgspec

from fhir_server.audit.note import Note
from fhir_server.audit.note import write as write_note
from fhir_server.fhir.outcome import FhirError, Forbidden
from fhir_server.policy.clocks import HOUR
from fhir_server.policy.decide import Decision, decide
from fhir_server.policy.facts import RowFacts, Standing, nature_of, subject_facts
from fhir_server.policy.notices import BREAK_GLASS, CENTRE_15, access
from fhir_server.policy.relation import Relation
from fhir_server.policy.rule import NOTICE, RuleSet
from fhir_server.policy.scope import Scope, is_own
from fhir_server.policy.subject import Subject
from fhir_server.policy.writes import Act
from fhir_server.search.registry import Offer
from fhir_server.storage import parameters, read, touching, trail
from fhir_server.storage.condition import BITS
from fhir_server.storage.engine import Session
from fhir_server.storage.notices import tell
from fhir_server.storage.rows import Named, Rows, standing, times
from fhir_server.storage.touching import About
from fhir_server.storage.version import united
from fhir_server.storage.write import Facts, facts_at

# One text for all three: no authorisation, blocked, opposed (contract 5).
NO_ACCESS = "no access to this record"
# Purposes of which holder and attending doctor are told, and the notice it is.
EMERGENCIES = {"bris_de_glace": BREAK_GLASS, "centre_15": CENTRE_15}


@dataclass(frozen=True, slots=True)
class Moment:
    """What differs from request to request, passed in: `now` in ms, `adult_before` the birth (ms)
    that makes of age.
    """

    now: int
    adult_before: int
    trace: str  # id of the AuditEvent
    request_id: str


@dataclass(frozen=True, slots=True)
class House:
    """What is the same for all requests: the rules (None: no policy), our address, the key of
    cursors.
    """

    rules: RuleSet | None
    base: str
    cursor_key: bytes


@dataclass
class Opened:
    """The store, opened for one caller and one request."""

    session: Session
    house: House
    subject: Subject
    scope: Scope
    moment: Moment
    noted: bool = False
    entries: int = 0  # of a Bundle, done so far
    standings: dict[Named, Standing | None] = field(default_factory=dict)
    # Made, or found to be there, in this request: may be referred to.
    created: set[tuple[str, str]] = field(default_factory=set)
    # Who was noted in this request to have something of his own, by record.
    owners: set[tuple[int, Relation]] = field(default_factory=set)
    # Deleted in this request: at its end nothing may refer to them.
    deleted: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        # The search parameters of this request.
        self.offer = Offer(
            self.session.registry,
            lambda: parameters.current(self.session),
            guarded=self.house.rules is not None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: the connection is the thread's."""

    def rows(self, named: Named = Named()) -> Rows:
        return Rows(
            self.scope,
            self.session.database.postgres,
            self.moment.now,
            self.moment.adult_before,
            named,
        )

    # Deciding.

    def standing(self, named: Named) -> Standing | None:
        """The caller's place in the one record named; None when there is none, or none for him yet.

        Remembered until something is written that may change it.
        """
        if named not in self.standings:
            found = self.standings[named] = self._standing(named)
            if found is not None:
                self.standings[Named(patients=(found.patient,))] = found
        return self.standings[named]

    def _standing(self, named: Named, *, unopened: bool = False) -> Standing | None:
        """`unopened`: a record that is not opened yet is there for him too."""
        rows = self.rows(named)
        rows.params |= times(self.moment.now, self.moment.adult_before)
        for n, identifier in enumerate(self.subject.me):
            rows.params[f"me{n}"] = identifier
        text = standing(rows.named_records(), len(self.subject.me), rows.postgres, True)
        ages = "born <= :adult_before, born > :majority"
        text = f"SELECT record, state, {ages}, patient, held FROM ({text}) s"
        found = self.session.rows(text, rows.params)
        if len(found) != 1:
            return None
        number, state, of_age, minor, patient, held = found[0]
        unopened = unopened or self.house.rules is None or self.subject.actor == "operator"
        if state == "before" and not unopened:
            return None
        if (
            self.subject.person
            and self.house.rules
            and self.record_of_holder(self.subject.person) != number
        ):
            raise Forbidden(NO_ACCESS, rule="person_id", record=number)
        relations = frozenset(relation for relation, bit in BITS.items() if held & bit)
        return Standing(number, state, bool(of_age), relations, patient, bool(minor))

    def record_of_holder(self, ins: str) -> int | None:
        """The record whose holder has this INS (`system|value`): to compare two names of a patient,
        never to show.
        """
        rows = self.session.rows(
            "SELECT record FROM relation WHERE actor = :actor AND kind = 'holder'", {"actor": ins}
        )
        return int(rows[0][0]) if rows else None

    def is_attending(self, record: int, actor: str) -> bool:
        rows = self.session.rows(
            "SELECT 1 FROM relation WHERE record = :record AND actor = :actor AND kind = "
            "'attending'",
            {"record": record, "actor": actor},
        )
        return bool(rows)

    def check_age(self) -> None:
        """Forbidden for a holder who is too young to act for himself (FHIR_MINOR_ACCESS_AGE)."""
        if self.house.rules is None or self.subject.actor != "holder":
            return
        young = self.session.rows(
            "SELECT x.record FROM relation x JOIN record k ON k.number = x.record WHERE x.actor = "
            ":actor"
            " AND x.kind = 'holder' AND k.born > :adult_before",
            {"actor": self.subject.identifier, "adult_before": self.moment.adult_before},
        )
        if young:
            raise Forbidden(
                "a minor acts through his representatives", rule="K53", record=young[0][0]
            )

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

    def row_facts(self, type_: str, facts: Facts) -> RowFacts:
        nature = nature_of(type_)
        return RowFacts(
            nature,
            is_own(nature, facts.lines, self.subject.me),
            facts.masked,
            facts.veiled_until > self.moment.now,
            facts.veiled_representatives,
            facts.superseded,
            facts.kind,
        )

    # The trail.

    def note(self, note: Note, records: Sequence[tuple[int, str]]) -> None:
        """Append a note for each record, with the rules that settled the access; without rules
        there is no trail.
        """
        self.noted = True
        if self.house.rules is None:
            return
        trail.append(
            self.session,
            trace=self.moment.trace,
            now=self.moment.now,
            agent=self.subject.identifier,
            note=write_note(note),
            records=records,
        )
        if self.is_told:
            self._tell_of_access([record for record, names in records if self._must_tell(names)])

    @property
    def is_told(self) -> bool:
        """Whether a rule may oblige us to tell holder and attending doctor of what this caller
        does: in emergencies alone (R110, R120).
        """
        return self.house.rules is not None and self.subject.purpose in EMERGENCIES

    def _must_tell(self, names: str) -> bool:
        return self.house.rules is not None and NOTICE in self.house.rules.obligations(names)

    def _tell_of_access(self, records: list[int]) -> None:
        """In the transaction of the access; of one caller in one record once in an hour of the
        clock.
        """
        who, now = self.subject, self.moment.now
        said = access(now, who.name, who.identifier, who.organization_name)
        for record in sorted(set(records)):
            tell(
                self.session, EMERGENCIES[who.purpose], secret=self.house.cursor_key,
                base=self.house.base, record=record, now=now,
                about=(who.identifier, now // HOUR), said=said, doctor=True,
            )  # fmt: skip

    def note_refusal(self, note: Note, about: Iterable[About], refusal: FhirError) -> None:
        """Append a refusal: to the caller's own log as he asked it, and to each record it touched,
        with the rules.

        Two notes, since what the caller may read of it must not tell whether there was anything to
        touch; without rules none.
        """
        if self.house.rules is None:
            return
        text = write_note(note)
        with self.session.transaction():
            trail.append(
                self.session,
                trace=self.moment.trace,
                now=self.moment.now,
                agent=self.subject.identifier,
                note=text,
                records=[(0, "")],
            )
            trail.append(
                self.session,
                trace=f"{self.moment.trace}-r",
                now=self.moment.now,
                agent="",
                note=text,
                records=self._touched(about, refusal),
            )

    def note_withheld(self, note: Note, named: Named, shown: Iterable[int]) -> None:
        """Append a refusal to each record that a request names beside those of which something was
        `shown`: it is answered for these alone, and nothing of the others is told.
        """
        if self.house.rules is None or not named.several:
            return
        touched = set(read.records_named(self.session, named, self.rows())) - set(shown)
        refused = []
        for record, patient in read.patients_of(self.session, touched):
            if rules := self.reasons(Named(patients=(patient,))):
                refused.append((record, rules))
        trail.append(
            self.session,
            trace=f"{self.moment.trace}-r",
            now=self.moment.now,
            agent="",
            note=write_note(msgspec.structs.replace(note, status=403)),
            records=refused,
        )

    def _touched(self, about: Iterable[About], refusal: FhirError) -> list[tuple[int, str]]:
        """The records a refusal touched, each with the rules that settled it there."""
        found = [(refusal.record, refusal.rule)] if refusal.record else []
        for named in touching.places(self.session, self.rows(), about):
            records = set(read.records_named(self.session, named, self.rows()))
            for record, patient in read.patients_of(self.session, records):
                one = Named(patients=(patient,)) if named.several else named
                found.append((record, refusal.rule or self.reasons(one)))
        return united(found)

    def reasons(self, named: Named) -> str:
        """The rules that keep the caller from reading what is named; "" when nothing is, or nothing
        keeps him.
        """
        try:
            standing = self.standing(named) if named and self.house.rules else None
        except Forbidden as refusal:
            return refusal.rule
        if standing is None:
            return ""
        type_, row = "DocumentReference", RowFacts("document")
        if named.resource:
            type_, found = named.resource[0], facts_at(self.session, *named.resource)
            if not found:  # its record has been destroyed meanwhile
                return ""
            row = self.row_facts(type_, found[0])
        decision = self.decision(Act("read"), standing, row)
        return "" if decision.permitted else " ".join(decision.reasons)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What fails within is undone alone, and what was remembered of it forgotten."""
        created = set(self.created)
        try:
            with self.session.savepoint():
                yield
        except BaseException:
            self.created = created
            self.standings.clear()
            self.owners.clear()
            self.deleted.clear()
            raise

    def next_trace(self) -> None:
        """The next entry of a Bundle leaves a trace of its own."""
        self.entries += 1
        self.moment = replace(self.moment, trace=f"{self.moment.trace[:36]}-{self.entries}")
        self.noted = False

    def _trace(self, note: Note) -> dict[str, object]:
        return {
            "trace": self.moment.trace,
            "at": self.moment.now,
            "agent": self.subject.identifier,
            "note": write_note(note),
        }
