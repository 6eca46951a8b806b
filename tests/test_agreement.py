"""Two readers of the rules agree: SQL shows exactly the rows that `policy.decide` permits.

Design, `models.md` section 5: the leaks of the field come from a filter that says something else
than the decision. Worlds, rules and callers come from one seed (FHIR_TEST_SEED).
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.policy.condition import (
    NEVER,
    AllOf,
    AnyOf,
    Condition,
    Is,
    Not,
    OneOf,
    holds,
    simplify,
)
from fhir_server.policy.decide import Decision
from fhir_server.policy.facts import (
    AUTH_MODES,
    CHOICES,
    NATURES,
    NO,
    PURPOSES,
    RELATIONS,
    SECTORS,
    STATES,
    YES,
    subject_facts,
)
from fhir_server.policy.matrix import KINDS, PROFESSION_OID, PROFESSIONS
from fhir_server.policy.rules import (
    DENY,
    DMP_2022,
    MASK,
    PERMIT,
    READ,
    REPORT,
    Rule,
    RuleSet,
    law,
)
from fhir_server.policy.subject import ACTORS, Coded, Subject
from fhir_server.search.query import EVERYTHING, Criterion, IdIs, Query
from fhir_server.storage import migrate
from fhir_server.storage.engine import Database, Session
from fhir_server.storage.find import find
from fhir_server.storage.read import read_row
from fhir_server.storage.repository import Repository
from fhir_server.storage.rows import Named
from tests.worlds import HOUSES, NOW, PEOPLE, TYPES, Address, Caller, World

SEED = int(os.environ.get("FHIR_TEST_SEED", "20261124"))
RULE_SETS, WORLDS = 1_000, 20
PROFILES = ("dmp-2022", "dmp-2019")
ASKERS, CALLERS, RECORDS = 320, 20, 16  # the latter two: in one database at a time
# Noon of a usual day, of a leap day and the day after, and when summer time begins and ends.
TIMES = (NOW, 1_835_438_400_000, 1_835_524_800_000, 1_806_195_600_000, 1_824_944_400_000)

ROLES = [(), *(((Coded(f"urn:oid:{PROFESSION_OID}", code),) for code in ("10", "40", "60", "97"))),
         (Coded("urn:oid:1.2.250.1.213.1.6.1.4", "1"),)]  # fmt: skip
WORDS = {  # what a fact may be
    "actor": ACTORS, "purpose": PURPOSES, "auth_mode": AUTH_MODES, "sector": SECTORS,
    "asks": ("other", "identifier"), "action": ("read", "mask"), "state": STATES, "nature": NATURES,
    "profession": PROFESSIONS, "kind": KINDS,
}  # fmt: skip
FACTS = (
    *WORDS, *RELATIONS, "of_age", "minor", "own", "own", "masked", "masked", "veiled_holder",
    "veiled_representatives", "superseded", "kind", "nature", "state", "bound", "reason",
)  # fmt: skip
NOBODY = Named()


# The second reader: SQL.


def searched(
    opened: Repository, type_: str, named: Named = NOBODY, where: Criterion = EVERYTHING
) -> tuple[dict[Address, str], int]:
    query = Query(type_, where, (), 500, "", "", (), "", (), ())
    found = find(opened.session, opened.rows(named), query, [], None)
    return {(type_, version.id_): version.rules for version in found.versions}, found.total


def reasons(decision: Decision) -> str:
    return "".join(f"{name} " for name in decision.reasons)


def held(opened: Repository, types: tuple[str, ...]) -> set[Address]:
    """What is seen as the holder of contained resources, were there any in each."""
    rows = opened.rows()
    holding = rows.holding("c", types)
    with_ = f"WITH {', '.join(rows.with_())} " if rows.with_() else ""
    contained = "SELECT pk AS container, type, id FROM resource WHERE NOT deleted"
    text = f"{with_}SELECT c.type, c.id FROM ({contained}) c WHERE {holding}"
    return {(type_, id_) for type_, id_ in opened.session.rows(text, rows.params)}


def differences(world: World, caller: Caller, types: tuple[str, ...]) -> Iterator[str]:
    """In what the two readers differ, asked in each way that storage has."""
    permitted, opened = world.permitted(caller), caller.opened(world.session)
    living = {(row.type_, row.id_) for row in world.rows if not row.deleted}
    for type_ in types:
        expected = {k: reasons(d) for k, d in permitted.items() if k[0] == type_ and k in living}
        got, total = searched(opened, type_)
        if (got, total) != (expected, len(expected)):
            yield f"search of {type_}: {total} {got}, not {expected}"
    if held(opened, types) != {k for k in permitted if k[0] in types} & living:
        yield f"what holds others: {held(opened, types)}"
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
        effect = random.choice((PERMIT, PERMIT, PERMIT, DENY, DENY, REPORT))
        actions = random.choice((READ, READ, READ, READ | MASK, MASK))
        return Rule(f"G{n}", effect, actions, a_condition(random), "", "")

    return RuleSet("generated", tuple(rule(n) for n in range(random.randrange(1, 7))))


def a_subject(random: Random, actor: str) -> Subject:
    return Subject(
        actor, random.choice(PEOPLE), organization=random.choice(HOUSES),
        purpose=random.choice(PURPOSES), auth_mode=random.choice(AUTH_MODES),
        sector=random.choice(SECTORS), person=random.choice(("", "", "", *PEOPLE)),
        roles=random.choice(ROLES), reason=random.choice(("", "unconscious")),
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


def seen(opened: Repository) -> dict[Address, str]:
    """All his visible rows, deleted ones too, and by which rules: one statement."""
    rows, parts = opened.rows(), []
    for n, type_ in enumerate(TYPES):
        one = rows.visible(f"d{n}", type_)
        columns = f"d{n}.type, d{n}.id, {one.rules}"
        where = f"d{n}.type = '{type_}' AND {one.where}"
        parts.append(f"SELECT {columns} FROM {one.source} WHERE {where}")
    text = f"WITH {', '.join(rows.with_())} {' UNION ALL '.join(parts)}"
    return {(type_, id_): rules for type_, id_, rules in opened.session.rows(text, rows.params)}


def a_law(random: Random, profile: str) -> RuleSet:
    """With some of the choices that a house makes."""
    return law(profile, *random.sample(CHOICES, random.randrange(4)))


def permitting(profile: str) -> list[Rule]:
    """The rules of a law by which something is read."""
    return [r for r in law(profile).rules if r.effect == PERMIT and "read" in r.actions]


def askers(random: Random) -> list[tuple[Subject, str]]:
    """Callers of all kinds, and for each rule some to whom it may apply; what they ask for."""
    found = [(a_subject(random, actor), "other") for actor in ACTORS * 60]
    usual = [(replace(one, purpose="normal", auth_mode="DIRECTE"), asks) for one, asks in found]
    everybody = [*found, *usual, *((one, "identifier") for one, _ in usual[::4])]
    facts = [subject_facts(one, action="read", asks=asks) for one, asks in everybody]
    chosen = []
    for rule in (rule for profile in PROFILES for rule in permitting(profile)):
        may = [who for who, known in zip(everybody, facts, strict=True)
               if simplify(rule.when, known) != NEVER]  # fmt: skip
        chosen += random.choices(may or everybody, k=3)
    chosen += random.sample(everybody, max(0, ASKERS - len(chosen)))
    return random.sample(chosen, ASKERS)


def test_the_laws_in_force_are_read_alike(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """10,000 worlds: a record with all that is in it, and who asks for it, when, by which rules."""
    random, said, met = Random(SEED), Counter[str](), set[tuple[str, str]]()
    for n, (subject, asks) in enumerate(askers(random)):
        if n % CALLERS == 0:
            states = tuple(random.choices(("open", *STATES[:-1]), k=RECORDS))
            world = World(session, random, states, random.choice(TIMES), types=4)
            laws = {profile: a_law(random, profile) for profile in PROFILES}
        for profile, rules in laws.items():
            caller = Caller(subject, rules, asks, at=random.choice(world.clocks()))
            expected = {address: reasons(d) for address, d in world.permitted(caller).items()}
            found = seen(caller.opened(session))
            wrong = sorted(set(found.items()) ^ set(expected.items()))
            assert not wrong, (f"seed {SEED}, caller {n}", caller, wrong)
            said += Counter(worlds=RECORDS, decisions=len(world.rows), permitted=len(found))
            met |= {(profile, name) for names in found.values() for name in names.split()}
    all_rules = {(profile, rule.name) for profile in PROFILES for rule in permitting(profile)}
    run = ", ".join(f"{number} {what}" for what, number in said.items())
    by = f"by {len(met & all_rules)} of {len(all_rules)} rules"
    with capsys.disabled():
        print(f"\n{session.database.dialect}, seed {SEED}: {run} {by}", end=" ")
    assert said["worlds"] >= 10_000
    assert len(met & all_rules) > 0.6 * len(all_rules), all_rules - met


def test_whoever_asks_in_whatever_way_is_answered_alike(session: Session) -> None:
    """Searches, totals, reads and addresses go by the same rows."""
    random = Random(SEED)
    for n, actor in enumerate(ACTORS * 8):
        if n % 20 == 0:
            world = World(session, random)
        caller = Caller(a_subject(random, actor), a_law(random, PROFILES[n % len(PROFILES)]))
        found = list(differences(world, caller, TYPES))
        assert not found, (f"seed {SEED}, caller {n}", caller, found)


@pytest.mark.parametrize("name", ["R031", "R051", "R081", "R083", "R085", "R100", "R150"])
def test_a_denial_that_sql_forgets_is_noticed(session: Session, name: str) -> None:
    random = Random(SEED)
    forgetful = RuleSet("forgetful", tuple(r for r in DMP_2022.rules if r.name != name))
    for _ in range(100):
        world = World(session, random)
        for actor in ("holder", "professional", "secretary", "representative"):
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
