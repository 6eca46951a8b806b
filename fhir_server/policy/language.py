"""The closed language in which the tables state conditions: `attending or (own and not masked)`.

A condition is made of `and`, `or`, `not` (which binds closest, then `and`), parentheses, facts that
are yes or no (`attending`), facts with values (`state=open/closed`: any of these), words that other
tables define, `always` and `never`. Whatever else stands there is an error.
"""

import re
from collections.abc import Mapping

from fhir_server.policy.condition import ALWAYS, NEVER, AllOf, AnyOf, Condition, Is, Not, OneOf
from fhir_server.policy.facts import VALUES, YES
from fhir_server.policy.lines import TableError

Words = Mapping[str, Condition]

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_CONSTANTS = {"always": ALWAYS, "never": NEVER}
_JOINING = ("and", "or", "not", ")")


class LanguageError(TableError):
    """A condition that cannot be read."""


def parse(text: str, words: Words) -> Condition:
    """The condition that `text` states; `words` are the names it may use for other conditions."""
    reader = _Reader(_TOKEN.findall(text), words, text)
    found = reader.any()
    if reader.left:
        raise reader.error(f"`{reader.left[0]}` is not expected there")
    return found


class _Reader:
    def __init__(self, tokens: list[str], words: Words, text: str) -> None:
        self.left, self.words, self.text = tokens, words, text

    def error(self, why: str) -> LanguageError:
        return LanguageError(f"`{self.text}`: {why}")

    def _take(self, word: str) -> bool:
        if self.left[:1] != [word]:
            return False
        del self.left[0]
        return True

    def any(self) -> Condition:
        parts = [self.all()]
        while self._take("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def all(self) -> Condition:
        parts = [self.one()]
        while self._take("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def one(self) -> Condition:
        if self._take("not"):
            return Not(self.one())
        if self._take("("):
            inside = self.any()
            if not self._take(")"):
                raise self.error("a parenthesis is not closed")
            return inside
        if not self.left or self.left[0] in _JOINING:
            raise self.error("something is missing")
        return self.term(self.left.pop(0))

    def term(self, text: str) -> Condition:
        fact, is_, values = text.partition("=")
        if is_:
            return one_of(fact, values.split("/"), self.text)
        if text in self.words:
            return self.words[text]
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if YES not in VALUES.get(text, ()):
            raise self.error(f"there is no fact or word `{text}`")
        return Is(text, YES)


def one_of(fact: str, values: list[str], text: str = "") -> Condition:
    """That `fact` has one of these values, each of which it must be able to have."""
    known = VALUES.get(fact)
    if known is None:
        raise LanguageError(f"`{text}`: there is no fact `{fact}`")
    for value in values:
        if value not in known:
            raise LanguageError(f"`{text}`: the fact `{fact}` is never `{value}`")
    return Is(fact, values[0]) if len(values) == 1 else OneOf(fact, frozenset(values))
