"""The law profiles, each as its table states it: `dmp-2022`, the law in force since 2022, and
`dmp-2019`, the regime before it, in which a record was opened with the holder's express consent.

Ids R… are those of the design's decision table (`access-rules.csv`); K… are the settled points of
the contract, section 7. What no rule permits is refused. A denial wins over any permission: where
the order of the law has it otherwise (the attending doctor before the block list, one's own
document before break-glass), the denial itself says so.
"""

from functools import cache

from fhir_server.policy.facts import CHOICES, NO, YES
from fhir_server.policy.rule import (
    ACTIONS,
    ALERT,
    DENY,
    NOTICE,
    PERMIT,
    REFUSE,
    REPORT,
    Rule,
    RuleSet,
    settled,
)
from fhir_server.policy.table import rules

__all__ = [
    "ACTIONS", "ALERT", "DENY", "DEPOSIT", "DMP_2022", "MASK", "NOTICE", "PERMIT", "READ", "REFUSE",
    "REPORT", "Rule", "RuleSet", "law",
]  # fmt: skip

READ, DEPOSIT, MASK = frozenset({"read"}), frozenset({"deposit"}), frozenset({"mask"})

_USUAL = dict.fromkeys(CHOICES, NO)


def law(profile: str, *chosen: str) -> RuleSet:
    """The rules of a law profile (`dmp-2022`) with these choices (`facts.CHOICES`) made; the same
    ones give the same rules.
    """
    return _law(profile, frozenset((_USUAL | dict.fromkeys(chosen, YES)).items()))


@cache
def _law(profile: str, choices: frozenset[tuple[str, str]]) -> RuleSet:
    return settled(profile, rules(profile), dict(choices))


DMP_2022 = law("dmp-2022")
