"""Random mutants of valid requests: what a client may send by mistake or by malice.

https://www.fuzzingbook.org/html/MutationFuzzer.html
"""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import quote

from tests.web.valid import Request

# Values that readers stumble over.
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**64,
    1e308,
    "",
    " ",
    "\0",
    "é",
    "\ud7ff",
    "\uffff",
    "x" * 2000,
    [],
    {},
    [[]],
    [None],
    {"": 1},
    {"extension": []},
    "Patient/a",
    "#",
    "#x",
    "../..",
    "2024-13-45",
    "9999-12-31T23:59:59.999999999Z",
    "0001",
    "urn:uuid:x",
    "%00",
    "'; --",
    "`",
    "{}",
    "<x/>",
    {"resourceType": "Patient"},
    {"reference": "Patient/%00"},
    {"reference": 5},
    {"system": "a"},
    [{"url": "x"}],
    {"identifier": {"system": "a", "value": "b"}},
]
BYTES = [
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\u0000",
    b"<",
    b">",
    b"&x;",
    b"<!--",
    b"]]>",
    b"%00",
    b"%ff",
    b"%",
    b"?",
    b"#",
    b"|",
    b",",
    b"$",
    b"\\,",
    b"9" * 400,
    b"1e400",
    b":",
    b".",
    b"/",
]


def mutant(request: Request, chance: Random) -> Request:
    """The request with one to three things wrong."""
    for _ in range(chance.randint(1, 3)):
        request = chance.choice(MUTATIONS)(request, chance)
    return request


def _in_the_content(request: Request, chance: Random) -> Request:
    """Something odd in place of one value of a JSON body, or beside it."""
    try:
        value = json.loads(request.body)
    except ValueError:
        return _in_the_bytes(request, chance)
    places = list(_places(value))
    holder, name = chance.choice(places) if places else (value, 0)
    if isinstance(holder, dict) and chance.random() < 0.2:
        holder[chance.choice(["x", "", "_status", "extension", "modifierExtension", "id"])] = (
            chance.choice(ODD)
        )
    elif places and chance.random() < 0.2:
        del holder[name]
    elif places:
        holder[name] = chance.choice(ODD)
    return replace(
        request,
        body=json.dumps(value, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass"),
    )


def _places(value: Any) -> Any:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, item in items:
        yield value, name
        yield from _places(item)


def _spoiled(data: bytes, chance: Random) -> bytes:
    place, length = chance.randint(0, len(data)), chance.randint(1, 12)
    match chance.randint(0, 3):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + data[place + length :]
        case 2:
            return data[:place] + data[place : place + length] * 2 + data[place + length :]
        case _:
            return data[:place] + chance.choice(BYTES) + data[place:]


def _in_the_bytes(request: Request, chance: Random) -> Request:
    return replace(request, body=_spoiled(request.body, chance))


def _in_the_address(request: Request, chance: Random) -> Request:
    if request.query and chance.random() < 0.7:
        return replace(request, query=_spoiled(request.query.encode(), chance).decode("latin-1"))
    if request.query and chance.random() < 0.5:
        name = chance.choice(request.query.split("&")).partition("=")[0]
        return replace(request, query=f"{request.query}&{name}={quote(str(chance.choice(ODD)))}")
    return replace(request, path=_spoiled(request.path.encode(), chance).decode("latin-1"))


def _in_the_headers(request: Request, chance: Random) -> Request:
    name = chance.choice(
        [
            "accept",
            "prefer",
            "if_match",
            "if_none_match",
            "if_none_exist",
            "content_type",
            "x_request_id",
        ]
    )
    value = _spoiled(request.headers.get(name, 'W/"1"').encode(), chance).decode("latin-1")
    return replace(request, headers=request.headers | {name: value})


def _in_the_method(request: Request, chance: Random) -> Request:
    return replace(request, method=chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]))


MUTATIONS: list[Callable[[Request, Random], Request]] = [
    *[_in_the_content] * 5,
    *[_in_the_bytes] * 2,
    *[_in_the_address] * 3,
    _in_the_headers,
    _in_the_method,
]
