"""FHIRPath Patch on a resource: Parameters whose operations name places by FHIRPath.

https://hl7.org/fhir/R4/fhirpatch.html

Types come from the R4 tables: what may stand at a place, whether it repeats, what a `part` is. A
value of a kindred type is taken (a string for a code, a date for a dateTime); its format is judged
with the whole resource. An element that a deletion leaves empty goes too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.fhir.json_patch import json_copy
from fhir_server.fhir.outcome import BadRequest, Unprocessable
from fhir_server.fhir.patch import Budget, check_count, check_path
from profiles.definitions import Element, r4
from profiles.fhirpath.place import Place, Row, is_kind, member, root, rows_of, write_rows
from profiles.fhirpath.places import find

Resource = Mapping[str, Any]

_PARTS = {
    "add": {"type", "path", "name", "value"},
    "insert": {"type", "path", "value", "index"},
    "delete": {"type", "path"},
    "replace": {"type", "path", "value"},
    "move": {"type", "path", "source", "destination"},
}
_TEXTS = ("string", "code", "id", "markdown", "xhtml", "uri", "url", "canonical", "oid", "uuid")
_KINDRED = (
    frozenset(_TEXTS),
    frozenset({"date", "dateTime", "instant"}),
    frozenset({"integer", "positiveInt", "unsignedInt", "decimal"}),
)


@dataclass(frozen=True, slots=True)
class New:
    """A value on its way into the resource, under the JSON name that its type gives it."""

    name: str
    value: Any
    beside: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: the parts it has, by name, and what the paths of the patch may still cost."""

    parts: Mapping[str, Mapping[str, Any]]
    budget: Budget

    def text(self, name: str) -> str:
        value = _simple(self.parts.get(name, {}))
        if not isinstance(value, str):
            raise BadRequest(f"an operation needs a part `{name}`, a text", code="required")
        return value

    def number(self, name: str) -> int:
        value = _simple(self.parts.get(name, {}))
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadRequest(f"an operation needs a part `{name}`, a number", code="required")
        return value

    @property
    def value(self) -> Mapping[str, Any]:
        if "value" not in self.parts:
            raise BadRequest("an operation needs a part `value`", code="required")
        return self.parts["value"]


def fhirpath_patch(resource: Resource, parameters: Resource) -> dict[str, Any]:
    """`resource` after the operations of `parameters`, which must be a valid Parameters resource.

    BadRequest for what is no patch, Unprocessable for a path that does not lead to one element (or,
    of a deletion, leads to several), for a value of a wrong type, and for what costs too much.
    """
    start = root(json_copy(resource))
    found = parameters.get("parameter", ())
    check_count(len(found))
    budget = Budget()
    operations = [_operation(parameter, budget) for parameter in found]
    for operation in operations:
        _DO[operation.text("type")](start, operation)
    return dict(start.value)


def _operation(parameter: Mapping[str, Any], budget: Budget) -> Operation:
    if parameter["name"] != "operation":
        name = parameter["name"][:100]
        raise BadRequest(f"a FHIRPath Patch has no parameter `{name}`", code="not-supported")
    names = [part["name"] for part in parameter.get("part", ())]
    operation = Operation({part["name"]: part for part in parameter.get("part", ())}, budget)
    kind = operation.text("type")
    if kind not in _PARTS:
        raise BadRequest(f"`{kind[:100]}` is none of {', '.join(_PARTS)}", code="not-supported")
    for name in names:
        if name not in _PARTS[kind]:
            raise BadRequest(f"`{kind}` has no part `{name[:100]}`", code="not-supported")
        if names.count(name) > 1:
            raise BadRequest(f"the part `{name}` stands twice", code="structure")
    operation.text("path")
    return operation


def _simple(part: Mapping[str, Any]) -> Any:
    """The value of a part that is not a complex one."""
    values = [value for name, value in part.items() if name.startswith("value")]
    return values[0] if len(values) == 1 else None


# where


