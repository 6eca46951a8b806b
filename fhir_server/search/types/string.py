"""String parameters: compared without case and accents.

https://hl7.org/fhir/R4/search.html#string
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from fhir_server.search.keys import GRAM, key, number
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AllOf, Criterion, HasKey, StringIs
from fhir_server.search.rows import CUT, Items, Rows
from fhir_server.search.terms import Asked, plain, refuse_modifier, refuse_value

_NAME = ("text", "family", "given", "prefix", "suffix")
_ADDRESS = ("text", "line", "city", "district", "state", "postalCode", "country")
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "’": "'"}
)
_SPACES = re.compile(r"\s+")


def bare(text: str) -> str:
    """Lower case, no accents, ligatures as letters."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c)).translate(_LETTERS)


def normalise(text: str) -> str:
    """As `bare`, one space between words, cut at 200 characters."""
    return _SPACES.sub(" ", bare(text)).strip()[:CUT]


# Three letters in a row of any string of a resource: a key, so that `:contains` need not look at
# every string there is. One for all parameters of a type, since names and families say the same.
LETTERS = 3


def gram_keys(type_: str, texts: Iterable[str]) -> set[int]:
    """The keys of what strings of a resource, normalised, may be found to contain."""
    return {_gram(type_, gram) for gram in {gram for text in texts for gram in _grams(text)}}


def _grams(text: str) -> list[str]:
    return [text[n : n + LETTERS] for n in range(len(text) - LETTERS + 1)]


@lru_cache(maxsize=65_536)
def _gram(type_: str, gram: str) -> int:
    return key(number(type_, GRAM), "gram", gram)


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """A row for each part of a name or an address, and a key of the whole part for `:exact`."""
    for type_, value in items:
        for text in _texts(type_, value):
            normal = normalise(text)
            rows.strings.append((parameter.number, normal, text[:CUT]))
            rows.contained.add(normal)
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


def ask(parameter: Parameter, modifier: str, values: Sequence[str], asked: Asked) -> Criterion:
    texts = [plain(value) for value in values]
    if modifier == "exact":
        return HasKey(tuple(key(parameter.number, "string", text) for text in texts))
    if modifier not in ("", "contains"):
        refuse_modifier(parameter.code, modifier)
    found = tuple(normalise(text) for text in texts)
    if "" in found:
        refuse_value(parameter.code, values[found.index("")])
    if not modifier:
        return StringIs(parameter.number, "starts", found)
    told = asked.offer.has(number(parameter.resource, GRAM))
    return _contains(parameter, found) if told else StringIs(parameter.number, "contains", found)


MOST_GRAMS = 6  # that are asked for: more make it no narrower


def _contains(parameter: Parameter, texts: tuple[str, ...]) -> Criterion:
    """One of the texts; by what it needs to be found where it has three letters, else by every
    string of the parameter.
    """
    asked = StringIs(parameter.number, "contains", texts)
    needed = [[_gram(parameter.resource, gram) for gram in _grams(text)] for text in texts]
    if not all(needed):
        return asked
    if len(needed) > 1:
        return AllOf((HasKey(tuple(dict.fromkeys(keys[0] for keys in needed))), asked))
    keys = needed[0][:: -(-len(needed[0]) // MOST_GRAMS)]
    return AllOf((*(HasKey((one,)) for one in dict.fromkeys(keys)), asked))
