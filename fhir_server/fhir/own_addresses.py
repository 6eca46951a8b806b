"""Addresses of this server inside a resource: kept relative, so that they lead to the same after
the server has moved; those of bytes are shown whole, to be fetched as they stand.

https://hl7.org/fhir/R4/references.html#literal, https://hl7.org/fhir/R4/datatypes.html#Attachment
"""

import re
from typing import Any

from fhir_server.fhir.reference import Local, parse, write

BYTES = ("Binary", "Bundle")  # what the url of an attachment leads to here

_URL = rb'"url"\s*:\s*"(?=(?:Binary|Bundle)/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?")'
_ANY_SPACES = re.compile(_URL)
_NO_SPACES = re.compile(_URL.replace(rb"\s*", b""))


def kept(resource: dict[str, Any], *, base: str) -> dict[str, Any]:
    """`resource` with its absolute references to `base` and addresses of bytes made relative; the
    same object when there are none. A Bundle stays as it is: its entries name each other.
    """
    made = _kept(resource, base)
    return made if isinstance(made, dict) else resource


def _kept(value: Any, base: str) -> Any:
    if type(value) is list:
        made = [_kept(item, base) for item in value]
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
        elif type(item) is dict or type(item) is list:
            new = _kept(item, base)
        else:
            continue
        if new is not item:
            changed[name] = new
    return value | changed if changed else value


def relative(text: str, *, base: str, types: tuple[str, ...] = ()) -> str:
    """`Type/id` for an absolute address here (of these types, if any are given); `text` itself for
    any other.
    """
    if "://" not in text:
        return text
    try:
        found = parse(text, base=base)
    except ValueError:
        return text
    here = isinstance(found, Local) and (not types or found.type_ in types)
    return write(found) if here else text


def is_spaced(text: bytes) -> bool:
    """Whether a JSON text has relative addresses of bytes that `shown` would not find."""
    return len(_ANY_SPACES.findall(text)) != len(_NO_SPACES.findall(text))


def shown(text: bytes, *, base: str) -> bytes:
    """A stored JSON text with the addresses of bytes under `base`."""
    if b'"url":"B' not in text:
        return text
    return _NO_SPACES.sub(b'"url":"' + base.encode() + b"/", text)
