"""The R4 tables in memory: types, elements, search parameters, compartments, codes of required
bindings. Beside R4's own search parameters there are those that the guides add, each a
SearchParameter resource in `parameters/`.

https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/searchparameter.html
"""

from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping

import msgspec

HERE = Path(__file__).parent / "r4"
GUIDES = Path(__file__).parent / "parameters"
UNBOUNDED = -1
SUMMARY, MODIFIER = 1, 2


class Element(msgspec.Struct, array_like=True, frozen=True):
    """One element of a type, as its definition says; `max` is -1 when there is no limit."""

    name: str  # without [x]
    choice: bool
    min: int
    max: int
    types: tuple[
        str, ...
    ]  # names of `Definitions.types`; an inline element has the name of its path
    targets: tuple[str, ...]  # resource types a Reference or canonical may lead to; empty: any
    strength: str  # of the binding: required, extensible, preferred, example or ""
    value_set: str
    flags: int

    @property
    def many(self) -> bool:
        return self.max == UNBOUNDED or self.max > 1

    @property
    def summary(self) -> bool:
        return bool(self.flags & SUMMARY)

    @property
    def modifier(self) -> bool:
        return bool(self.flags & MODIFIER)


class _Table(msgspec.Struct, array_like=True, frozen=True):
    kind: str
    base: str
    abstract: bool
    elements: tuple[Element, ...]


class Type:
    """A resource, data type, primitive or inline (backbone) element.

    `members` maps each JSON property (`deceasedBoolean`, without the `_` siblings) to its element
    and type, in order.
    """

    def __init__(self, name: str, table: _Table) -> None:
        self.name, self.kind, self.base, self.abstract = (
            name,
            table.kind,
            table.base,
            table.abstract,
        )
        self.elements = table.elements

    @cached_property
    def members(self) -> Mapping[str, tuple[Element, str]]:
        found: dict[str, tuple[Element, str]] = {}
        for element in self.elements:
            for type_ in element.types:
                name = (
                    element.name + type_[0].upper() + type_[1:] if element.choice else element.name
                )
                found[name] = (element, type_)
        return MappingProxyType(found)

    @cached_property
    def by_name(self) -> Mapping[str, Element]:
        return MappingProxyType({element.name: element for element in self.elements})

    @property
    def primitive(self) -> bool:
        return self.kind == "primitive"


class SearchParameter(msgspec.Struct, array_like=True, frozen=True):
    """https://hl7.org/fhir/R4/searchparameter.html; `expression` is FHIRPath, "" where none is
    given.
    """

    url: str
    code: str
    type: str  # token, reference, string, date, number, quantity, uri, composite, special
    base: tuple[str, ...]
    expression: str
    targets: tuple[str, ...]
    components: tuple[tuple[str, str], ...]  # definition url, expression


def search_parameter(resource: Mapping[str, Any]) -> SearchParameter:
    """What a valid SearchParameter resource says."""
    return SearchParameter(
        url=resource["url"],
        code=resource["code"],
        type=resource["type"],
        base=tuple(resource["base"]),
        expression=resource.get("expression", ""),
        targets=tuple(sorted(resource.get("target", ()))),
        components=tuple((c["definition"], c["expression"]) for c in resource.get("component", ())),
    )


class Definitions:
    """All of the tables; `types` holds resources, data types, primitives and inline elements by
    name.
    """

    def __init__(
        self,
        tables: Mapping[str, _Table],
        primitives: Mapping[str, str],
        codes: Mapping[str, Mapping[str, tuple[str, ...]]],
        parameters: tuple[SearchParameter, ...],
        compartments: Mapping[str, Mapping[str, tuple[str, ...]]],
    ) -> None:
        self.types = {name: Type(name, table) for name, table in tables.items()}
        self.resources = tuple(
            sorted(n for n, t in self.types.items() if t.kind == "resource" and not t.abstract)
        )
        self.primitives = primitives
        self.codes = codes
        self.parameters = parameters
        self.compartments = compartments

    def is_resource(self, name: str) -> bool:
        type_ = self.types.get(name)
        return type_ is not None and type_.kind == "resource" and not type_.abstract

    @cached_property
    def parameter_urls(self) -> Mapping[str, SearchParameter]:
        return {parameter.url: parameter for parameter in self.parameters}

    @cached_property
    def search(self) -> Mapping[str, Mapping[str, SearchParameter]]:
        """The search parameters of each resource type by code; those of Resource and DomainResource
        in every one. Of several with one code it is the first, R4's own where there is one.
        """
        return {
            name: {code: each[0] for code, each in known.items()}
            for name, known in self.synonyms.items()
        }

    @cached_property
    def synonyms(self) -> Mapping[str, Mapping[str, tuple[SearchParameter, ...]]]:
        """All the search parameters of each resource type that a code stands for: a guide gives one
        of R4 a definition of its own for some of its targets.
        """
        found: dict[str, dict[str, tuple[SearchParameter, ...]]] = {n: {} for n in self.resources}
        for parameter in self.parameters:
            for base in parameter.base:
                for name in [base] if base in found else self._kinds_of(base):
                    known = found[name].get(parameter.code, ())
                    found[name][parameter.code] = (*known, parameter)
        return found

    def _kinds_of(self, abstract: str) -> list[str]:
        if abstract == "Resource":
            return list(self.resources)
        return [name for name in self.resources if self.types[name].base == abstract]

    @cached_property
    def required(self) -> Mapping[str, frozenset[str]]:
        """The codes of each enumerable value set with a required binding, whatever their system."""
        return {
            url: frozenset(c for codes in systems.values() for c in codes)
            for url, systems in self.codes.items()
        }


def _read(name: str, type_: object) -> object:
    return msgspec.json.decode((HERE / f"{name}.json").read_bytes(), type=type_)


def _of_guides() -> tuple[SearchParameter, ...]:
    found = (msgspec.json.decode(path.read_bytes()) for path in sorted(GUIDES.glob("*.json")))
    return tuple(search_parameter(resource) for resource in found)


def _with_guides(own: tuple[SearchParameter, ...]) -> tuple[SearchParameter, ...]:
    """R4's own, and after them those of the guides; the same canonical is the guide's."""
    guides = _of_guides()
    instead = {parameter.url: parameter for parameter in guides}
    kept = tuple(instead.pop(parameter.url, parameter) for parameter in own)
    return kept + tuple(instead.values())


@cache
def r4() -> Definitions:
    """The R4 (4.0.1) definitions with the guides' search parameters, read once; about 30 ms."""
    return Definitions(
        _read("types", dict[str, _Table]),  # type: ignore[arg-type]  # msgspec
        _read("primitives", dict[str, str]),  # type: ignore[arg-type]
        _read("codes", dict[str, dict[str, tuple[str, ...]]]),  # type: ignore[arg-type]
        _with_guides(_read("search", tuple[SearchParameter, ...])),  # type: ignore[arg-type]
        _read("compartments", dict[str, dict[str, tuple[str, ...]]]),  # type: ignore[arg-type]
    )
