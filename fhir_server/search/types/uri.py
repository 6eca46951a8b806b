"""Uri parameters: the same address, letter by letter, one above or one below.

https://hl7.org/fhir/R4/search.html#uri
"""

import re
from collections.abc import Iterator, Sequence

from fhir_server.search.keys import common, key
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, HasKey, StringIs
from fhir_server.search.rows import CUT, Items, Rows
from fhir_server.search.terms import Asked, bounded, plain, refuse_modifier, refuse_value

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]")


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """A key for each address; a canonical with a version (`url|1.0`) is found without it too. The
    address itself for those that are asked for by what they begin with.
    """
    for type_, value in items:
        if isinstance(value, str):
            read_address(parameter, value, rows)
        if type_ == "canonical":
            rows.keys.add(common(parameter.number, "uri", value))
            rows.keys.add(common(parameter.number, "uri", value.partition("|")[0]))
        elif isinstance(value, str):
            rows.keys.add(key(parameter.number, "uri", value))


def ask(parameter: Parameter, modifier: str, values: Sequence[str], _: Asked) -> Criterion:
    texts = [plain(value) for value in values]
    match modifier:
        case "below":
            return AnyOf((_is(parameter, texts), below(parameter, texts)))
        case "above":
            every = (one for text in texts for one in _above(parameter, text))
            return HasKey(bounded(parameter.code, (_key(parameter, one) for one in every)))
        case "contains":
            return StringIs(address_number(parameter), "contains", tuple(texts))
        case "":
            return _is(parameter, texts)
    refuse_modifier(parameter.code, modifier)


def below(parameter: Parameter, texts: Sequence[str]) -> StringIs:
    """What is in the folder of an address; of `url|1.2`, the same in versions like 1.2.3."""
    inside = []
    for text in texts:
        version = _url(parameter, text).partition("|")[2]
        inside.append(f"{text}." if version else f"{text.rstrip('|').rstrip('/')}/")
    found = tuple(one[:CUT] for one in inside)
    return StringIs(common(parameter.number, "address"), "starts", found)


def read_address(parameter: Parameter, text: str, rows: Rows) -> None:
    """The row by which `below` finds an address, and by which all are sorted."""
    rows.strings.append((address_number(parameter), text[:CUT], text[:CUT]))


def address_number(parameter: Parameter) -> int:
    """The number of the rows that have addresses letter by letter, cut."""
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
    """The address itself and each folder it is in, with and without its slash."""
    start = len(_URL.match(_url(parameter, text))[0])  # type: ignore[index]  # it is one
    yield text
    for n in range(start, len(text)):
        if text[n] == "/":
            yield text[:n]
            yield text[: n + 1]
