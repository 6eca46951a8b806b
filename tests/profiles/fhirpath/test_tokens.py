"""FHIRPath text into tokens."""

from collections.abc import Sequence

import pytest

from profiles.fhirpath.tokens import Token, tokens


def kinds(text: str) -> Sequence[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(text)][:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient.name", [("name", "Patient"), ("sign", "."), ("name", "name")]),
        ("'it''s'", [("string", "it"), ("string", "s")]),
        (r"'a\'b\n\u0041'", [("string", "a'b\nA")]),
        ("`PID-1`", [("name", "PID-1")]),
        ("1 1.50", [("number", "1"), ("number", "1.50")]),
        ("1.toString", [("number", "1"), ("sign", "."), ("name", "toString")]),
        ("@2015-02-04T14:34:28Z", [("time", "2015-02-04T14:34:28Z")]),
        ("@2015T", [("time", "2015T")]),
        ("@T14:34", [("time", "T14:34")]),
        (
            "$this %resource %'vs-x'",
            [("variable", "$this"), ("constant", "resource"), ("constant", "vs-x")],
        ),
        ("a<=b!=c", [("name", "a"), ("sign", "<="), ("name", "b"), ("sign", "!="), ("name", "c")]),
        ("a // b\n/* c\n */ d", [("name", "a"), ("name", "d")]),
    ],
)
def test_each_kind_is_told_apart(text: str, expected: list[tuple[str, str]]) -> None:
    assert kinds(text) == expected


def test_a_name_in_backquotes_is_marked() -> None:
    assert tokens("`div`")[0] == Token("name", "div", 0, quoted=True)


@pytest.mark.parametrize("text", ["a # b", "'open", "\u00a0", "é"])
def test_what_is_no_fhirpath_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no FHIRPath"):
        tokens(text)
