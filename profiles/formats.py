"""The format of each primitive type: what JSON has for it, how it is spelled, in which range.

https://hl7.org/fhir/R4/datatypes.html#primitive

The published expressions are the measure (with ASCII white space), but for base64Binary, whose
expression takes hours on some texts; what they leave open is from the page: calendar, ranges,
length, no control characters.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from profiles.definitions import r4

LONGEST = 1024 * 1024  # characters in a string
# No text may hold these; the last two are not in XML, and all that is stored is answered in XML.
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CODE = r"[^\s]+( [^\s]+)*"  # the published one has any white space where the page has a space
_LAST_SURE_DAY = "28"

EXPECTED: Mapping[str, str] = {
    "base64Binary": "base64, white space only between groups of four characters",
    "boolean": "true or false, without quotes",
    "canonical": "a URI without white space",
    "code": "text without white space at its ends, and single spaces inside",
    "date": "YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss and an offset",
    "decimal": "a number, without quotes",
    "id": "1 to 64 of A-Z, a-z, 0-9, - and .",
    "instant": "YYYY-MM-DDThh:mm:ss and an offset",
    "integer": "a whole number of 32 bits, without quotes or point",
    "markdown": "text, not blank, without control characters, of 1,048,576 characters at most",
    "oid": "urn:oid: and an OID",
    "positiveInt": "a whole number from 1 to 2147483647, without quotes or point",
    "string": "text, not blank, without control characters, of 1,048,576 characters at most",
    "time": "hh:mm:ss",
    "unsignedInt": "a whole number from 0 to 2147483647, without quotes or point",
    "uri": "a URI without white space",
    "url": "a URL without white space",
    "uuid": "urn:uuid: and a UUID in lower case",
    "xhtml": "text",
}


def _text(value: Any) -> bool:
    return (
        type(value) is str
        and value != ""
        and len(value) <= LONGEST
        # isprintable is the quick yes: no control characters, no line ends
        and (value.isprintable() or _CONTROL.search(value) is None)
        and (not value.isspace() or value.strip(" \t\r\n") != "")
    )


def _spelled(type_name: str) -> Callable[[Any], bool]:
    matches = re.compile(r4().primitives[type_name], re.ASCII).fullmatch

    def holds(value: Any) -> bool:
        return type(value) is str and matches(value) is not None

    return holds


def _one_word(type_name: str, expression: str = "") -> Callable[[Any], bool]:
    """A type whose expression every printable text without a space meets."""
    matches = re.compile(expression or r4().primitives[type_name], re.ASCII).fullmatch

    def holds(value: Any) -> bool:
        if type(value) is not str or value == "":
            return False
        if value.isprintable() and " " not in value:
            return True
        return matches(value) is not None and _CONTROL.search(value) is None

    return holds


def _dated(type_name: str) -> Callable[[Any], bool]:
    matches = re.compile(r4().primitives[type_name], re.ASCII).fullmatch

    def holds(value: Any) -> bool:
        if type(value) is not str or matches(value) is None:
            return False
        return value[8:10] <= _LAST_SURE_DAY or _in_calendar(value[:10])

    return holds


def _in_calendar(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _whole(least: int) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        return type(value) is int and least <= value < 2**31

    return holds


def _boolean(value: Any) -> bool:
    return value is True or value is False


def _decimal(value: Any) -> bool:
    return type(value) is int or isinstance(value, (Decimal, float))


def _base64(value: Any) -> bool:
    if type(value) is not str or not value.isascii():
        return False
    packed = value.encode().translate(None, b" \t\r\n")
    content = packed.rstrip(b"=")
    return (
        len(packed) > 0
        and len(packed) % 4 == 0
        and (len(packed) == len(value) or all(len(p) % 4 == 0 for p in value.encode().split()))
        and len(packed) - len(content) <= 2
        and not content.translate(None, _BASE64)
    )


def _any_text(value: Any) -> bool:
    return type(value) is str


HOLDS: Mapping[str, Callable[[Any], bool]] = {
    "base64Binary": _base64,
    "boolean": _boolean,
    "canonical": _one_word("canonical"),
    "code": _one_word("code", _CODE),
    "date": _dated("date"),
    "dateTime": _dated("dateTime"),
    "decimal": _decimal,
    "id": _spelled("id"),
    "instant": _dated("instant"),
    "integer": _whole(-(2**31)),
    "markdown": _text,
    "oid": _spelled("oid"),
    "positiveInt": _whole(1),
    "string": _text,
    "time": _spelled("time"),
    "unsignedInt": _whole(0),
    "uri": _one_word("uri"),
    "url": _one_word("url"),
    "uuid": _spelled("uuid"),
    "xhtml": _any_text,  # `profiles.narrative` reads it
}


def holds(type_name: str, value: Any) -> bool:
    """Say whether `value`, as FHIR JSON has it, is of this primitive type; KeyError for another."""
    return HOLDS[type_name](value)


def fault(type_name: str, value: Any, expected: str = "") -> str:
    """Why `value` is none, for people; `expected` where an element wants more than its type."""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown[:100]}` is not a valid {type_name}: {expected or EXPECTED[type_name]}"
