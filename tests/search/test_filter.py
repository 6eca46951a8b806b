"""The text of a filter as a tree: https://hl7.org/fhir/R4/search_filter.html"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.filter import And, Comparison, Filter, No, Or, certain, comparisons, read


def shape(filter_: Filter) -> str:
    """With every pair of brackets, and `name operation value` of each test."""
    match filter_:
        case And(parts):
            return f"({' and '.join(map(shape, parts))})"
        case Or(parts):
            return f"({' or '.join(map(shape, parts))})"
        case No(part):
            return f"not({shape(part)})"
        case Comparison(steps, operation, value):
            names = [s.name + (f"[{shape(s.inner)}]" if s.inner else "") for s in steps]
            return f"{'.'.join(names)} {operation} {value}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name co "pet"', "name co pet"),
        ("  birthdate ge 2014-10-10 ", "birthdate ge 2014-10-10"),
        ("a eq 1 and b eq 2 and c eq 3", "(a eq 1 and b eq 2 and c eq 3)"),
        ("a eq 1 or b eq 2 and c eq 3", "((a eq 1 or b eq 2) and c eq 3)"),
        ("a eq 1 and b eq 2 or c eq 3", "((a eq 1 and b eq 2) or c eq 3)"),
        ("a eq 1 or (b eq 2 and c eq 3)", "(a eq 1 or (b eq 2 and c eq 3))"),
        ("not(a eq 1) and not (b eq 2)", "(not(a eq 1) and not(b eq 2))"),
        ("((a eq 1))", "a eq 1"),
        ("not eq 1", "not eq 1"),
        ("subject.name co pet", "subject.name co pet"),
        ("subject:Patient.name co pet", "subject:Patient.name co pet"),
        ("related[type eq a].target re O/4", "related[type eq a].target re O/4"),
        ('a[b eq 1 and c[d eq "]"].e eq 2].f eq 3', "a[(b eq 1 and c[d eq ]].e eq 2)].f eq 3"),
        ("_has:Observation:subject:code eq x", "_has:Observation:subject:.code eq x"),
        (r'a eq "say \"é\" \\ )"', 'a eq say "é" \\ )'),
        ('a eq "x"and b eq 2', "(a eq x and b eq 2)"),
        ("a eq http://loinc.org|1234-5", "a eq http://loinc.org|1234-5"),
        ("_lastUpdated gt 2020\n and _id eq b", "(_lastUpdated gt 2020 and _id eq b)"),
    ],
)
def test_a_filter_is_read(text: str, expected: str) -> None:
    assert shape(read(text)) == expected


@pytest.mark.parametrize(
    ("text", "at", "found"),
    [
        ("", 1, "the end"),
        ("name", 5, "the end"),
        ("name co", 8, "the end"),
        ("name is x", 6, "`is x`"),
        ("name EQ x", 6, "`EQ x`"),
        ('name co "x', 9, '`"x`'),
        ('name co "\\q"', 9, '`"\\q"`'),
        ("(name co x", 11, "the end"),
        ("name co x)", 10, "`)`"),
        ("name co x and", 14, "the end"),
        ("name co x xor b eq 1", 11, "`xor b eq 1`"),
        ("a..b eq 1", 3, "`.b eq 1`"),
        ("a[b eq 1] eq 2", 10, "` eq 2`"),
        ("a[b eq 1.c eq 2", 12, "`eq 2`"),
        ("1a eq 2", 1, "`1a eq 2`"),
        ("not a eq 1", 5, "`a eq 1`"),
        ("a eq 1 and not", 15, "the end"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, at: int, found: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(text)
    assert refused.value.code == "value"
    assert str(refused.value).startswith(f"`_filter` cannot be read at {at}: ")
    assert str(refused.value).endswith(f"not {found}")


@pytest.mark.parametrize(
    "text",
    ["(" * 5_000 + "a eq 1", "not(" * 5_000, "a[" * 5_000, "a eq 1 or " * 1_000 + "a eq 1",
     "a eq " + "x" * 30_000],
)  # fmt: skip
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(text)
    assert refused.value.code == "too-costly"


def test_each_test_stands_where_it_says() -> None:
    text = 'a[b eq "x y"].c ne 2 or not (d re P/1)'
    found = {name: text[test.start : test.end] for name, test in comparisons(read(text))}
    assert found == {"a.b": '"x y"', "a.c": "2", "d": "P/1"}


def test_what_is_certain_is_neither_one_of_two_nor_denied() -> None:
    text = (
        "a eq 1 and (b eq 2 and (c eq 3)) and (d eq 4 or e eq 5) and not (f eq 6)"
        " and g[h eq 7].i eq 8"
    )
    assert [way for way, _ in certain(read(text))] == ["a", "b", "c", "g.h", "g.i"]


@given(st.text(alphabet="a b()[].\"\\not:andor_eq|1\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = list(comparisons(read(text)))
    except BadRequest as refusal:
        assert str(refusal).startswith("`_filter` ")
    else:
        assert all(0 <= test.start < test.end <= len(text) for _, test in found)
        assert found