def _places(start: Place, operation: Operation) -> list[Place]:
    path = operation.text("path")
    check_path(path)
    operation.budget.spend(len(path))
    try:
        return find(path, start, operation.budget.spend)
    except ValueError as fault:
        reason = str(fault)[:200]
        raise BadRequest(
            f"`{path[:100]}` cannot be read by this server's patches: {reason}",
            code="not-supported",
        ) from None
    except LookupError as fault:
        raise Unprocessable(f"`{path[:100]}`: {fault.args[0]}") from None


def _one(start: Place, operation: Operation) -> Place:
    found = _places(start, operation)
    if len(found) != 1:
        path, kind = operation.text("path")[:100], operation.text("type")
        amount = "several elements" if found else "no element"
        raise Unprocessable(f"`{path}` leads to {amount} to {kind}")
    return found[0]


def _list(start: Place, operation: Operation) -> tuple[Place, list[Row]]:
    """A place in the list that the path names, and the whole list."""
    found = _places(start, operation)
    path = operation.text("path")[:100]
    if not found:
        raise Unprocessable(f"`{path}` leads to no element")
    first = found[0]
    rows = rows_of(first.holder, first.name, many=True) if first.index >= 0 else []
    operation.budget.spend(len(rows))
    alone = all(place.holder is first.holder and place.name == first.name for place in found)
    if not alone or len(found) != len(rows):
        raise Unprocessable(f"`{path}` is not one whole list")
    return first, rows


def _element(place: Place) -> Element:
    if place.element is None:
        raise BadRequest("the whole resource is no element that could be changed", code="value")
    return place.element


# the operations


def _do_add(start: Place, operation: Operation) -> None:
    place, name = _one(start, operation), operation.text("name")
    try:
        element, names = member(place.type_, name)
    except LookupError as fault:
        raise Unprocessable(str(fault.args[0])) from None
    holder = place.inside
    if holder is None:  # a primitive that has no extensions yet
        holder = {}
        _put(place, (place.value, holder))
    new = _new(operation.value, element, names)
    if not element.many:
        for json_name in names.values() if element.choice else (new.name,):
            if json_name in holder or "_" + json_name in holder:
                raise Unprocessable(f"there is a `{name[:100]}` already, and only one may be")
    _append(holder, element, new, operation.budget)


def _do_insert(start: Place, operation: Operation) -> None:
    place, rows = _list(start, operation)
    at = operation.number("index")
    if not 0 <= at <= len(rows):
        raise Unprocessable(f"`{at}` is no place in a list of {len(rows)}")
    new = _new(operation.value, _element(place), _names(place))
    rows.insert(at, (new.value, new.beside))
    write_rows(place.holder, place.name, rows, many=True)


def _do_delete(start: Place, operation: Operation) -> None:
    found = _places(start, operation)
    if len(found) > 1:
        path = operation.text("path")[:100]
        raise Unprocessable(f"`{path}` leads to several elements, and one is deleted at a time")
    for place in found:
        _element(place)
        _take_out(place, operation.budget)


def _do_replace(start: Place, operation: Operation) -> None:
    place = _one(start, operation)
    new = _new(operation.value, _element(place), _names(place))
    if new.name != place.name:  # a choice that becomes another type
        write_rows(place.holder, place.name, [], many=False)
        write_rows(place.holder, new.name, [(new.value, new.beside)], many=False)
    else:
        _put(place, (new.value, new.beside))


def _do_move(start: Place, operation: Operation) -> None:
    place, rows = _list(start, operation)
    source, destination = operation.number("source"), operation.number("destination")
    for at in (source, destination):
        if not 0 <= at < len(rows):
            raise Unprocessable(f"`{at}` is no place in a list of {len(rows)}")
    rows.insert(destination, rows.pop(source))
    write_rows(place.holder, place.name, rows, many=True)


