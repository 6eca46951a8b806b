"""What of a resource can be found: its rows for the index.

https://hl7.org/fhir/R4/search.html#2.21.1.1
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fhir_server.fhir.reference import Local, parse, texts
from fhir_server.search.parameters import parameters
from fhir_server.search.registry import NOTHING_STORED, Registry
from fhir_server.search.rows import Rows
from fhir_server.search.types import READ
from fhir_server.search.types.string import gram_keys
from fhir_server.search.whole import Names, Part, parts
from fhir_server.search.words import word_keys


@dataclass(frozen=True, slots=True)
class Index:
    """The rows of one resource; a parameter's number is `parameters(type_)[code].number`, 63 bits.

    `keys`: hashes (63 bits) of what is compared exactly, that a parameter has a value, words, and
    three letters in a row of strings; see `search.keys`.
    `strings`: parameter, normalised text, and whether it is the whole value: else it is a part of
    a name, or the value with spaces for punctuation.
    `dates`: parameter, low, high: half-open, as in `moments`, `FIRST` and `LAST` for an open end.
    `numbers`: parameter, low, high: half-open (a plain number ends at the next float, so that
    `query.holds` reads both); a quantity is there once under its parameter and once under the
    number of each spelling of its unit.
    `references`: parameter, target type, target id of each literal reference to this server; those
    that no parameter speaks of have ELSEWHERE for a parameter.
    `tokens`: parameter, least code of a token parameter, lower case, cut (`rows.SHORT`): for
    sorting alone.
    `contained`: each resource within it, with the rows of the parameters of R4 alone. `inward`:
    parameter, and the number in `contained` of what a reference leads to; of those within alike.
    """

    keys: frozenset[int]
    strings: tuple[tuple[int, str, bool], ...]
    dates: tuple[tuple[int, int, int], ...]
    numbers: tuple[tuple[int, float, float], ...]
    references: tuple[tuple[int, str, str], ...]
    tokens: tuple[tuple[int, str], ...] = ()
    contained: tuple["Inside", ...] = ()
    inward: tuple[tuple[int, int], ...] = ()


class Inside(NamedTuple):
    """A resource within another; `entry`: an entry of a Bundle, or what that contains."""

    type_: str
    id_: str
    rows: Index
    entry: bool


ELSEWHERE = 0


def extract(
    resource: Mapping[str, Any], *, base: str, registry: Registry = NOTHING_STORED
) -> Index:
    """The rows of `resource`; absolute references to `base`, this server's address, are its own.
    `registry`: the parameters beside those of the definitions.
    """
    inner, names = parts(resource)
    rows = _rows(resource, resource, names, base, registry)
    known = {(type_, id_) for _, type_, id_ in rows.references}
    others = [a for a in _addresses(resource, base) if a not in known]
    rows.references += [(ELSEWHERE, type_, id_) for type_, id_ in others]
    return replace(_index(rows), contained=tuple(_inside(part, base) for part in inner))


def _rows(
    resource: Mapping[str, Any], read: Mapping[str, Any], names: Names, base: str,
    registry: Registry,
) -> Rows:  # fmt: skip
    """`read`: the resource as its parameters read it."""
    type_, version = resource["resourceType"], resource.get("version", "")
    rows = Rows(base, version if isinstance(version, str) else "", names)
    for parameter in (*parameters(type_).values(), *registry.indexed.get(type_, {}).values()):
        items = parameter.select(read)
        if items:
            if not parameter.paired:  # else only with all its parts
                rows.keys.add(parameter.present)
            READ[parameter.type](parameter, items, rows)
    rows.keys.update(word_keys(resource))
    rows.keys |= gram_keys(type_, rows.contained)
    return rows


def _index(rows: Rows) -> Index:
    return Index(
        keys=frozenset(rows.keys),
        strings=tuple(dict.fromkeys(rows.strings)),
        dates=tuple(dict.fromkeys(rows.dates)),
        numbers=tuple(dict.fromkeys(rows.numbers)),
        references=tuple(dict.fromkeys(rows.references)),
        tokens=tuple(rows.tokens.items()),
        inward=tuple(dict.fromkeys(rows.inward)),
    )


def _inside(part: Part, base: str) -> Inside:
    """What it refers to is what its whole refers to, which has these rows already, but for its own
    parameters.
    """
    resource = part.resource
    rows = _rows(resource, part.read, part.names, base, NOTHING_STORED)
    return Inside(resource["resourceType"], resource.get("id", ""), _index(rows), part.entry)


def _addresses(resource: Mapping[str, Any], base: str) -> Iterator[tuple[str, str]]:
    """Type and id of each resource of this server that a Reference leads to, and of the bytes of a
    document.
    """
    for text in texts(resource):
        try:
            reference = parse(text, base=base)
        except ValueError:
            continue
        if isinstance(reference, Local):
            yield reference.type_, reference.id_
