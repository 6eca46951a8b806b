"""The issuer's public keys: read from a JWKS file or URL, and remembered.

https://www.rfc-editor.org/rfc/rfc7517#section-5
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int

from fhir_server.auth.token import ALGORITHMS, SMALLEST_RSA, PublicKey, fits
from fhir_server.fhir.outcome import Unavailable

# All in seconds.
FRESH = 300.0  # how long what a URL answered is good
COOL_DOWN = 30.0  # between two requests, whatever the reason
STALE = 86_400.0  # how long keys are still used when the URL answers no more
PATIENCE = 5.0  # for an answer
LARGEST = 1 << 20  # bytes of a key set

# The members of a public key (RFC 7518 section 6): no others are read, private ones least of all.
_MEMBERS: Mapping[str, tuple[type[PublicKey], tuple[str, ...]]] = {
    "RSA": (RSAKey, ("kty", "n", "e")),
    "EC": (ECKey, ("kty", "crv", "x", "y")),
}
KeySet = Mapping[str, tuple[PublicKey, ...]]

_log = logging.getLogger(__name__)


class Keys:
    """The keys of one source; threads may share it.

    `source`: the path of a file, read again when it changes, or an http(s) URL, asked again every
    5 minutes and for an unknown key. When that fails, the keys of before are used on.
    """

    def __init__(self, source: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._is_url = source.startswith(("http://", "https://"))
        self._lock = Lock()
        self._found: KeySet | None = None  # replaced as a whole, never changed
        self._read_at = self._tried_at = float("-inf")
        self._stamp: object = None

    def find(self, kid: str, alg: str) -> PublicKey | None:
        """The key of this name that may verify this algorithm, if there is one.

        Raises Unavailable when no keys could be read yet, or none for a day.
        """
        self._refresh(unknown=False)
        if not self._found or kid not in self._found:
            self._refresh(unknown=True)
        if self._found is None or self._is_url and self._clock() - self._read_at > STALE:
            raise Unavailable("the keys of the issuer cannot be read")
        return next((key for key in self._found.get(kid, ()) if fits(key, alg)), None)

    def names(self) -> tuple[str, ...]:
        """The `kid` of every usable key: for the start, to say that there is none."""
        self._refresh(unknown=False)
        return tuple(self._found or ())

    def _refresh(self, *, unknown: bool) -> None:
        if not self._due(unknown=unknown):
            return
        # While one thread asks, the others go on with the keys there are.
        if not self._lock.acquire(blocking=unknown or self._found is None):
            return
        try:
            if self._due(unknown=unknown):
                self._read()
        finally:
            self._lock.release()

    def _due(self, *, unknown: bool) -> bool:
        if not self._is_url:
            return _stamp(self._source) != self._stamp
        now = self._clock()
        old = unknown or now - self._read_at >= FRESH
        return old and now - self._tried_at >= COOL_DOWN

    def _read(self) -> None:
        stamp = _stamp(self._source)
        try:
            self._found = key_set(_fetch(self._source) if self._is_url else _content(self._source))
            self._read_at = self._clock()
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("the keys of %s cannot be read: %s", self._source, error)
        # Last of all: until then, those who have no keys must wait for these.
        self._tried_at, self._stamp = self._clock(), stamp


def key_set(document: bytes) -> KeySet:
    """The usable keys of a JWKS, by `kid`; no others. Raises ValueError when it is none."""
    content = json.loads(document)
    if not isinstance(content, dict) or not isinstance(content.get("keys"), list):
        raise ValueError("not a JSON Web Key Set")
    found: dict[str, tuple[PublicKey, ...]] = {}
    for jwk in content["keys"]:
        if (key := _usable(jwk)) is not None:
            # A name may stand for several keys of different kinds: RFC 7517 section 4.5.
            found[jwk["kid"]] = (*found.get(jwk["kid"], ()), key)
    return found


def _usable(jwk: Any) -> PublicKey | None:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
        return None
    class_, members = _MEMBERS.get(str(jwk.get("kty")), (None, ()))
    operations = jwk.get("key_ops", ["verify"])
    meant_for_this = jwk.get("use", "sig") == "sig" and isinstance(operations, list)
    if class_ is None or not meant_for_this or "verify" not in operations:
        return None
    try:
        if class_ is RSAKey and base64_to_int(jwk["n"]).bit_length() < SMALLEST_RSA:
            return None
        chosen = {name: jwk[name] for name in (*members, "kid", "alg") if name in jwk}
        key: PublicKey = class_.import_key(chosen)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if any(fits(key, alg) for alg in ALGORITHMS) else None


def _stamp(path: str) -> object:
    """Changes when the file does; None while it cannot be seen."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _content(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return _limited(file.read(LARGEST + 1))


def _fetch(url: str) -> bytes:
    # No redirects: the keys come from the address that was configured.
    import requests  # here, since keys in a file need none of it

    with requests.get(url, timeout=PATIENCE, stream=True, allow_redirects=False) as answer:
        if answer.status_code != 200:
            raise ValueError(f"status {answer.status_code}")
        body = b""
        for part in answer.iter_content(65_536):
            body = _limited(body + part)
        return body


def _limited(body: bytes) -> bytes:
    if len(body) > LARGEST:
        raise ValueError(f"more than {LARGEST} bytes")
    return body
