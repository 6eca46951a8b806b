"""How many elements a body has, told before it is read: reading and judging one costs as much as a
hundred of its bytes.

In JSON each member of an object and each item of an array is one, in XML each element.
"""

import re

from fhir_server.fhir.outcome import TooLarge

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def check_json(data: bytes, most: int) -> None:
    """TooLarge where the JSON text `data` has more than `most` elements."""
    if not json_within(data, most):
        raise _too_many(most)


def json_within(data: bytes, most: int) -> bool:
    """Whether the JSON text `data` has at most `most` elements; what is no JSON counts somehow."""
    return _marks(data) <= most or _marks(_STRING.sub(b"", data)) <= most


def check_xml(data: bytes, most: int) -> None:
    """TooLarge where the XML text `data` has more than `most` elements, comments counted too."""
    if data.count(b"<") > most and data.count(b"<") - data.count(b"</") > most:
        raise _too_many(most)


def _marks(data: bytes) -> int:
    """Of n members or items n - 1 commas tell, and the bracket before the first."""
    return data.count(b",") + data.count(b"{") + data.count(b"[")


def _too_many(most: int) -> TooLarge:
    return TooLarge(f"the body has more than {most} elements", code="too-costly")