_DO: Mapping[str, Callable[[Place, Operation], None]] = {
    "add": _do_add,
    "insert": _do_insert,
    "delete": _do_delete,
    "replace": _do_replace,
    "move": _do_move,
}


# JSON


def _put(place: Place, row: Row) -> None:
    many = place.index >= 0
    rows = rows_of(place.holder, place.name, many=many)
    rows[place.index if many else 0] = row
    write_rows(place.holder, place.name, rows, many=many)


def _append(holder: dict[str, Any], element: Element, new: New, budget: Budget) -> None:
    rows = rows_of(holder, new.name, many=True) if element.many else []
    budget.spend(len(rows))
    write_rows(holder, new.name, [*rows, (new.value, new.beside)], many=element.many)


def _take_out(place: Place, budget: Budget) -> None:
    """Take the element out, and what holds it when that is left empty."""
    many = place.index >= 0
    rows = rows_of(place.holder, place.name, many=many)
    budget.spend(len(rows))
    del rows[place.index if many else 0]
    write_rows(place.holder, place.name, rows, many=many)
    above = place.above
    if above is None or place.holder:
        return
    if above.primitive and above.value is not None:  # it loses its last extension
        _put(above, (above.value, None))
    else:
        _take_out(above, budget)


# the values


def _names(place: Place) -> Mapping[str, str]:
    """The JSON names that a new value may have where `place` is, by type."""
    above = place.above
    assert above is not None and place.element is not None
    return member(above.type_, place.element.name)[1]


def _new(part: Mapping[str, Any], element: Element, names: Mapping[str, str]) -> New:
    """The value of a part, where one of these types may stand."""
    sent = {name.removeprefix("_") for name in part if name.lstrip("_").startswith("value")}
    sent |= part.keys() & {"part", "resource"}
    if len(sent) != 1:
        raise BadRequest("an operation needs one `value[x]`", code="required")
    name = sent.pop()
    if name == "part":
        type_ = _only_complex(names)
        return New(names[type_], _built(part["part"], type_))
    if name == "resource":
        inner = part["resource"]
        fits = [type_ for type_ in names if is_kind(inner["resourceType"], type_)]
        if not fits:
            raise Unprocessable(f"`{inner['resourceType']}` is no `{element.name}`", code="value")
        return New(names[fits[0]], json_copy(inner))
    type_ = _fitting(member("Parameters.parameter", name)[1], element, names)
    return New(names[type_], json_copy(part.get(name)), json_copy(part.get("_" + name)))


def _only_complex(names: Mapping[str, str]) -> str:
    found = [name for name in names if not r4().types[name].primitive]
    if len(found) != 1:
        raise Unprocessable("what has parts cannot stand here", code="value")
    return found[0]


def _fitting(sent: Mapping[str, str], element: Element, names: Mapping[str, str]) -> str:
    """The type that a value of this one is taken for."""
    (given,) = sent
    kindred = [kin for kin in _KINDRED if given in kin]
    for type_ in (given, *names):
        if type_ not in names:
            continue
        special = is_kind(type_, given) or is_kind(given, type_)  # Age is a Quantity
        if special or any(type_ in kin for kin in kindred):
            return type_
    wanted = ", ".join(names)[:100]
    raise Unprocessable(f"`{element.name}` is {wanted}, not a {given}", code="value")


def _built(parts: Sequence[Mapping[str, Any]], type_name: str) -> dict[str, Any]:
    """A complex value from its parts, each named like an element of the type."""
    made: dict[str, Any] = {}
    for part in parts:
        try:
            element, names = member(type_name, part["name"])
        except LookupError as fault:
            raise Unprocessable(str(fault.args[0]), code="value") from None
        new = _new(part, element, names)
        if not element.many and (new.name in made or "_" + new.name in made):
            raise BadRequest(f"the part `{part['name'][:100]}` stands twice", code="structure")
        rows = rows_of(made, new.name, many=True) if element.many else []
        write_rows(made, new.name, [*rows, (new.value, new.beside)], many=element.many)
    return made
