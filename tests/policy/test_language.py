"""The closed language of the tables: what it says, and what stops the import."""

from pathlib import Path

import pytest

from fhir_server.policy import lines, table
from fhir_server.policy.condition import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyOf,
    Condition,
    Is,
    Not,
    OneOf,
    holds,
)
from fhir_server.policy.facts import NO, VALUES, YES
from fhir_server.policy.language import LanguageError, parse
from fhir_server.policy.lines import TableError
from fhir_server.policy.rule import DENY, PERMIT, REPORT, Rule, RuleSet, settled

ATTENDING, OWN, MASKED = Is("attending", YES), Is("own", YES), Is("masked", YES)
WORDS = {"mine": AnyOf((OWN, ATTENDING))}

CONDITIONS: list[tuple[str, Condition]] = [
    ("attending", ATTENDING),
    ("always", ALWAYS),
    ("never", NEVER),
    ("state=open", Is("state", "open")),
    ("state=open/closed", OneOf("state", frozenset({"open", "closed"}))),
    ("not attending", Not(ATTENDING)),
    ("not not attending", Not(Not(ATTENDING))),
    ("attending and own", AllOf((ATTENDING, OWN))),
    ("attending or own and masked", AnyOf((ATTENDING, AllOf((OWN, MASKED))))),
    ("(attending or own) and masked", AllOf((AnyOf((ATTENDING, OWN)), MASKED))),
    ("not (attending or own) and masked", AllOf((Not(AnyOf((ATTENDING, OWN))), MASKED))),
    ("not attending and masked", AllOf((Not(ATTENDING), MASKED))),
    ("mine and masked", AllOf((WORDS["mine"], MASKED))),
    ("asks=dmp-pro-access", Is("asks", "dmp-pro-access")),
]


@pytest.mark.parametrize(("text", "means"), CONDITIONS, ids=[text for text, _ in CONDITIONS])
def test_a_condition_says(text: str, means: Condition) -> None:
    assert parse(text, WORDS) == means


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("weather=fine", "there is no fact `weather`"),
        ("sunny", "no fact or word `sunny`"),
        ("state=ajar", "the fact `state` is never `ajar`"),
        ("state=open/ajar", "the fact `state` is never `ajar`"),
        ("state", "no fact or word `state`"),
        ("attending=perhaps", "the fact `attending` is never `perhaps`"),
        ("attending own", "`own` is not expected"),
        ("(attending", "a parenthesis is not closed"),
        ("attending)", "`)` is not expected"),
        ("attending and", "something is missing"),
        ("and attending", "something is missing"),
        ("not", "something is missing"),
        ("()", "something is missing"),
        ("", "something is missing"),
    ],
)
def test_what_is_not_understood_stops_the_import(text: str, why: str) -> None:
    with pytest.raises(LanguageError, match="`") as fault:
        parse(text, WORDS)
    assert why in str(fault.value)


# Tables.

HEADER = "|".join(table.COLUMNS)
LINE = "R1|always|open|document|read|own|permit|notice|says|dit|source|L"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lines, "FOLDER", tmp_path)
    return tmp_path


def read(folder: Path, *rows: str) -> tuple[Rule, ...]:
    (folder / "law.csv").write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    return table.rules("law")


def test_a_line_is_a_rule(folder: Path) -> None:
    when = AllOf((Is("state", "open"), Is("nature", "document"), OWN))
    assert read(folder, LINE, "") == (
        Rule("R1", PERMIT, frozenset({"read"}), when, "says", "source", "dit",
             frozenset({"notice"}), "L"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("|read|", "|see|"), ("|open|", "|ajar|"), ("|document|", "|thing|"),
        ("|permit|", "|allow|"), ("|own|", "|owned|"), ("|notice|", "|party|"),
        ("|always|", "|somebody|"), ("|L", "|"), ("|L", ""), ("|L", "|L|more"),
    ],
)  # fmt: skip
def test_a_line_with_anything_unknown_stops_the_import(folder: Path, old: str, new: str) -> None:
    with pytest.raises(TableError, match="R1"):
        read(folder, LINE.replace(old, new, 1))


def test_another_header_stops_the_import(folder: Path) -> None:
    (folder / "law.csv").write_text("id|says\nR1|x", encoding="utf-8")
    with pytest.raises(TableError, match="columns"):
        table.rules("law")


def test_lines_of_one_id_are_one_rule_each_for_its_own_actions(folder: Path) -> None:
    (rule,) = read(folder, LINE, LINE.replace("|read|own|", "|mask|attending|"))
    assert rule.actions == {"read", "mask"}
    known = {"state": "open", "nature": "document", "own": YES, "attending": NO}
    met = [holds(rule.when, known | {"action": action}) for action in ("read", "mask")]
    assert met == [True, False]
    with pytest.raises(LanguageError, match="permits or denies"):
        read(folder, LINE, LINE.replace("|permit|", "|deny|"))


def test_a_rule_that_can_never_hold_is_left_out() -> None:
    rules = (
        Rule("R1", PERMIT, frozenset({"read"}), AllOf((OWN, ATTENDING)), "", ""),
        Rule("R2", DENY, frozenset({"read"}), Not(OWN), "", ""),
    )
    left = settled("law", rules, {"own": YES})
    assert [(rule.name, rule.when) for rule in left.rules] == [("R1", ATTENDING)]


def test_what_follows_from_an_access_is_what_its_rules_say() -> None:
    rules = (
        Rule("R1", PERMIT, frozenset({"read"}), OWN, "", "", "", frozenset({"notice"})),
        Rule("R2", REPORT, frozenset({"read"}), OWN, "", ""),
    )
    law = RuleSet("law", rules)
    assert (law.obligations("R1 R2"), law.obligations("R2 ")) == ({"notice"}, frozenset())


def test_every_fact_has_values_and_every_yes_or_no_has_both() -> None:
    assert all(VALUES.values())
    assert all(values == {YES, NO} for values in VALUES.values() if YES in values)
