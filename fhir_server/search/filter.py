"""The text of `_filter` as a tree.

https://hl7.org/fhir/R4/search_filter.html

    filter = term *(("and" / "or") term)          from left to right, neither goes before the other
    term   = "not" "(" filter ")" / "(" filter ")" / path operation value
    path   = name ["[" filter "]"] *("." path)    `name:Type` where a reference leads to several
    value  = a JSON string, or all up to the next space, `)` or `]`

Beyond the grammar of R4 a path may begin with `_has:Type:reference:`, as a parameter may.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.terms import check_text

FILTER = "_filter"
OPERATIONS = (
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb",
    "in", "ni", "re",
)  # fmt: skip
HAS = "_has:"

MAX_LENGTH = 20_000  # characters of a filter
MAX_DEPTH = 20  # of brackets in brackets
MAX_TESTS = 50  # of a filter

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"_has:[A-Za-z]+:[A-Za-z0-9_-]+:|[A-Za-z_][A-Za-z0-9_-]*(?::[A-Za-z]+)?")
_WORD = re.compile(r"[^\s()\[\]]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_VALUE = re.compile(r"[^\s)\]]+")
_NOT = re.compile(r"not\s*\(")


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path, and what is asked there of the resource it leads to."""

    name: str
    inner: "Filter | None" = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`value` stands at [start, end) of the text, and is what a JSON string says there."""

    steps: tuple[Step, ...]
    operation: str
    value: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """The path without its brackets, as a parameter has it."""
        return joined(step.name for step in self.steps)


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class No:
    """The part does not hold."""

    part: "Filter"


Filter = Comparison | And | Or | No


def read(text: str) -> Filter:
    """The tree of a filter. BadRequest that says where it cannot be read, or with code
    `too-costly` where it is too much.
    """
    if len(text) > MAX_LENGTH:
        _refuse(f"is longer than {MAX_LENGTH} characters", "too-costly")
    reader = _Reader(text)
    found = reader.filter()
    if reader.at < len(text):
        reader.refuse("`and`, `or` or the end")
    return found


def comparisons(filter_: Filter, before: str = "") -> Iterator[tuple[str, Comparison]]:
    """Each test with the name of a parameter that asks there: what stands in the brackets of a path
    is asked at the end of it.
    """
    match filter_:
        case And(parts) | Or(parts):
            for part in parts:
                yield from comparisons(part, before)
        case No(part):
            yield from comparisons(part, before)
        case Comparison(steps):
            way = before
            for step in steps:
                way = joined((way, step.name)) if way else step.name
                if step.inner is not None:
                    yield from comparisons(step.inner, way)
            yield way, filter_


def certain(filter_: Filter, before: str = "") -> Iterator[tuple[str, Comparison]]:
    """The tests that hold whenever the filter does, as `comparisons` gives them: what stands in the
    brackets of a path holds where the path does.
    """
    match filter_:
        case And(parts):
            for part in parts:
                yield from certain(part, before)
        case Comparison(steps):
            way = before
            for step in steps:
                way = joined((way, step.name)) if way else step.name
                if step.inner is not None:
                    yield from certain(step.inner, way)
            yield way, filter_


def joined(names: "Iterator[str] | tuple[str, ...]") -> str:
    """Names of a path as one parameter has them."""
    return "".join(n if n.endswith(":") else f"{n}." for n in names).removesuffix(".")


class _Reader:
    """Reads from `at`; every refusal says where, counted from 1."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth, self.count = text, 0, 0, 0
        self.skip()

    def filter(self) -> Filter:
        found = self.term()
        while (word := self.word()) in ("and", "or"):
            self.take(word)
            other, kind = self.term(), And if word == "and" else Or
            parts = found.parts if isinstance(found, kind) else (found,)
            found = kind((*parts, other))
        return found

    def term(self) -> Filter:
        if _NOT.match(self.text, self.at):
            self.take("not")
            return No(self.within("(", ")"))
        if self.text.startswith("(", self.at):
            return self.within("(", ")")
        return self.test()

    def within(self, opening: str, closing: str) -> Filter:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            _refuse(f"has more than {MAX_DEPTH} brackets in brackets", "too-costly")
        self.take(opening)
        found = self.filter()
        if not self.text.startswith(closing, self.at):
            self.refuse(f"`{closing}`")
        self.take(closing)
        self.depth -= 1
        return found

    def test(self) -> Comparison:
        self.count += 1
        if self.count > MAX_TESTS:
            _refuse(f"has more than {MAX_TESTS} tests", "too-costly")
        steps = self.path()
        operation = self.word()
        if operation not in OPERATIONS:
            self.refuse("an operation such as `eq`")
        self.take(operation)
        start = self.at
        value = self.value()
        end = self.at
        self.skip()
        return Comparison(steps, operation, value, start, end)

    def path(self) -> tuple[Step, ...]:
        steps = [self.step()]
        while steps[-1].name.endswith(":") or self.text.startswith(".", self.at):
            self.at += not steps[-1].name.endswith(":")
            steps.append(self.step())
        if steps[-1].inner is not None:
            self.refuse("`.` and a name, after the brackets")
        self.skip()
        return tuple(steps)

    def step(self) -> Step:
        found = _NAME.match(self.text, self.at)
        if found is None:
            self.refuse("the name of a parameter")
        self.at = found.end()
        if not self.text.startswith("[", self.at) or found[0].startswith(HAS):
            return Step(found[0])
        inner = self.within("[", "]")
        while self.text[self.at - 1 : self.at].isspace():  # `]` and `.` belong together
            self.at -= 1
        return Step(found[0], inner)

    def value(self) -> str:
        if self.text.startswith('"', self.at):
            found = _STRING.match(self.text, self.at)
            if found is None:
                self.refuse("a JSON string that ends")
            try:
                value = json.loads(found[0])
            except ValueError:
                self.refuse("a JSON string")
            check_text(str(value))  # an escape may stand for any character
            self.at = found.end()
            return str(value)
        found = _VALUE.match(self.text, self.at)
        if found is None:
            self.refuse("a value")
        self.at = found.end()
        return found[0]

    def word(self) -> str:
        found = _WORD.match(self.text, self.at)
        return found[0] if found else ""

    def take(self, text: str) -> None:
        self.at += len(text)
        self.skip()

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def refuse(self, wanted: str) -> NoReturn:
        found = self.text[self.at : self.at + 40]
        there = f"`{found}`" if found else "the end"
        _refuse(f"cannot be read at {self.at + 1}: {wanted} was expected, not {there}", "value")


def _refuse(text: str, code: str) -> NoReturn:
    raise BadRequest(f"`{FILTER}` {text}", code=code)
