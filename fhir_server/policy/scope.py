"""The second reader's half of the rules: what is left once the caller is known, the condition of
his visible rows.

`condition` is what SQL filters by; it permits exactly where `decide` does
(tests/test_agreement.py).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Mapping, Sequence

from fhir_server.policy.condition import ALWAYS, NEVER, AllOf, AnyOf, Condition, Is, Not, simplify
from fhir_server.policy.facts import NATURES, NO, RELATIONS, YES, nature_of
from fhir_server.policy.matrix import KINDS, NO_KIND
from fhir_server.policy.rule import DENY, PERMIT, REPORT, RuleSet
from fhir_server.policy.subject import Subject

NO_RULES = RuleSet("none", ())


@dataclass(frozen=True, slots=True)
class Left:
    """A rule and what is left of its condition; only rules that may still hold."""

    name: str
    when: Condition


@dataclass(frozen=True)
class Scope:
    """What one caller may see: built from the rules and his facts, read by `storage.rows`.

    `known`: the facts of the caller and his request. `me`: the identifiers that relations and
    authors are compared with.
    """

    rules: RuleSet
    known: Mapping[str, str]
    me: tuple[str, ...]
    person: str = ""  # the token is good for the record of this holder alone (claim `person_id`)
    everything: bool = False
    because: str = ""

    @cached_property
    def facts(self) -> frozenset[tuple[str, str]]:
        """`known`, to be compared with."""
        return frozenset(self.known.items())

    @classmethod
    def of(cls, subject: Subject, rules: RuleSet, facts: Mapping[str, str]) -> "Scope":
        return cls(rules, facts, subject.me, subject.person)

    @classmethod
    def all_rows(cls, *, because: str) -> "Scope":
        """No filter at all: for migrations, the loader and `FHIR_POLICY=off`; the reason is
        mandatory.
        """
        return cls(NO_RULES, {}, (), everything=True, because=because)

    def condition(self, type_: str) -> Condition:
        """What must hold of record and row for the caller to see a resource of this type."""
        return self.of_nature(nature_of(type_))

    def of_nature(self, nature: str) -> Condition:
        if self.everything:
            return ALWAYS
        return visible(self.rules, self.facts, nature)

    def permits(self, type_: str) -> tuple[Left, ...]:
        """The rules that permit or report and may still hold: which of them settled an access goes
        into its trace.
        """
        return (
            ()
            if self.everything
            else permitting(self.rules, self.facts, nature_of(type_))
        )

    def access(self, type_: str) -> Condition:
        """When the caller has any right in a record: an ordinary document, or the type asked for,
        would be visible.

        Own documents count if there are any (relation `author`).
        """
        natures = dict.fromkeys(("document", nature_of(type_)))
        parts: list[Condition] = [
            ordinarily(self.of_nature(nature)) for nature in natures if nature != "trace"
        ]
        if "trace" in natures:
            parts.append(simplify(self.of_nature("trace"), ORDINARY[0] | {"own": NO}))
        return simplify(AnyOf(tuple(parts)), {})

    def needs_relation(self, type_: str) -> bool:
        """Whether nothing of this type is visible in a record the caller has no relation to."""
        without = dict.fromkeys(RELATIONS, NO)
        if nature_of(type_) != "trace":
            without["own"] = NO  # what is one's own always comes with a relation, `ownership`
        return simplify(self.condition(type_), without) == NEVER

    @cached_property
    def sees_nothing(self) -> bool:
        """Whether no resource of any nature can ever be visible: a ban."""
        return not self.everything and all(self.of_nature(nature) == NEVER for nature in NATURES)


# Rows with nothing to hide, of each type: some callers see a few types alone.
_PLAIN = {"masked": NO, "veiled_holder": NO, "veiled_representatives": NO, "superseded": NO}
ORDINARY = tuple(_PLAIN | {"kind": kind} for kind in KINDS)


def ordinarily(when: Condition) -> Condition:
    """When a condition holds for an ordinary row of a record, or for an own one if there are any.
    """
    parts = [
        part
        for row in ORDINARY
        for part in (
            simplify(when, row | {"own": NO}),
            AllOf((Is("author", YES), simplify(when, row | {"own": YES}))),
        )
    ]
    return simplify(AnyOf(tuple(dict.fromkeys(parts))), {})


def of_nature(nature: str) -> dict[str, str]:
    """What the nature of a row alone settles: shared rows belong to no record, and only what is
    filed has labels.
    """
    facts = {"nature": nature}
    if nature == "shared":
        facts |= dict.fromkeys((*RELATIONS, "minor", "own"), NO)
        facts |= {"state": "shared", "of_age": YES}
    if nature not in ("document", "list", "clinical"):
        facts |= {"masked": NO}
        if nature != "trace":  # of what is hidden, or of a secret connection
            facts |= {"veiled_holder": NO, "veiled_representatives": NO}
    if nature not in ("document", "clinical"):
        facts |= {"superseded": NO, "kind": NO_KIND}
    return facts


def is_own(nature: str, owners: str, me: Sequence[str]) -> bool:
    """Whether `owners`, one identifier a line, names the caller; a trace belongs to the person
    alone, not his house.
    """
    if nature == "trace":
        return bool(me) and owners == f"\n{me[0]}\n"
    return any(f"\n{identifier}\n" in owners for identifier in me)


@lru_cache(maxsize=4096)
def visible(rules: RuleSet, known: frozenset[tuple[str, str]], nature: str) -> Condition:
    """Permitted by some rule and denied by none, as far as the known facts go."""
    facts = dict(known) | of_nature(nature)
    denies = [Not(r.when) for r in rules.rules if r.effect == DENY and facts["action"] in r.actions]
    permits = [r.when for r in rules.rules if r.effect == PERMIT and facts["action"] in r.actions]
    return simplify(AllOf((AnyOf(tuple(permits)), *denies)), facts)


@lru_cache(maxsize=4096)
def permitting(rules: RuleSet, known: frozenset[tuple[str, str]], nature: str) -> tuple[Left, ...]:
    facts = dict(known) | of_nature(nature)
    left = [
        Left(rule.name, simplify(rule.when, facts))
        for rule in rules.rules
        if rule.effect in (PERMIT, REPORT) and facts["action"] in rule.actions
    ]
    return tuple(item for item in left if item.when != NEVER)
