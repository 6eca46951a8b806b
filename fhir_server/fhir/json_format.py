"""FHIR JSON, read and written so that nothing a client sent is changed.

https://hl7.org/fhir/R4/json.html

A number with a point or an exponent is an `Exact`: a Decimal that remembers how it was spelled.
`splice` changes members of a text without reading the others. (Not named `json`: a file of that
name would hide the standard one.)
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from fhir_server.fhir.json_places import repeated
from fhir_server.fhir.outcome import BadRequest

FIRST = ("resourceType", "id", "meta")
_SPACES = ((b" ", b" :"), (b"\n", b"\n:"), (b"\t", b"\t:"), (b"\r", b"\r:"))
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Exact(Decimal):
    """A decimal and its spelling: 1.00, 1e5 and 0.00000000010 are written as they came."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "Exact":
        """Read a JSON number; `decimal.InvalidOperation` for any other text or a huge exponent."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _spelled(value: object) -> msgspec.Raw:
    if isinstance(value, Exact):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"no JSON for a {type(value).__name__}")


_DECODER = msgspec.json.Decoder(float_hook=Exact)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder(enc_hook=_spelled, decimal_format="number")
_SORTED = msgspec.json.Encoder(enc_hook=_spelled, decimal_format="number", order="sorted")


def read(data: bytes, *, max_depth: int = 100) -> dict[str, Any]:
    """The resource in `data`, its numbers int or Exact; BadRequest where it is not one JSON object.

    Refused too: no resourceType, a key that stands twice in one object, objects nested deeper than
    `max_depth` (the resource is at 1, arrays do not count).
    """
    value = _decode(data)
    if type(value) is not dict:
        raise BadRequest("the body is not a JSON object", code="structure")
    if not isinstance(value.get("resourceType"), str):
        raise BadRequest("the body has no `resourceType`", code="structure")
    if _count_keys([value], max_depth) != _count_key_ends(data):
        _refuse_repeated_keys(data)
    return value


def read_patch(data: bytes, *, max_depth: int = 100) -> list[Any]:
    """The operations of a JSON Patch, an array; BadRequest as in `read`."""
    value = _decode(data)
    if type(value) is not list:
        raise BadRequest("a JSON Patch is an array of operations", code="structure")
    roots: list[dict[str, Any]] = []
    _objects_of(value, roots)
    if _count_keys(roots, max_depth) != _count_key_ends(data):
        _refuse_repeated_keys(data)
    return value


def _decode(data: bytes) -> Any:
    try:
        return _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise BadRequest("a number is too long", code="structure") from error
    except msgspec.DecodeError as error:
        raise BadRequest(_why(data), code="structure") from error
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8", code="structure") from error
    except InvalidOperation as error:
        raise BadRequest("the exponent of a number is too large", code="structure") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deep", code="structure") from error


def _why(data: bytes) -> str:
    """What is wrong with a text that is no JSON, in our own words, with line and column."""
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return "the body starts with a byte order mark"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "the body is not UTF-8"
    fault = _fault(text)
    return f"the body is not JSON: {fault}" if fault else "the body is not JSON"


def _fault(text: str) -> str:
    """Where the standard library stops; "" for what it takes, as a lone surrogate is no more."""
    try:
        json.loads(text, parse_constant=_constant)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or _open_string(text, error):
            return "it ends too early"
        return f"`{text[error.pos]}` does not belong at {error.lineno}:{error.colno}"
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "it is nested too deep"
    return "it has half of a surrogate pair" if _SURROGATE.search(text) else ""


def _open_string(text: str, error: json.JSONDecodeError) -> bool:
    """Whether the string that begins where the reader stopped has no end."""
    return text[error.pos] == '"' and not _STRING.match(text, error.pos)


def _constant(name: str) -> None:
    raise ValueError(f"`{name}` is no number of JSON")


def _count_keys(roots: list[dict[str, Any]], max_depth: int) -> int:
    """All keys of all objects, level by level, not recursing; BadRequest below `max_depth`."""
    keys, depth, level = 0, 0, roots
    while level:
        depth += 1
        if depth > max_depth:
            text = f"the body is nested deeper than {max_depth} objects"
            raise BadRequest(text, code="structure")
        inner: list[dict[str, Any]] = []
        for item in level:
            keys += len(item)
            for value in item.values():
                if type(value) is dict:
                    inner.append(value)
                elif type(value) is list:
                    _objects_of(value, inner)
        level = inner
    return keys


def check_depth(resource: dict[str, Any], max_depth: int) -> None:
    """BadRequest when its objects are nested deeper than that."""
    _count_keys([resource], max_depth)


def _objects_of(array: list[Any], found: list[dict[str, Any]]) -> None:
    arrays = [array]
    for values in arrays:  # grows while it is read: an array in an array is no FHIR, but may come
        for value in values:
            if type(value) is dict:
                found.append(value)
            elif type(value) is list:
                arrays.append(value)


def _count_key_ends(data: bytes) -> int:
    """At least the number of keys: each ends in a colon behind its quote, or behind white space."""
    ends = data.count(b'":')
    for space, end in _SPACES:
        if space in data:  # looking for one byte is ten times faster than counting two
            ends += data.count(end)
    return ends


def _refuse_repeated_keys(data: bytes) -> None:
    """Look at the keys one by one: slower than reading, so only where their number does not fit."""
    try:
        found = repeated(data)
    except RecursionError as error:
        raise BadRequest("the body is nested too deep", code="structure") from error
    if found:
        text = f"the key `{found[0][:100]}` stands twice in one object"
        raise BadRequest(text, code="structure", expression=found[1])


def write(resource: Mapping[str, Any]) -> bytes:
    """One line of JSON; decimals as they were spelled."""
    return _ENCODER.encode(resource)


def says_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two resources have the same members with the same values, spelled the same."""
    return one == other and _SORTED.encode(one) == _SORTED.encode(other)


def splice(text: bytes, members: Mapping[str, bytes | None]) -> bytes:
    """The JSON object `text` with some of its own members replaced, added, or (None) taken out.

    The values given are JSON texts. resourceType, id and meta come first; every other value stays
    byte for byte.
    """
    found: dict[str, msgspec.Raw] = dict.fromkeys(FIRST, msgspec.Raw())
    found.update(_MEMBERS.decode(text))
    for name, value in members.items():
        found[name] = msgspec.Raw(value or b"")
    return _ENCODER.encode({name: value for name, value in found.items() if value})
