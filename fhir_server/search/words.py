"""Full text: the words of the narrative (`_text`), and of all that people read (`_content`).

https://hl7.org/fhir/R4/search.html#text

Each word is a key of the index, as it stands without case and accents: both databases and
`search.match` compare the same numbers. A word of the narrative is a word of the whole too, and is
stored once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from html import escape, unescape
from itertools import islice
from typing import Any, NoReturn

from fhir_server.search.keys import CONTENT, TEXT, key, number
from fhir_server.search.query import AllOf, AnyOf, Criterion, HasKey, Nothing
from fhir_server.search.terms import plain, refuse_value
from fhir_server.search.types.string import bare
from profiles.definitions import r4

MAX_WORDS = 20_000  # of one resource that are indexed, each counted once; the narrative's first
MAX_DEPTH = 10  # of parentheses

READ = frozenset({"string", "markdown", "xhtml"})  # by people; not codes, addresses, dates, bytes
MEASURES = ("Age", "Count", "Distance", "Duration", "MoneyQuantity", "Quantity", "SimpleQuantity")
# What is no word: units, and what names a thing; and the items that may lead to a document hidden
# from who searches (`policy.redaction.LISTS`): their words would tell of it.
UNREAD = frozenset({
    *((type_, "unit") for type_ in MEASURES), ("Identifier", "value"), ("Reference", "reference"),
    ("List", "entry"), ("DocumentReference", "relatesTo"), ("Consent.provision", "data"),
    ("AuditEvent", "entity"), ("DocumentManifest", "content"), ("Composition", "relatesTo"),
})  # fmt: skip

# Elements of a narrative that stand within a word.
INLINE = "a abbr acronym b bdo big cite code dfn em font i kbd q s samp small span strong sub sup"
_MARKUP = re.compile(
    r"<!--.*?-->|<!\[CDATA\[(?P<data>.*?)\]\]>|<\?.*?\?>"
    r"|</?(?P<name>[^\s/>]+)(?:\"[^\"]*\"|'[^']*'|[^'\">])*>",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W_]+")
_PIECE = re.compile(r"[()]|[^\s()]+")


def words_in(text: str) -> list[str]:
    """The words of a text: letters and digits, lower case, without accents."""
    return _WORD.findall(bare(text))


def narrative(div: str) -> str:
    """What a person reads of XHTML: its text, words of different blocks apart."""
    text = _MARKUP.sub(_unmarked, div)
    return unescape(text) if "&" in text else text


_INLINE = frozenset(INLINE.split())


def _unmarked(markup: re.Match[str]) -> str:
    if markup["data"] is not None:
        return escape(markup["data"])
    return "" if markup["name"] in _INLINE or markup["name"] is None else " "


def word_keys(resource: Mapping[str, Any]) -> Iterator[int]:
    """The keys of the words of a resource, and one that says it has a narrative."""
    type_, told = resource["resourceType"], dict[str, None]()
    div = resource.get("text", {}).get("div")
    if div:
        told = dict.fromkeys(islice(dict.fromkeys(words_in(narrative(div))), MAX_WORDS))
        yield _present(type_)
        yield from (_word(type_, TEXT, word) for word in told)
    texts: list[str] = []
    rest = {name: value for name, value in resource.items() if name != "text"}
    _gather(rest, type_, texts)
    others = (word for word in dict.fromkeys(words_in("\n".join(texts))) if word not in told)
    yield from (_word(type_, CONTENT, word) for word in islice(others, MAX_WORDS - len(told)))


@lru_cache(maxsize=65_536)
def _word(type_: str, code: str, word: str) -> int:
    return key(number(type_, code), "word", word)


def _present(type_: str) -> int:
    return key(number(type_, TEXT), "present")


@cache
def _read_members(type_: str) -> Mapping[str, str]:
    """What of a type is read: each member, and its type, "" for a text; "xhtml" for a narrative."""
    found: dict[str, str] = {}
    for name, (element, inner) in r4().types[type_].members.items():
        if name in ("id", "meta") or (type_, element.name) in UNREAD:
            continue
        primitive = r4().types[inner].primitive
        if primitive:
            found[f"_{name}"] = "Element"
        if inner in READ:
            found[name] = inner if inner == "xhtml" else ""
        elif not primitive:
            found[name] = inner
    return found


def _gather(value: Mapping[str, Any], type_: str, texts: list[str]) -> None:
    """Add every text below `value` that people read."""
    members = _read_members(value.get("resourceType", type_))
    for name, item in value.items():
        inner = members.get(name)
        if inner is None:
            continue
        for one in item if type(item) is list else (item,):
            if type(one) is dict:
                _gather(one, inner, texts)
            elif type(one) is str:
                texts.append(narrative(one) if inner else one)


def asked(type_: str, code: str, values: Sequence[str]) -> Criterion:
    """Has all words of one of `values`, which still have their escapes; `OR` between words and
    parentheses are read as R4 shows them, `AND` says nothing more.
    """
    if code == TEXT and TEXT not in r4().search[type_]:
        return Nothing()  # it has no narrative
    return _any([_Reader(type_, code, value).whole() for value in values])


def has_narrative(type_: str) -> Criterion:
    return HasKey((_present(type_),))


class _Reader:
    """Reads one value: words, `OR`, parentheses."""

    def __init__(self, type_: str, code: str, value: str) -> None:
        self.type_, self.code, self.value = type_, code, value
        self.pieces = _PIECE.findall(plain(value))[::-1]

    def whole(self) -> Criterion:
        found = self.either(0)
        return self.refuse() if self.pieces else found

    def either(self, depth: int) -> Criterion:
        """`a b OR c (d OR e)`, up to the parenthesis that closes it."""
        ways = [self.all(depth)]
        while self.pieces and self.pieces[-1] == "OR":
            self.pieces.pop()
            ways.append(self.all(depth))
        return _any(ways)

    def all(self, depth: int) -> Criterion:
        """`a b (c OR d)`, up to an `OR` or the parenthesis that closes it; the longest words, of
        which there are fewest, first.
        """
        words: list[str] = []
        inner: list[Criterion] = []
        while self.pieces and self.pieces[-1] not in (")", "OR"):
            piece = self.pieces.pop()
            if piece == "(":
                inner.append(self.within(depth + 1))
            elif piece.upper() != "AND":
                words += words_in(piece)
        words.sort(key=len, reverse=True)
        found = [*(_has(self.type_, self.code, word) for word in words), *inner]
        if not found:
            self.refuse()
        return found[0] if len(found) == 1 else AllOf(tuple(found))

    def within(self, depth: int) -> Criterion:
        found = self.either(depth) if depth <= MAX_DEPTH else self.refuse()
        if not self.pieces:
            self.refuse()
        self.pieces.pop()
        return found

    def refuse(self) -> NoReturn:
        refuse_value(self.code, self.value)


def _has(type_: str, code: str, word: str) -> HasKey:
    codes = (TEXT,) if code == TEXT else (CONTENT, TEXT)
    return HasKey(tuple(_word(type_, one, word) for one in codes))


def _any(ways: Sequence[Criterion]) -> Criterion:
    """One of the ways; a key that one of them needs comes first, so that it can be gone by."""
    if len(ways) == 1:
        return ways[0]
    firsts = HasKey(tuple(dict.fromkeys(key for way in ways for key in _first(way))))
    if all(isinstance(way, HasKey) for way in ways):
        return firsts
    return AllOf((firsts, AnyOf(tuple(ways))))


def _first(way: Criterion) -> tuple[int, ...]:
    """The keys of which a resource has at least one when it meets `way`."""
    while isinstance(way, AllOf):
        way = way.parts[0]
    assert isinstance(way, HasKey)  # as `_has` and `_any` make them
    return way.keys
