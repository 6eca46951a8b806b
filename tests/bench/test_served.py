"""The table that the bench of searches prints."""

from tests.bench.load import Measured
from tests.bench.served import Figures, costs, grew, markdown

ALONE = Measured(answers=100, seconds=1.0, p50=0.002, p99=0.004, errors=0)
SLOWER = Measured(answers=50, seconds=1.0, p50=0.003, p99=0.009, errors=1)


def test_a_line_of_the_table_has_each_size_and_how_p50_grew() -> None:
    table = {"one": {10: Figures(3, 20, ALONE, ALONE), 80: Figures(3, 21, SLOWER, ALONE)}}
    line = markdown(table, (10, 80), 16)[-1]
    assert line == "| one | 2.0 / 4.0, 20, 100 | 3.0 / 9.0, 21, 100 | 1.5 |  | 1 |"


def test_a_size_at_which_a_shape_was_not_asked_is_left_empty() -> None:
    line = markdown({"one": {10: Figures(3, 20, ALONE, ALONE)}}, (10, 80), 16)[-1]
    assert line == "| one | 2.0 / 4.0, 20, 100 | – |  |  | 0 |"


def test_matches_that_grew_with_the_corpus_are_told() -> None:
    sizes = {10: Figures(100, 200, ALONE, ALONE), 80: Figures(800, 900, SLOWER, ALONE)}
    assert grew(sizes, (10, 80)) == "1.5 (100 → 800 found)"


def test_what_policy_and_trace_cost_is_told_of_the_largest_corpus() -> None:
    faster = Measured(answers=125, seconds=1.0, p50=0.002, p99=0.004, errors=0)
    assert costs(Figures(3, 20, ALONE, ALONE, faster)) == "20% of 125"
