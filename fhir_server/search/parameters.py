"""Which search parameters a resource type has, each compiled for that type.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from fhir_server.search import keys
from fhir_server.search.rows import Items
from profiles.definitions import Definitions, SearchParameter, r4
from profiles.fhirpath.paths import End, Resource, Select, compile_path

COLUMNS = ("_id", "_lastUpdated")  # of every resource: beside its index, not in it

# Not in the index: R4 gives these no expression.
UNEXPRESSED = ("_content", "_filter", "_query", "_text", "age", "birthOrderBoolean")

UNSUPPORTED_TYPES = ("special",)  # not in the index: `near` needs distances

# A composite over an element and over those inside it asks for either.
EITHER = {
    "combo-code-value-concept": ("code-value-concept", "component-code-value-concept"),
    "combo-code-value-quantity": ("code-value-quantity", "component-code-value-quantity"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A search parameter of one resource type.

    `type`: token, date, string, reference, uri, number, quantity or composite. `targets`: resource
    types a reference may lead to, empty for any. `number`: 63 bits, the same on every server.
    `present`: the key that says it has a value (of a composite: only if `paired`). `systems`: the
    implied code system of each code, when all its values are of type code. `select` gives (type,
    value) pairs; the value of an extension rather than the extension.

    A composite has `parts`, whose values are to be of the same element. Where there is one element
    only they are parameters of the resource; else it is `paired`: `select` gives the elements, and
    the parts select from these. With three parts the first is one of the resource, and the others
    are the two ends of the element. Or it has `ways`: composites, of which one is to be met.

    `folded`: of a token: `all` its elements are of type string, `some` may be, or none is ("").
    `own_url`: it is the canonical address of the resource itself, which may have a version.
    `family`: its strings are family names. `url`: of its definition. `canonical`: its references
    are addresses of definitions. `telling`:
    it reads items that may be left out for their reader (`custom.REMOVABLE`).
    """

    resource: str
    code: str
    type: str
    targets: tuple[str, ...]
    number: int
    present: int
    systems: Mapping[str, str]
    select: Select
    parts: tuple["Parameter", ...] = ()
    paired: bool = False
    ways: tuple["Parameter", ...] = ()
    url: str = ""
    folded: Literal["all", "some", ""] = ""
    own_url: bool = False
    family: bool = False
    canonical: bool = False
    telling: bool = False


def compiled(definition: SearchParameter, type_: str, definitions: Definitions) -> Parameter:
    """`definition` for `type_`; ValueError when its expression cannot be compiled."""
    path = compile_path(definition.expression, type_, definitions)
    number = keys.number(type_, definition.code)
    has_extensions = any(end.type_ == "Extension" for end in path.ends)
    return Parameter(
        resource=type_,
        code=definition.code,
        type=definition.type,
        targets=_targets(definition.targets, path.ends),
        number=number,
        present=keys.key(number, "present"),
        systems=_systems(path.ends, definitions),
        select=_unwrapped(path.select, definitions) if has_extensions else path.select,
        url=definition.url,
        folded=_folded(path.ends) if definition.type == "token" else "",
        own_url=f"{type_}.url" in definition.expression.split(" | "),
        family=all(end.element == "family" for end in path.ends),
        canonical=any(end.type_ == "canonical" for end in path.ends),
    )


@cache
def parameters(type_: str) -> Mapping[str, Parameter]:
    """The parameters of a resource type by code, but `COLUMNS`; KeyError for an unknown type."""
    definitions = r4()
    offered = {
        code: definition
        for code, definition in definitions.search[type_].items()
        if is_supported(definition) and code not in COLUMNS
    }
    found = {
        code: compiled(definition, type_, definitions)
        for code, definition in offered.items()
        if definition.type != "composite"
    }
    # Those that ask for either of two come after these.
    for code in sorted(set(offered) - set(found), key=lambda code: code in EITHER):
        found[code] = _composite(offered[code], type_, found, definitions)
    return MappingProxyType(found)


def _composite(
    definition: SearchParameter,
    type_: str,
    known: Mapping[str, Parameter],
    definitions: Definitions,
) -> Parameter:
    code, number = definition.code, keys.number(type_, definition.code)
    made = Parameter(
        type_, code, "composite", (), number, keys.key(number, "present"), {}, lambda _: (),
        url=definition.url,
    )  # fmt: skip
    if code in EITHER:
        return replace(made, ways=tuple(known[way] for way in EITHER[code]))
    path = compile_path(definition.expression, type_, definitions)
    (end,) = path.ends
    components = [definitions.parameter_urls[url] for url, _ in definition.components]
    if _is_once(end.type_, type_, definitions):
        return replace(made, parts=tuple(known[component.code] for component in components))
    expressions = [expression for _, expression in definition.components]
    if code == "relationship":  # R4 has these two the wrong way round
        expressions.reverse()
    parts = tuple(
        known[component.code]
        if text.startswith("%resource.")
        else replace(
            compiled(msgspec.structs.replace(component, expression=text), end.type_, definitions),
            number=keys.number(type_, f"{code}${component.code}"),
        )
        for component, text in zip(components, expressions, strict=True)
    )
    return replace(made, parts=parts, paired=True, select=path.select)


def _is_once(element: str, type_: str, definitions: Definitions) -> bool:
    """Whether a resource is this element, or has it once."""
    found = definitions.types[type_].by_name.get(element.removeprefix(f"{type_}."))
    return element == type_ or (found is not None and not found.many)


def is_supported(definition: SearchParameter) -> bool:
    return definition.type not in UNSUPPORTED_TYPES and definition.expression != ""


def _targets(declared: tuple[str, ...], ends: tuple[End, ...]) -> tuple[str, ...]:
    """Those declared that the elements allow: the shared `patient` declares Group too."""
    references = [end for end in ends if end.type_ == "Reference"]
    if not references or any(not end.targets or "Resource" in end.targets for end in references):
        return declared
    allowed = {target for end in references for target in end.targets}
    return tuple(sorted(allowed & set(declared) if declared else allowed))


def _folded(ends: tuple[End, ...]) -> Literal["all", "some", ""]:
    types = {end.type_ for end in ends}
    if types == {"string"}:
        return "all"
    return "some" if types & {"string", "Extension"} else ""


def _systems(ends: tuple[End, ...], definitions: Definitions) -> Mapping[str, str]:
    found: dict[str, str] = {}
    if all(end.type_ == "code" for end in ends):
        for end in ends:
            for system, codes in definitions.codes.get(end.value_set, {}).items():
                found |= dict.fromkeys(codes, system)
    return MappingProxyType(found)


def _unwrapped(select: Select, definitions: Definitions) -> Select:
    members = definitions.types["Extension"].members
    values = {name: type_ for name, (element, type_) in members.items() if element.name == "value"}

    def unwrapped(resource: Resource) -> Items:
        found: list[tuple[str, Any]] = []
        for type_, value in select(resource):
            if type_ == "Extension":
                found += [(values[name], value[name]) for name in value if name in values]
            else:
                found.append((type_, value))
        return found

    return unwrapped
