"""Generated records, stored as the server stores them, and the reader in Python.

Design, `models.md` section 5. What `policy.decide` knows is read back from the tables, so that it
decides on what is really there. All that has a time begins or ends at the world's own `now`, or a
millisecond after it; who asks does so then, just before or just after (`World.clocks`).
"""

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from fhir_server.fhir.dates import EARLIEST, LATEST
from fhir_server.policy.decide import Decision, decide
from fhir_server.policy.facts import (
    EVERYBODY,
    MAJORITY,
    NATURES,
    OF_EVERYBODY,
    RELATIONS,
    SHARED,
    RowFacts,
    Standing,
    nature_of,
    ownership,
    subject_facts,
)
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.matrix import KINDS, NO_KIND
from fhir_server.policy.relation import Relation
from fhir_server.policy.rules import RuleSet
from fhir_server.policy.scope import Scope, is_own
from fhir_server.policy.subject import Subject
from fhir_server.search.extract import Index, extract
from fhir_server.storage import write
from fhir_server.storage.engine import Session
from fhir_server.storage.opened import House, Moment
from fhir_server.storage.repository import Repository
from fhir_server.storage.write import Facts, New

BASE = "http://127.0.0.1:8080/fhir"
NOW = 1_795_521_600_000  # 2026-11-24T12:00:00Z
HOUR, DAY = 3_600_000, 86_400_000
ADULT = 15  # years: FHIR_MINOR_ACCESS_AGE
STATES = ("open", "open", "closed", "before", "deceased")
NO_INDEX = Index(frozenset(), (), (), (), ())

PEOPLE = ("urn:p|1", "urn:p|12", "urn:p|3", "urn:p|4")  # one begins like another
HOUSES = ("", "urn:h|1", "urn:h|2")
TYPES = (
    "DocumentReference", "Binary", "List", "Patient", "Consent", "CareTeam", "RelatedPerson",
    "AuditEvent", "Observation", "Organization",
)  # fmt: skip
OWNING = {ownership(nature) for nature in NATURES}  # they come with what is owned
FLAGGED = ("document", "list", "clinical")

Address = tuple[str, str]


class Row(NamedTuple):
    """What of a stored row the rules may know, as it lies."""

    type_: str
    id_: str
    record: int
    deleted: bool
    owners: str
    masked: bool
    veiled_until: int
    secret: bool
    superseded: bool
    kind: str


