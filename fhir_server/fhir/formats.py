"""Which format a body is in and which one is wanted.

https://hl7.org/fhir/R4/http.html#mime-type
"""

from functools import lru_cache

from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest, NotAcceptable, UnsupportedMedia

JSON, XML = "application/fhir+json", "application/fhir+xml"
SPELLINGS = {
    "json": JSON,
    "application/json": JSON,
    JSON: JSON,
    "text/json": JSON,
    "application/json+fhir": JSON,
    "xml": XML,
    "application/xml": XML,
    XML: XML,
    "text/xml": XML,
    "application/xml+fhir": XML,
    "*/*": JSON,
    "application/*": JSON,
    "text/*": JSON,
}
GENERIC = frozenset({"json", "xml", "*/*", "application/*", "text/*"})
JSON_PATCH, XML_PATCH = "application/json-patch+json", "application/xml-patch+xml"
PATCH_FORMATS = (JSON_PATCH, XML_PATCH, JSON, XML)  # the last two: Parameters, a FHIRPath Patch
ACCEPT_PATCH = {"Accept-Patch": ", ".join(PATCH_FORMATS)}  # https://www.rfc-editor.org/rfc/rfc5789
VERSIONS = ("4.0", "4.0.1")


def split(text: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, in lower case."""
    first, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest)
    return first.strip().lower(), {
        name.strip().lower(): value.strip().strip('"') for name, _, value in pairs
    }


def wanted(call: Call) -> str:
    """JSON or XML, by `_format`, else by `Accept`; NotAcceptable when neither is wanted."""
    format_ = call.parameter("_format")
    if format_:
        return _one_format(format_.replace(" ", "+"))
    return _accepted(call.header("accept"))


@lru_cache(maxsize=256)
def _one_format(text: str) -> str:
    media, parameters = split(text)
    _check_version(
        parameters,
        NotAcceptable(f"only FHIR 4.0 is spoken here, not `{parameters.get('fhirversion', '')}`"),
    )
    if media not in SPELLINGS:
        raise NotAcceptable(f"no such format: `{text[:100]}`")
    return SPELLINGS[media]


@lru_cache(maxsize=1024)
def _accepted(header: str) -> str:
    if not header.strip():
        return JSON
    best, found = 0.0, ""
    wrong_version = ""
    for part in header.split(","):
        media, parameters = split(part)
        weight = _weight(parameters.get("q", "1"))
        if media not in SPELLINGS or weight <= best:
            continue
        if parameters.get("fhirversion", "4.0") not in VERSIONS:
            wrong_version = parameters["fhirversion"]
            continue
        best, found = weight, SPELLINGS[media]
    if not found:
        raise NotAcceptable(
            f"only FHIR 4.0 is spoken here, not `{wrong_version}`"
            if wrong_version
            else f"neither JSON nor XML is accepted: `{header[:100]}`"
        )
    return found


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _check_version(parameters: dict[str, str], error: Exception) -> None:
    if parameters.get("fhirversion", "4.0") not in VERSIONS:
        raise error


def asks_for_resource(call: Call) -> bool:
    """Whether a Binary is wanted as a FHIR resource, not as the bytes it holds: only when a FHIR
    type is named.
    """
    if call.parameter("_format"):
        return True
    media = {split(part)[0] for part in call.header("accept").split(",")}
    return bool(media & {JSON, XML})


def content(call: Call) -> str:
    """JSON or XML, the format of the body; UnsupportedMedia for any other, BadRequest where none is
    named.
    """
    header = call.header("content-type")
    if not header:
        raise BadRequest("the request has no Content-Type", code="invalid")
    media, parameters = split(header)
    if media not in SPELLINGS or media in GENERIC:
        raise UnsupportedMedia(f"`{header[:100]}` is not a format of FHIR")
    version = parameters.get("fhirversion", "4.0")
    _check_version(parameters, UnsupportedMedia(f"only FHIR 4.0 is spoken here, not `{version}`"))
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMedia(f"only UTF-8 is spoken here, not `{charset[:100]}`")
    return SPELLINGS[media]
