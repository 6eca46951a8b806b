"""Patches: JSON Patch, and FHIRPath Patch as far as the document profiles use it.

https://hl7.org/fhir/R4/http.html#patch, https://hl7.org/fhir/R4/fhirpatch.html, https://www.rfc-
editor.org/rfc/rfc6902

A patch works on a copy: what comes back is a new resource, or an error and nothing changed. As a
courtesy to the samples of the French guides, a step `extension[url:'…']` of a JSON pointer is the
extension of that url.
"""

import re
from copy import deepcopy
from typing import Any, Mapping, Sequence

from fhir_server.fhir.outcome import BadRequest, Unprocessable

_COURTESY = re.compile(r"(\w+)\[url:'([^']+)'\]")
_STEP = re.compile(r"([A-Za-z]\w*)(?:\[(\d{1,9})\]|\.where\(url\s*=\s*'([^']*)'\))?")
_OPERATIONS = (
    "add",
    "copy",
    "move",
    "remove",
    "replace",
    "test",
)  # no set: what a client sends may not be hashable
MOST_COPIED = 100_000  # values that the copies of one patch may make: each can double what is there

Resource = Mapping[str, Any]


def json_patch(resource: Resource, operations: Any) -> dict[str, Any]:
    """`resource` after a JSON Patch document; BadRequest when it is none, Unprocessable when it
    cannot be applied.
    """
    if not isinstance(operations, list) or not operations:
        raise BadRequest("a JSON Patch is an array of operations", code="structure")
    patched: dict[str, Any] = deepcopy(dict(resource))
    copied = 0
    for n, operation in enumerate(operations):
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise BadRequest(f"operation {n} is none of {', '.join(_OPERATIONS)}", code="structure")
        try:
            copied += _apply(patched, operation)
        except RecursionError:
            raise Unprocessable("a patch nests too deep", code="too-costly") from None
        if copied > MOST_COPIED:
            raise Unprocessable(f"a patch copies at most {MOST_COPIED} values", code="too-costly")
    return patched


def _apply(resource: dict[str, Any], operation: dict[str, Any]) -> int:
    """Do one operation; how many values it copied."""
    steps = _pointer(operation, "path", resource)
    match operation["op"]:
        case "test":
            if _get(resource, steps, operation["path"]) != _value(operation):
                raise Unprocessable(f"the test of `{operation['path'][:100]}` fails")
        case "remove":
            _remove(resource, steps, operation["path"])
        case "replace":
            _remove(resource, steps, operation["path"])
            _add(resource, steps, _value(operation), operation["path"])
        case "add":
            _add(resource, steps, _value(operation), operation["path"])
        case kind:
            source = _pointer(operation, "from", resource)
            value = deepcopy(_get(resource, source, operation["from"]))
            if kind == "move":
                _remove(resource, source, operation["from"])
            _add(resource, steps, value, operation["path"])
            return _count(value)
    return 0


def _count(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_count(item) for item in inner)


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise BadRequest(f"operation `{operation['op']}` needs a value", code="required")
    return operation["value"]


def _pointer(operation: Mapping[str, Any], member: str, resource: Resource) -> list[str]:
    """The steps of a JSON pointer."""
    text = operation.get(member)
    if not isinstance(text, str) or not text.startswith("/"):
        raise BadRequest(
            f"operation `{operation['op']}` needs a pointer in `{member}`", code="required"
        )
    found: list[str] = []
    for courtesy, url, plain in re.findall(r"/(?:(\w+)\[url:'([^']+)'\]|([^/]*))", text):
        if courtesy:
            found += [courtesy, _place_of(resource.get(courtesy), url) or "-"]
        else:
            found.append(plain.replace("~1", "/").replace("~0", "~"))
    return found


def _place_of(items: Any, url: str) -> str | None:
    """The index of the extension of this url."""
    among = enumerate(items if isinstance(items, list) else ())
    return next(
        (str(n) for n, item in among if isinstance(item, dict) and item.get("url") == url), None
    )


def _no_such(path: str) -> Unprocessable:
    return Unprocessable(f"`{path[:100]}` is not in the resource")


def _position(items: Sequence[Any], step: str, path: str, *, end: bool) -> int:
    if end and step == "-":
        return len(items)
    if (
        not step.isascii()
        or not step.isdigit()
        or len(step) > 9
        or (step != "0" and step.startswith("0"))
    ):
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


