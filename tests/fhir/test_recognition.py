"""What bytes are is found by reading them: the kinds of content × the ways to write them, and which
media types they can have.
"""

import gzip
import json
import zlib
from base64 import b64encode, encodebytes
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from fhir_server.fhir import xml_format
from fhir_server.fhir.outcome import Unprocessable
from fhir_server.fhir.recognition import Content, Kind, contradicts, recognise
from tests.documents import cda

CDA = cda(title="Épreuve")
TEXT = CDA.decode()
DECLARATION, ROOT = TEXT.split("\n", 1)
V3 = "urn:hl7-org:v3"
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle", "type": "document",
    "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
    "timestamp": "2026-01-01T00:00:00Z",
    "entry": [{"fullUrl": "urn:uuid:1", "resource": {
        "resourceType": "Composition", "status": "final", "type": {"text": "é"},
        "date": "2026", "author": [{"display": "a"}], "title": "a"}}],
}  # fmt: skip
OTHER = {"resourceType": "Basic", "code": {"text": "a"}}
SPACE = b"\n \r\t" * 2000


def recognised(data: bytes) -> Content:
    return recognise(data, max_depth=100)


def declared(encoding: str, codec: str = "", text: str = ROOT) -> bytes:
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{text}'.encode(codec or encoding)


def zipped(data: bytes) -> bytes:
    with ZipFile(file := BytesIO(), "w", ZIP_DEFLATED) as archive:
        archive.writestr("IHE_XDM/SUBSET01/DOC.XML", data)
    return file.getvalue()


def inside(before: str) -> bytes:
    return f"{DECLARATION}\n{before}{ROOT}".encode()


