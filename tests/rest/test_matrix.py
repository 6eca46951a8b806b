"""Every row of the matrix of FHIR R4 REST and search has a test that is named by it.

https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/R4/operations.html,
https://hl7.org/fhir/R4/search.html; the rows are those of the design (`standards.md` 7.1 to 7.4).
A test's name begins with its row: `test_G05_…`, `test_I13_…`, `test_Q18_…`, `test_status_412_…`.
"""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STATUSES = (400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 429, 500, 503)
ROWS = (
    *(f"G{n:02}" for n in range(1, 25)),
    *(f"I{n:02}" for n in range(1, 28)),
    *(f"Q{n:02}" for n in range(1, 30)),
    *(f"status_{n}" for n in STATUSES),
)


def _names() -> list[str]:
    trees = [ast.parse(path.read_bytes()) for path in sorted(HERE.glob("test_*.py"))]
    return [
        node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)
    ]


NAMES = _names()


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_its_test(row: str) -> None:
    assert [name for name in NAMES if re.match(rf"test_{row}_", name)]


def test_no_test_names_a_row_that_is_none() -> None:
    row = re.compile(r"test_([GIQ]\d+|status_\d+)_")
    named = {found[1] for name in NAMES if (found := row.match(name))}
    assert named <= set(ROWS)
