"""JSON Patch on a resource.

https://www.rfc-editor.org/rfc/rfc6902, https://www.rfc-editor.org/rfc/rfc6901

A `test` compares as the RFC says: numbers by their value (1.0 is 1.00), objects whatever the order
of their members. As a courtesy to the samples of the French guides, a step `extension[url:'…']` of
a pointer is the extension of that url.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from fhir_server.fhir.outcome import BadRequest, Unprocessable
from fhir_server.fhir.patch import LONGEST_POINTER, check_count, check_path, too_costly

OPERATIONS = ("add", "copy", "move", "remove", "replace", "test")
MOST_COPIED = 100_000  # values that the copies of one patch may make: each can double what is there
MOST_COPIED_TEXT = 16 * 1024 * 1024  # and the characters in them

_STEP = re.compile(r"/(?:(\w+)\[url:'([^']+)'\](?=/|$)|([^/]*))")
_NO_ESCAPE = re.compile(r"~(?![01])")

Resource = Mapping[str, Any]
# The whole resource is a member too, named "": the empty pointer leads to it.
Root = dict[str, Any]


def json_patch(resource: Resource, operations: Any) -> dict[str, Any]:
    """`resource` after a JSON Patch; BadRequest when it is none, Unprocessable when it cannot be
    applied, a test fails, or it costs too much.
    """
    if not isinstance(operations, list):
        raise BadRequest("a JSON Patch is an array of operations", code="structure")
    check_count(len(operations))
    for n, operation in enumerate(operations):
        if not isinstance(operation, dict) or operation.get("op") not in OPERATIONS:
            raise BadRequest(f"operation {n} is none of {', '.join(OPERATIONS)}", code="structure")
    values, text = 0, 0
    try:
        root: Root = {"": json_copy(resource)}
        for operation in operations:
            copied = _apply(root, operation)
            values, text = values + copied[0], text + copied[1]
            if values > MOST_COPIED or text > MOST_COPIED_TEXT:
                most = f"{MOST_COPIED} values and {MOST_COPIED_TEXT} characters"
                raise too_costly(f"a patch copies at most {most}")
    except RecursionError:
        raise too_costly("a patch nests too deep") from None
    if not isinstance(root[""], dict):
        raise Unprocessable("what the patch leaves is no resource")
    return root[""]


def json_copy(value: Any) -> Any:
    """A copy that shares no object or array with `value`."""
    if isinstance(value, Mapping):
        return {name: json_copy(item) for name, item in value.items()}
    return [json_copy(item) for item in value] if isinstance(value, list) else value


def _apply(root: Root, operation: Mapping[str, Any]) -> tuple[int, int]:
    """Do one operation; how many values and characters it copied."""
    path = _pointer(operation, "path")
    steps = _steps(path, root[""])
    match operation["op"]:
        case "test":
            if not same(_get(root, steps, path), _value(operation)):
                raise Unprocessable(f"the test of `{path[:100]}` fails")
        case "remove":
            _remove(root, steps, path)
        case "replace":
            _replace(root, steps, _value(operation), path)
        case "add":
            _add(root, steps, _value(operation), path)
        case "move":
            _move(root, steps, operation)
        case _:
            source = _pointer(operation, "from")
            value = json_copy(_get(root, _steps(source, root[""]), source))
            _add(root, steps, value, path)
            return _weight(value)
    return 0, 0


def _move(root: Root, steps: list[str], operation: Mapping[str, Any]) -> None:
    source, path = _pointer(operation, "from"), operation["path"]
    start = _steps(source, root[""])
    value = _get(root, start, source)
    if start == steps:
        return
    if steps[: len(start)] == start:
        raise Unprocessable(f"`{source[:100]}` cannot be moved into itself, `{path[:100]}`")
    _remove(root, start, source)
    _add(root, steps, value, path)


def _weight(value: Any) -> tuple[int, int]:
    """The values and the characters in `value`."""
    if isinstance(value, str):
        return 1, len(value)
    if not isinstance(value, (dict, list)):
        return 1, 1
    names = sum(len(name) for name in value) if isinstance(value, dict) else 0
    inner = [_weight(item) for item in (value.values() if isinstance(value, dict) else value)]
    return 1 + sum(one for one, _ in inner), names + sum(text for _, text in inner)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal as RFC 6902 section 4.6 says."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(value, other[name]) for name, value in one.items())
        )
    if isinstance(one, list):
        return (
            isinstance(other, list)
            and len(one) == len(other)
            and all(same(*pair) for pair in zip(one, other, strict=True))
        )
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise BadRequest(f"operation `{operation['op']}` needs a value", code="required")
    return operation["value"]


def _pointer(operation: Mapping[str, Any], member: str) -> str:
    """The JSON pointer in `path` or `from`."""
    text = operation.get(member)
    if not isinstance(text, str) or not (text == "" or text.startswith("/")):
        raise BadRequest(
            f"operation `{operation['op']}` needs a pointer in `{member}`", code="required"
        )
    check_path(text, LONGEST_POINTER)
    if _NO_ESCAPE.search(text):
        raise BadRequest(f"`{text[:100]}` has a ~ that is neither ~0 nor ~1", code="value")
    return text


def _steps(pointer: str, resource: Any) -> list[str]:
    """The names and places on the way from the root, whose member the resource is."""
    found = [""]
    for courtesy, url, plain in _STEP.findall(pointer):
        if courtesy:
            items = resource.get(courtesy) if isinstance(resource, dict) else None
            found += [courtesy, _place_of(items, url)]
        else:
            found.append(plain.replace("~1", "/").replace("~0", "~"))
    return found


def _place_of(items: Any, url: str) -> str:
    """The index of the extension of this url; behind the end when there is none."""
    among = enumerate(items if isinstance(items, list) else ())
    found = (str(n) for n, item in among if isinstance(item, dict) and item.get("url") == url)
    return next(found, "-")


def _no_such(path: str) -> Unprocessable:
    return Unprocessable(f"`{path[:100]}` is not in the resource")


def _position(items: Sequence[Any], step: str, path: str, *, end: bool) -> int:
    if end and step == "-":
        return len(items)
    leading_zero = step != "0" and step.startswith("0")
    if not step.isascii() or not step.isdigit() or len(step) > 9 or leading_zero:
        raise _no_such(path)
    place = int(step)
    if place >= len(items) + end:
        raise _no_such(path)
    return place


def _get(value: Any, steps: Sequence[str], path: str) -> Any:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list):
            value = value[_position(value, step, path, end=False)]
        else:
            raise _no_such(path)
    return value


def _remove(root: Root, steps: Sequence[str], path: str) -> None:
    holder = _get(root, steps[:-1], path)
    if holder is root:
        raise Unprocessable("the whole resource cannot be removed by a patch")
    if isinstance(holder, dict) and steps[-1] in holder:
        del holder[steps[-1]]
    elif isinstance(holder, list):
        del holder[_position(holder, steps[-1], path, end=False)]
    else:
        raise _no_such(path)


def _replace(root: Root, steps: Sequence[str], value: Any, path: str) -> None:
    holder = _get(root, steps[:-1], path)
    if isinstance(holder, dict) and steps[-1] in holder:
        holder[steps[-1]] = value
    elif isinstance(holder, list):
        holder[_position(holder, steps[-1], path, end=False)] = value
    else:
        raise _no_such(path)


def _add(root: Root, steps: Sequence[str], value: Any, path: str) -> None:
    holder = _get(root, steps[:-1], path)
    if isinstance(holder, dict):
        holder[steps[-1]] = value
    elif isinstance(holder, list):
        holder.insert(_position(holder, steps[-1], path, end=True), value)
    else:
        raise _no_such(path)