PREFIXED = ROOT.replace("</", "</h:").replace("<", "<h:").replace("<h:/h:", "</h:").replace(
    f'xmlns="{V3}"', f'xmlns:h="{V3}"'
)  # fmt: skip
CDAS = {
    "plain": CDA,
    "without a declaration": ROOT.encode(),
    "a byte order mark": b"\xef\xbb\xbf" + CDA,
    "white space": SPACE + ROOT.encode(),
    "much white space": b" " * 70_000 + ROOT.encode(),
    "blank lines behind the declaration": inside("\n" * 5000),
    "a long comment": inside(f"<!-- {'x' * 5000} -->"),
    "many comments": inside("<!-- x -->\n" * 2000),
    "a long instruction": inside(f"<?stylesheet {'x' * 5000}?>"),
    "a comment that names others": inside("<!-- <Bundle/> %PDF-1.4 -->"),
    "a prefix": PREFIXED.encode(),
    "iso-8859-1": declared("iso-8859-1"),
    "windows-1252": declared("windows-1252"),
    "utf-16 with a mark": declared("utf-16"),
    "utf-16le without a mark": declared("utf-16", "utf-16-le"),
    "utf-16be without a mark": declared("utf-16", "utf-16-be"),
    "utf-16 behind white space": (SPACE.decode() + ROOT).encode("utf-16-be"),
    "utf-16 declared as utf-8": TEXT.encode("utf-16"),
    "utf-32 with a mark": declared("utf-32"),
    "utf-32le without a mark": declared("utf-32", "utf-32-le"),
    "utf-32be without a mark": declared("utf-32", "utf-32-be"),
    "utf-7": declared("utf-7"),
    "shift_jis": declared("shift_jis", text=ROOT.replace("É", "E")),
    **{name: declared(name) for name in ("cp037", "IBM037", "IBM500", "cp273", "cp1140")},
    "ebcdic-cp-us": declared("ebcdic-cp-us"),
    "the line ends of a mainframe": declared("IBM037").replace(b"\x25", b"\x15"),
    "empty": f'<ClinicalDocument xmlns="{V3}"/>'.encode(),
}  # fmt: skip
KINDS = {
    "FHIR document": (json.dumps(BUNDLE).encode(), Kind.FHIR_DOCUMENT, "application/fhir+json"),
    "not only ASCII": (
        json.dumps(BUNDLE, ensure_ascii=False).encode(), Kind.FHIR_DOCUMENT,
        "application/fhir+json",
    ),
    "an escaped name": (
        json.dumps(BUNDLE).replace("resourceType", "resource\\u0054ype").encode(),
        Kind.FHIR_DOCUMENT, "application/fhir+json",
    ),
    "with a mark": (
        b"\xef\xbb\xbf \n" + json.dumps(BUNDLE).encode(), Kind.FHIR_DOCUMENT,
        "application/fhir+json",
    ),
    "in XML": (xml_format.write(BUNDLE), Kind.FHIR_DOCUMENT, "application/fhir+xml"),
    "other XML": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Kind.XML, "application/xml"),
    "other JSON": (b'{"a": [1]}', Kind.JSON, "application/json"),
    "PDF": (b"%PDF-1.4\n\xff\n%%EOF", Kind.OPAQUE, "application/pdf"),
    "text": ("Courrier du médecin, < 3 pages".encode("latin-1"), Kind.OPAQUE, ""),
    "a word": (b"hello", Kind.OPAQUE, ""),
    "a heart": (b"<3", Kind.OPAQUE, ""),
    "RTF": (rb"{\rtf1\ansi text}", Kind.OPAQUE, ""),
    "HTML": (b"<!DOCTYPE html>\n<html><body><br>text</body></html>", Kind.OPAQUE, ""),
    "bytes": (bytes(range(256)), Kind.OPAQUE, ""),
    "a zip": (zipped(b"<w:document/>"), Kind.OPAQUE, ""),
    "base64 of a PDF": (b64encode(b"%PDF-1.4 %%EOF"), Kind.OPAQUE, ""),
}  # fmt: skip
ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><a>{}</a></s:Envelope>'
REFUSED = {
    "nothing": b"",
    "broken in the middle": CDA[:-200],
    "broken XML": b"<a><b></a>",
    "white space before the declaration": b"\n" + CDA,
    "a DOCTYPE": inside("<!DOCTYPE ClinicalDocument>"),
    "an entity": inside("<!DOCTYPE a [<!ENTITY b 'c'>]>"),
    "another namespace": CDA.replace(V3.encode(), b"urn:hl7-org:v2"),
    "no namespace": b"<ClinicalDocument/>",
    "an unknown encoding": CDA.replace(b"UTF-8", b"x-none"),
    "no encoding but Python's": CDA.replace(b"UTF-8", b"unicode_escape"),
    "an encoding it is not in": CDA.replace(b"UTF-8", b"utf-16"),
    "no UTF-8": TEXT.encode("latin-1"),
    "an unknown code page": declared("IBM1047", "cp037"),
    "a code page that is not said": ROOT.encode("cp037"),
    "a code page behind white space": b"\x40\x40" + declared("IBM037"),
    "UTF-7 that is not said": ROOT.encode("utf-7").replace(b"<", b"+ADw-"),
    "a strange order of bytes": b"".join(bytes([0, b, 0, 0]) for b in ROOT.encode("latin-1")),
    "in SOAP": ENVELOPE.format(ROOT).encode(),
    "in SOAP, escaped": ENVELOPE.format(ROOT.replace("<", "&lt;")).encode(),
    "in a comment of text": b"Bonjour,\n" + CDA,
    "in HTML": b"<!DOCTYPE html><html>" + ROOT.encode() + b"</html>",
    "in JSON": json.dumps({"cda": TEXT}).encode(),
    "compressed": gzip.compress(CDA),
    "in base64": b64encode(CDA),
    "in base64 twice": b64encode(b64encode(CDA)),
    "in lines of base64": encodebytes(CDA),
    "in a package of MIME": b"MIME-Version: 1.0\r\n\r\n--a\r\n\r\n" + encodebytes(CDA) + b"--a--",
    "in base64 in JSON": json.dumps({"data": b64encode(CDA).decode()}).encode(),
    "in base64 in XML": f"<a>{b64encode(b'-' + CDA).decode()}</a>".encode(),
    "compressed by zlib": zlib.compress(CDA),
    "a FHIR document in base64": b"data:," + b64encode(b"--" + json.dumps(BUNDLE).encode()),
    "a FHIR document in a string": json.dumps(json.dumps(BUNDLE)).encode(),
    "a FHIR document in a string in JSON": json.dumps({"a": json.dumps(BUNDLE)}).encode(),
    "a FHIR document in XML in text": b"Bonjour,\n" + xml_format.write(BUNDLE),
    "in a Binary": json.dumps(
        {"resourceType": "Binary", "contentType": "a/b", "data": b64encode(CDA).decode()}
    ).encode(),
    "a document in a Bundle": json.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": BUNDLE}]}
    ).encode(),
    "a document in a document": json.dumps(
        BUNDLE | {"entry": [*BUNDLE["entry"], {"resource": BUNDLE}]}
    ).encode(),
    "a document in JSON": json.dumps([BUNDLE]).encode(),
    "two documents in lines": json.dumps(BUNDLE).encode() + b"\n" + json.dumps(BUNDLE).encode(),
    "in a zip": zipped(CDA),
    "in a zip in UTF-16": zipped(TEXT.encode("utf-16")),
    "a zip that is broken": zipped(CDA)[:-100],
    "other FHIR": json.dumps(OTHER).encode(),
    "other FHIR in XML": xml_format.write(OTHER),
    "FHIR in UTF-16": json.dumps(BUNDLE).encode("utf-16"),
    "FHIR XML in another encoding": xml_format.write(BUNDLE).replace(b"UTF-8", b"iso-8859-1"),
    "FHIR with a name twice": json.dumps(BUNDLE).encode().replace(
        b"{", b'{"resourceType": "Basic", ', 1
    ),
    "FHIR that ends too early": json.dumps(BUNDLE).encode()[:-10],
    "FHIR XML with what it has not": xml_format.write(BUNDLE).replace(b"<type", b"<tape", 1),
    "a FHIR document in XML": b"<a>" + xml_format.write(BUNDLE).split(b"?>")[1] + b"</a>",
}  # fmt: skip


