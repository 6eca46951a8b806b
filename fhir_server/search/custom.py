"""Search parameters that an operator has stored: what a SearchParameter resource stands for, or why
it cannot be searched by.

https://hl7.org/fhir/R4/searchparameter.html

Whoever stores one means R4's FHIRPath of search expressions, as `profiles.fhirpath.paths` reads it.
A value whose type does not suit the parameter's is not read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import msgspec

from fhir_server.search import keys
from fhir_server.search.parameters import Parameter, compiled
from fhir_server.search.rows import Items
from profiles.definitions import Definitions, SearchParameter, r4
from profiles.fhirpath import parse as tree
from profiles.fhirpath.paths import Select, compile_path

Resource = Mapping[str, Any]

_ADDRESSES = ("uri", "url", "canonical", "oid", "uuid")
# Parameter type → the types of values it is asked of.
FITTING: Mapping[str, frozenset[str]] = {
    kind: frozenset(types)
    for kind, types in {
        "token": ("Coding", "CodeableConcept", "Identifier", "ContactPoint", "boolean", "code",
                  "id", "string", *_ADDRESSES),
        "string": ("string", "markdown", "code", "id", "HumanName", "Address"),
        "date": ("date", "dateTime", "instant", "Period", "Timing"),
        "number": ("integer", "unsignedInt", "positiveInt", "decimal", "Range"),
        "quantity": ("Quantity", "SimpleQuantity", "MoneyQuantity", "Age", "Count", "Distance",
                     "Duration", "Money", "Range"),
        "uri": _ADDRESSES,
        "reference": ("Reference", "canonical", "uri"),
    }.items()
}  # fmt: skip
# What a composite can begin with: its values are names that the others stand beside.
NAMING = ("token", "reference", "uri")
# The items that are left out for who may not see what they lead to (`policy.redaction.LISTS`).
REMOVABLE = {
    "List": "entry",
    "DocumentReference": "relatesTo",
    "Composition": "relatesTo",
    "Consent": "data",
    "DocumentManifest": "content",
    "AuditEvent": "entity",
}

MAX_EXPRESSION = 2_000  # characters
MAX_ENDS = 200  # kinds of values of one expression: a choice of types has fifty
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored SearchParameter: one parameter for each of its types, or `reason`."""

    id_: str
    code: str
    parameters: tuple[Parameter, ...] = ()
    reason: str = ""


def is_active(resource: Resource) -> bool:
    return resource.get("status") == "active"


def definition_of(resource: Resource) -> SearchParameter:
    """What of a SearchParameter decides what it finds."""
    components = (
        (str(one.get("definition", "")).partition("|")[0], str(one.get("expression", "")))
        for one in resource.get("component", ())
    )
    return SearchParameter(
        url=str(resource.get("url", "")),
        code=str(resource.get("code", "")),
        type=str(resource.get("type", "")),
        base=tuple(str(type_) for type_ in resource.get("base", ())),
        expression=str(resource.get("expression", "")),
        targets=tuple(str(type_) for type_ in resource.get("target", ())),
        components=tuple(components),
    )


def types_of(definition: SearchParameter) -> tuple[str, ...]:
    """The resource types of its bases; `Resource` and `DomainResource` are all of them. ValueError
    for what is no type.
    """
    definitions, found = r4(), list[str]()
    for base in definition.base:
        if definitions.is_resource(base):
            found.append(base)
        elif base in ("Resource", "DomainResource"):
            found += [
                type_
                for type_ in definitions.resources
                if base == "Resource" or definitions.types[type_].base == base
            ]
        else:
            raise ValueError(f"its base `{base[:100]}` is no resource type")
    return tuple(dict.fromkeys(found))


def judged(resources: Iterable[Resource], *, guarded: bool) -> list[Judged]:
    """Each of them, composites last; of two with one code the first holds, and those that are not
    active are refused. `guarded`: so are those that read what may be left out for their reader.
    """
    # What a composite is made of comes before it.
    ordered = sorted(resources, key=lambda one: one.get("type") == "composite")
    by_url: dict[str, SearchParameter] = {}
    taken: dict[tuple[str, str], str] = {}
    found = []
    for resource in ordered:
        id_, code = str(resource.get("id", "")), str(resource.get("code", ""))
        definition = definition_of(resource)
        try:
            if not is_active(resource):
                raise ValueError(f"its status is `{resource.get('status')}`, not `active`")
            made = parameters_of(definition, by_url)
            if guarded and any(parameter.telling for parameter in made):
                raise ValueError("it would find entries that are left out for who may not see them")
            for parameter in made:
                other = taken.get((parameter.resource, code))
                if other:
                    raise ValueError(
                        f"`{other}` has the code `{code}` for `{parameter.resource}` already"
                    )
        except ValueError as problem:
            found.append(Judged(id_, code, reason=str(problem)))
            continue
        taken |= {(parameter.resource, code): f"SearchParameter/{id_}" for parameter in made}
        by_url[definition.url] = definition
        found.append(Judged(id_, code, made))
    return found


