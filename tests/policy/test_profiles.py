"""What holds of every table of the law, whatever is asked."""

from random import Random

import pytest

from fhir_server.policy.condition import (
    AllOf,
    AnyOf,
    Condition,
    Is,
    Not,
    OneOf,
    holds,
    mentions,
)
from fhir_server.policy.decide import decide
from fhir_server.policy.facts import CHOICES, VALUES
from fhir_server.policy.lines import FOLDER
from fhir_server.policy.rules import ACTIONS, PERMIT, REFUSE, REPORT, RuleSet, law
from fhir_server.policy.table import words

LAWS = [law("dmp-2022"), law("dmp-2022", *CHOICES), law("dmp-2019")]
QUESTIONS = 3_000
ANSWERS = {fact: sorted(values) for fact, values in VALUES.items()}


def a_question(random: Random) -> dict[str, str]:
    """A value for every fact; relations are rare, as they are."""
    asked = {
        fact: "no" if "no" in values and random.random() < 0.6 else random.choice(values)
        for fact, values in ANSWERS.items()
    }
    if random.random() < 0.7:
        asked |= {"state": random.choice(("open", "open", "closed", "deceased")), "sector": "other"}
        asked["purpose"] = random.choice(("normal", asked["purpose"]))
    return asked


@pytest.mark.parametrize("rules", LAWS, ids=["2022", "2022, all chosen", "2019"])
def test_what_a_rule_refuses_no_other_permits(rules: RuleSet) -> None:
    random, refused, permitted = Random(1), 0, 0
    for _ in range(QUESTIONS):
        asked = a_question(random)
        found = decide(rules.rules, asked)
        permitted += found.permitted
        for rule in rules.rules:
            if rule.effect != REFUSE or asked["action"] not in rule.actions:
                continue
            if holds(rule.when, asked):
                refused += 1
                assert not found.permitted, (rule.name, found, asked)
    assert refused > QUESTIONS / 100 and permitted > QUESTIONS / 100


def meet(condition: Condition, wanted: bool, asked: dict[str, str], random: Random) -> None:
    """Change what is asked so that the condition holds, or does not; of several ways one."""
    match condition:
        case Is(fact, value):
            _answer(fact, {value}, wanted, asked, random)
        case OneOf(fact, values):
            _answer(fact, set(values), wanted, asked, random)
        case Not(part):
            meet(part, not wanted, asked, random)
        case AllOf(parts) | AnyOf(parts):
            every = wanted == isinstance(condition, AllOf)
            for part in parts if every else random.sample(parts, min(1, len(parts))):
                meet(part, wanted, asked, random)


def _answer(
    fact: str, values: set[str], wanted: bool, asked: dict[str, str], random: Random
) -> None:
    among = sorted(values if wanted else set(ANSWERS[fact]) - values)
    asked[fact] = asked[fact] if asked[fact] in among or not among else random.choice(among)


@pytest.mark.parametrize("rules", LAWS, ids=["2022", "2022, all chosen", "2019"])
def test_each_rule_can_settle_something(rules: RuleSet) -> None:
    random, permits = Random(2), [rule for rule in rules.rules if rule.effect == PERMIT]
    for rule in rules.rules:
        for _ in range(1_000):
            asked = a_question(random)
            if rule.effect == REPORT:  # of what another permits
                meet(random.choice(permits).when, True, asked, random)
            meet(rule.when, True, asked, random)
            if asked["action"] in rule.actions and rule.name in decide(rules.rules, asked).reasons:
                break
        else:
            pytest.fail(f"{rule.name} settles nothing")


@pytest.mark.parametrize("rules", LAWS, ids=["2022", "2022, all chosen", "2019"])
def test_no_choice_is_left_open(rules: RuleSet) -> None:
    assert not any(mentions(rule.when, frozenset(CHOICES)) for rule in rules.rules)


@pytest.mark.parametrize("rules", LAWS, ids=["2022", "2022, all chosen", "2019"])
def test_each_action_can_be_permitted(rules: RuleSet) -> None:
    permitted = {a for rule in rules.rules if rule.effect == PERMIT for a in rule.actions}
    assert permitted | {"veil"} == ACTIONS
    assert ("veil" in permitted) == ("veils_later" in rules.chosen)


def test_a_choice_widens_and_never_narrows() -> None:
    random, usual, chosen = Random(3), law("dmp-2022"), law("dmp-2022", *CHOICES)
    wider = 0
    for _ in range(QUESTIONS):
        asked = a_question(random)
        before, after = decide(usual.rules, asked), decide(chosen.rules, asked)
        assert after.permitted or not before.permitted, asked
        wider += after.permitted and not before.permitted
    assert wider


def test_every_word_is_used_by_some_rule_or_word() -> None:
    texts = [(FOLDER / f"{name}.csv").read_text() for name in ("words", "dmp-2022", "dmp-2019")]
    for word in words():
        if word in ("outside-matrix", "unknown-cell"):  # of the matrix
            continue
        assert sum(text.count(word) for text in texts) > 1, word
