"""What a rule is: an effect on some actions where its condition holds, and the text it rests on."""

from dataclasses import dataclass
from typing import Mapping

from fhir_server.policy.condition import NEVER, Condition, simplify
from fhir_server.policy.facts import ACTION_NAMES, YES

PERMIT, DENY = "permit", "deny"  # a denial wins over any permission
# A rule that says why what no rule permits is refused; it takes nothing from a permission.
REFUSE = "refuse"
# A rule that only leaves its id in the trace of what others permit.
REPORT = "report"
EFFECTS = frozenset({PERMIT, DENY, REFUSE, REPORT})

ACTIONS = frozenset(ACTION_NAMES)
# What follows from an access that a rule settled. Every access is traced, so that is none of them.
NOTICE, ALERT = "notice", "alert"
OBLIGATIONS = frozenset({
    NOTICE,  # the holder and the attending doctor are told
    ALERT,  # the trace is a security alert
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: whether it permits or denies these actions when its condition holds, and by which
    text. `says` and `dit`: the reason in English and French.
    """

    name: str
    effect: str
    actions: frozenset[str]
    when: Condition
    says: str
    source: str
    dit: str = ""
    obligation: frozenset[str] = frozenset()
    status: str = ""


@dataclass(frozen=True, eq=False)
class RuleSet:
    """The rules in force together; compared by identity, so that what is compiled from them is
    found again fast.
    """

    name: str
    rules: tuple[Rule, ...]
    chosen: frozenset[str] = frozenset()  # of `facts.CHOICES`

    def has(self, name: str) -> bool:
        """Whether a rule of this id is in force."""
        return any(rule.name == name for rule in self.rules)

    def obligations(self, names: str) -> frozenset[str]:
        """What follows when these rules (ids with spaces between) settled an access."""
        met = set(names.split())
        return frozenset().union(*(r.obligation for r in self.rules if r.name in met))


def settled(name: str, rules: tuple[Rule, ...], flags: Mapping[str, str]) -> RuleSet:
    """The rules with these choices made; a rule that can then never hold is left out."""
    left = [
        Rule(
            r.name, r.effect, r.actions, simplify(r.when, flags), r.says, r.source, r.dit,
            r.obligation, r.status,
        )
        for r in rules
    ]  # fmt: skip
    chosen = frozenset(choice for choice, value in flags.items() if value == YES)
    return RuleSet(name, tuple(rule for rule in left if rule.when != NEVER), chosen)
