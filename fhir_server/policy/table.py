"""Read the tables of rules: `dmp-2022.csv`, one line a rule, and the words they use, `words.csv`.

An id may have several lines of the same effect, for different actions: they are one rule. Anything
unknown in a line stops the import.
"""

from collections.abc import Iterable, Mapping
from functools import cache

from fhir_server.policy import matrix
from fhir_server.policy.condition import ALWAYS, AllOf, AnyOf, Condition, OneOf
from fhir_server.policy.language import LanguageError, Words, one_of, parse
from fhir_server.policy.lines import lines
from fhir_server.policy.rule import ACTIONS, EFFECTS, OBLIGATIONS, Rule

COLUMNS = (
    "id", "actor", "states", "about", "action", "condition", "effect", "obligation", "says", "dit",
    "source", "status",
)  # fmt: skip
Line = Mapping[str, str]


@cache
def words() -> Words:
    """The words of `words.csv`, each of which may use those above it, and those of the matrix."""
    found = {"outside-matrix": matrix.outside(), "unknown-cell": matrix.unknown()}
    for line in lines("words", ("word", "means", "says", "dit")):
        if line["word"] in found:
            raise LanguageError(f"words.csv: `{line['word']}` is defined twice")
        found[line["word"]] = parse(line["means"], found)
    return found


def rules(name: str) -> tuple[Rule, ...]:
    """The rules of the table `name`.csv, in the order of their first lines."""
    found: dict[str, list[tuple[Line, Rule]]] = {}
    for line in lines(name, COLUMNS):
        try:
            found.setdefault(line["id"], []).append((line, rule(line)))
        except LanguageError as fault:
            raise LanguageError(f"{name}.csv: {line['id']}: {fault}") from None
    return tuple(_merged([rule for _, rule in parts]) for parts in found.values())


def rule(line: Line) -> Rule:
    """One line as a rule."""
    if line["effect"] not in EFFECTS:
        raise LanguageError(f"`{line['effect']}` is no effect")
    duties = frozenset(line["obligation"].split()) - {"-"}
    if not duties <= OBLIGATIONS:
        raise LanguageError(f"`{line['obligation']}` is no obligation")
    when = AllOf(tuple(part for part in _parts(line) if part != ALWAYS))
    return Rule(
        line["id"], line["effect"], _actions(line["action"]), when, line["says"], line["source"],
        line["dit"], duties, line["status"],
    )  # fmt: skip


def _parts(line: Line) -> Iterable[Condition]:
    yield parse(line["actor"], words())
    yield ALWAYS if line["states"] == "*" else one_of("state", line["states"].split("/"))
    about = line["about"]
    if about in words():
        yield words()[about]
    elif about != "*":
        yield one_of("nature", about.split("/"), about)
    if line["condition"] != "-":
        yield parse(line["condition"], words())


def _actions(text: str) -> frozenset[str]:
    found = ACTIONS if text == "*" else frozenset(text.split())
    if not found or not found <= ACTIONS:
        raise LanguageError(f"`{text}`: no such action")
    return found


def _merged(parts: list[Rule]) -> Rule:
    """Several lines of one id: each counts for its own actions."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if len({part.effect for part in parts}) > 1:
        raise LanguageError(f"{first.name}: one rule either permits or denies")
    return Rule(
        first.name, first.effect, frozenset().union(*(part.actions for part in parts)),
        AnyOf(tuple(AllOf((OneOf("action", part.actions), part.when)) for part in parts)),
        "; ".join(part.says for part in parts), first.source,
        " ; ".join(part.dit for part in parts),
        frozenset().union(*(part.obligation for part in parts)), first.status,
    )  # fmt: skip
