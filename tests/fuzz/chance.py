"""Strategies for values, and for contents with something wrong in them.

https://hypothesis.readthedocs.io/en/latest/reference/strategies.html
"""

import json
import re
from copy import deepcopy
from functools import cache, lru_cache
from typing import Any

from hypothesis import strategies as st

from fhir_server.fhir import json_format, xml_format
from profiles.validate import validate
from tests.corpus import corpus_files
from tests.web.mutants import BYTES, ODD
from tests.web.valid import bundle, document, observation, valid

Draw = st.DrawFn

# JSON that Python's own writer does not write, in place of a marked string.
RAW = [
    "1e400", "-0", "0.10", "1E+2", "1.0e-30", "00", "+1", ".5", "1.", "NaN", "Infinity", "-",
    "9" * 400, "9" * 5000, "1e999999999", '"\\ud800"', '"\\u0000"', "[" * 90 + "]" * 90, "tru",
    '{"a":1,"a":2}', "/**/1", "'a'",
]  # fmt: skip
MARK = "\u2603raw"
NAMES = ["", "x", "id", "meta", "text", "contained", "extension", "modifierExtension", "_status",
         "_id", "resourceType", "valueString", "value", "reference", "$ref", "\u00e9"]  # fmt: skip
DEEP = [10, 60, 99, 100, 101, 400]
TAG = re.compile(r"(<[^>]*>)")
SMALL = 5000  # bytes


def rarely(times: int) -> st.SearchStrategy[bool]:
    """True about once in so many times; Hypothesis likes the ends of a range, so it is the middle.
    """
    return st.integers(0, times - 1).map(lambda number: number == times // 2)


text = st.text(st.characters(codec="utf-8"), max_size=12)
printable = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
odd = st.one_of(
    st.sampled_from(ODD).map(deepcopy),
    text,
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(RAW).map(lambda raw: MARK + raw),
    st.dates().map(str),
    st.datetimes().map(lambda when: f"{when.isoformat()}Z"),
    st.sampled_from(DEEP).map(lambda depth: nested({"url": "x"}, "extension", depth)),
    st.sampled_from(DEEP).map(lambda depth: nested("x", "", depth)),
)


def nested(value: Any, name: str, depth: int) -> Any:
    """Value in value; in objects by `name`, or in lists without."""
    for _ in range(depth):
        value = {"url": "x", name: [value]} if name else [value]
    return value


@cache
def seeds() -> tuple[dict[str, Any], ...]:
    """Valid resources of many types: the official examples, where there is a corpus."""
    made = [observation("a"), document("a"), bundle("a")]
    found = {one["resourceType"]: one for one in made}
    for request in valid("a", "b"):
        if request.body.startswith(b"{"):
            one = json.loads(request.body)
            found.setdefault(one["resourceType"], one)
    for path in corpus_files("r4/examples/*.json"):
        if path.stat().st_size < SMALL:
            one = json.loads(path.read_text())
            if not validate(one):  # a few of them are not valid
                found.setdefault(one["resourceType"], one)
    return tuple(found.values())


@st.composite
def changed(draw: Draw, resource: Any) -> Any:
    """The content with up to four things wrong."""
    value = json.loads(json.dumps(resource))
    for _ in range(draw(st.integers(0, 4))):
        places = [place for place in _places(value) if place[1] != "resourceType"]
        if not places:
            return value
        holder, name = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.integers(0, 5)):
            case 0:
                del holder[name]
            case 1 if isinstance(holder, dict):
                holder[draw(st.sampled_from(NAMES))] = draw(odd)
            case 2 if isinstance(holder, list):
                holder.insert(name, holder[name])
            case 3:
                holder[name] = [holder[name]]
            case 4 if isinstance(holder, dict):
                holder[f"_{name}"] = draw(odd)
            case _:
                holder[name] = draw(odd)
    return value


def _places(value: Any) -> Any:
    items = ()
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in items:
        yield value, name
        yield from _places(item)


@st.composite
def as_json(draw: Draw, value: Any) -> bytes:
    """Its JSON, sometimes with something no writer of JSON writes, or with bytes amiss."""
    written = json.dumps(value, ensure_ascii=draw(st.booleans()))
    if MARK in written or "\\u2603raw" in written:
        written = re.sub(
            r'"(?:\u2603|\\u2603)raw((?:[^"\\]|\\.)*)"', lambda found: json.loads(f'"{found[1]}"'),
            written,
        )  # fmt: skip
    return draw(spoiled(written.encode(errors="surrogatepass")))


@st.composite
def spoiled(draw: Draw, data: bytes) -> bytes:
    """Bytes, one time in six with some of them amiss."""
    if not draw(rarely(6)):
        return data
    place, length = draw(st.integers(0, len(data))), draw(st.integers(1, 12))
    put = draw(st.sampled_from([b"", data[place : place + length] * 2, *BYTES]))
    return data[:place] + put + data[place + length * draw(st.integers(0, 1)) :]


@st.composite
def as_xml(draw: Draw, resource: Any) -> bytes:
    """The XML of a resource, with up to three tags or texts amiss."""
    parts = TAG.split(_written(json.dumps(resource)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(parts) - 1))
        put = draw(st.one_of(st.sampled_from(XML_ODD), text))
        match draw(st.integers(0, 5)):
            case 0:
                parts[place] = put
            case 1:
                parts.insert(place, put)
            case 2:
                parts.insert(place, parts[draw(st.integers(0, len(parts) - 1))])
            case 3:
                parts[place] = re.sub('"[^"]*"', lambda _: f'"{put}"', parts[place], count=1)
            case 4:
                parts[place] = parts[place].replace("<", "<x:", 1)
            case _:
                del parts[place]
                parts = parts or [""]
    return draw(spoiled("".join(parts).encode(errors="surrogatepass")))


@lru_cache(maxsize=256)
def _written(resource: str) -> str:
    try:
        return xml_format.write(json_format.read(resource.encode())).decode()
    except Exception:  # not valid, and nothing to write: as it is, and it is no XML either
        return resource


XML_ODD = [
    "", "<!DOCTYPE a [<!ENTITY x 'y'>]>", "&x;", "&lt;", "&#0;", "&#55296;", "<!-- -- -->",
    "<![CDATA[<x>]]>", "<?xml version='1.1'?>", "<?php ?>", "<x/>", "<id value='a'/>",
    "<extension url='a'><valueString value='b'/></extension>", "<div/>", " xmlns='x'",
    "<div xmlns='http://www.w3.org/1999/xhtml'><script>x</script></div>", "<a b='c' b='d'/>",
    "<contained><Patient/></contained>", "<n>" * 120, "x" * 3000, "\u2028", "<status value=''/>",
]  # fmt: skip
