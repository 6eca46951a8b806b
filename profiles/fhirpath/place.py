"""Where the elements of a resource stand in its JSON, by the R4 type tables.

https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import zip_longest
from typing import Any

from profiles.definitions import Element, r4


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an element stands: `holder[name]`, and there at `index` unless that is -1.

    What JSON has beside a primitive stands at the same place of `holder["_" + name]`. `element` is
    None of the resource itself, whose `holder` has it under "".
    """

    holder: dict[str, Any]
    name: str
    index: int
    type_: str
    element: Element | None
    above: "Place | None"

    @property
    def value(self) -> Any:
        return self._at(self.name)

    @property
    def beside(self) -> Any:
        return self._at("_" + self.name)

    @property
    def primitive(self) -> bool:
        return r4().types[self.type_].primitive

    @property
    def inside(self) -> dict[str, Any] | None:
        """The object whose members are the children of this element, if there is one."""
        found = self.beside if self.primitive else self.value
        return found if isinstance(found, dict) else None

    def _at(self, name: str) -> Any:
        found = self.holder.get(name)
        if self.index < 0:
            return found
        return found[self.index] if isinstance(found, list) and self.index < len(found) else None


Item = Place | bool | str | int | Decimal  # what an expression can give
Row = tuple[Any, Any]  # a value, and what JSON has beside it


def root(resource: dict[str, Any]) -> Place:
    return Place({"": resource}, "", -1, str(resource["resourceType"]), None, None)


def member(type_name: str, name: str) -> tuple[Element, dict[str, str]]:
    """The element of this name, and its JSON names by type; LookupError for none.

    A choice is found by its name (`value`), or with its type (`valueString`: then that type alone).
    """
    found = _members(type_name).get(name)
    if found is None:
        raise LookupError(f"`{type_name}` has no `{name[:100]}`")
    return found


@cache
def _members(type_name: str) -> Mapping[str, tuple[Element, dict[str, str]]]:
    found: dict[str, tuple[Element, dict[str, str]]] = {}
    for json_name, (element, type_) in r4().types[type_name].members.items():
        found.setdefault(element.name, (element, {}))[1][type_] = json_name
    for json_name, (element, type_) in r4().types[type_name].members.items():
        found.setdefault(json_name, (element, {type_: json_name}))
    return found


def children(above: Place, name: str) -> list[Place]:
    """The places of one element below a place; LookupError when its type does not have it."""
    element, names = member(above.type_, name)
    holder = above.inside
    if holder is None:
        return []
    found = []
    for type_, json_name in names.items():
        count = 1 if json_name in holder or "_" + json_name in holder else 0
        if count and element.many:
            count = len(rows_of(holder, json_name, many=True))
        for n in range(count):
            place = Place(holder, json_name, n if element.many else -1, type_, element, above)
            found.append(_typed(place))
    return found


def _typed(place: Place) -> Place:
    """A resource inside another says its own type."""
    if not (r4().types[place.type_].abstract and r4().types[place.type_].kind == "resource"):
        return place
    name = place.value.get("resourceType", "") if isinstance(place.value, dict) else ""
    type_ = name if r4().is_resource(name) else place.type_
    return Place(place.holder, place.name, place.index, type_, place.element, place.above)


def is_kind(type_: str, name: str) -> bool:
    """Whether `type_` is `name` or a specialization of it."""
    while type_ and type_ != name:
        type_ = r4().types[type_].base
    return type_ == name


def rows_of(holder: Mapping[str, Any], name: str, *, many: bool) -> list[Row]:
    """Each primitive of an element with what stands beside it; `many`: it is a list, where nulls at
    the end of one of the arrays say nothing.
    """
    if many:
        rows = list(zip_longest(holder.get(name, ()), holder.get("_" + name, ())))
        while rows and rows[-1] == (None, None):
            rows.pop()
        return rows
    return [(holder.get(name), holder.get("_" + name))]


def write_rows(holder: dict[str, Any], name: str, rows: Sequence[Row], *, many: bool) -> None:
    """Put these in place of the whole element; none at all when they are empty. A list that has
    extensions alone keeps its nulls: https://hl7.org/fhir/R4/json.html#primitive
    """
    for json_name, column in ((name, 0), ("_" + name, 1)):
        items = [row[column] for row in rows]
        fills = many and column == 0 and any(row[1] is not None for row in rows)
        if not fills and all(item is None for item in items):
            holder.pop(json_name, None)
        else:
            holder[json_name] = items if many else items[0]
