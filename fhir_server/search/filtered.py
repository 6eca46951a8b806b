"""What a `_filter` asks, as a Criterion: the same that parameters ask, and little more.

https://hl7.org/fhir/R4/search_filter.html

What an operation has no meaning for, or what needs a terminology (`ss`, `sb`), is refused. A value
is compared as the parameter's type has it. `ne` of what is compared exactly (tokens, references,
addresses) says that there are values and that none is this one; `ne` of strings, dates and numbers
that one of them is another, as R4 has it.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.criteria import MAX_STEPS, Criteria, is_true
from fhir_server.search.filter import FILTER, HAS, And, Comparison, Filter, No, Or, Step, read
from fhir_server.search.named import is_name
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import (
    EVERYTHING,
    OF_WHOLE,
    AllOf,
    AnyOf,
    Criterion,
    DateIs,
    HasKey,
    How,
    IdIs,
    Not,
    Nothing,
    StringIs,
    UpdatedIs,
)
from fhir_server.search.terms import as_one, refuse_modifier, refuse_value
from fhir_server.search.types import ASK
from fhir_server.search.types.composite import has_value
from fhir_server.search.types.date import asked_interval, asked_updated
from fhir_server.search.types.string import spellings

_COMPARED = ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb")  # also prefixes of values
_OF_TEXT: Mapping[str, How] = {
    "eq": "is", "ne": "other", "co": "contains", "sw": "starts", "ew": "ends"
}  # fmt: skip
_TAKES: Mapping[str, tuple[str, ...]] = {
    "string": tuple(_OF_TEXT), "token": ("eq", "ne", "in", "ni"), "reference": ("eq", "ne", "re"),
    "uri": ("eq", "ne"), "date": (*_COMPARED, "po"), "number": _COMPARED, "quantity": _COMPARED,
    "composite": ("eq",),
}  # fmt: skip


def filtered(type_: str, text: str, criteria: Criteria) -> Criterion:
    """What the filter asks of a `type_`; `criteria` counts what it costs.

    BadRequest where it cannot be read (`value`), names a parameter or an operation that is not
    offered there (`not-supported`), or is too much (`too-costly`).
    """
    reading = _Reading(criteria)
    found = reading.read(type_, read(text))
    if found is None:
        text = f"`{FILTER}`: `{type_}` has no parameter `{reading.unknown[:100]}` to filter by"
        raise BadRequest(text, code="not-supported")
    return found


class _Reading:
    """Reads the tests of one filter; `unknown`: the path of the last one that no type has. `depth`:
    steps that led to where it reads, also from outside of brackets.
    """

    def __init__(self, criteria: Criteria) -> None:
        self.criteria, self.unknown, self.depth = criteria, "", 0

    def read(self, type_: str, filter_: Filter) -> Criterion | None:
        """None where a part asks what this type does not have."""
        match filter_:
            case And(parts) | Or(parts):
                found = []
                for part in parts:
                    criterion = self.read(type_, part)
                    if criterion is None:
                        return None
                    found.append(criterion)
                return AllOf(tuple(found)) if isinstance(filter_, And) else AnyOf(tuple(found))
            case No(part):
                criterion = self.read(type_, part)
                return None if criterion is None else Not(criterion)
            case Comparison(steps):
                self.criteria.count(filter_.name, "")
                criterion = self.at(type_, steps, filter_)
                if criterion is None:
                    self.unknown = filter_.name
                return criterion

    def at(self, type_: str, steps: tuple[Step, ...], test: Comparison) -> Criterion | None:
        """What the test asks at the end of these steps."""
        step, *rest = steps
        if not rest:
            return self.end(type_, step.name, test)

        def there(type_: str) -> Criterion | None:
            self.depth += 1
            if self.depth >= MAX_STEPS:
                raise BadRequest(f"a chain has at most {MAX_STEPS} steps", code="too-costly")
            asked = self.at(type_, tuple(rest), test)
            if asked is not None and step.inner is not None:
                inner = self.read(type_, step.inner)
                asked = None if inner is None else AllOf((inner, asked))
            self.depth -= 1
            return asked

        if step.name.startswith(HAS):
            return self.criteria.led_by(type_, step.name, there)
        code, _, modifier = step.name.partition(":")
        parameter = self.criteria.find(type_, code)
        if parameter is None:
            return None
        named = [one.name for one in rest if one.inner is None] if step.inner is None else []
        names = test.operation == "eq" and len(named) == len(rest) == 1
        names = names and is_name(named[0], as_one(test.value))
        return self.criteria.through(parameter, modifier, there, rest[0].name, names=names)

    def end(self, type_: str, name: str, test: Comparison) -> Criterion | None:
        code, _, modifier = name.partition(":")
        if modifier:
            refuse_modifier(code, modifier)
        column = _COLUMNS.get(code)
        if column is not None:
            return column(self.criteria, test)
        parameter = self.criteria.find(type_, code)
        if parameter is None:
            return None
        if test.operation == "pr":
            is_there = is_true(f"{FILTER}: {code} pr", test.value)
            return _present(parameter) if is_there else Not(_present(parameter))
        if test.operation not in _TAKES.get(parameter.type, ()):
            _refuse_operation(code, parameter.type, test)
        return self.compared(parameter, test)

    def compared(self, parameter: Parameter, test: Comparison) -> Criterion:
        operation, value = test.operation, test.value
        ask, asked = ASK[parameter.type], self.criteria.asked
        match parameter.type:
            case "string":
                texts, how = spellings(value), _OF_TEXT[operation]
                if "" in texts:
                    refuse_value(parameter.code, value)
                return StringIs(parameter.number, how, texts[:1] if how in OF_WHOLE else texts)
            case "date" if operation == "po":
                _, low, high = asked_interval(parameter.code, _bare(parameter.code, value), asked)
                return DateIs(parameter.number, "ap", low, high)
            case "date" | "number" | "quantity":
                bare = _bare(parameter.code, value)
                ask(parameter, "", (bare,), asked)  # refuses it in the words of its writer
                return ask(parameter, "", (operation + bare,), asked)
            case "token" if operation in ("in", "ni"):
                return ask(parameter, "in" if operation == "in" else "not-in", (value,), asked)
            case "uri":
                value = value.replace("\\", "\\\\")  # no escapes stand in it
        found = ask(parameter, "", (value,), asked)
        return AllOf((_present(parameter), Not(found))) if operation == "ne" else found


def _bare(code: str, value: str) -> str:
    """The value, which has no prefix of its own."""
    if value[:2].isalpha():
        refuse_value(code, value)
    return value


def _present(parameter: Parameter) -> Criterion:
    is_composite = parameter.type == "composite"
    return has_value(parameter) if is_composite else HasKey((parameter.present,))


def _id(criteria: Criteria, test: Comparison) -> Criterion:
    match test.operation:
        case "eq":
            return IdIs((test.value,))
        case "ne":
            return Not(IdIs((test.value,)))
        case "pr":
            return EVERYTHING if is_true(f"{FILTER}: _id pr", test.value) else Nothing()
    _refuse_operation("_id", "token", test)


def _updated(criteria: Criteria, test: Comparison) -> Criterion:
    code, operation = "_lastUpdated", test.operation
    if operation == "pr":
        return EVERYTHING if is_true(f"{FILTER}: {code} pr", test.value) else Nothing()
    if operation not in _TAKES["date"]:
        _refuse_operation(code, "date", test)
    bare = _bare(code, test.value)
    if operation == "po":
        _, *within = asked_updated(code, f"sa{bare}", criteria.asked)  # the whole interval
        return UpdatedIs("ap", *within)
    return UpdatedIs(*asked_updated(code, operation + bare, criteria.asked))


_COLUMNS: Mapping[str, Callable[[Criteria, Comparison], Criterion]] = {
    "_id": _id, "_lastUpdated": _updated
}  # fmt: skip


def _refuse_operation(code: str, kind: str, test: Comparison) -> NoReturn:
    text = f"`{FILTER}`: `{test.operation}` is not supported for `{code}`, a {kind}"
    raise BadRequest(text, code="not-supported")
