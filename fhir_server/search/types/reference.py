"""Reference parameters: literal, logical and canonical references.

https://hl7.org/fhir/R4/search.html#reference

A bare id is asked for as `Type/id` of each type the parameter may lead to, and has a key of its own
only where these are many.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fhir_server.fhir.reference import Contained, Local, Reference, Remote, Urn, parse
from fhir_server.search.keys import key
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, HasKey, Nothing, Untyped
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, plain, refuse_modifier, refuse_value, split
from fhir_server.search.types import uri
from mappings.identifiers import normal, normal_spelling, normal_uri
from profiles.definitions import r4

MANY = 8
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """Keys for each way to name the target, and a row for a literal reference to this server, or
    to what stands in the same whole.
    """
    for _, value in items:
        if isinstance(value, str):
            _read_canonical(parameter, value, rows)
        elif not isinstance(value, dict):  # an extension may hold anything
            continue
        elif "resourceType" in value:  # the first entry of a document or message
            rows.inward.append((parameter.number, 0))
            if "id" in value:
                _read_local(parameter, Local(value["resourceType"], value["id"]), rows)
        else:
            if "reference" in value:
                _read_literal(parameter, value["reference"], rows)
            if "identifier" in value:
                _read_identifier(parameter.number, value["identifier"], rows)


def _read_literal(parameter: Parameter, text: str, rows: Rows) -> None:
    number, inside = parameter.number, rows.names.find(text)
    if inside is not None:
        rows.inward.append((number, inside))
    match _parsed(text, rows.base):
        case Local() as local:
            _read_local(parameter, local, rows, elsewhere=inside is None)
        case Remote(url, _, _, version):
            rows.keys.add(key(number, "reference", url))
            if version:
                rows.keys.add(key(number, "reference", url.removesuffix(f"/_history/{version}")))
        case Urn(urn):
            rows.keys.add(key(number, "reference", urn))


def _read_local(
    parameter: Parameter, local: Local, rows: Rows, *, elsewhere: bool = True
) -> None:
    """`elsewhere`: it leads to what is stored, and to no entry of the same Bundle."""
    number, type_, id_, version = parameter.number, local.type_, local.id_, local.version
    if elsewhere:
        rows.references.append((number, type_, id_))
    rows.keys.add(key(number, "reference", f"{type_}/{id_}"))
    if _leads_to_many(parameter):
        rows.keys.add(key(number, "reference", id_))
    if version:
        rows.keys.add(key(number, "reference", f"{type_}/{id_}/_history/{version}"))


def _read_canonical(parameter: Parameter, text: str, rows: Rows) -> None:
    number = parameter.number
    uri.read_address(parameter, text, rows)
    rows.keys.add(key(number, "reference", text))
    address = text.partition("|")[0]
    rows.keys.add(key(number, "reference", address))
    match _parsed(address, rows.base):
        case Local() as local:
            _read_local(parameter, local, rows)


def _read_identifier(number: int, identifier: Any, rows: Rows) -> None:
    said = identifier.get("system", ""), identifier.get("value", "")
    for system, value in dict.fromkeys((normal_spelling(*said), normal(*said))):
        if system:
            rows.keys.add(key(number, "identifier-system", system))
        if value:
            rows.keys.add(key(number, "identifier", value))
            rows.keys.add(key(number, "identifier-coding", system, value))


def ask(parameter: Parameter, modifier: str, values: Sequence[str], asked: Asked) -> Criterion:
    """One of the values: `id`, `Type/id`, an address; after `:Type` an id; after `:identifier` a
    token. `:below` is for canonicals alone: R4's other hierarchies are not walked here.
    """
    if modifier == "identifier":
        return HasKey(tuple(k for value in values for k in _identifier_keys(parameter, value)))
    if modifier == "below" and parameter.canonical:
        texts = [plain(value) for value in values]
        inside = uri.below(parameter, texts, end="/")
        return AnyOf((HasKey(tuple(key(parameter.number, "reference", t) for t in texts)), inside))
    if modifier and not leads_to(parameter, modifier):
        refuse_modifier(parameter.code, modifier)
    keys = tuple(k for value in values for k in _keys(parameter, modifier, plain(value), asked))
    return HasKey(keys) if keys else Nothing()


def leads_to(parameter: Parameter, type_: str) -> bool:
    """Say whether this parameter's references may lead to `type_`, as the definitions go."""
    return type_ in parameter.targets or (not parameter.targets and r4().is_resource(type_))


def _leads_to_many(parameter: Parameter) -> bool:
    return not 0 < len(parameter.targets) <= MANY


def _keys(parameter: Parameter, type_: str, text: str, asked: Asked) -> Iterator[int]:
    """None at all when the type asked for is not that of the reference: nothing can be so."""
    number = parameter.number
    match _parsed(text, asked.base):
        case Local(found, id_, version):
            if type_ in ("", found):
                text = f"{found}/{id_}" + (f"/_history/{version}" if version else "")
                yield key(number, "reference", text)
        case Contained():
            refuse_value(parameter.code, text)
        case None if type_:
            yield key(number, "reference", f"{type_}/{text}")
        case None if not _leads_to_many(parameter):
            _note_untyped(parameter, text, asked)
            for target in parameter.targets:
                yield key(number, "reference", f"{target}/{text}")
        case None:
            _note_untyped(parameter, text, asked)
            yield key(number, "reference", text)
        case _:
            yield key(number, "reference", text)


def _note_untyped(parameter: Parameter, text: str, asked: Asked) -> None:
    types = parameter.targets or r4().resources
    if len(types) > 1 and _ID.fullmatch(text):
        asked.untyped.append(Untyped(parameter.code, text, tuple(types)))


def _identifier_keys(parameter: Parameter, value: str) -> Iterator[int]:
    number = parameter.number
    match [plain(part) for part in split(value, "|")]:
        case [code]:
            for one in dict.fromkeys((code, normal_uri(code))):
                yield key(number, "identifier", one)
        case [system, ""] if system:
            yield key(number, "identifier-system", normal_spelling(system, "")[0])
        case [system, code] if code:
            for pair in dict.fromkeys((normal_spelling(system, code), normal(system, code))):
                yield key(number, "identifier-coding", *pair)
        case _:
            refuse_value(parameter.code, value)


def _parsed(text: str, base: str) -> Reference | None:
    """None for what is no literal reference: a bare id, or something that should not be there."""
    try:
        return parse(text, base=base)
    except ValueError:
        return None
