"""Two readers of the rules agree: SQL shows exactly the rows that `policy.decide` permits.

Design, `models.md` section 5: the leaks of the field come from a filter that says something else
than the decision. Worlds, rules and callers come from one seed (FHIR_TEST_SEED).
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.policy.condition import AllOf, AnyOf, Condition, Is, Not, OneOf, holds, simplify
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
from tests.worlds import HOUSES, PEOPLE, TYPES, Address, Caller, World

SEED = int(os.environ.get("FHIR_TEST_SEED", "20261124"))
RULE_SETS, WORLDS = 1_000, 20

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
LAWS = (DMP_2022, law("dmp-2022", *CHOICES), law("dmp-2019"))


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


def test_the_rules_in_force_are_read_alike(session: Session) -> None:
    random, asks = Random(SEED), ("other", "identifier")
    for n, said in enumerate(product(ACTORS, PURPOSES, AUTH_MODES, asks)):
        if n % 50 == 0:
            world = World(session, random)
        subject = replace(a_subject(random, said[0]), purpose=said[1], auth_mode=said[2])
        caller = Caller(subject, LAWS[n % len(LAWS)], said[3])
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
