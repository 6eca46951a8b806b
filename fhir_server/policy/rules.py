"""The law profiles: `dmp-2022`, the law in force since 2022, as the table `dmp-2022.csv` states it.

Ids R… are those of the design's decision table (`access-rules.csv`); K… are the settled points of
the contract, section 7. What no rule permits is refused. A denial wins over any permission: where
the order of the law has it otherwise (the attending doctor before the block list, one's own
document before break-glass), the denial itself says so.
"""

from fhir_server.policy.rule import (
    ACTIONS,
    ALERT,
    DENY,
    NOTICE,
    PERMIT,
    REPORT,
    Rule,
    RuleSet,
    settled,
)
from fhir_server.policy.table import rules

__all__ = [
    "ACTIONS", "ALERT", "DENY", "DEPOSIT", "DMP_2022", "MASK", "NOTICE", "PERMIT", "READ", "REPORT",
    "Rule", "RuleSet",
]  # fmt: skip

READ, DEPOSIT, MASK = frozenset({"read"}), frozenset({"deposit"}), frozenset({"mask"})

DMP_2022 = settled("dmp-2022", rules("dmp-2022"), {})
