"""Which format a body is in and which one is wanted.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/versioning.html#mt-version,
https://www.rfc-editor.org/rfc/rfc9110#name-content-negotiation
"""

import re
from functools import lru_cache
from typing import NamedTuple

from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest, NotAcceptable, UnsupportedMedia

JSON, XML = "application/fhir+json", "application/fhir+xml"
# Media types of bodies; the answer to a generic one is in the type of FHIR.
SPELLINGS = {
    "application/json": JSON,
    JSON: JSON,
    "text/json": JSON,
    "application/json+fhir": JSON,
    "application/xml": XML,
    XML: XML,
    "text/xml": XML,
    "application/xml+fhir": XML,
}
WORDS = {"json": JSON, "xml": XML}  # short forms, for `_format` alone
WILD = {"*/*": 0, "application/*": 1, "text/*": 1}  # and how much they say
JSON_PATCH, XML_PATCH = "application/json-patch+json", "application/xml-patch+xml"
PATCH_FORMATS = (JSON_PATCH, XML_PATCH, JSON, XML)  # the last two: Parameters, a FHIRPath Patch
ACCEPT_PATCH = {"Accept-Patch": ", ".join(PATCH_FORMATS)}  # https://www.rfc-editor.org/rfc/rfc5789
VERSIONS = ("4.0", "4.0.1")
UTF8 = ("utf-8", "utf8")

_ELEMENT = re.compile(r'(?:[^",]|"[^"]*")+')
_PARAMETER = re.compile(r';\s*([^=;\s"]+)\s*=\s*("[^"]*"|[^;"]*)')
_WEIGHT = re.compile(r"[01]?(?:\.[0-9]*)?", re.ASCII)


class Range(NamedTuple):
    """One element of an `Accept` header."""

    name: str
    parameters: dict[str, str]
    weight: float


def split(text: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, in lower case."""
    name, semicolon, rest = text.partition(";")
    if not semicolon:
        return name.strip().lower(), {}
    pairs = _PARAMETER.findall(semicolon + rest)
    return name.strip().lower(), {key.lower(): value.strip().strip('"') for key, value in pairs}


def ranges(header: str) -> list[Range]:
    """The elements of an `Accept` header with their weights, in order; BadRequest for a weight that
    is none.
    """
    found = []
    for element in _ELEMENT.findall(header):
        name, parameters = split(element)
        if not name:
            continue
        weight = parameters.pop("q", "1")
        if not _WEIGHT.fullmatch(weight) or weight in ("", ".") or float(weight) > 1:
            raise BadRequest(f"`{weight[:100]}` is no weight of `{name[:100]}`", code="value")
        found.append(Range(name, parameters, float(weight)))
    return found


def wanted(call: Call) -> str:
    """JSON or XML, by `_format`, else by `Accept`; NotAcceptable when neither is wanted."""
    format_ = call.parameter("_format")
    return named(format_) if format_ else _accepted(call.header("accept"))


def named(format_: str) -> str:
    """JSON or XML, by a value of `_format`; its `+` may have come as a space."""
    media, parameters = split(format_.replace(" ", "+"))
    found = SPELLINGS.get(media) or WORDS.get(media)
    if found is None:
        raise NotAcceptable(f"no such format: `{format_[:100]}`")
    problem = _mismatch(parameters)
    if problem:
        raise NotAcceptable(problem)
    return found


def _mismatch(parameters: dict[str, str]) -> str:
    """Why a media type with these parameters is not spoken here, or ""."""
    if parameters.get("fhirversion", "4.0") not in VERSIONS:
        return f"only FHIR 4.0 is spoken here, not `{parameters['fhirversion'][:100]}`"
    if parameters.get("charset", "utf-8").lower() not in UTF8:
        return f"only UTF-8 is spoken here, not `{parameters['charset'][:100]}`"
    return ""


@lru_cache(maxsize=256)
def _accepted(header: str) -> str:
    """Of JSON and XML the one that weighs more. What an element says of a format counts when no
    other says it more precisely; of equals the first one is taken.
    """
    best: dict[str, tuple[int, float, int]] = {}
    problem = ""
    elements = ranges(header)
    for place, (name, parameters, weight) in enumerate(elements):
        formats = (JSON, XML) if name in WILD else (SPELLINGS.get(name, ""),)
        if formats == ("",):
            continue
        precise = WILD.get(name, 3 if name in (JSON, XML) else 2)
        if mismatch := _mismatch(parameters):
            problem = mismatch
            continue
        for format_ in formats:
            best[format_] = max(best.get(format_, (-1, 0.0, 0)), (precise, weight, -place))
    if not elements:
        return JSON
    chosen = max(best, key=lambda format_: best[format_][1:], default=None)
    if chosen is None or not best[chosen][1]:
        raise NotAcceptable(problem or f"neither JSON nor XML is accepted: `{header[:100]}`")
    return chosen


def check_charset(call: Call) -> None:
    """NotAcceptable where `Accept-Charset` leaves no room for UTF-8."""
    header = call.header("accept-charset")
    if not header:
        return
    weights = {name: weight for name, _, weight in ranges(header)}
    if not weights.get("utf-8", weights.get("*", 0.0)):
        raise NotAcceptable(f"only UTF-8 is spoken here, not `{header[:100]}`")


def asks_for_resource(call: Call, native: str) -> bool:
    """Whether a Binary is wanted as a FHIR resource, not as the bytes it holds, of type `native`:
    when a FHIR type is named and weighs no less.
    """
    if call.parameter("_format"):
        return True
    accept = call.header("accept")
    return "fhir+" in accept.lower() and _resource_weighs_more(accept, split(native)[0])


@lru_cache(maxsize=256)
def _resource_weighs_more(header: str, native: str) -> bool:
    wild = native.partition("/")[0] + "/*"
    precise = {"*/*": 0, wild: 1, native: 2}
    elements = ranges(header)
    as_bytes = max(
        ((precise[r.name], r.weight) for r in elements if r.name in precise), default=(0, 0.0)
    )
    as_resource = max(
        (r.weight for r in elements if r.name in (JSON, XML) and not _mismatch(r.parameters)),
        default=0.0,
    )
    return as_resource > 0 and as_resource >= as_bytes[1]


def content(call: Call) -> str:
    """JSON or XML, the format of the body; UnsupportedMedia for any other, BadRequest where none is
    named.
    """
    header = call.header("content-type")
    if not header:
        raise BadRequest("the request has no Content-Type", code="invalid")
    media, parameters = split(header)
    if media not in SPELLINGS:
        raise UnsupportedMedia(f"`{header[:100]}` is not a format of FHIR")
    problem = _mismatch(parameters)
    if problem:
        raise UnsupportedMedia(problem)
    return SPELLINGS[media]


def pretty(value: str) -> bool:
    """Whether this value of `_pretty` asks for lines that people can read."""
    if value not in ("", "true", "false"):
        raise BadRequest(f"`_pretty` is true or false, not `{value[:100]}`", code="value")
    return value == "true"
