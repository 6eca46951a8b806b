"""Whether an extension that R4 itself defines is as its definition says: which values it has, and
which parts.

https://hl7.org/fhir/R4/extensibility.html, https://hl7.org/fhir/R4/extensibility-registry.html

Looked at are the type of the value, the types a Reference leads to, codes of required value sets
that R4 publishes, the parts and how often they stand, and how often the extension itself does. Not
here: where an extension may stand, and the definitions of guides.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from profiles import links
from profiles.definitions import HERE, UNBOUNDED, r4
from profiles.terminology import codes_of

Fault = tuple[str, str, str]  # issue code, text, the path below what was looked at


class Definition(msgspec.Struct, array_like=True, frozen=True):
    """An extension, or a part of one: how often it stands, and either values or parts."""

    min: int
    max: int
    types: tuple[str, ...]  # of its value; none where it has parts
    targets: tuple[str, ...]  # resource types a Reference may lead to; none: any
    value_set: str  # its codes must be of this, "" where they need not
    parts: dict[str, "Definition"]  # by url


@cache
def defined() -> Mapping[str, Definition]:
    """The extensions of R4 by url."""
    text = (HERE / "extensions.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Definition])


def faults(extensions: list[Any], name: str) -> Iterator[Fault]:
    """What is wrong with the extensions that stand under this name in one element, and are sound in
    themselves; paths are those below the element.
    """
    counted: dict[str, int] = {}
    for n, one in enumerate(extensions):
        url = one.get("url") if type(one) is dict else None
        definition = defined().get(url) if type(url) is str else None
        if definition is None or type(url) is not str:
            continue
        counted[url] = counted.get(url, 0) + 1
        if counted[url] > definition.max != UNBOUNDED:
            yield "structure", f"`{url}` may stand {definition.max} times", f"{name}[{n}]"
        yield from _one(one, definition, url, f"{name}[{n}]")


def _one(value: Mapping[str, Any], definition: Definition, url: str, at: str) -> Iterator[Fault]:
    members = r4().types["Extension"].members
    for name, item in value.items():
        element, type_ = members.get(name, (None, ""))
        if element is None or element.name != "value":
            continue
        if type_ not in definition.types:
            wanted = f"a value of type {', '.join(definition.types)}"[:100]
            text = f"`{url}` has {wanted if definition.types else 'parts'}, not `{name}`"
            yield "structure", text, f"{at}.value"
        else:
            yield from _value(type_, item, definition, url, f"{at}.value")
    parts = value.get("extension", ())
    if definition.parts or not definition.types:
        yield from _parts(parts, definition, url, at)
    elif parts:
        yield "structure", f"`{url}` has a value and no parts", f"{at}.extension"


def _parts(parts: Any, definition: Definition, url: str, at: str) -> Iterator[Fault]:
    counted: dict[str, int] = {}
    for n, part in enumerate(parts if type(parts) is list else ()):
        name = part.get("url") if type(part) is dict else None
        if type(name) is not str or ":" in name:
            continue  # another extension, of its own definition
        inner, here = definition.parts.get(name), f"{at}.extension[{n}]"
        if inner is None:
            yield "structure", f"`{url}` has no part `{name[:100]}`", here
            continue
        counted[name] = counted.get(name, 0) + 1
        if counted[name] > inner.max != UNBOUNDED:
            yield "structure", f"the part `{name}` may stand {inner.max} times", here
        yield from _one(part, inner, name, here)
    for name, inner in definition.parts.items():
        if counted.get(name, 0) < inner.min:
            yield "required", f"`{url}` lacks its part `{name}`", f"{at}.extension"


def _value(
    type_: str, value: Any, definition: Definition, url: str, at: str
) -> Iterator[Fault]:
    if type_ == "Reference" and definition.targets and type(value) is dict:
        leads_to = links.type_of(str(value.get("reference", ""))) or str(value.get("type", ""))
        if r4().is_resource(leads_to) and leads_to not in definition.targets:
            allowed = ", ".join(definition.targets)[:100]
            yield "structure", f"`{leads_to}` may not stand here, but {allowed}", at
    systems = codes_of(definition.value_set) if definition.value_set else None
    if systems is None:
        return
    if type_ == "code":
        known = any(value in codes for codes in systems.values())
    elif type_ in ("Coding", "CodeableConcept") and type(value) is dict:
        codings = [value] if type_ == "Coding" else value.get("coding", [])
        known = any(c.get("code", "") in systems.get(c.get("system", ""), ()) for c in codings)
    else:
        return
    if not known:
        yield "code-invalid", f"the value of `{url}` is not one of the codes required here", at
