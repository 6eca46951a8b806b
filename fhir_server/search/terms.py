"""The parts of a query value: alternatives, components, escapes, prefixes.

https://hl7.org/fhir/R4/search.html#escaping, https://hl7.org/fhir/R4/search.html#prefix
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NoReturn, cast

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.query import Prefix, Untyped
from fhir_server.search.registry import DEFINED, Offer

_ESCAPED = re.compile(r"\\([\\,|$])")
_COMMA = re.compile(r"\\.|,", re.DOTALL)
_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_UNUSABLE = re.compile(r"[\0\ud800-\udfff]")  # no database takes these as text

_WHOLE = re.compile(r"\d+", re.ASCII)
_LONGEST = 18  # digits that are read as a number

MAX_KEYS = 5_000  # that one parameter may stand for


Covers = Callable[[str, str], bool]  # of a type one of these letters of a SMART scope


def everything(type_: str, letters: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Asked:
    """What a value is read against: this server's address, the time in ms since 1970 UTC, and the
    parameters that may be searched by. `untyped`: what has been asked for by an id alone. `covers`:
    what the token covers; each step of a chain is a search.
    """

    base: str
    now: int
    offer: Offer = DEFINED
    untyped: list[Untyped] = field(default_factory=list)
    covers: Covers = everything


def split(text: str, separator: str) -> list[str]:
    """The parts between the separators that have no backslash before them; the parts are still
    escaped.
    """
    if "\\" not in text:
        return text.split(separator)
    parts = [""]
    for piece in re.findall(r"\\.|[^\\]|\\", text, re.DOTALL):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def plain(text: str) -> str:
    """`text` without its escapes."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def as_one(text: str) -> str:
    """`text` with a backslash before each comma that has none: one value of a parameter."""
    return _COMMA.sub(lambda found: "\\," if found[0] == "," else found[0], text)


def prefixed(text: str) -> tuple[Prefix, str]:
    """The prefix (`eq` when there is none) and the rest."""
    match = _PREFIXED.fullmatch(text)
    assert match is not None  # it matches anything
    return cast(Prefix, match[1] or "eq"), match[2]


def check_text(value: str) -> None:
    """BadRequest when `value` has characters that cannot be stored or compared."""
    if _UNUSABLE.search(value):
        raise BadRequest("a search value has a character that is not allowed", code="value")


def bounded(code: str, keys: Iterable[int]) -> tuple[int, ...]:
    """The keys, each once; BadRequest where a value stands for more than a search may compare."""
    found = tuple(dict.fromkeys(islice(keys, MAX_KEYS + 1)))
    if len(found) > MAX_KEYS:
        text = f"`{code[:100]}` asks for more than {MAX_KEYS} values"
        raise BadRequest(text, code="too-costly")
    return found


def page_count(value: str, most: int) -> int:
    """How many entries `_count` asks for: `most` for any larger number, however large.

    https://hl7.org/fhir/R4/search.html#count. BadRequest where it is no number, or less than 0.
    """
    if not _WHOLE.fullmatch(value):
        refuse_value("_count", value)
    digits = value.lstrip("0") or "0"
    return most if len(digits) > _LONGEST else min(int(digits), most)


def refuse_value(code: str, value: str) -> NoReturn:
    raise BadRequest(f"`{value[:100]}` is no value for `{code}`", code="value")


def refuse_modifier(code: str, modifier: str) -> NoReturn:
    raise BadRequest(f"`:{modifier[:100]}` is not supported for `{code}`", code="not-supported")
