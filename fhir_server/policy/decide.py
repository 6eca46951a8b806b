"""The first reader of the rules: one decision on known facts, with its reasons.

A denial wins; what no rule permits is refused; an error in a rule refuses.
"""

from dataclasses import dataclass
from typing import Iterable, Mapping

from fhir_server.policy.condition import holds
from fhir_server.policy.rule import DENY, PERMIT, REFUSE, REPORT, Rule


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is permitted, and the names of the rules that settled it."""

    permitted: bool
    reasons: tuple[str, ...]


def decide(rules: Iterable[Rule], facts: Mapping[str, str]) -> Decision:
    """Permit only if some rule permits and none denies; `facts` holds every fact of `policy.facts`.

    Of what is permitted, rules that report are named beside those that permit.
    """
    try:
        met = [
            rule for rule in rules if facts["action"] in rule.actions and holds(rule.when, facts)
        ]
    except KeyError as missing:
        return Decision(False, (f"missing-fact {missing.args[0]}",))
    denied = tuple(rule.name for rule in met if rule.effect == DENY)
    if denied:
        return Decision(False, denied)
    if not any(rule.effect == PERMIT for rule in met):
        refused = tuple(rule.name for rule in met if rule.effect == REFUSE)
        return Decision(False, refused or ("no-rule-permits",))
    return Decision(True, tuple(rule.name for rule in met if rule.effect in (PERMIT, REPORT)))
