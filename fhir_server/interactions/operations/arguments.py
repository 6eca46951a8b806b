"""What an operation is called with: from the address, a form, Parameters, or a bare resource.

https://hl7.org/fhir/R4/operations.html#executing
"""

import re
from dataclasses import dataclass, field
from typing import Any, Mapping

from fhir_server.fhir.form import is_form, sent
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest
from fhir_server.interactions.body import check, read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.table import COUNT, UNBOUNDED, Operation, Parameter
from fhir_server.search.parse import CURSOR
from fhir_server.search.terms import check_text, page_count, plain, split
from profiles.formats import HOLDS, fault, holds

# Of the form of the answer: no parameters of an operation.
OF_THE_ANSWER = frozenset({"_format", "_pretty", "_summary", "_elements"})
# Types that clients take one for another: the value decides.
TEXTS = ("string", "code", "uri", "url", "canonical", "id", "oid", "uuid", "markdown")
WHOLE = ("integer", "unsignedInt", "positiveInt")
LARGEST = 2**31 - 1  # what an integer can be
_WHOLE = re.compile(r"-?\d{1,10}", re.ASCII)
_OF_CODING = {"system": "uri", "code": "code"}

Value = Any  # a primitive as JSON has it, or an object


@dataclass(frozen=True)
class Arguments:
    """The values by name, each of the type that was declared. `place`: where in the body the
    resource stands, as FHIRPath, "" for the body itself. `unread`: why a resource that came as XML
    is none (its text is XML, but not of FHIR).
    """

    values: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    place: str = ""
    unread: BadRequest | None = None

    def one(self, name: str) -> Value | None:
        return next(iter(self.values.get(name, ())), None)

    def all(self, name: str) -> tuple[Value, ...]:
        return self.values.get(name, ())


def arguments(call: Call, operation: Operation, context: Context) -> Arguments:
    """What `call` gives `operation`; BadRequest names the parameter that is unknown, missing, of
    the wrong type, or there too often. Read once.
    """
    if "arguments" not in call.read:
        call.read["arguments"] = _read(call, operation, context)
    found: Arguments = call.read["arguments"]
    return found


def _read(call: Call, operation: Operation, context: Context) -> Arguments:
    names = {parameter.name: parameter for parameter in operation.takes}
    values = [
        (name, _of_text(_known(names, name, operation), text))
        for name, text in _texts(call)
        if name not in OF_THE_ANSWER and not (name == CURSOR and operation.pages)
    ]
    place, unread = "", None
    if call.method == "POST" and call.body and not is_form(call):
        try:
            body = read_body(call, context).resource
        except BadRequest as problem:
            if "resource" not in names or not problem.expression:
                raise
            unread = problem
        else:
            of_body, place = _of_body(body, names, operation, call, context)
            values += of_body
    found = {name: tuple(v for n, v in values if n == name) for name, _ in values}
    if unread is None:
        _check_numbers(found, operation)
    return Arguments(found, place, unread)


def cuts(call: Call) -> tuple[tuple[str, str], ...]:
    """The parameters that cut each resource of the answer, for the links to its other pages."""
    return tuple(pair for pair in call.pairs() if pair[0] in ("_summary", "_elements") and pair[1])


def _texts(call: Call) -> list[tuple[str, str]]:
    """Names and values of the address and of a form."""
    pairs = sent(call)
    for name, text in pairs:
        check_text(name + text)
    return [pair for pair in pairs if pair[1] != ""]


def _known(
    names: Mapping[str, Parameter], name: str, operation: Operation, at: str = ""
) -> Parameter:
    if name not in names:
        raise BadRequest(
            f"`{name[:100]}` is no parameter of `${operation.code}`",
            code="not-supported",
            expression=at,
        )
    return names[name]


