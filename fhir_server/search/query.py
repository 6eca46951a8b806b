"""A search as a tree of frozen dataclasses: what was asked, and nothing of how it is found.

https://hl7.org/fhir/R4/search.html

Two readers turn a `Criterion` into an answer and must agree: `search.match` over an `Index` in
memory, `storage` in SQL.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
How = Literal["starts", "contains", "ends", "is", "other"]
OF_WHOLE: tuple[How, ...] = ("ends", "is", "other")  # asked of whole values, not of their parts
SortKind = Literal["id", "updated", "date", "string", "number", "token", "reference"]


@dataclass(frozen=True, slots=True)
class HasKey:
    """Its index has at least one of `keys` (never empty)."""

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StringIs:
    """One of its strings of this parameter starts with, contains, ends with, or is one of `texts`;
    `other`: is none of them.

    `texts`: normalised, never empty, none of them empty.
    """

    parameter: int
    how: How
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DateIs:
    """One of its dates of this parameter `holds` to [low, high), both as in `moments`."""

    parameter: int
    prefix: Prefix
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class NumberIs:
    """One of its numbers `holds` to [low, high); `parameter` may be that of a unit, see `Index`."""

    parameter: int
    prefix: Prefix
    low: float
    high: float


Asked = tuple[Prefix, float, float]  # prefix, low, high


@dataclass(frozen=True, slots=True)
class SpanIs:
    """One of its spans of this parameter `begins` and `ends` as is asked, each as `holds` says of a
    single number; in the Index it is a number whose low and high these are.
    """

    parameter: int
    begins: Asked
    ends: Asked


@dataclass(frozen=True, slots=True)
class IdIs:
    """Its id is one of `ids` (never empty)."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UpdatedIs:
    """Its meta.lastUpdated, as [ms, ms + 1), `holds` to [low, high)."""

    prefix: Prefix
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Leads:
    """One of its literal references of this parameter leads to one of `types` that meets `to`, or
    within the same whole to one that meets `inside` (None: this is not asked).
    """

    parameter: int
    types: tuple[str, ...]
    to: "Criterion"
    inside: "Criterion | None" = None


@dataclass(frozen=True, slots=True)
class LedBy:
    """A `type_` that meets `to`, or one within a resource of one of the types `wholes` that meets
    `inside`, leads to it, which is a `target`, by `parameter`, a number of `type_`: `_has`.
    """

    type_: str
    parameter: int
    target: str
    to: "Criterion"
    inside: "Criterion" = field(default_factory=lambda: Nothing())
    wholes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each part is met; without parts always."""

    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part is met; without parts never."""

    parts: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not met; so also by what lacks the value."""

    part: "Criterion"


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing can meet this."""


Criterion = (
    HasKey | StringIs | DateIs | NumberIs | SpanIs | IdIs | UpdatedIs
    | Leads | LedBy | AllOf | AnyOf | Not | Nothing
)  # fmt: skip

EVERYTHING = AllOf(())


def compared(criterion: Criterion) -> int:
    """How many values the database is to compare with: a value of a question may stand for many (a
    value set, or one for each type of a chain).
    """
    match criterion:
        case HasKey(found) | StringIs(texts=found) | IdIs(found):
            return len(found)
        case AllOf(parts) | AnyOf(parts):
            return sum(compared(part) for part in parts)
        case Leads(to=part, inside=other) | LedBy(to=part, inside=other):
            return compared(part) + (compared(other) if other else 0)
        case Not(part):
            return compared(part)
    return 1


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key; without a value last, in either direction.

    `kind` says in which rows of the Index the values are, under `parameter` (0 for id and
    updated): a date by its low ascending and its high descending, a string by its normalised form,
    an address as it is, a number by its low, a token by its text, a reference by type and id.
    """

    code: str
    kind: SortKind
    parameter: int
    descending: bool


@dataclass(frozen=True, slots=True)
class Way:
    """References that are followed: from what was found, or with `reverse` against their direction.

    `numbers`: of the parameters, empty for all there are. `of`: the type it starts from, "" for
    any. `types`: those it brings. `again`: also from what was included.
    """

    reverse: bool
    again: bool
    numbers: tuple[int, ...]
    of: str
    types: tuple[str, ...]

    def only(self, types: Iterable[str]) -> "Way":
        """The same, bringing none but these."""
        kept = frozenset(types)
        return replace(self, types=tuple(type_ for type_ in self.types if type_ in kept))


@dataclass(frozen=True, slots=True)
class Untyped:
    """An id that a reference is asked for by, which may be that of a resource of any of `types`."""

    code: str
    id_: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A whole search of one type.

    `count`: matches per page, 0 for the total alone. `total`: "", none, estimate, accurate.
    `summary`: "", true, text, data, count, false. `cursor`: as the client sent it, unchecked.
    `within`: the compartment that is searched, as `Type/id`, or "".
    `contained`: "true" when resources inside others are searched, "both" when also those that
    stand by themselves, else "".
    `used`: names and values for `link[self]`, in the order of the request, without the cursor.
    `ignored`: names of parameters, or sort keys as `_sort=key`, that had no effect. `ways`: what is
    included with the matches. `untyped`: references that are asked for by an id alone.
    """

    type_: str
    where: Criterion
    sort: tuple[Sort, ...]
    count: int
    total: str
    summary: str
    elements: tuple[str, ...]
    cursor: str
    used: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    within: str = ""
    ways: tuple[Way, ...] = ()
    contained: str = ""
    untyped: tuple[Untyped, ...] = ()

    @property
    def path(self) -> str:
        """Where it is asked, below the address of the server."""
        return f"{self.within}/{self.type_}" if self.within else self.type_

    @property
    def warned(self) -> tuple[str, ...]:
        """What was ignored, each once, where there are entries to say it."""
        return tuple(dict.fromkeys(self.ignored)) if self.count else ()

    @property
    def asked(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What its pages are of: the path, and the parameters that had an effect."""
        return self.path, self.used


def holds(prefix: Prefix, value: tuple[float, float], asked: tuple[float, float]) -> bool:
    """Say whether the interval `value` is `prefix` to the interval `asked`, both [low, high).

    https://hl7.org/fhir/R4/search.html#prefix. `ap` is overlap: who asks has widened `asked`
    before. In SQL:

        eq  low >= :low and high <= :high        ne  low < :low or high > :high
        gt  high > :high                         lt  low < :low
        ge  high > :high or low >= :low          le  low < :low or high <= :high
        sa  low >= :high                         eb  high <= :low
        ap  low < :high and high > :low
    """
    (low, high), (from_, to) = value, asked
    match prefix:
        case "eq":
            return low >= from_ and high <= to
        case "ne":
            return low < from_ or high > to
        case "gt":
            return high > to
        case "lt":
            return low < from_
        case "ge":
            return high > to or low >= from_
        case "le":
            return low < from_ or high <= to
        case "sa":
            return low >= to
        case "eb":
            return high <= from_
        case "ap":
            return low < to and high > from_
