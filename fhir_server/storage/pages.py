"""Where a page of a search ends: a cursor that carries no rights, only the sort values of the last
match and the hour it was made in.

It is signed, so that nobody can make one, and bound to the caller, the search and its time. It says
the hour and no more, so that the same answer has the same links a second later.
https://hl7.org/fhir/R4/http.html#paging
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

from fhir_server.fhir.outcome import Gone

SIGNATURE = 16  # bytes
HOUR = 3_600_000  # ms
HOURS = 2  # that a cursor is good for, the one it was made in among them


def cursor(values: list[Any], *, key: bytes, bound_to: str, now: int) -> str:
    """The text of a cursor; `bound_to`: the caller and the search, as text. `now`: ms since 1970
    UTC.
    """
    content = msgspec.json.encode([now // HOUR, *values])
    return urlsafe_b64encode(_sign(content, key, bound_to) + content).rstrip(b"=").decode()


def position(text: str, *, key: bytes, bound_to: str, now: int) -> list[Any]:
    """The sort values a cursor carries; Gone when it is not one of ours, or of another caller or
    search, or too old.
    """
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        signature, content = raw[:SIGNATURE], raw[SIGNATURE:]
        if not hmac.compare_digest(signature, _sign(content, key, bound_to)):
            raise ValueError("signature")
        found: list[Any] = msgspec.json.decode(content)
        made, *values = found
        if not 0 <= now // HOUR - made < HOURS:
            raise ValueError("time")
        return values
    except ValueError:
        raise Gone("this page is no longer there, search again", code="not-found") from None


def _sign(content: bytes, key: bytes, bound_to: str) -> bytes:
    return hmac.digest(key, bound_to.encode() + b"\0" + content, hashlib.sha256)[:SIGNATURE]
