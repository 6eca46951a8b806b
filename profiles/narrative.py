"""What a narrative may hold: plain formatting, in XHTML (invariants txt-1 and txt-2).

https://hl7.org/fhir/R4/narrative.html#xhtml
"""

import re
from collections.abc import Mapping
from xml.parsers import expat

DEEPEST = 200  # elements in each other; libxml2, which reads it to answer XML, stops at 2,048
_XHTML = "http://www.w3.org/1999/xhtml "
_DIV, _IMAGE = _XHTML + "div", _XHTML + "img"
# Chapters 7-11 (without 9.4) and 15 of HTML 4.0 without what it deprecates; images and anchors.
_ELEMENTS = frozenset(
    _XHTML + name
    for name in """
    a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd dfn div dl
    dt em h1 h2 h3 h4 h5 h6 hr i img kbd li map ol p pre q samp small span strong sub sup table
    tbody td tfoot th thead tr tt ul var
    """.split()
)
_ATTRIBUTES = frozenset(
    """
    abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char
    charoff charset cite class colspan compact coords dir frame headers height href hreflang hspace
    id ismap lang longdesc name nohref nowrap rel rev rowspan rules scope shape span src start style
    summary tabindex title type usemap valign value vspace width
    """.split()
    + ["http://www.w3.org/XML/1998/namespace lang"]
)
_LINKS = frozenset(("href", "src", "cite", "longdesc", "usemap"))
# A link may bring a script, or a page of its own that brings one.
_SCRIPT = re.compile(r"(javascript|vbscript|livescript):|data:(?!image/)", re.IGNORECASE)
_SKIPPED_IN_LINKS = re.compile(r"[\s\0-\x20]+")  # by browsers, before and inside a scheme
_ACTIVE_STYLE = re.compile(
    r"expression\s*\(|-moz-binding|behaviou?r\s*:|@import|javascript:", re.IGNORECASE
)


class _Refused(Exception):
    """Something that may not stand in a narrative."""


def fault(div: str) -> str:
    """Why `div` is no narrative, with the invariant it breaks; "" when it is one."""
    if "<!DOCTYPE" in div or re.match(r"\s*<\w", div) is None:
        return "txt-1: the narrative is not one XHTML div"
    deep = div.count("</") > DEEPEST
    reading = _Reading(deep=deep)
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = reading.start
    parser.CharacterDataHandler = reading.text
    if deep:
        parser.EndElementHandler = reading.end
    try:
        parser.Parse(div, True)
    except _Refused as refused:
        return f"txt-1: {refused}"
    except (expat.ExpatError, UnicodeEncodeError) as error:
        return f"txt-1: the narrative is not XHTML: {error}"
    return "" if reading.content else "txt-2: the narrative is blank"


class _Reading:
    """What one pass over a div has seen; it does not know its parser, or both would be a cycle."""

    __slots__ = ("content", "deep", "depth")

    def __init__(self, *, deep: bool) -> None:
        self.deep, self.depth, self.content = deep, 0, False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self.depth == 0 and name != _DIV:
            raise _Refused(f"the narrative is not a div in the namespace {_XHTML.strip()}")
        if name not in _ELEMENTS:
            raise _Refused(f"`{name.rpartition(' ')[2][:100]}` may not stand in a narrative")
        if attributes:
            _check(attributes)
            self.content = self.content or (name == _IMAGE and "src" in attributes)
        if self.deep or self.depth == 0:
            self.depth += 1
            if self.depth > DEEPEST:
                raise _Refused(f"the narrative is nested deeper than {DEEPEST} elements")

    def end(self, _name: str) -> None:
        self.depth -= 1

    def text(self, text: str) -> None:
        self.content = self.content or not text.isspace()


def _check(attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        if name not in _ATTRIBUTES:
            shown = name.rpartition(" ")[2][:100]
            raise _Refused(f"the attribute `{shown}` may not stand in a narrative")
        script = name in _LINKS and _SCRIPT.match(_SKIPPED_IN_LINKS.sub("", value))
        if script or (name == "style" and _ACTIVE_STYLE.search(value)):
            raise _Refused(f"`{value[:100]}` may not stand in a narrative")
