"""Every rule of the design's decision table is in force somewhere, and has a test of its name."""

import re
from pathlib import Path

import pytest

from fhir_server.policy.lines import lines
from fhir_server.policy.rules import DMP_2022

PROJECT = Path(__file__).parents[2]
# The ids of the design's access-rules.csv: the first and the last of each chapter.
CHAPTERS = (
    (1, 5), (10, 23), (30, 47), (50, 55), (60, 64), (70, 78), (80, 85), (90, 96), (100, 102),
    (110, 114), (120, 122), (130, 134), (140, 142), (150, 153), (160, 163), (170, 175), (180, 182),
    (190, 192),
)  # fmt: skip
IDS = [f"R{number:03}" for first, last in CHAPTERS for number in range(first, last + 1)]
ELSEWHERE = {line["id"]: line for line in lines("elsewhere", ("id", "where", "says"))}
NOWHERE = {id_ for id_, line in ELSEWHERE.items() if line["where"] == "nowhere"}
_TEST = re.compile(r"def (test_\w+)")


def test_there_are_109() -> None:
    assert len(IDS) == len(set(IDS)) == 109


def test_each_rule_is_in_the_table_or_it_is_said_where_it_is() -> None:
    here = {rule.name for rule in DMP_2022.rules if rule.name.startswith("R")}
    assert here | set(ELSEWHERE) == set(IDS)
    assert here & set(ELSEWHERE) == set()


@pytest.mark.parametrize("id_", sorted(set(ELSEWHERE) - NOWHERE))
def test_where_it_is_said_to_be_there_is_something(id_: str) -> None:
    assert (PROJECT / ELSEWHERE[id_]["where"]).exists()


def test_each_rule_that_is_in_force_has_a_test_named_by_its_id() -> None:
    texts = (path.read_text() for path in (PROJECT / "tests").rglob("test_*.py"))
    names = [name for text in texts for name in _TEST.findall(text)]
    tested = {id_.upper() for name in names for id_ in re.findall(r"_([rR]\d{3})(?=_)", name)}
    assert set(IDS) - NOWHERE - tested == set()
