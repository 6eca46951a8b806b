"""What the bytes of a document are: found by reading them, whatever they are called.

CDA (https://hl7.org/cda/stds/core/2.0.1-sd/), a FHIR document
(https://hl7.org/fhir/R4/documents.html), other XML, other JSON, or opaque (PDF, image, text). What
is FHIR and no document is refused, and so is a document that stands inside something else, where it
would not be read.
"""

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from lxml import etree

from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.formats import JSON, XML, split
from fhir_server.fhir.outcome import BadRequest, FhirError, Unprocessable
from fhir_server.fhir.xml_shapes import FHIR
from mappings.cda.datatypes import V3
from mappings.xml_text import XmlError, codec, encoding_of, root_of, starts_like_xml, unmarked

CLINICAL_DOCUMENT = "ClinicalDocument"
# Names that say no more than that these are bytes, or text.
GENERIC = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain"})
CDA_MEDIA = frozenset({
    "application/cda+xml", "application/hl7-cda+xml", "application/hl7-sda+xml",
    "application/x-hl7-cda-level-one+xml",
})  # fmt: skip
# What begins so has been compressed, and nothing of it is read: gzip, bzip2, xz, zstd, compress,
# zlib, 7z, rar.
_COMPRESSED = (
    b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x9d",
    b"x\x01", b"x\x9c", b"x\xda", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07",
)  # fmt: skip
_PDF, _ZIP = b"%PDF-", b"PK\x03\x04"
MOST_UNZIPPED = 64 * 1024 * 1024  # bytes of a zip that are looked at
_HTML = re.compile(
    rb"(?:\s|<!--(?:[^-]|-(?!->))*-->|<\?[^>]*>|<!doctype\s[^>\[]*>)*<html[\s>]", re.IGNORECASE
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
# Words that stand together in no content but a document, and in each, whatever its encoding.
_OF_CDA = (CLINICAL_DOCUMENT, V3)
_OF_FHIR = ('"resourceType"', '"Bundle"', '"Composition"')
_OF_FHIR_XML = (FHIR, "Bundle", "Composition>")


class Kind(Enum):
    """What a content is, in the words of a refusal."""

    CDA = "a CDA document"
    FHIR_DOCUMENT = "a FHIR document"
    XML = "XML"
    JSON = "JSON"
    OPAQUE = "neither XML nor JSON"


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes and what they are. `root`: of XML; `resource`: of FHIR; `media`: the media type they
    have by themselves, "" when that does not show.
    """

    kind: Kind
    media: str = ""
    root: etree._Element | None = None
    resource: Mapping[str, Any] | None = None


def recognise(data: bytes, *, max_depth: int) -> Content:
    """What `data` is. Unprocessable for what cannot be read, or hides a document; `max_depth`: of
    objects and elements of FHIR.
    """
    if not data:
        raise Unprocessable("a document has content", code="required")
    if data.startswith(_COMPRESSED):
        raise Unprocessable("a compressed document is not read: send it as it is", code="invalid")
    if starts_like_xml(data) and not _HTML.match(data):
        return _xml(data, max_depth)
    if found := _json(data, max_depth):
        return found
    if _mentions_document(data) or _holds_base64(data, max_depth) or _zips_document(data):
        raise _hidden()
    return Content(Kind.OPAQUE, "application/pdf" if data.startswith(_PDF) else "")


def _hidden() -> FhirError:
    return Unprocessable(
        "a document stands inside something else: send the document itself", code="invalid"
    )


def _xml(data: bytes, max_depth: int) -> Content:
    try:
        root = root_of(data)
        encoding = encoding_of(data)
    except XmlError as problem:
        raise Unprocessable(problem.reason, code="invalid") from problem
    name = etree.QName(root)
    if (name.namespace, name.localname) == (V3, CLINICAL_DOCUMENT):
        return Content(Kind.CDA, "text/xml", root)
    if name.localname == CLINICAL_DOCUMENT:
        text = f"a `{CLINICAL_DOCUMENT}` that is not in the namespace {V3}"
        raise Unprocessable(text, code="invalid")
    if name.namespace == FHIR:
        if encoding != "utf-8":
            raise Unprocessable("what is FHIR is in UTF-8", code="invalid")
        try:
            resource = xml_format.read(unmarked(data)[0], max_depth=max_depth)
        except BadRequest as problem:
            raise _faulty(problem) from problem
        return _fhir(resource, XML)
    elements = map(etree.QName, root.iter(etree.Element))
    if any(
        one.localname == CLINICAL_DOCUMENT
        or (one.namespace, one.localname) == (FHIR, "Composition")
        for one in elements
    ):
        raise _hidden()
    if _mentions_document(etree.tostring(root, encoding="utf-8")):  # as text
        raise _hidden()
    return Content(Kind.XML, "application/xml", root)


def _json(data: bytes, max_depth: int) -> Content | None:
    """None for what is no JSON at all."""
    rest, encoding = unmarked(data)
    if rest.replace(b"\0", b"").lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return _fhir(json_format.read(rest, max_depth=max_depth), JSON)
    except BadRequest as problem:
        fault = problem
    try:
        text = rest.decode(encoding or "utf-8")
        value = json.loads(text)
    except (UnicodeError, ValueError, RecursionError):
        value = {"resourceType": ""} if b'"resourceType"' in rest.replace(b"\0", b"") else None
    if value is None:
        return None
    if isinstance(value, dict) and "resourceType" in value:
        raise _faulty(fault)
    if any(is_document(one) for one in _objects(value)) or _mentions_document(text.encode()):
        raise _hidden()
    return Content(Kind.JSON, "application/json")


def _faulty(problem: BadRequest) -> FhirError:
    """FHIR that cannot be read."""
    return Unprocessable(problem.text.replace("the body", "the content"), code=problem.code)


def _fhir(resource: Mapping[str, Any], media: str) -> Content:
    """Unprocessable for what is FHIR and no document: whose it is, and its labels, stand in other
    places of each type, and it can be stored as the resource it is. So is a document in another.
    """
    if not is_document(resource):
        text = f"a {str(resource['resourceType'])[:100]} is no document: send it as a resource"
        raise Unprocessable(text, code="business-rule")
    if any(is_document(one) for value in resource.values() for one in _objects(value)):
        raise _hidden()
    return Content(Kind.FHIR_DOCUMENT, media, resource=resource)


def is_document(value: Mapping[str, Any]) -> bool:
    """Whether a resource is a FHIR document."""
    return value.get("resourceType") == "Bundle" and value.get("type") == "document"


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _mentions_document(data: bytes) -> bool:
    """Whether these bytes, which were read as no document, hold the words of one: in characters of
    one byte or more, or of EBCDIC, in a string of JSON, or in base64.
    """
    plain = data.translate(None, b"\0\\")
    packed = data.translate(None, b" \t\r\n")
    return any(
        all(word.encode(encoding) in plain for word in words)
        for words in (_OF_CDA, _OF_FHIR, _OF_FHIR_XML)
        for encoding in ("ascii", "cp037")
    ) or any(
        all(any(form in packed for form in _in_base64(word)) for word in words)
        for words in (_OF_CDA, _OF_FHIR, _OF_FHIR_XML)
    )


@cache
def _in_base64(word: str) -> tuple[bytes, ...]:
    """What of a word can be told in base64, at each of the three places where it can begin."""
    found = []
    for before in range(3):
        bits = 8 * before, 8 * (before + len(word))
        text = b64encode(b"\0" * before + word.encode() + b"\0\0")
        found.append(text[-(-bits[0] // 6) : bits[1] // 6])
    return tuple(found)


def _zips_document(data: bytes) -> bool:
    """Whether these bytes are a zip (XDM, for example) with a document in it, or with what cannot
    be looked at.
    """
    if not data.startswith(_ZIP):
        return False
    left = MOST_UNZIPPED
    try:
        with ZipFile(BytesIO(data)) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    inside = file.read(left + 1)
                left -= len(inside)
                if left < 0 or _mentions_document(inside):
                    return True
    except (BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error):
        return True
    return False


def _holds_base64(data: bytes, max_depth: int) -> bool:
    """Whether these bytes are a document once more in base64."""
    packed = b"".join(data.split()) if data.isascii() else b""
    if not _BASE64.fullmatch(packed):
        return False
    try:
        inside = b64decode(packed.rstrip(b"=") + b"==", altchars=b"-_" if b"-" in packed else None)
    except ValueError:
        return False
    try:
        kind = recognise(inside, max_depth=max_depth).kind
    except Unprocessable:
        return True
    return kind in (Kind.CDA, Kind.FHIR_DOCUMENT)


def contradicts(content: Content, media: str) -> bool:
    """Whether a content cannot be what its media type says."""
    name = split(media)[0]
    as_xml = name.endswith(("/xml", "+xml")) or name == "application/xml+fhir"
    as_json = name.endswith(("/json", "+json")) or name == "application/json+fhir"
    is_xml = content.root is not None or content.media == XML
    if name in GENERIC:
        return False
    match content.kind:
        case Kind.CDA:
            return not as_xml or _is_of_fhir(name)
        case Kind.FHIR_DOCUMENT:
            return name in CDA_MEDIA or not (as_xml if is_xml else as_json)
        case Kind.XML:
            return not as_xml or name in CDA_MEDIA or _is_of_fhir(name)
        case Kind.JSON:
            return not as_json or _is_of_fhir(name)
        case Kind.OPAQUE:
            return (as_xml and name != "application/xhtml+xml") or as_json


def is_document_in_charset(content: Content, data: bytes, media: str) -> bool:
    """Whether opaque bytes become something else for a reader who goes by the charset of their
    media type, which is no ordinary one.
    """
    charset = split(media)[1].get("charset", "utf-8")
    if content.kind is not Kind.OPAQUE or charset.lower() in ("utf-8", "us-ascii"):
        return False
    try:
        text = data.decode(codec(charset))
        return recognise(text.encode(), max_depth=1).kind is not Kind.OPAQUE
    except (XmlError, LookupError, Unprocessable):
        return True
    except UnicodeError:
        return False


def _is_of_fhir(name: str) -> bool:
    return "fhir" in name
