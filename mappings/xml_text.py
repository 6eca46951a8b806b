"""XML of whatever encoding: which one it is, and the root element that a reader would find.

https://www.w3.org/TR/xml/#sec-guessing, https://www.rfc-editor.org/rfc/rfc7303#section-3 (a byte
order mark says more than a declaration)
"""

import codecs
import re

from lxml import etree

from mappings.identifiers import shown

# The longest come first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)  # fmt: skip
# Without a mark the zeros around the first character tell, behind white space of the same width.
_BY_ZEROS = tuple(
    (
        re.compile(rb"(?:%b[ \t\r\n]%b)*%b[<{\[]%b" % (before, after, before, after)), name,
    )
    for before, after, name in (
        (rb"\0\0\0", b"", "utf-32-be"), (b"", rb"\0\0\0", "utf-32-le"),
        (rb"\0", b"", "utf-16-be"), (b"", rb"\0", "utf-16-le"),
    )
)  # fmt: skip
# `<?xml` as IBM's code pages have it; all of them agree about these characters.
_EBCDIC = "cp037"
_EBCDIC_START = re.compile(b"[\x40\x05\x0d\x15\x25]*" + "<?xml".encode(_EBCDIC))
_DECLARED = re.compile(r"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._:-]*)["']""")
_LONGEST_DECLARATION = 200
# What Python calls an encoding and nobody writes XML in; `idna` takes a time that grows squarely.
_NO_ENCODINGS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})
_SPACE = b" \t\r\n"


class XmlError(Exception):
    """Bytes that are no XML that can be read; `reason`: lower case, no full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unmarked(data: bytes) -> tuple[bytes, str]:
    """`data` without its byte order mark, and the encoding of Unicode that its first bytes tell;
    "" when they tell none.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :], name
    return data, next((name for form, name in _BY_ZEROS if form.match(data)), "")


def starts_like_xml(data: bytes) -> bool:
    """Whether these bytes mean to be XML: behind white space there is the beginning of a tag, a
    declaration, a comment or an instruction.
    """
    if _EBCDIC_START.match(data):
        return True
    rest, name = unmarked(data)
    head = rest[:65_536].decode(name or "latin-1", "replace").lstrip()
    if not head and rest.strip(_SPACE + b"\0"):  # very much white space
        head = rest.replace(b"\0", b"").lstrip().decode("latin-1")
    return re.match(r"<[^\W\d]|<[?!:]", head) is not None


def root_of(data: bytes) -> etree._Element:
    """The root element; XmlError for what is not well-formed, declares an encoding that is not
    known, or has a DOCTYPE.

    No entities, no network, no DTD; libxml2 limits depth (256) and text (10 MB).
    """
    parser = etree.XMLParser(
        encoding="utf-8",  # what `_utf8` gives, whatever was declared
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(_utf8(data), parser)
    except etree.XMLSyntaxError as error:
        raise XmlError(f"not well-formed XML: {error.msg}") from error
    if etree.ElementTree(root).docinfo.internalDTD is not None:
        raise XmlError("a DOCTYPE is not accepted")
    return root


def encoding_of(data: bytes) -> str:
    """The encoding of an XML document, as Python calls it; XmlError when it is not known."""
    _, name = unmarked(data)
    if name:
        return name
    is_ebcdic = _EBCDIC_START.match(data) is not None
    head = data[:_LONGEST_DECLARATION].decode(_EBCDIC if is_ebcdic else "latin-1")
    found = _DECLARED.match(head)
    if found is None and is_ebcdic:
        raise XmlError("not well-formed XML: it does not say in which code page it is")
    return codec(found[1] if found else "utf-8")


def codec(charset: str) -> str:
    """What Python calls an encoding; XmlError when it is not known."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    if not name or name.replace("-", "_") in _NO_ENCODINGS:
        raise XmlError(f"not well-formed XML: the encoding {shown(charset)} is not known")
    return name


def _utf8(data: bytes) -> bytes:
    """The document in UTF-8, which is what most are in."""
    rest, _ = unmarked(data)
    name = encoding_of(data)
    if name == "utf-8":
        return rest
    try:
        text = rest.decode(name)
        # The line end of EBCDIC is none of XML 1.0.
        return (text.replace("\x85", "\n") if _EBCDIC_START.match(data) else text).encode()
    except (UnicodeError, LookupError) as error:
        raise XmlError(f"not well-formed XML: it is not in {shown(name)}") from error
