"""Uri parameters: the same address, letter by letter, one above or one below.

https://hl7.org/fhir/R4/search.html#uri
"""

import re
from collections.abc import Iterator, Sequence

from fhir_server.fhir.own_addresses import BYTES, relative
from fhir_server.search.keys import common, key
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, HasKey, StringIs
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, bounded, plain, refuse_modifier, refuse_value

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]")


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """A key for each address; a canonical with a version (`url|1.0`) is found without it too, and
    the address of a resource with the version that it has. The address itself for those that are
    asked for by what they begin with.
    """
    for type_, value in items:
        if not isinstance(value, str):
            continue
        value = relative(value, base=rows.base, types=BYTES)
        read_address(parameter, value, rows)
        if type_ == "canonical":
            rows.keys.add(common(parameter.number, "uri", value))
            rows.keys.add(common(parameter.number, "uri", value.partition("|")[0]))
            continue
        rows.keys.add(key(parameter.number, "uri", value))
        if parameter.own_url and rows.version:
            versioned = f"{value}|{rows.version}"
            rows.keys.add(key(parameter.number, "uri", versioned))
            rows.strings.append((address_number(parameter), versioned, False))


def ask(parameter: Parameter, modifier: str, values: Sequence[str], asked: Asked) -> Criterion:
    """One of the values, letter by letter; `below` what begins with it, as what is in its folder
    does, `above` what it begins with.
    """
    texts = [plain(value) for value in values]
    own = f"{asked.base}/"  # addresses of bytes here are indexed without it
    here = [text.removeprefix(own) for text in texts if text.startswith(own) and text != own]
    match modifier:
        case "below":
            ways: list[Criterion] = [below(parameter, texts)]
            if "|" in "".join(texts):
                ways.insert(0, _is(parameter, texts))
            if here:
                ways.append(StringIs(address_number(parameter), "starts", tuple(here)))
            return AnyOf(tuple(ways)) if len(ways) > 1 else ways[0]
        case "above":
            every = [one for text in texts for one in _above(parameter, text)]
            keys = (_key(parameter, one) for one in every + here)
            return HasKey(bounded(parameter.code, keys))
        case "contains":
            return StringIs(address_number(parameter), "contains", (*texts, *here))
        case "":
            return _is(parameter, texts + here)
    refuse_modifier(parameter.code, modifier)


def below(parameter: Parameter, texts: Sequence[str], end: str = "") -> StringIs:
    """What begins with an address and this end; of `url|1.2`, the same in versions like 1.2.3."""
    inside = []
    for text in texts:
        version = _url(parameter, text).partition("|")[2]
        inside.append(f"{text}." if version else text.rstrip("|" + end) + end)
    return StringIs(common(parameter.number, "address"), "starts", tuple(inside))


def read_address(parameter: Parameter, text: str, rows: Rows) -> None:
    """The row by which `below` finds an address, and by which all are sorted."""
    rows.strings.append((address_number(parameter), text, True))


def address_number(parameter: Parameter) -> int:
    """The number of the rows that have addresses letter by letter."""
    return common(parameter.number, "address")


def _is(parameter: Parameter, texts: Sequence[str]) -> HasKey:
    return HasKey(tuple(_key(parameter, text) for text in texts))


def _key(parameter: Parameter, text: str) -> int:
    return key(parameter.number, "uri", text)


def _url(parameter: Parameter, text: str) -> str:
    """R4: what is above or below is a matter of URLs, and not of URNs."""
    if not _URL.match(text):
        refuse_value(parameter.code, text)
    return text


def _above(parameter: Parameter, text: str) -> Iterator[str]:
    """The address itself, and all it begins with, down to a scheme and a host."""
    start = len(_URL.match(_url(parameter, text))[0])  # type: ignore[index]  # it is one
    return (text[:end] for end in range(len(text), start - 1, -1))
