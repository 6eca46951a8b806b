"""The parts of a query value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.terms import check_text, plain, prefixed, split


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        (r"a\\,b", [r"a\\", "b"]),
        ("", [""]),
        (",", ["", ""]),
        ("a\\", ["a\\"]),
    ],
)
def test_only_bare_separators_split(text: str, parts: list[str]) -> None:
    assert split(text, ",") == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [(r"a\,b\|c\$d\\e", r"a,b|c$d\e"), (r"\n", r"\n"), ("a\\", "a\\"), (r"\\,", r"\,")],
)
def test_escapes_are_taken_away_once(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(st.lists(st.text(alphabet="ab,\\|$", max_size=6), min_size=1, max_size=4))
def test_what_is_escaped_comes_back(values: list[str]) -> None:
    escaped = [
        "".join("\\" + letter if letter in ",\\|$" else letter for letter in value)
        for value in values
    ]
    assert [plain(part) for part in split(",".join(escaped), ",")] == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ge2013", ("ge", "2013")),
        ("2013", ("eq", "2013")),
        ("", ("eq", "")),
        ("xx1", ("eq", "xx1")),
    ],
)
def test_a_missing_prefix_is_equality(text: str, expected: tuple[str, str]) -> None:
    assert prefixed(text) == expected


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_no_database_takes_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_text(text)
    assert refusal.value.code == "value"
