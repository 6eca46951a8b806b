"""What the operators and the simple functions of FHIRPath do with collections.

http://hl7.org/fhirpath/N1/#operations, http://hl7.org/fhirpath/N1/#functions
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from profiles.dates import is_instant, nanoseconds
from profiles.definitions import r4
from profiles.fhirpath import parse as tree
from profiles.fhirpath.place import Item, Place, is_kind


TIMES = ("date", "dateTime", "instant")


def plain(item: Item) -> Any:
    return item.value if isinstance(item, Place) else item


def _single(context: list[Item]) -> list[Item]:
    if len(context) > 1:
        raise ValueError(f"`single` finds {len(context)} elements")
    return context


def _negated(context: list[Item]) -> list[Item]:
    found = truth(context)
    return [] if found is None else [not found]


SIMPLE: Mapping[str, Callable[[list[Item]], list[Item]]] = {
    "first": lambda context: context[:1],
    "last": lambda context: context[-1:],
    "tail": lambda context: context[1:],
    "single": _single,
    "exists": lambda context: [bool(context)],
    "empty": lambda context: [not context],
    "count": lambda context: [len(context)],
    "not": _negated,
    "hasValue": lambda context: [
        len(context) == 1 and isinstance(plain(context[0]), (bool, str, int, Decimal))
    ],
}


def truth(found: list[Item]) -> bool | None:
    """The one boolean in `found`; None when there is nothing."""
    if not found:
        return None
    value = plain(found[0])
    if len(found) > 1 or not isinstance(value, bool):
        raise ValueError("a condition is neither true nor false")
    return value


def whole_number(found: list[Item]) -> int:
    value = plain(found[0]) if len(found) == 1 else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("an index is a whole number")
    return value


def type_name(node: tree.Node) -> str:
    match node:
        case tree.Member(None, name):
            return name
        case tree.Member(tree.Member(None, namespace), name):
            return f"{namespace}.{name}"
    raise ValueError("a type is expected")


def _known_type(name: str) -> str:
    plain = name.removeprefix("FHIR.")
    if plain not in r4().types:
        raise ValueError(f"`{name[:100]}` is no type")
    return plain


def of_type(context: list[Item], name: str) -> list[Item]:
    type_ = _known_type(name)
    return [item for item in context if isinstance(item, Place) and is_kind(item.type_, type_)]


def is_type(context: list[Item], name: str) -> list[Item]:
    return [bool(of_type(_single(context), name))] if context else []


def url_of(item: Item) -> Any:
    value = plain(item)
    return value.get("url") if isinstance(value, dict) else None


def text_test(name: str, context: list[Item], part: list[Item]) -> list[Item]:
    if not context or not part:
        return []
    text, other = (plain(found[0]) if len(found) == 1 else None for found in (context, part))
    if not isinstance(text, str) or not isinstance(other, str):
        raise ValueError(f"`{name}` wants two texts")
    if name == "contains":
        return [other in text]
    return [text.startswith(other) if name == "startsWith" else text.endswith(other)]


def operated(operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    match operator:
        case "=" | "!=":
            equal = _equal(left, right)
            return [] if equal is None else [equal == (operator == "=")]
        case "in":
            return [any(_equal(left, [item]) for item in right)] if left else []
        case "and" | "or" | "xor" | "implies":
            return _logical(operator, truth(left), truth(right))
        case "<" | ">" | "<=" | ">=":
            return _compared(operator, left, right)
    raise ValueError(f"`{operator}` is not done here")


def _equal(left: list[Item], right: list[Item]) -> bool | None:
    if not left or not right:
        return None
    if any(isinstance(plain(item), (dict, list)) for item in (*left, *right)):
        raise ValueError("`=` compares primitive values here")
    if len(left) != len(right):
        return False
    found = [_same(a, b) for a, b in zip(left, right, strict=True)]
    return False if False in found else None if None in found else True


def _same(one: Item, other: Item) -> bool | None:
    if _is_time(one) or _is_time(other):
        return same_time(plain(one), plain(other))
    a, b = plain(one), plain(other)
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _is_time(item: Item) -> bool:
    return isinstance(item, Place) and item.type_ in TIMES


def same_time(one: Any, other: Any) -> bool | None:
    """Whether two dates are the same, two instants whatever their time zones; None where one is
    less precise, and may be the other. http://hl7.org/fhirpath/N1/#equals
    """
    if one == other:
        return True
    try:
        (low, high), (start, end) = nanoseconds(one), nanoseconds(other)
    except (TypeError, ValueError):
        return False
    if is_instant(one) and is_instant(other):
        return low == start
    return (low, high) == (start, end) or (None if low < end and start < high else False)


def _logical(operator: str, left: bool | None, right: bool | None) -> list[Item]:
    """Three-valued: http://hl7.org/fhirpath/N1/#boolean-logic"""
    if operator == "xor":
        return [] if left is None or right is None else [left != right]
    if operator == "implies":
        left, operator = None if left is None else not left, "or"
    settles = operator == "or"
    if settles in (left, right):
        return [settles]
    return [] if None in (left, right) else [not settles]


def _compared(operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    one: int | Decimal
    other: int | Decimal
    if not left or not right:
        return []
    if any(_is_time(item) for item in (*left, *right)):
        one, other = _instant(left), _instant(right)
    else:
        one, other = _number(left), _number(right)
    return [{"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[operator]]


def _instant(found: list[Item]) -> int:
    value = plain(found[0]) if len(found) == 1 else None
    if not isinstance(value, str):
        raise ValueError("a date is compared with a date")
    return nanoseconds(value)[0]


def _number(found: list[Item]) -> int | Decimal:
    value = plain(found[0]) if len(found) == 1 else None
    if not isinstance(value, (int, Decimal)) or isinstance(value, bool):
        raise ValueError("only numbers are compared here")
    return value
