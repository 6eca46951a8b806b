"""The R4 tables as the validator walks them: what each type may hold, by JSON name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from profiles import formats, narrative
from profiles.definitions import Element, Type, r4

# What must have a form though its type has none: ISO 4217, whose codes R4 does not publish;
# https://hl7.org/fhir/R4/datatypes-definitions.html#SampledData.data; and media types,
# https://www.rfc-editor.org/rfc/rfc6838#section-4.2, rfc9110#name-media-type. CapabilityStatement
# and TestScript, bound to them too, say `json` and `xml` in R4's own examples.
_POINT = r"(-?([0-9]+(\.[0-9]+)?|\.[0-9]+)|[EUL])"
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PARAMETER = rf'{_TOKEN}=(?:{_TOKEN}|"[^"\\]*")'
_MEDIA_TYPE = (
    re.compile(rf"{_NAME}/{_NAME}(?: ?;(?: ?{_PARAMETER})?)*", re.ASCII),
    "a media type, as type/subtype and parameters",
)
_OF_MEDIA_TYPES = (
    ("Attachment", "contentType"), ("Binary", "contentType"), ("Endpoint", "payloadMimeType"),
    ("Signature", "sigFormat"), ("Signature", "targetFormat"), ("Subscription.channel", "payload"),
    ("ElementDefinition.mapping", "language"),
)  # fmt: skip
_FORMS = {
    **dict.fromkeys(_OF_MEDIA_TYPES, _MEDIA_TYPE),
    ("Money", "currency"): (
        re.compile("[A-Z]{3}", re.ASCII), "three capital letters, as in ISO 4217",
    ),
    ("SampledData", "data"): (
        re.compile(f"{_POINT}( {_POINT})*", re.ASCII), "decimals, E, U or L, one space between two",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """A JSON member: `holds` judges a primitive, `type` is that of an object, else a resource."""

    path: str  # its name in FHIRPath: a choice without its type
    many: bool
    choice: bool
    primitive: str
    holds: Callable[[Any], bool] | None
    expected: str  # of a primitive, for people
    type: str
    partner: str  # of `name`: `_name`, and back
    targets: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]  # of a required binding: system, codes


@dataclass(frozen=True, slots=True)
class Rules:
    """What a type may hold."""

    name: str
    resource: bool
    members: Mapping[str, Member]
    required: tuple[tuple[str, tuple[str, ...]], ...]  # the element, the members that satisfy it


@cache
def rules(type_name: str) -> Rules:
    """The rules of a resource or complex type; KeyError for an unknown name."""
    type_ = r4().types[type_name]
    resource = type_.kind == "resource"
    members: dict[str, Member] = {}
    required: dict[str, tuple[str, ...]] = {}
    for name, (element, inner) in type_.members.items():
        member = _member(type_name, name, element, inner)
        added = {name: member, **_sibling(type_, name, member)}
        members |= added
        if element.min:
            required[element.name] = (*required.get(element.name, ()), *added)
    if resource:
        members["resourceType"] = replace(members["id"], path="resourceType")
    return Rules(type_name, resource, members, tuple(required.items()))


def _member(owner: str, name: str, element: Element, inner: str) -> Member:
    primitive = inner if r4().types[inner].primitive else ""
    codes = r4().codes.get(element.value_set, {}) if element.strength == "required" else {}
    holds = _holds(primitive, element.value_set if codes else "") if primitive else None
    expected = formats.EXPECTED.get(primitive, "")
    if (owner, name) in _FORMS:
        form, expected = _FORMS[owner, name]
        holds = _of_form(form)
    return Member(
        path=element.name,
        many=element.many,
        choice=element.choice,
        primitive=primitive,
        holds=holds,
        expected=expected,
        type="" if primitive or inner == "Resource" else inner,
        partner="_" + name,
        targets=element.targets,
        codes=codes,
    )


def _holds(primitive: str, value_set: str) -> Callable[[Any], bool]:
    if primitive == "xhtml":
        return lambda value: type(value) is str and not narrative.fault(value)
    if primitive == "code" and value_set:
        codes = r4().required[value_set]
        return lambda value: type(value) is str and value in codes
    return formats.HOLDS[primitive]


def _of_form(form: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and form.fullmatch(value) is not None


def _sibling(type_: Type, name: str, member: Member) -> dict[str, Member]:
    """The `_name` of a primitive, for its id and extensions; ids, Extension.url, div have none."""
    attribute = name == "id" or (name == "url" and type_.name == "Extension")
    if not member.primitive or member.primitive == "xhtml" or attribute:
        return {}
    beside = replace(member, primitive="", holds=None, type="Element", partner=name, codes={})
    return {"_" + name: beside}
