"""What of a criterion decides the text of its SQL, and the values that stand in it as parameters.

Equal outlines have equal texts, so that a text once made is found again (`find.prepared`).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fhir_server.search.query import (
    AllOf,
    AnyOf,
    Criterion,
    DateIs,
    HasKey,
    IdIs,
    Leads,
    LedBy,
    Not,
    Nothing,
    NumberIs,
    StringIs,
    UpdatedIs,
)
from fhir_server.storage.compile import LAST
from fhir_server.storage.indexed import KEY

Made = TypeVar("Made")
MOST = 1024  # texts remembered, of about 5 kB


class _NotOutlined(Exception):
    """The text of this criterion is made anew each time."""


@dataclass(slots=True)
class Outline:
    """Reads criteria; `values` grows, in the order in which `compile.Compiler` adds them.

    `identity` as the Compiler has it, since it decides what is seen of a Patient.
    """

    postgres: bool
    identity: frozenset[int]
    values: list[Any] = field(default_factory=list)

    def of(self, criterion: Criterion) -> Hashable | None:
        """None where the text depends on more than can be told here."""
        try:
            return self._of(criterion)
        except _NotOutlined:
            return None

    def _of(self, criterion: Criterion) -> Hashable:
        values = self.values
        match criterion:
            case HasKey(keys):
                values += [list(keys)] if self.postgres else keys
                # One key is compared otherwise than several, which may be any number.
                number = min(len(keys), 2) if self.postgres else len(keys)
                return "key", number, bool(self.identity) and self.identity.issuperset(keys)
            case DateIs(parameter, prefix, low, high) | NumberIs(parameter, prefix, low, high):
                values += (low, high, parameter)
                return type(criterion), prefix
            case UpdatedIs(prefix, low, high):
                values += (low, high)
                return "updated", prefix
            case StringIs(parameter, "starts", texts) if max(map(len, texts)) <= KEY:
                values += [part for text in texts for part in (text, text + LAST)]
                values.append(parameter)
                return "starts", len(texts)
            case IdIs(ids):
                values += ids
                return "id", len(ids)
            case Nothing():
                return "nothing"
        return self._of_several(criterion)

    def _of_several(self, criterion: Criterion) -> Hashable:
        match criterion:
            case AllOf(parts) | AnyOf(parts):
                return type(criterion), *[self._of(part) for part in parts]
            case Not(part):
                return "not", self._of(part)
            case Leads(parameter, (type_,), to, inside):
                self.values.append(parameter)
                return "leads", type_, self._of(to), self._of(inside or Nothing())
            case LedBy(type_, parameter, target, to, inside, wholes):
                self.values.append(parameter)
                return "led by", type_, target, self._of(to), self._of(inside), wholes
        raise _NotOutlined


@dataclass(frozen=True, slots=True)
class _Text(Generic[Made]):
    """`names` of all parameters it adds; `between`: the values that are always the same."""

    made: Made
    names: tuple[str, ...]
    between: tuple[Any, ...]


class Remembered(Generic[Made]):
    """What was made for each key, and how its parameters are called; threads may share it."""

    def __init__(self) -> None:
        self._found: dict[Hashable, _Text[Made]] = {}

    def get(
        self,
        key: Hashable,
        make: Callable[[], Made],
        params: dict[str, Any],
        values: tuple[list[Any], list[Any]],
    ) -> Made:
        """What `make` makes, and the parameters it adds to `params`; `values`: the first and the
        last ones it adds.
        """
        found = self._found.get(key)
        if found is None:
            return self._make(key, make, params, values)
        params.update(zip(found.names, (*values[0], *found.between, *values[1]), strict=True))
        return found.made

    def _make(
        self,
        key: Hashable,
        make: Callable[[], Made],
        params: dict[str, Any],
        values: tuple[list[Any], list[Any]],
    ) -> Made:
        known, (first, last) = len(params), values
        made = make()
        names, added = tuple(params)[known:], tuple(params.values())[known:]
        end = len(added) - len(last)
        if [*added[: len(first)], *added[end:]] != [*first, *last]:
            raise AssertionError("an outline and its text have different values")
        if len(self._found) >= MOST:
            self._found.clear()
        self._found[key] = _Text(made, names, added[len(first) : end])
        return made
