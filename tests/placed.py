"""A resource in which a search parameter has a value: made by following its expression with the
tables of types, not with the compiler of paths that the server has.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from profiles.definitions import Element, SearchParameter, r4
from profiles.extensions import defined
from tests.interactions.minimal import CODES, MEDIA_TYPES, minimal, required

UCUM, EXAMPLE = "http://unitsofmeasure.org", "http://a.example"
QUANTITIES = ("Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration")
# What a parameter of each type can be asked of.
HOLDING: Mapping[str, tuple[str, ...]] = {
    "token": ("CodeableConcept", "Coding", "code", "boolean", "Identifier", "ContactPoint",
              "string", "id", "uri"),
    "date": ("dateTime", "date", "instant", "Period", "Timing"),
    "string": ("string", "markdown", "HumanName", "Address"),
    "number": ("decimal", "integer", "positiveInt", "unsignedInt"),
    "quantity": (*QUANTITIES, "Money", "Range"),
    "reference": ("Reference", "canonical", "uri"),
    "uri": ("uri", "url", "canonical", "oid"),
}  # fmt: skip
_AS = re.compile(r"\(?([A-Za-z.]+) as ([A-Za-z]+)\)?")
_STEP = re.compile(r"([A-Za-z]+)(?:\(((?:[^()]|\(\))*(?:\('[^']*'\))?)\))?|\[0\]")


class Unplaced(ValueError):
    """An expression that is not followed here."""


@dataclass
class Step:
    """One element: its name, and what was said of its type and contents."""

    name: str
    type_: str = ""
    url: str = ""
    fixed: dict[str, Any] = field(default_factory=dict)
    leads_to: str = ""


@dataclass
class Placed:
    """The resource, and the value by which the parameter finds it, escaped."""

    resource: dict[str, Any]
    asked: str


def placed(type_: str, code: str, word: str, resource: dict[str, Any] | None = None) -> Placed:
    """A resource of this type, or the one given, in which this parameter has a value made of
    `word`: a letter. Unplaced when no way to write it is known here.
    """
    definition = r4().search[type_][code]
    made = deepcopy(minimal(type_)) if resource is None else resource
    if definition.type == "composite":
        return Placed(made, _composite(made, type_, definition, word))
    for steps in ways(definition.expression, type_):
        try:
            return Placed(made, put(made, type_, steps, definition, word))
        except Unplaced:
            continue
    raise Unplaced(f"{type_}.{code}: {definition.expression}")


def _composite(made: dict[str, Any], type_: str, definition: SearchParameter, word: str) -> str:
    (base, *_) = ways(definition.expression, type_)
    found, components = [], [url for url, _ in definition.components]
    expressions = [expression for _, expression in definition.components]
    if definition.code == "relationship":  # R4 has these two the wrong way round
        expressions.reverse()
    for url, expression in zip(components, expressions, strict=True):
        part = r4().parameter_urls[url]
        of_resource = expression.startswith("%resource.")
        for steps in ways(expression.removeprefix("%resource."), ""):
            try:
                steps = steps if of_resource else [*base, *steps]
                found.append(put(made, type_, steps, part, word))
                break
            except Unplaced:
                continue
    if len(found) != len(components):
        raise Unplaced(f"{type_}.{definition.code}")
    return "$".join(found)


def ways(expression: str, type_: str) -> list[list[Step]]:
    """The alternatives of an expression that begin at this type; with "" at any element."""
    found = []
    for text in expression.split("|"):
        text = _AS.sub(r"\1.as(\2)", text.strip()).partition(".exists()")[0]
        words = [match.groups() for match in _STEP.finditer(text) if match[0] != "[0]"]
        if type_ and words[0][0][0].isupper():
            if words[0][0] not in (type_, "Resource", "DomainResource"):
                continue
            del words[0]
        steps: list[Step] = []
        for name, argument in words:
            _add(steps, name, argument)
        found.append(steps)
    return found


def _add(steps: list[Step], name: str, argument: str | None) -> None:
    """Add a step, or what is said of the last."""
    if argument is None:
        steps.append(Step(name))
    elif name in ("as", "ofType"):
        steps[-1].type_ = argument[0].lower() + argument[1:] if argument == "DateTime" else argument
    elif name == "extension":
        steps.append(Step("extension", url=argument.strip("'")))
    elif name == "where" and argument.startswith("resolve()"):
        steps[-1].leads_to = argument.rpartition(" ")[2]
    elif name == "where" and argument.startswith("hasExtension"):
        steps[-1].fixed["extension"] = [{"url": argument.split("'")[1], "valueBoolean": True}]
    elif name == "where":
        key, _, value = argument.partition("=")
        steps[-1].fixed[key.strip()] = value.strip(" '")
    else:
        raise Unplaced(name)


def put(
    made: dict[str, Any], type_: str, steps: Sequence[Step], definition: SearchParameter, word: str
) -> str:
    """Write the value where the steps lead; what it is asked by."""
    at = made
    if steps and steps[-1].name == "extension":  # its value is what counts
        steps = [*steps, Step("value")]
    if not steps:
        raise Unplaced(definition.code)
    for step in steps[:-1]:
        at, type_ = _into(at, type_, step)
    last = steps[-1]
    element = _element(type_, last)
    kind = _kind(element, last, definition)
    value, asked = value_of(kind, element, definition, word, last.leads_to)
    if last.fixed and isinstance(value, dict):
        value |= last.fixed
    _clear(at, element)
    at[_member(element, kind)] = [value] if element.many else value
    return asked


def _into(at: dict[str, Any], type_: str, step: Step) -> tuple[dict[str, Any], str]:
    """The object a step leads to, made where it is not there yet, and its type."""
    element = _element(type_, step)
    kind = step.type_ or element.types[0]
    name = _member(element, kind)
    if name not in at:
        _clear(at, element)
        value = deepcopy(required(kind)) | ({"url": step.url} if step.url else {})
        at[name] = [value] if element.many else value
    inside: dict[str, Any] = at[name][0] if element.many else at[name]
    inside |= step.fixed
    return inside, kind


def _element(type_: str, step: Step) -> Element:
    found = r4().types[type_].by_name.get(step.name)
    if found is None:
        raise Unplaced(f"{type_}.{step.name}")
    return found


def _member(element: Element, kind: str) -> str:
    return element.name + kind[0].upper() + kind[1:] if element.choice else element.name


def _clear(at: dict[str, Any], element: Element) -> None:
    """Of a choice of types there is one."""
    for kind in element.types if element.choice else ():
        at.pop(_member(element, kind), None)


def _kind(element: Element, step: Step, definition: SearchParameter) -> str:
    """The first type of an element that the parameter can be asked of."""
    offered = [step.type_] if step.type_ else element.types
    for kind in HOLDING[definition.type]:
        if kind in offered:
            return kind
    raise Unplaced(f"{definition.code}: {element.types}")


def value_of(
    kind: str, element: Element, definition: SearchParameter, word: str, leads_to: str
) -> tuple[Any, str]:
    """A value of this type made of a word, and how it is asked for."""
    number = 3 + ord(word[0]) % 26
    text = f"{definition.code}-{word}"
    match kind:
        case "code" | "CodeableConcept" | "Coding":
            return _coded(kind, element, text, number)
        case "boolean":
            return number % 2 == 0, str(number % 2 == 0).lower()
        case "Identifier":
            return {"system": EXAMPLE, "value": text}, f"{EXAMPLE}|{text}"
        case "ContactPoint":
            return {"system": "phone", "value": text}, text
        case "dateTime" | "date" | "instant" | "Period" | "Timing":
            return _dated(kind, 1990 + number)
        case "HumanName":
            return {"family": text}, text
        case "Address":
            return {"city": text}, text
        case "Reference":
            target = leads_to or _target(element, definition)
            return {"reference": f"{target}/{word}"}, f"{target}/{word}"
        case "uri" | "url" | "canonical":
            return f"{EXAMPLE}/{text}", f"{EXAMPLE}/{text}"
        case "oid":
            return f"urn:oid:1.2.{number}", f"urn:oid:1.2.{number}"
    if kind in HOLDING["number"]:
        return number, str(number)
    if kind in HOLDING["quantity"]:
        return _quantity(kind, number)
    return text, text


def _coded(kind: str, element: Element, text: str, number: int) -> tuple[Any, str]:
    known = r4().codes.get(element.value_set, {}) if element.strength == "required" else {}
    pairs = [(system, code) for system, codes in known.items() for code in codes]
    system, code = pairs[number % len(pairs)] if pairs else (EXAMPLE, text)
    if kind == "code":
        media = element.value_set == MEDIA_TYPES
        code = f"text/{text}" if media else CODES.get(element.value_set, code)
        return code, code
    coding = {"system": system, "code": code}
    return coding if kind == "Coding" else {"coding": [coding]}, f"{system}|{code}"


def _dated(kind: str, year: int) -> tuple[Any, str]:
    time = f"{year}-02-03T04:05:06Z"
    found = {
        "dateTime": time, "instant": time, "date": f"{year}-02-03",
        "Period": {"start": f"{year}-02", "end": f"{year}-03-04"}, "Timing": {"event": [time]},
    }  # fmt: skip
    return found[kind], str(year)


def _quantity(kind: str, number: int) -> tuple[Any, str]:
    if kind == "Money":
        return {"value": number, "currency": "EUR"}, f"{number}|urn:iso:std:iso:4217|EUR"
    of = {"value": number, "unit": "kg", "system": UCUM, "code": "kg"}
    if kind == "Range":
        return {"low": of, "high": of}, f"{number}|{UCUM}|kg"
    return of, f"{number}|{UCUM}|kg"


def _target(element: Element, definition: SearchParameter) -> str:
    """A type that the element may lead to, and that the parameter asks for."""
    for url in re.findall(r"extension\('([^']+)'\)", definition.expression):
        if url in defined() and defined()[url].targets:
            return defined()[url].targets[0]
    allowed = [t for t in element.targets if t != "Resource"] or list(definition.targets)
    both = [t for t in allowed if t in definition.targets] or allowed
    return both[0] if both else "Basic"
