"""Selectors of XML Patch: the paths of XPath 1.0 that lead down from the root, and no others.

https://www.rfc-editor.org/rfc/rfc5261#section-4.1, https://www.w3.org/TR/1999/REC-xpath-19991116/

Steps to children by name or `*`, at the end `@attribute` or `text()`; predicates `[2]`, `[last()]`,
`[position()=2]`, and conditions on `.`, an attribute or a path to a child, joined by `and`:
`[f:system/@value='x' and f:use]`. There are no other axes and functions, so that the cost of a
selector is the number of elements it passes. A name without a prefix is one of FHIR or, in a
narrative, of XHTML, whatever namespace the patch declares as its default.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lxml import etree

from fhir_server.fhir.outcome import BadRequest
from fhir_server.fhir.patch import Budget, check_path
from fhir_server.fhir.xml_shapes import FHIR, XHTML

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"[^"]*"|'[^']*')|(?P<number>[0-9]{1,9})
      |(?P<name>[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?)|(?P<sign>[/@\[\]()=*.]))\s*""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a selector names: an element, its attribute, or the text at its begin or behind it."""

    node: etree._Element
    attribute: str = ""
    text: Literal["", "text", "tail"] = ""


@dataclass(frozen=True, slots=True)
class Step:
    """`kind`: child, attribute, text, self; `tags`: what a child may be called, empty for any."""

    kind: str
    tags: tuple[str, ...] = ()
    predicates: tuple["Predicate", ...] = ()


@dataclass(frozen=True, slots=True)
class Predicate:
    """A position from 1 (0: the last, -1: none), or conditions: a path, and the text it has."""

    position: int = -1
    conditions: tuple[tuple[tuple[Step, ...], str | None], ...] = ()


def select(
    document: etree._Element, selector: str, namespaces: Mapping[str | None, str], budget: Budget
) -> list[Target]:
    """What `selector` names below `document`, the parent of the root element.

    BadRequest for a selector that is none, or is more than is read here.
    """
    check_path(selector)
    budget.spend(len(selector))
    steps = _Parser(selector, namespaces).whole()
    return list(_follow(document, steps, budget))


# reading


class _Parser:
    def __init__(self, text: str, namespaces: Mapping[str | None, str]) -> None:
        self.text, self.namespaces = text, namespaces
        self.tokens = list(self._tokens())
        self.at = 0

    def _tokens(self) -> Iterator[tuple[str, str]]:
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self.fault()
            yield str(match.lastgroup), str(match[str(match.lastgroup)])
            at = match.end()
        yield "end", ""

    def fault(self) -> BadRequest:
        return BadRequest(
            f"the selector `{self.text[:100]}` cannot be read by this server's patches",
            code="not-supported",
        )

    def accepts(self, *signs: str) -> bool:
        """Whether these signs and names come next; then they have been read."""
        found = tuple(text for _, text in self.tokens[self.at : self.at + len(signs)])
        if found != signs:
            return False
        self.at += len(signs)
        return True

    def take(self, kind: str) -> str:
        found, text = self.tokens[self.at]
        if found != kind:
            raise self.fault()
        self.at += 1
        return text

    def whole(self) -> tuple[Step, ...]:
        self.accepts("/")
        steps = self.path(predicates=True)
        if self.tokens[self.at][0] != "end" or steps[0].kind != "child":
            raise self.fault()
        return steps

    def path(self, *, predicates: bool) -> tuple[Step, ...]:
        steps = [self.step(predicates=predicates)]
        while self.accepts("/"):
            if steps[-1].kind != "child":
                raise self.fault()
            steps.append(self.step(predicates=predicates))
        return tuple(steps)

    def step(self, *, predicates: bool) -> Step:
        if self.accepts("@"):
            name = self.take("name")
            if ":" in name:  # no attribute of FHIR has a namespace
                raise self.fault()
            return Step("attribute", (name,))
        if self.accepts("text", "(", ")"):
            return Step("text", (), self.predicates() if predicates else ())
        if self.accepts("."):
            return Step("self")
        tags = () if self.accepts("*") else self.named(self.take("name"))
        return Step("child", tags, self.predicates() if predicates else ())

    def named(self, name: str) -> tuple[str, ...]:
        prefix, colon, local = name.rpartition(":")
        if not colon:
            return f"{{{FHIR}}}{local}", f"{{{XHTML}}}{local}"
        if prefix not in self.namespaces:
            raise BadRequest(f"the prefix `{prefix[:100]}` is not declared", code="structure")
        return (f"{{{self.namespaces[prefix]}}}{local}",)

    def predicates(self) -> tuple[Predicate, ...]:
        found = []
        while self.accepts("["):
            found.append(self.predicate())
            if not self.accepts("]"):
                raise self.fault()
        return tuple(found)

    def predicate(self) -> Predicate:
        if self.accepts("last", "(", ")"):
            return Predicate(position=0)
        if self.accepts("position", "(", ")", "=") or self.tokens[self.at][0] == "number":
            position = int(self.take("number"))
            return Predicate(position=position or 1_000_000_000)  # there is no place 0
        conditions = [self.condition()]
        while self.accepts("and"):
            conditions.append(self.condition())
        return Predicate(conditions=tuple(conditions))

    def condition(self) -> tuple[tuple[Step, ...], str | None]:
        steps = self.path(predicates=False)
        return steps, self.take("string")[1:-1] if self.accepts("=") else None


# following


def _follow(node: etree._Element, steps: tuple[Step, ...], budget: Budget) -> Iterator[Target]:
    step, rest = steps[0], steps[1:]
    if step.kind == "self":
        found = [Target(node)]
    elif step.kind == "attribute":
        found = [Target(node, step.tags[0])] if step.tags[0] in node.attrib else []
    elif step.kind == "text":
        found = list(_texts(node, budget))
    else:
        budget.spend(len(node) + 1)
        found = [Target(child) for child in node if not step.tags or child.tag in step.tags]
    for predicate in step.predicates:
        found = _filtered(found, predicate, budget)
    for target in found:
        if rest:
            yield from _follow(target.node, rest, budget)
        else:
            yield target


def _filtered(found: list[Target], predicate: Predicate, budget: Budget) -> list[Target]:
    if predicate.position >= 0:
        return found[predicate.position - 1 :][:1]
    return [
        target
        for target in found
        if all(_holds(target, *condition, budget) for condition in predicate.conditions)
    ]


def _holds(target: Target, steps: tuple[Step, ...], text: str | None, budget: Budget) -> bool:
    if target.text:
        return False
    for found in _follow(target.node, steps, budget):
        if text is None or _string(found, budget) == text:
            return True
    return False


def _texts(node: etree._Element, budget: Budget) -> Iterator[Target]:
    if _priced(node.text, budget):
        yield Target(node, text="text")
    for child in node:
        if _priced(child.tail, budget):
            yield Target(child, text="tail")


def _string(target: Target, budget: Budget) -> str:
    """The string-value: https://www.w3.org/TR/1999/REC-xpath-19991116/#data-model"""
    if target.attribute:
        return _priced(target.node.get(target.attribute), budget)
    if target.text:
        return _priced(getattr(target.node, target.text), budget)
    return "".join(_priced(str(part), budget) for part in target.node.itertext())


def _priced(text: str | None, budget: Budget) -> str:
    """The text; a long one costs more, since it is copied out of the tree."""
    budget.spend(1 + len(text or "") // 1000)
    return text or ""