@pytest.mark.parametrize("data", CDAS.values(), ids=list(CDAS))
def test_a_cda_document_is_one_however_it_is_written(data: bytes) -> None:
    found = recognised(data)
    assert (found.kind, found.media) == (Kind.CDA, "text/xml")
    assert found.root is not None
    title = found.root.find(f"{{{V3}}}title")
    assert title is None or title.text in ("Épreuve", "Epreuve")


@pytest.mark.parametrize(("data", "kind", "media"), KINDS.values(), ids=list(KINDS))
def test_other_contents_are_what_their_bytes_say(data: bytes, kind: Kind, media: str) -> None:
    found = recognised(data)
    assert (found.kind, found.media) == (kind, media)


@pytest.mark.parametrize("data", REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_read_or_hides_a_document_is_refused(data: bytes) -> None:
    with pytest.raises(Unprocessable):
        recognised(data)


GENERIC = ("", "text/plain", "application/octet-stream", "text/plain; charset=utf-8")
XML = ("text/xml", "application/xml", "TEXT/XML; charset=utf-8", "application/hl7-v3+xml")
OF_CDA = ("application/hl7-cda+xml", "application/cda+xml", "application/x-hl7-cda-level-one+xml")
JSON = ("application/json", "text/json", "application/vnd.x+json")
FHIR_JSON = ("application/fhir+json", "application/json+fhir")
FHIR_XML = ("application/fhir+xml", "application/xml+fhir")
OPAQUE = ("application/pdf", "image/jpeg", "text/html", "text/rtf", "application/x-anything")
EVERY = (*GENERIC, *XML, *OF_CDA, *JSON, *FHIR_JSON, *FHIR_XML, *OPAQUE)
FITTING = {
    "a CDA": (CDA, (*XML, *OF_CDA)),
    "a FHIR document": (KINDS["FHIR document"][0], (*JSON, *FHIR_JSON)),
    "a FHIR document in XML": (KINDS["in XML"][0], (*XML, *FHIR_XML)),
    "other XML": (KINDS["other XML"][0], XML),
    "other JSON": (KINDS["other JSON"][0], JSON),
    "PDF": (KINDS["PDF"][0], OPAQUE),
    "text": (KINDS["text"][0], OPAQUE),
}  # fmt: skip


@pytest.mark.parametrize("media", EVERY)
@pytest.mark.parametrize(("data", "fitting"), FITTING.values(), ids=list(FITTING))
def test_a_media_type_fits_or_contradicts(
    data: bytes, fitting: tuple[str, ...], media: str
) -> None:
    assert contradicts(recognised(data), media) == (media not in (*GENERIC, *fitting))
