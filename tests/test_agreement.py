"""Two readers of the rules agree: SQL shows exactly the rows that `policy.decide` permits.

Design, `models.md` section 5: the leaks of the field come from a filter that says something else
than the decision. Worlds, rules and callers come from one seed (FHIR_TEST_SEED).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.dates import EARLIEST, LATEST
from fhir_server.policy.condition import AllOf, AnyOf, Condition, Is, Not, OneOf, holds, simplify
from fhir_server.policy.decide import Decision, decide
from fhir_server.policy.facts import (
    NATURES, NO, RELATIONS, SHARED, STATES, YES, RowFacts, Standing, nature_of, subject_facts,
)
from fhir_server.policy.relations import Relation
from fhir_server.policy.rules import DENY, DMP_2022, MASK, PERMIT, READ, Rule, RuleSet
from fhir_server.policy.scope import Scope, is_own
from fhir_server.policy.subject import ACTORS, Subject
from fhir_server.search.extract import Index, extract
from fhir_server.search.query import EVERYTHING, Criterion, IdIs, Query
from fhir_server.storage import migrate, write
from fhir_server.storage.engine import Database, Session
from fhir_server.storage.find import find
from fhir_server.storage.opened import House, Moment
from fhir_server.storage.read import read_row
from fhir_server.storage.repository import Repository
from fhir_server.storage.rows import Named
from fhir_server.storage.write import Facts, New

SEED = int(os.environ.get("FHIR_TEST_SEED", "20261124"))
RULE_SETS, WORLDS = 1_000, 20
BASE = "http://127.0.0.1:8080/fhir"
NOW = 1_795_521_600_000  # 2026-11-24T12:00:00Z
ADULT_BEFORE = 1_227_484_800_000  # 2008-11-24
NO_INDEX, NOBODY = Index(frozenset(), (), (), (), ()), Named()

PEOPLE = ("urn:p|1", "urn:p|12", "urn:p|3", "urn:p|4")  # one begins like another
HOUSES = ("", "urn:h|1", "urn:h|2")
SECTORS = ("", "SA07", "SA13", "SA23", "SA44")
PURPOSES = (
    "normal", "bris_de_glace", "centre_15", "cause-of-death", "memory", "own-rights",
    "legal-expertise",
)  # fmt: skip
AUTH_MODES = ("DIRECTE", "INDIRECTE", "INDIRECTE_RENFORCEE")
TYPES = (
    "DocumentReference", "Binary", "List", "Patient", "Consent", "CareTeam", "RelatedPerson",
    "AuditEvent", "Observation", "Organization",
)  # fmt: skip
FLAGGED = ("document", "list", "clinical")
# In force, or just not yet, or just no longer.
PERIODS = (
    (EARLIEST, LATEST), (NOW, LATEST), (NOW + 1, LATEST), (EARLIEST, NOW), (EARLIEST, NOW + 1),
)  # fmt: skip
WORDS = {  # what a fact may be
    "actor": ACTORS, "purpose": PURPOSES, "auth_mode": AUTH_MODES, "sector": SECTORS,
    "asks": ("other", "identifier"), "action": ("read", "mask"), "state": STATES, "nature": NATURES,
}  # fmt: skip
FACTS = (
    *WORDS, *RELATIONS, "of_age", "own", "own", "masked", "masked", "veiled_holder",
    "veiled_representatives", "nature", "state",
)  # fmt: skip

Address = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """What of a stored row the rules may know, as it lies."""

    type_: str
    id_: str
    record: int
    deleted: bool
    owners: str
    masked: bool
    veiled_until: int
    secret: bool


class World:
    """A few records, stored; then read back, so that Python decides on what is really there."""

    def __init__(self, session: Session, random: Random) -> None:
        self.session, self.random = session, random
        with session.transaction():
            self.empty()
            for state in ("open", "open", "closed", "before", "deceased"):
                self.fill(state)
            for type_ in ("Organization", "Organization", "AuditEvent"):
                self.put(type_, SHARED)
        self.read_back()

    def empty(self) -> None:
        tables = ("resource", "relation", "string", "moment", "number", "reference", "token")
        for table in (*tables, *(() if self.session.database.postgres else ("key",))):
            self.session.run(f"DELETE FROM {table}", {})
        self.session.run("DELETE FROM record WHERE number > 0", {})
        self.made = 0

    def fill(self, state: str) -> None:
        born = self.random.choice((ADULT_BEFORE, ADULT_BEFORE + 1))
        number = write.open_record(self.session, state=state, born=born, patient="")
        kinds = [kind for kind in RELATIONS if kind != "author"]
        found = [
            Relation(self.actor(), self.random.choice(kinds), *self.random.choice(PERIODS))
            for _ in range(self.random.randrange(9))
        ]
        write.set_relations(self.session, f"CareTeam/{number}", number, found)
        for type_ in ("DocumentReference", "DocumentReference", "DocumentReference", *TYPES[:-1]):
            self.put(type_, number)

    def actor(self) -> str:
        return self.random.choice((*PEOPLE, *HOUSES[1:]))

    def put(self, type_: str, record: int) -> None:
        self.made += 1
        deleted = self.random.random() < 0.1
        facts = Facts(self.owners(type_, record))
        if nature_of(type_) in FLAGGED:
            until = self.random.choice((0, 0, NOW, NOW + 1, LATEST))
            flags = self.random.choices((True, False), (2, 3), k=2)
            facts = Facts(facts.owners, flags[0], until, flags[1])
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
        assert write.insert(self.session, new, index) is not None
        if record > SHARED:
            authors = [Relation(owner, "author") for owner in facts.owners]
            write.add_authors(self.session, record, authors)

    def owners(self, type_: str, record: int) -> tuple[str, ...]:
        if type_ == "AuditEvent":
            return self.random.choice(((), (self.random.choice(PEOPLE),)))
        chosen = {self.actor() for _ in range(self.random.randrange(3))}
        return tuple(sorted(chosen)) if record != SHARED else ()

    def read_back(self) -> None:
        columns = "type, id, record, deleted, owners, masked, veiled_until, veiled_representatives"
        found = self.session.rows(f"SELECT {columns} FROM resource", {})
        self.rows = [
            Row(r[0], r[1], r[2], bool(r[3]), r[4], bool(r[5]), r[6], bool(r[7])) for r in found
        ]
        places = self.session.rows("SELECT number, state, born FROM record", {})
        self.records = {number: (state, born) for number, state, born in places}
        self.relations = self.session.rows(
            "SELECT record, actor, kind, since, until FROM relation", {}
        )
        self.items = self.session.rows(
            "SELECT d.id, f.target_type, f.target_id FROM resource d JOIN reference f"
            " ON f.pk = d.pk WHERE d.type = 'List'", {},
        )

    # The first reader: `decide`, on what is stored.

    def standing(self, subject: Subject, record: int) -> Standing:
        state, born = self.records[record]
        held = frozenset(
            kind for number, actor, kind, since, until in self.relations
            if number == record and actor in subject.me and since <= NOW < until
        )
        return Standing(record, state, born <= ADULT_BEFORE, held)

    def decisions(self, caller: "Caller") -> dict[Address, Decision]:
        """Of each row; without those that are in no record the caller may know of."""
        known: dict[tuple[tuple[str, str], ...], Decision] = {}
        standings = {number: self.standing(caller.subject, number) for number in self.records}
        found = {}
        for row in self.rows:
            standing, nature = standings[row.record], nature_of(row.type_)
            own = is_own(nature, row.owners, caller.subject.me)
            of_row = RowFacts(nature, own, row.masked, row.veiled_until > NOW, row.secret)
            facts = caller.facts | standing.facts() | of_row.facts()
            if not self.exists(caller, standing, nature):
                continue
            key = tuple(facts.items())
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
    """Who asks, and by which rules each reader goes: the same, but for one test."""

    subject: Subject
    rules: RuleSet
    asks: str = "other"
    sql_rules: RuleSet | None = None

    @property
    def facts(self) -> dict[str, str]:
        return dict(subject_facts(self.subject, action="read", asks=self.asks))

    def opened(self, session: Session) -> Repository:
        rules = self.sql_rules or self.rules
        scope = Scope.of(self.subject, rules, self.facts)
        moment = Moment(NOW, ADULT_BEFORE, "trace", "request")
        return Repository(session, House(rules, BASE, b"key"), self.subject, scope, moment)


# The second reader: SQL.


def searched(
    opened: Repository, type_: str, named: Named = NOBODY, where: Criterion = EVERYTHING
) -> tuple[dict[Address, str], int]:
    query = Query(type_, where, (), 500, "", "", (), "", (), ())
    found = find(opened.session, opened.rows(named), query, [], None)
    return {(type_, version.id_): version.rules for version in found.versions}, found.total


def reasons(decision: Decision) -> str:
    return "".join(f"{name} " for name in decision.reasons)


def differences(world: World, caller: Caller, types: tuple[str, ...]) -> Iterator[str]:
    """In what the two readers differ, asked in each way that storage has."""
    permitted, opened = world.permitted(caller), caller.opened(world.session)
    living = {(row.type_, row.id_) for row in world.rows if not row.deleted}
    for type_ in types:
        expected = {k: reasons(d) for k, d in permitted.items() if k[0] == type_ and k in living}
        got, total = searched(opened, type_)
        if (got, total) != (expected, len(expected)):
            yield f"search of {type_}: {total} {got}, not {expected}"
    documents = [row for row in world.rows if row.type_ == "DocumentReference"]
    addresses = {(row.type_, row.id_) for row in documents}
    if opened.visible(addresses, deleted=True) != addresses & set(permitted):
        yield "visible addresses"
    one = world.random.choice(documents)
    inside = tuple(row.id_ for row in documents if row.record == one.record)
    named = Named(resource=(one.type_, one.id_))
    got, _ = searched(opened, one.type_, named, IdIs(inside))
    if set(got) != {(one.type_, id_) for id_ in inside} & set(permitted) & living:
        yield f"search in the record of {one}: {got}"
    row = world.random.choice([row for row in world.rows if row.type_ in (*types, one.type_)])
    version = None if row.type_ == "Patient" else read_row(
        world.session, opened.rows(), row.type_, row.id_, None
    )
    read = permitted.get((row.type_, row.id_))
    if row.type_ != "Patient" and (version and version.rules) != (read and reasons(read)):
        yield f"read of {row}: {version}, not {read}"


# Generated rules.


def a_condition(random: Random, depth: int = 3) -> Condition:
    how = random.random()
    if depth and how < 0.5:
        parts = tuple(a_condition(random, depth - 1) for _ in range(random.choice((0, 1, 2, 2, 3))))
        return random.choice((AllOf, AnyOf))(parts)
    if depth and how < 0.65:
        return Not(a_condition(random, depth - 1))
    fact = random.choice(FACTS)
    words = WORDS.get(fact, (YES, NO))
    if how < 0.75:
        return OneOf(fact, frozenset(random.choices(words, k=random.randrange(3))))
    return Is(fact, random.choice(words))


def a_rule_set(random: Random) -> RuleSet:
    def rule(n: int) -> Rule:
        effect = random.choice((PERMIT, PERMIT, DENY))
        actions = random.choice((READ, READ, READ, READ | MASK, MASK))
        return Rule(f"G{n}", effect, actions, a_condition(random), "", "")

    return RuleSet("generated", tuple(rule(n) for n in range(random.randrange(1, 7))))


def a_subject(random: Random, actor: str) -> Subject:
    return Subject(
        actor, random.choice(PEOPLE), organization=random.choice(HOUSES),
        purpose=random.choice(PURPOSES), auth_mode=random.choice(AUTH_MODES),
        sector=random.choice(SECTORS), person=random.choice(("", "", "", *PEOPLE)),
    )


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    database = Database(database_url)
    migrate.upgrade(database)
    yield database.session()
    database.close()
    database.engine.dispose()


def test_generated_rules_are_read_alike(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    random, shown, rows, world = Random(SEED), 0, 0, World(session, Random(SEED))
    for n in range(RULE_SETS):
        if n % (RULE_SETS // WORLDS) == 0:
            world = World(session, random)
        caller = Caller(a_subject(random, random.choice(ACTORS)), a_rule_set(random))
        types = ("DocumentReference", *random.sample(TYPES[1:], 2))
        found = list(differences(world, caller, types))
        assert not found, (f"seed {SEED}, rule set {n}", caller, found)
        shown, rows = shown + len(world.permitted(caller)), rows + len(world.rows)
    run = f"{RULE_SETS} rule sets, {WORLDS} worlds, {rows} decisions, {shown} permitted"
    with capsys.disabled():
        print(f"\n{session.database.dialect}, seed {SEED}: {run}", end=" ")
    assert rows / 10 < shown < rows * 9 / 10, "rules that permit nothing, or all, compare nothing"


def everyone(random: Random, rules: RuleSet) -> Iterator[Caller]:
    """Every actor with every purpose and authentication, asking in both ways."""
    for actor in ACTORS:
        for purpose in PURPOSES:
            for auth_mode in AUTH_MODES:
                for asks in ("other", "identifier"):
                    subject = a_subject(random, actor)
                    subject = replace(subject, purpose=purpose, auth_mode=auth_mode)
                    yield Caller(subject, rules, asks)


def test_the_rules_in_force_are_read_alike(session: Session) -> None:
    random = Random(SEED)
    for n, caller in enumerate(everyone(random, DMP_2022)):
        if n % 50 == 0:
            world = World(session, random)
        found = list(differences(world, caller, TYPES))
        assert not found, (f"seed {SEED}, caller {n}", caller, found)


@pytest.mark.parametrize("name", ["R031", "R081", "R085", "R100", "R150"])
def test_a_denial_that_sql_forgets_is_noticed(session: Session, name: str) -> None:
    random = Random(SEED)
    forgetful = RuleSet("forgetful", tuple(r for r in DMP_2022.rules if r.name != name))
    for _ in range(100):
        world = World(session, random)
        for actor in ("holder", "professional", "secretary"):
            subject = replace(a_subject(random, actor), purpose="normal", sector="", person="")
            caller = Caller(subject, DMP_2022, sql_rules=forgetful)
            if any(differences(world, caller, ("DocumentReference",))):
                return
    pytest.fail("nobody saw the difference")


# The step between the two readers.

conditions = st.builds(a_condition, st.randoms(use_true_random=False))
facts = st.fixed_dictionaries({fact: st.sampled_from(WORDS.get(fact, (YES, NO))) for fact in FACTS})


@given(conditions, facts, st.sets(st.sampled_from(FACTS)))
def test_what_is_known_never_changes_the_meaning(
    condition: Condition, all_facts: dict[str, str], known: set[str]
) -> None:
    left = simplify(condition, {fact: all_facts[fact] for fact in known})
    unknown = {fact: value for fact, value in all_facts.items() if fact not in known}
    assert holds(left, unknown) is holds(condition, all_facts)
