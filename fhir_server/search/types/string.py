"""String parameters: compared without case and accents.

https://hl7.org/fhir/R4/search.html#string
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from fhir_server.search.keys import key
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import Criterion, HasKey, StringIs
from fhir_server.search.rows import CUT, Items, Rows
from fhir_server.search.terms import Asked, plain, refuse_modifier, refuse_value

_NAME = ("text", "family", "given", "prefix", "suffix")
_ADDRESS = ("text", "line", "city", "district", "state", "postalCode", "country")
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "’": "'"}
)
_SPACES = re.compile(r"\s+")


def normalise(text: str) -> str:
    """Lower case, no accents, ligatures as letters, one space between words, cut at 200
    characters.
    """
    if text.isascii():
        bare = text.lower()
    else:
        apart = unicodedata.normalize("NFKD", text.casefold())
        bare = "".join(c for c in apart if not unicodedata.combining(c)).translate(_LETTERS)
    return _SPACES.sub(" ", bare).strip()[:CUT]


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """A row for each part of a name or an address, and a key of the whole part for `:exact`."""
    for type_, value in items:
        for text in _texts(type_, value):
            rows.strings.append((parameter.number, normalise(text), text[:CUT]))
            rows.keys.add(key(parameter.number, "string", text))


def _texts(type_: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif type_ in ("HumanName", "Address"):
        for name in _NAME if type_ == "HumanName" else _ADDRESS:
            part = value.get(name, "")
            for text in [part] if isinstance(part, str) else part:
                if text:
                    yield text


def ask(parameter: Parameter, modifier: str, values: Sequence[str], _: Asked) -> Criterion:
    texts = [plain(value) for value in values]
    if modifier == "exact":
        return HasKey(tuple(key(parameter.number, "string", text) for text in texts))
    if modifier not in ("", "contains"):
        refuse_modifier(parameter.code, modifier)
    found = tuple(normalise(text) for text in texts)
    if "" in found:
        refuse_value(parameter.code, values[found.index("")])
    return StringIs(parameter.number, "contains" if modifier else "starts", found)
