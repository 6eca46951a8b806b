"""Addresses of this server inside a resource: kept relative, so that they lead to the same after
the server has moved; those of bytes are shown whole, to be fetched as they stand: all of a
document, elsewhere those that came whole (kept with HERE before them; others stay relative).

https://hl7.org/fhir/R4/references.html#literal, https://hl7.org/fhir/R4/datatypes.html#Attachment
"""

import re
from typing import Any

from fhir_server.fhir.reference import Local, parse, write

DOCUMENT = "DocumentReference"
BYTES = ("Binary", "Bundle")  # what the url of an attachment leads to here

HERE = "./"

_ID = rb"[A-Za-z0-9.-]{1,64}"
_BYTES = rb'(?=(?:Binary|Bundle)/%b(?:/_history/%b)?")' % (_ID, _ID)


def _urls(spaces: bytes, here: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'"url"%b:%b"%b' % (spaces, spaces, here) + _BYTES)


# By whether the resource is a document: with any spaces, and as it is stored.
_SPACED = {True: _urls(rb"\s*", rb"(?:\./)?"), False: _urls(rb"\s*", rb"\./")}
_STORED = {True: _urls(b"", rb"(?:\./)?"), False: _urls(b"", rb"\./")}


def kept(resource: dict[str, Any], *, base: str) -> dict[str, Any]:
    """`resource` with its absolute references to `base` and addresses of bytes made relative; the
    same object when there are none. A Bundle stays as it is: its entries name each other.
    """
    made = _kept(resource, base, "" if resource.get("resourceType") == DOCUMENT else HERE)
    return made if isinstance(made, dict) else resource


def _kept(value: Any, base: str, here: str) -> Any:
    if type(value) is list:
        made = [_kept(item, base, here) for item in value]
        return made if any(new is not old for new, old in zip(made, value)) else value
    if type(value) is not dict or value.get("resourceType") == "Bundle":
        return value
    changed = {}
    for name, item in value.items():
        if type(item) is str:
            new: Any = item
            if name == "reference":
                new = relative(item, base=base)
            elif name == "url":
                new = relative(item, base=base, types=BYTES)
                new = item if new is item else f"{here}{new}"
        elif type(item) is dict or type(item) is list:
            new = _kept(item, base, here)
        else:
            continue
        if new is not item and new != item:
            changed[name] = new
    return value | changed if changed else value


def relative(text: str, *, base: str, types: tuple[str, ...] = ()) -> str:
    """`Type/id` for an absolute address here (of these types, if any are given); `text` itself for
    any other.
    """
    if types and text.startswith(HERE):
        return text.removeprefix(HERE)
    if "://" not in text:
        return text
    try:
        found = parse(text, base=base)
    except ValueError:
        return text
    here = isinstance(found, Local) and (not types or found.type_ in types)
    return write(found) if here else text


def is_spaced(text: bytes, type_: str) -> bool:
    """Whether a JSON text has addresses of bytes that `shown` would not find."""
    document = type_ == DOCUMENT
    return len(_SPACED[document].findall(text)) != len(_STORED[document].findall(text))


def shown(text: bytes, type_: str, *, base: str) -> bytes:
    """The stored JSON text of a resource of this type with the addresses of bytes under `base`."""
    if b'"url":"B' not in text and b'"url":"./B' not in text:
        return text
    return _STORED[type_ == DOCUMENT].sub(b'"url":"' + base.encode() + b"/", text)