class World:
    """A few records, stored; then read back, so that Python decides on what is really there."""

    def __init__(
        self, session: Session, random: Random, states: tuple[str, ...] = STATES, now: int = NOW,
        types: int = len(TYPES) - 1,
    ) -> None:
        self.session, self.random, self.now, self.types = session, random, now, types
        with session.transaction():
            self.empty()
            for state in states:
                self.fill(state)
            for type_ in ("Organization", "Organization", "AuditEvent"):
                self.put(type_, SHARED)
        self.read_back()

    def empty(self) -> None:
        tables = ("resource", "relation", "string", "moment", "number", "reference", "token",
                  "contained", "inward")  # fmt: skip
        for table in (*tables, *(() if self.session.database.postgres else ("key",))):
            self.session.run(f"DELETE FROM {table}", {})
        self.session.run("DELETE FROM record WHERE number > 0", {})
        self.made = 0

    def fill(self, state: str) -> None:
        ages = (birth_of_age(self.now, ADULT), birth_of_age(self.now, MAJORITY))
        born = self.random.choice([time + more for time in ages for more in (0, 1)])
        number = write.open_record(self.session, state=state, born=born, patient="")
        # The common ones more often: rules that weigh two of them want both of one caller.
        kinds = [kind for kind in (*RELATIONS[:8] * 3, *RELATIONS) if kind not in OWNING]
        found = [
            self.relation(self.random.choice(kinds)) for _ in range(self.random.randrange(14))
        ]
        write.set_relations(self.session, f"CareTeam/{number}", number, found)
        some = sorted(self.random.sample(TYPES[:-1], self.types), key=TYPES.index)
        for type_ in (*("DocumentReference",) * (1 + self.types // 4), *some):
            self.put(type_, number)

    def relation(self, kind: str) -> Relation:
        to_all = kind in OF_EVERYBODY and self.random.random() < 0.7
        actor = EVERYBODY if to_all else self.actor()
        return Relation(actor, kind, *self.random.choice(self.periods()))

    def periods(self) -> tuple[tuple[int, int], ...]:
        """In force, or just not yet, or just no longer."""
        now = self.now
        ends = ((EARLIEST, now), (EARLIEST, now + 1))
        return (EARLIEST, LATEST), (now, LATEST), (now + 1, LATEST), *ends

    def clocks(self) -> tuple[int, ...]:
        """When something begins or ends, birthdays too, and just before and after."""
        midnight = self.now // DAY * DAY
        days = (midnight - 1, midnight, midnight + DAY - 1, midnight + DAY)
        paris = (days[1] - HOUR, days[1] - HOUR - 1, days[1] - 2 * HOUR, days[1] - 2 * HOUR - 1)
        return self.now - 1, self.now, self.now, self.now + 1, *days, *paris

    def actor(self) -> str:
        return self.random.choice((*PEOPLE, *HOUSES[1:]))

    def put(self, type_: str, record: int) -> None:
        self.made += 1
        deleted = self.random.random() < 0.1
        facts = Facts(self.owners(type_, record))
        if nature_of(type_) in FLAGGED:
            facts = self.facts(nature_of(type_), facts.owners)
        elif type_ == "AuditEvent":
            until, secret = self.random.choice((0, NOW, LATEST)), self.random.random() < 0.4
            facts = Facts(facts.owners, False, until, secret)
        resource: dict[str, Any] = {"resourceType": type_}
        if type_ == "List":
            # The documents of its record, or nothing.
            places = [self.made - n for n in self.random.sample((2, 3, 4, 1000), 2)]
            items = [{"item": {"reference": f"DocumentReference/r{place}"}} for place in places]
            resource |= {"entry": items[: self.random.randrange(3)]}
        new = New(
            record=record, type_=type_, id_=f"r{self.made}", version=1, updated=NOW, body=b"{}",
            method="DELETE" if deleted else "POST", facts=facts,
        )
        index = NO_INDEX if deleted else extract(resource, base=BASE)
        assert write.insert(self.session, new, index, base=BASE) is not None
        if record > SHARED:
            kind = ownership(nature_of(type_))
            owners = [Relation(owner, kind) for owner in facts.owners]
            write.add_owners(self.session, record, owners)

    def facts(self, nature: str, owners: tuple[str, ...]) -> Facts:
        until = self.random.choice((0, 0, self.now, self.now + 1, LATEST))
        masked, secret, superseded = self.random.choices((True, False), (2, 3), k=3)
        if nature == "list":
            return Facts(owners, masked, until, secret)
        kind = self.random.choice((NO_KIND, NO_KIND, *KINDS))
        return Facts(owners, masked, until, secret, superseded, kind)

    def owners(self, type_: str, record: int) -> tuple[str, ...]:
        if type_ == "AuditEvent":
            return self.random.choice(((), (self.random.choice(PEOPLE),)))
        chosen = {self.actor() for _ in range(self.random.randrange(3))}
        return tuple(sorted(chosen)) if record != SHARED else ()

    def read_back(self) -> None:
        columns = (
            "type, id, record, deleted, owners, masked, veiled_until, veiled_representatives, "
            "superseded, kind"
        )
        found = self.session.rows(f"SELECT {columns} FROM resource", {})
        self.rows = [Row(*row) for row in found]
        places = self.session.rows("SELECT number, state, born FROM record", {})
        self.records = {number: (state, born) for number, state, born in places}
        relations = "SELECT record, actor, kind, since, until FROM relation"
        self.relations = self.session.rows(relations, {})
        self.held: dict[int, list[tuple[str, str, int, int]]] = defaultdict(list)
        for record, *relation in self.relations:
            self.held[record].append((*relation,))
        joined = "resource d JOIN reference f ON f.pk = d.pk WHERE d.type = 'List'"
        self.items = self.session.rows(f"SELECT d.id, target_type, target_id FROM {joined}", {})

    # The first reader: `decide`, on what is stored.

    def standing(self, subject: Subject, record: int, at: int) -> Standing:
        (state, born), me = self.records[record], (*subject.me, EVERYBODY)
        held = frozenset(
            kind for actor, kind, since, until in self.held[record]
            if actor in me and since <= at < until
        )
        of_age, minor = born <= birth_of_age(at, ADULT), born > birth_of_age(at, MAJORITY)
        return Standing(record, state, of_age, held, minor=minor)

    def decisions(self, caller: "Caller") -> dict[Address, Decision]:
        """Of each row; without those that are in no record the caller may know of."""
        known: dict[tuple[tuple[str, str], ...], Decision] = {}
        subject, at = caller.subject, caller.at
        standings = {number: self.standing(subject, number, at) for number in self.records}
        found = {}
        for row in self.rows:
            standing, nature = standings[row.record], nature_of(row.type_)
            own = is_own(nature, row.owners, subject.me)
            veiled = row.veiled_until > at
            of_row = RowFacts(
                nature, own, row.masked, veiled, row.secret, row.superseded, row.kind
            )
            facts = caller.facts | standing.facts() | of_row.facts()
            key = tuple(facts.items())
            if self.exists(caller, standing, nature):
                known[key] = known.get(key) or decide(caller.rules.rules, facts)
                found[row.type_, row.id_] = known[key]
        return found

    def exists(self, caller: "Caller", standing: Standing, nature: str) -> bool:
        """A record before its opening is there for the operator alone; `person_id` names one."""
        person = caller.subject.person
        if person and nature != "shared":
            holders = {r[0] for r in self.relations if r[1] == person and r[2] == "holder"}
            if standing.record not in holders:
                return False
        return standing.state != "before" or caller.subject.actor == "operator"

    def permitted(self, caller: "Caller") -> dict[Address, Decision]:
        """The rows he may see; of the lists not those that hold hidden documents alone."""
        found = {k: d for k, d in self.decisions(caller).items() if d.permitted}
        for id_ in {item[0] for item in self.items}:
            leads = [item[1:] for item in self.items if item[0] == id_]
            if not any(tuple(lead) in found for lead in leads):
                found.pop(("List", id_), None)
        return found


@dataclass(frozen=True)
class Caller:
    """Who asks, when, and by which rules each reader goes: the same, but for one test."""

    subject: Subject
    rules: RuleSet
    asks: str = "other"
    sql_rules: RuleSet | None = None
    at: int = NOW

    @property
    def facts(self) -> dict[str, str]:
        return dict(subject_facts(self.subject, action="read", asks=self.asks))

    def opened(self, session: Session) -> Repository:
        rules = self.sql_rules or self.rules
        scope = Scope.of(self.subject, rules, self.facts)
        moment = Moment(self.at, birth_of_age(self.at, ADULT), "trace", "request")
        return Repository(session, House(rules, BASE, b"key"), self.subject, scope, moment)