def parameters_of(
    definition: SearchParameter, by_url: Mapping[str, SearchParameter]
) -> tuple[Parameter, ...]:
    """The parameter of each type; ValueError says what cannot be done. `by_url`: definitions that
    components may name, beside those of R4.
    """
    code, definitions = definition.code, r4()
    if not _CODE.fullmatch(code):
        raise ValueError(
            f"its code `{code[:100]}` is not a letter and up to 63 letters, digits, `-` and `_`"
        )
    types = types_of(definition)
    for type_ in types:
        if code in definitions.search[type_]:
            raise ValueError(f"`{type_}` has a parameter `{code}` already")
    make = _composite if definition.type == "composite" else _simple
    names = set(_names(definition))
    return tuple(
        replace(
            make(definition, type_, by_url, definitions),
            telling=REMOVABLE.get(type_, "") in names,
        )
        for type_ in types
    )


def _simple(
    definition: SearchParameter,
    type_: str,
    _: Mapping[str, SearchParameter],
    definitions: Definitions,
) -> Parameter:
    """`definition` for a resource type, or of an element."""
    kind = definition.type
    if kind not in FITTING:
        raise ValueError(f"parameters of type `{kind[:100]}` are not done")
    types = [end.type_ for end in _ends(definition.expression, type_, definitions)]
    if not FITTING[kind] & set(types) and "Extension" not in types:
        given = ", ".join(f"`{name}`" for name in sorted(set(types))[:5])
        raise ValueError(f"a {kind} is not asked of {given}, which its expression gives")
    made = compiled(definition, type_, definitions)
    return replace(made, select=_fitting(made.select, FITTING[kind]))


def _ends(expression: str, type_: str, definitions: Definitions) -> Sequence[Any]:
    if not expression.strip():
        raise ValueError("it has no expression")
    if len(expression) > MAX_EXPRESSION:
        raise ValueError(f"its expression has more than {MAX_EXPRESSION} characters")
    ends = compile_path(expression, type_, definitions).ends
    if not ends:
        raise ValueError(f"its expression gives nothing of a `{type_}`")
    if len(ends) > MAX_ENDS:
        raise ValueError(f"its expression gives more than {MAX_ENDS} kinds of values")
    return ends


def _fitting(select: Select, types: frozenset[str]) -> Select:
    def fitting(resource: Resource) -> Items:
        return [(type_, value) for type_, value in select(resource) if type_ in types]

    return fitting


def _composite(
    definition: SearchParameter,
    type_: str,
    by_url: Mapping[str, SearchParameter],
    definitions: Definitions,
) -> Parameter:
    """Two components, read from each element that the expression gives."""
    if len(definition.components) != 2:
        raise ValueError("a composite has two components here")
    kinds = {end.type_ for end in _ends(definition.expression, type_, definitions)}
    if len(kinds) > 1 or any(definitions.types[kind].primitive for kind in kinds):
        raise ValueError("the components of a composite are of one kind of element")
    (element,) = kinds
    parts = []
    for n, (url, expression) in enumerate(definition.components):
        component = by_url.get(url) or definitions.parameter_urls.get(url)
        if component is None:
            raise ValueError(f"its component `{url[:200]}` is not known here")
        if n == 0 and component.type not in NAMING:
            raise ValueError(f"its first component is a {component.type}: {', '.join(NAMING)}")
        there = msgspec.structs.replace(component, expression=expression)
        number = keys.number(type_, f"{definition.code}${n}")
        parts.append(replace(_simple(there, element, {}, definitions), number=number))
    number = keys.number(type_, definition.code)
    return Parameter(
        resource=type_,
        code=definition.code,
        type="composite",
        targets=(),
        number=number,
        present=keys.key(number, "present"),
        systems={},
        select=compile_path(definition.expression, type_, definitions).select,
        parts=tuple(parts),
        paired=True,
        url=definition.url,
    )


def _names(definition: SearchParameter) -> Iterator[str]:
    """The elements that its expressions name."""
    for expression in (definition.expression, *(text for _, text in definition.components)):
        if expression.strip() and len(expression) <= MAX_EXPRESSION:
            yield from _members(tree.parse(expression))


def _members(node: Any) -> Iterator[str]:
    if isinstance(node, tree.Member):
        yield node.name
    for one in fields(node):
        value = getattr(node, one.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if is_dataclass(inner):
                yield from _members(inner)
