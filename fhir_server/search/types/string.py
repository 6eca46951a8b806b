"""String parameters: compared without case, accents and punctuation; family names by parts too.

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
from fhir_server.search.rows import SHORT, Items, Rows
from fhir_server.search.terms import Asked, plain, refuse_modifier, refuse_value

_NAME = ("text", "family", "given", "prefix", "suffix")
_ADDRESS = ("text", "line", "city", "district", "state", "postalCode", "country")
_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "’": "'"}
)
_APOSTROPHES = str.maketrans("´ʹʼˈ", "''''")  # that Unicode takes for accents or letters
_SPACES = re.compile(r"\s+")
_MARK = re.compile(r"[^\w\s]|_")


def bare(text: str) -> str:
    """Lower case, no accents, ligatures as letters."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).casefold())
    return "".join(c for c in apart if not unicodedata.combining(c)).translate(_LETTERS)


def normalise(text: str) -> str:
    """As `bare`, one space between words, no punctuation, unless it is nothing else."""
    return spellings(text)[0]


def spellings(text: str) -> tuple[str, ...]:
    """The normalised text, and where punctuation stands within words, the same with spaces there:
    `Anne-Marie` is found as AnneMarie and as Anne Marie, `O'Neil-Smith` as ONeil Smith too.
    The last has spaces for all punctuation.
    """
    plain = bare(text)
    if not _MARK.search(plain):
        return (_spaced(plain),)
    found = [_spaced(_MARK.sub(way, plain)) for way in (_nothing, _space_but_apostrophes, _space)]
    return tuple(dict.fromkeys(one for one in found if one)) or (_spaced(plain),)


def _spaced(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _nothing(mark: re.Match[str]) -> str:
    return "" if _is_punctuation(mark[0]) else mark[0]


def _space_but_apostrophes(mark: re.Match[str]) -> str:
    return "" if mark[0] == "'" else _space(mark)


def _space(mark: re.Match[str]) -> str:
    return " " if _is_punctuation(mark[0]) else mark[0]


@lru_cache(maxsize=1024)
def _is_punctuation(mark: str) -> bool:
    return mark == "`" or unicodedata.category(mark).startswith("P")


# Three letters in a row of any string of a resource: a key, so that `:contains` need not look at
# every string there is. One for all parameters of a type, since names and families say the same.
LETTERS = 3
LONG = ""  # stands for all letters that come after the first `SHORT` of a string


def gram_keys(type_: str, texts: Iterable[str]) -> set[int]:
    """The keys of what strings of a resource, normalised, may be found to contain."""
    grams = set[str]()
    for text in texts:
        grams.update(_grams(text[:SHORT]))
        if len(text) > SHORT:
            grams.add(LONG)
    return {_gram(type_, gram) for gram in grams}


def _grams(text: str) -> list[str]:
    return [text[n : n + LETTERS] for n in range(len(text) - LETTERS + 1)]


@lru_cache(maxsize=65_536)
def _gram(type_: str, gram: str) -> int:
    return key(number(type_, GRAM), "gram", gram)


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """Rows for each part of a name or an address, and a key of the whole part for `:exact`."""
    for type_, value in items:
        for text, is_family in _texts(type_, value, parameter.family):
            found = read_text(text)
            rows.strings += [(parameter.number, *one) for one in found]
            rows.contained.update([one for one, _ in found])
            if is_family:
                rows.strings += [(parameter.number, part, False) for part in _parts(text)]
            rows.keys.add(key(parameter.number, "string", text))


def read_text(text: str) -> list[tuple[str, bool]]:
    """A text as rows have it, and, where it is short, in its other spellings."""
    whole, *others = spellings(text)
    return [(whole, True), *((one, False) for one in others if len(one) <= SHORT)]


def _parts(family: str) -> Iterator[str]:
    """What a family name, if it is short, is found by from its second word on.

    https://hl7.org/fhir/R4/datatypes.html#HumanName
    """
    words = spellings(family)[-1].split(" ") if len(family) <= SHORT else []
    for n in range(1, len(words)):
        yield " ".join(words[n:])


def _texts(type_: str, value: Any, is_family: bool) -> Iterator[tuple[str, bool]]:
    """Each text, and whether it is a family name."""
    if isinstance(value, str):
        yield value, is_family
    elif type_ in ("HumanName", "Address"):
        for name in _NAME if type_ == "HumanName" else _ADDRESS:
            part = value.get(name, "")
            for text in [part] if isinstance(part, str) else part:
                if text:
                    yield text, name == "family"


def ask(parameter: Parameter, modifier: str, values: Sequence[str], asked: Asked) -> Criterion:
    if modifier == "exact":
        return HasKey(tuple(key(parameter.number, "string", plain(value)) for value in values))
    if modifier not in ("", "contains"):
        refuse_modifier(parameter.code, modifier)
    found = asked_texts(parameter.code, values)
    if not modifier:
        return StringIs(parameter.number, "starts", found)
    told = asked.offer.has(number(parameter.resource, GRAM))
    return _contains(parameter, found) if told else StringIs(parameter.number, "contains", found)


def asked_texts(code: str, values: Sequence[str]) -> tuple[str, ...]:
    """Each value, which may still have escapes, in its spellings; BadRequest where nothing is left
    of one.
    """
    found = dict[str, None]()
    for value in values:
        texts = spellings(plain(value))
        if "" in texts:
            refuse_value(code, value)
        found |= dict.fromkeys(texts)
    return tuple(found)


MOST_GRAMS = 6  # that are asked for: more make it no narrower


def _contains(parameter: Parameter, texts: tuple[str, ...]) -> Criterion:
    """One of the texts; by what it needs to be found where it has three letters, else by every
    string of the parameter.
    """
    asked = StringIs(parameter.number, "contains", texts)
    needed = [[_gram(parameter.resource, gram) for gram in _grams(text)] for text in texts]
    if not all(needed):
        return asked
    long = _gram(parameter.resource, LONG)
    if len(needed) > 1:
        return AllOf((HasKey((*dict.fromkeys(keys[0] for keys in needed), long)), asked))
    keys = needed[0][:: -(-len(needed[0]) // MOST_GRAMS)]
    return AllOf((*(HasKey((one, long)) for one in dict.fromkeys(keys)), asked))
