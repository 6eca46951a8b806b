"""Which search parameters a resource type has, each compiled for that type.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from fhir_server.search import keys
from fhir_server.search.rows import Items
from profiles.definitions import Definitions, SearchParameter, r4
from profiles.fhirpath.paths import End, Resource, Select, compile_path

COLUMNS = ("_id", "_lastUpdated")  # of every resource: beside its index, not in it

# Not in the index: R4 gives these no expression.
UNEXPRESSED = ("_content", "_filter", "_query", "_text", "age", "birthOrderBoolean")

# Not in the index yet: composites need their components side by side, `near` needs distances.
UNSUPPORTED_TYPES = ("composite", "special")


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A search parameter of one resource type.

    `type`: token, date, string, reference, uri, number or quantity. `targets`: resource types a
    reference may lead to, empty for any. `number`: 63 bits, the same on every server. `present`:
    the key that says it has a value. `systems`: the implied code system of each code, when all its
    values are of type code. `select` gives (type, value) pairs; the value of an extension rather
    than the extension.
    """

    resource: str
    code: str
    type: str
    targets: tuple[str, ...]
    number: int
    present: int
    systems: Mapping[str, str]
    select: Select


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
    )


@cache
def parameters(type_: str) -> Mapping[str, Parameter]:
    """The parameters of a resource type by code, but `COLUMNS`; KeyError for an unknown type."""
    definitions = r4()
    return MappingProxyType({
        code: compiled(definition, type_, definitions)
        for code, definition in definitions.search[type_].items()
        if is_supported(definition) and code not in COLUMNS
    })  # fmt: skip


def is_supported(definition: SearchParameter) -> bool:
    return definition.expression != "" and definition.type not in UNSUPPORTED_TYPES


def _targets(declared: tuple[str, ...], ends: tuple[End, ...]) -> tuple[str, ...]:
    """Those declared that the elements allow: the shared `patient` declares Group too."""
    references = [end for end in ends if end.type_ == "Reference"]
    if not references or any(not end.targets or "Resource" in end.targets for end in references):
        return declared
    allowed = {target for end in references for target in end.targets}
    return tuple(sorted(allowed & set(declared) if declared else allowed))


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