def _remove(resource: Any, steps: Sequence[str], path: str) -> None:
    holder = _get(resource, steps[:-1], path)
    if isinstance(holder, dict) and steps[-1] in holder:
        del holder[steps[-1]]
    elif isinstance(holder, list):
        del holder[_position(holder, steps[-1], path, end=False)]
    else:
        raise _no_such(path)


def _add(resource: Any, steps: Sequence[str], value: Any, path: str) -> None:
    holder = _get(resource, steps[:-1], path)
    if isinstance(holder, dict):
        holder[steps[-1]] = value
    elif isinstance(holder, list):
        holder.insert(_position(holder, steps[-1], path, end=True), value)
    else:
        raise _no_such(path)


def fhirpath_patch(resource: Resource, parameters: Resource) -> dict[str, Any]:
    """`resource` after a FHIRPath Patch; paths are names with an index or `where(url='…')`.

    BadRequest for what is no patch, Unprocessable for a path that leads nowhere.
    """
    patched: dict[str, Any] = deepcopy(dict(resource))
    operations = [p for p in parameters.get("parameter", ()) if p.get("name") == "operation"]
    if not operations:
        raise BadRequest("a FHIRPath Patch has parameters named `operation`", code="required")
    for operation in operations:
        parts = {part.get("name"): part for part in operation.get("part", ())}
        _change(patched, _text(parts, "type"), _text(parts, "path"), parts)
    return patched


def _text(parts: Mapping[str, Any], name: str) -> str:
    values = [v for k, v in parts.get(name, {}).items() if k.startswith("value")]
    if len(values) != 1 or not isinstance(values[0], str):
        raise BadRequest(f"an operation needs a part `{name}`", code="required")
    return values[0]


def _steps(resource: Resource, path: str) -> list[str]:
    """A simple FHIRPath as the steps of a JSON pointer."""
    root, _, rest = path.partition(".")
    if root != resource["resourceType"]:
        raise BadRequest(
            f"`{path[:100]}` does not begin with `{resource['resourceType']}`", code="value"
        )
    found: list[str] = []
    value: Any = resource
    end = 0
    for step in _STEP.finditer(rest):
        if rest[end : step.start()] not in ("", "."):
            raise BadRequest(
                f"`{path[:100]}` is more than this server's patches can read", code="not-supported"
            )
        end = step.end()
        name, index, url = step.groups()
        value = value.get(name) if isinstance(value, dict) else None
        found.append(name)
        if url is not None:
            index = _place_of(value, url)
            if index is None:
                raise _no_such(path)
        if index is not None:
            found.append(index)
            value = (
                value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
            )
    if end != len(rest):
        raise BadRequest(
            f"`{path[:100]}` is more than this server's patches can read", code="not-supported"
        )
    return found


def _change(resource: dict[str, Any], kind: str, path: str, parts: Mapping[str, Any]) -> None:
    steps = _steps(resource, path) if "." in path else []
    if not steps and kind != "add":
        raise BadRequest(f"`{path[:100]}` is no element that could be changed", code="value")
    match kind:
        case "delete":
            _remove(resource, steps, path)
        case "replace":
            steps = _choice(resource, steps)
            _remove(resource, steps, path)
            _add(resource, steps, _new_value(parts), path)
        case "add":
            holder = _get(resource, steps, path)
            name = _text(parts, "name")
            if not isinstance(holder, dict):
                raise _no_such(path)
            if isinstance(holder.get(name), list):
                holder[name].append(_new_value(parts))
            else:
                holder[name] = (
                    [_new_value(parts)]
                    if name in ("extension", "securityLabel")
                    else _new_value(parts)
                )
        case "insert":
            index = parts.get("index", {}).get("valueInteger", 0)
            _add(resource, [*steps, str(index)], _new_value(parts), path)
        case _:
            raise BadRequest(f"no patch operation `{kind[:100]}` here", code="not-supported")


def _choice(resource: Resource, steps: list[str]) -> list[str]:
    """`value` of an extension is written `valueBoolean`…: the one that is there."""
    holder = _get(resource, steps[:-1], "/".join(steps))
    if isinstance(holder, dict) and steps[-1] not in holder:
        there = [name for name in holder if re.fullmatch(steps[-1] + "[A-Z].*", name)]
        return [*steps[:-1], there[0]] if len(there) == 1 else steps
    return steps


def _new_value(parts: Mapping[str, Any]) -> Any:
    part = parts.get("value", {})
    values = [value for name, value in part.items() if name.startswith("value")]
    if len(values) == 1:
        return values[0]
    if part.get("part"):
        return {inner["name"]: _new_value({"value": inner}) for inner in part["part"]}
    raise BadRequest("an operation needs one `value[x]`", code="required")
