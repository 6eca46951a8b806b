"""Each primitive: what is one, what is none."""

import time
from decimal import Decimal
from typing import Any

import pytest

from profiles.definitions import r4
from profiles.formats import HOLDS, LONGEST, fault, holds

GOOD: dict[str, list[Any]] = {
    "base64Binary": ["AAAA", "AA==", "AAA=", "AAAA AAAA\r\nAA==\n", "+/aA"],
    "boolean": [True, False],
    "canonical": ["http://a.example/b|1.0", "#a"],
    "code": ["a", "a b c", "é", "a\u00a0b"],
    "date": ["2024", "2024-02", "2024-02-29", "0001-01-01"],
    "dateTime": ["2024", "2024-02", "2024-02-29", "2024-02-29T23:59:60.123456789+14:00"],
    "decimal": [0, -1, 10**30, Decimal("1.00"), Decimal("1e-300"), 0.5],
    "id": ["a", "A-1.b", "a" * 64],
    "instant": ["2024-02-29T00:00:00Z", "2024-12-31T23:59:60.1-05:00"],
    "integer": [0, -(2**31), 2**31 - 1],
    "markdown": ["# a\n\nb"],
    "oid": ["urn:oid:1.2.250.1.213", "urn:oid:2.0"],
    "positiveInt": [1, 2**31 - 1],
    "string": ["a", " a ", "a\r\n\tb", "\u00a0", "é😀", "a" * LONGEST],
    "time": ["00:00:00", "23:59:60.5"],
    "unsignedInt": [0, 2**31 - 1],
    "uri": ["urn:a", "a", "http://é.example/"],
    "url": ["http://a.example?b=c"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": ["<div/>"],
}
BAD: dict[str, list[Any]] = {
    "base64Binary": [
        "", " ", "A", "AAA", "AAAAA", "A===", "AA=A", "====", "!!!!", "AA AA", "AAA\u00e9", 1,
    ],
    "boolean": ["true", 0, 1, None, [True]],
    "canonical": ["", "a b", "a\n"],
    "code": ["", " a", "a ", "a  b", "a\tb", "a\nb", "\x00", "a\n", 1, True],
    "date": [
        "2023-02-29",
        "2024-2-1",
        "2024-13",
        "0000",
        "24",
        "2024-02-30",
        "20240229",
        "2024-",
        "",
    ],
    "dateTime": [
        "2024-02-29T10:00:00",
        "2024-02-29T10:00Z",
        "2024-02-29T24:00:00Z",
        "2023-02-29T10:00:00Z",
        "2024-02-29 10:00:00Z",
        "2024-02-29T10:00:00+15:00",
        "2024-04-31",
        "2024-02-29T10:00:00Z\n",
        "٢٠٢٤",
    ],
    "decimal": ["1", True, None, "NaN"],
    "id": ["", "a" * 65, "a_b", "a b", "é", "a\n", 1],
    "instant": ["2024", "2024-02-29", "2024-02-29T00:00:00", "2024-02-30T00:00:00Z"],
    "integer": [2**31, -(2**31) - 1, "1", 1.0, Decimal("2.0"), True],
    "markdown": ["", "  \n", "a\x0b"],
    "oid": ["1.2.3", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1", "urn:oid:1.2\n"],
    "positiveInt": [0, -1, 2**31, "1"],
    "string": ["", " ", "\t\n", "a\x00", "a\x1f", "a\uffff", "a" * (LONGEST + 1), 1, None, {}],
    "time": ["24:00:00", "10:00", "10:00:00Z", "1:00:00"],
    "unsignedInt": [-1, 2**31, 0.0],
    "uri": ["", "a b", " a", "a\n", "a\x01"],
    "url": ["", "http://a b"],
    "uuid": [
        "urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
        "c757873d-ec9a-4326-a141-556f43239520",
    ],
    "xhtml": [1, None],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name} {str(value)[:30]!r}")
        for name, values in table.items()
        for value in values
    ]


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_a_value_of_this_type(name: str, value: Any) -> None:
    assert holds(name, value)


@pytest.mark.parametrize(("name", "value"), cases(BAD))
def test_no_value_of_this_type(name: str, value: Any) -> None:
    assert not holds(name, value)


def test_every_primitive_has_a_format_and_cases() -> None:
    primitives = {type_.name for type_ in r4().types.values() if type_.primitive}
    assert primitives == set(HOLDS) == set(GOOD) == set(BAD)


def test_a_fault_shows_the_value_and_what_is_expected() -> None:
    assert fault("date", "x" * 200).startswith(f"`{'x' * 100}` is not a valid date: YYYY")
    assert fault("string", True).startswith("`true` is not")


@pytest.mark.parametrize("name", sorted(set(HOLDS) - {"xhtml"}))
@pytest.mark.parametrize("text", ["A" * 500_001, "a " * 250_000, "1." * 250_000, "= " * 250_000])
def test_no_text_takes_long(name: str, text: str) -> None:
    start = time.thread_time()
    holds(name, text + "\x00")
    assert time.thread_time() - start < 1
