"""FHIRPath tokens into a syntax tree."""

from decimal import Decimal
from xml.etree import ElementTree

import pytest

from profiles.definitions import r4
from profiles.fhirpath.parse import (
    Amount,
    Call,
    Empty,
    Indexed,
    Literal,
    Member,
    Node,
    Operation,
    Signed,
    Time,
    Typed,
    Variable,
    parse,
)
from tests.corpus import CORPUS, needs_corpus

A, B, C = Member(None, "a"), Member(None, "b"), Member(None, "c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a.b", Member(A, "b")),
        ("a.where(b = 'x')", Call(A, "where", (Operation("=", B, Literal("x")),))),
        ("f()", Call(None, "f", ())),
        ("a.f(b, c)", Call(A, "f", (B, C))),
        ("a[0].b", Member(Indexed(A, Literal(0)), "b")),
        ("a as Quantity", Typed("as", A, "Quantity")),
        ("a is System.String", Typed("is", A, "System.String")),
        ("a.as(Quantity)", Call(A, "as", (Member(None, "Quantity"),))),
        ("a.is", Member(A, "is")),
        ("-1", Signed("-", Literal(1))),
        ("1.50", Literal(Decimal("1.50"))),
        ("true", Literal(True)),
        ("`true`", Member(None, "true")),
        ("@2015T", Time("2015T")),
        ("4 days", Amount(Decimal(4), "days", True)),
        ("5.0 'mg'", Amount(Decimal("5.0"), "mg", False)),
        ("{}", Empty()),
        ("$this", Variable("$this")),
        ("%resource.a", Member(Variable("%resource"), "a")),
        ("contains", Member(None, "contains")),
    ],
)
def test_each_form_has_its_node(text: str, tree: Node) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a | b | c", "(a | b) | c"),
        ("a - b - c", "(a - b) - c"),
        ("a + b * c", "a + (b * c)"),
        ("a as X | b", "(a as X) | b"),
        ("a | b = c", "(a | b) = c"),
        ("a = b and c", "(a = b) and c"),
        ("a or b and c", "a or (b and c)"),
        ("a or b implies c", "(a or b) implies c"),
        ("a > b = c", "(a > b) = c"),
        ("-a.b", "-(a.b)"),
        ("-a * b", "(-a) * b"),
        ("a in b and c", "(a in b) and c"),
    ],
)
def test_operators_bind_as_the_standard_says(text: str, same: str) -> None:
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.",
        "a b",
        "(a",
        "a[1",
        "f(a",
        "f(,)",
        "a +",
        "{a}",
        "a is",
        "a is 1",
        ".a",
        "$that",
        "a..b",
    ],
)
def test_what_is_not_whole_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected at offset"):
        parse(text)


def test_what_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        parse("(" * 100_000 + "a")


def test_every_search_expression_is_read() -> None:
    for parameter in r4().parameters:
        for expression in (parameter.expression, *(text for _, text in parameter.components)):
            assert expression == "" or parse(expression)


@needs_corpus
def test_every_expression_of_the_hl7_suite_is_read_but_those_with_bad_syntax() -> None:
    assert CORPUS is not None
    suite = ElementTree.parse(CORPUS / "fhirpath" / "tests-fhir-r4.xml")
    unread = set()
    for expression in suite.findall(".//{*}expression"):
        try:
            parse(expression.text or "")
        except ValueError:
            unread.add(expression.text)
    assert unread == {
        "2 + 2 /",
        "2 + 2 /* not finished",
        "@T14:34:28Z.is(Time)",  # a time has no zone
        "@T14:34:28+10:00.is(Time)",
    }