def _of_text(parameter: Parameter, text: str) -> Value:
    """The value that a text in an address or a form stands for."""
    type_ = parameter.type
    if type_ == "CodeableConcept":
        return {"coding": [_of_token(parameter, text)]}
    if type_ not in HOLDS:
        raise BadRequest(
            f"`{parameter.name}` is a {type_}, which no address can hold: use Parameters",
            code="value",
        )
    value: Value = text
    if parameter.name == COUNT:
        return page_count(text, LARGEST)
    if type_ == "boolean":
        value = {"true": True, "false": False}.get(text)
    elif type_ in WHOLE and _WHOLE.fullmatch(text):
        value = int(text)
    elif type_ == "instant":
        value = text.replace(" ", "+")  # a `+` that was not percent-encoded
    if not holds(type_, value):
        raise _wrong(parameter, text)
    return value


def _of_token(parameter: Parameter, text: str) -> dict[str, str]:
    """`system|code` or `code`, as a token of a search is written."""
    parts = [plain(part) for part in split(text, "|")]
    coding = dict(zip(("code", "system"), reversed(parts), strict=False))
    if len(parts) > 2 or not all(holds(_OF_CODING[n], v) for n, v in coding.items()):
        raise _wrong(parameter, text)
    return coding


def _wrong(parameter: Parameter, value: Value, at: str = "") -> BadRequest:
    text = f"`{str(value)[:100]}` is no {parameter.type}"
    said = fault(parameter.type, value) if parameter.type in HOLDS else text
    return BadRequest(f"`{parameter.name}`: {said}", code="value", expression=at)


def _of_body(
    body: dict[str, Any],
    names: Mapping[str, Parameter],
    operation: Operation,
    call: Call,
    context: Context,
) -> tuple[list[tuple[str, Value]], str]:
    """The values in Parameters, or the one resource that is the body; and where that stands."""
    if body["resourceType"] != "Parameters":
        if "resource" not in names:
            raise BadRequest(f"`${operation.code}` is called with Parameters", code="structure")
        return [("resource", body)], ""
    check(_without_resources(body) if "resource" in names else body, call, context)
    values, place = list[tuple[str, Value]](), ""
    for n, member in enumerate(body.get("parameter", ())):
        at = f"Parameters.parameter[{n}]"
        parameter = _known(names, member["name"], operation, at)
        values.append((parameter.name, _of_member(parameter, member, at)))
        if parameter.is_resource:
            place = f"{at}.resource"
    return values, place


def _without_resources(body: Mapping[str, Any]) -> dict[str, Any]:
    """The Parameters but for the resource in them, which the operation itself judges."""
    members = body.get("parameter")
    if not isinstance(members, list):
        return dict(body)
    kept = [
        {name: value for name, value in member.items() if name != "resource"}
        if isinstance(member, dict)
        else member
        for member in members
    ]
    return dict(body) | {"parameter": kept}


def _of_member(parameter: Parameter, member: Mapping[str, Any], at: str) -> Value:
    if parameter.is_resource:
        if isinstance(member.get("resource"), dict):
            return member["resource"]
        raise BadRequest(f"`{parameter.name}` is a resource", code="value", expression=at)
    spellings = TEXTS if parameter.type in TEXTS else (parameter.type,)
    for type_ in spellings:
        value = member.get("value" + type_[0].upper() + type_[1:])
        if value is not None:
            if type_ in TEXTS and not holds(parameter.type, value):
                raise _wrong(parameter, value, at)
            return value
    if parameter.type == "CodeableConcept" and "valueCoding" in member:
        return {"coding": [member["valueCoding"]]}
    raise BadRequest(f"`{parameter.name}` is of type {parameter.type}", code="value", expression=at)


def _check_numbers(found: Mapping[str, tuple[Value, ...]], operation: Operation) -> None:
    for parameter in operation.takes:
        number = len(found.get(parameter.name, ()))
        if number < parameter.min:
            raise BadRequest(f"`${operation.code}` needs `{parameter.name}`", code="required")
        if parameter.max != UNBOUNDED and number > parameter.max:
            raise BadRequest(
                f"`{parameter.name}` stands {number} times, and may stand {parameter.max}",
                code="structure",
            )
