"""Verify a bearer token: a signed JWT, its signature and its claims.

https://www.rfc-editor.org/rfc/rfc8725 (best practices), https://www.rfc-editor.org/rfc/rfc9068
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhir_server.auth import invalid_token, shown
from fhir_server.auth.subject import subject_of
from fhir_server.fhir.outcome import Unauthorized
from fhir_server.policy.subject import Subject

LONGEST = 16 * 1024  # characters of a token
SKEW = 5  # seconds by which the issuer's clock may be ahead of ours; none for `exp`
LAST_INSTANT = 253_402_300_799  # the end of the year 9999
SMALLEST_RSA = 2048  # bits
REMEMBERED_FOR = 60  # seconds
REMEMBERED = 4096  # tokens

# The only algorithms accepted, each with the one kind of key it may be used with.
ALGORITHMS = {
    "RS256": "RSA",
    "RS384": "RSA",
    "PS256": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
}
TYPES = ("jwt", "at+jwt")

_SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Unknown header parameters are ignored, as RFC 7515 section 4 asks; `crit` is refused before.
_REGISTRY = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_REGISTRY.max_header_length = _REGISTRY.max_signature_length = LONGEST

PublicKey = RSAKey | ECKey
Claims = Mapping[str, Any]


class Keys(Protocol):
    """Where the issuer's public keys are found (`auth.keys`)."""

    def find(self, kid: str, alg: str) -> PublicKey | None: ...


def fits(key: object, alg: str) -> bool:
    """Whether a key may verify this algorithm: never a secret one, a short one or another kind."""
    match key:
        case RSAKey():
            kind = "RSA" if key.raw_value.key_size >= SMALLEST_RSA else "too short"
        case ECKey():
            kind = key.curve_name
        case _:
            return False
    return ALGORITHMS.get(alg) == kind and key.alg in (None, alg)


def verify(text: str, *, keys: Keys, issuer: str | None, audience: str, now: int) -> Claims:
    """The claims of a good token; `now` in seconds since 1970.

    Raises Unauthorized (`invalid_token`) whatever is wrong with it.
    """
    if len(text) > LONGEST:
        raise invalid_token(f"the token is longer than {LONGEST} characters")
    if not _SEGMENTS.fullmatch(text):
        raise invalid_token("the token is not a signed JWT")
    header, payload, _ = text.split(".")
    _check_signature(text, _parse(header), keys)
    claims = _parse(payload)
    _check_times(claims, now)
    _check_parties(claims, issuer=issuer, audience=audience)
    return claims


def _parse(segment: str) -> dict[str, Any]:
    """The JSON object of one segment; refused if a name comes twice: readers disagree on those."""
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), b"-_", validate=True)
        value = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except (ValueError, RecursionError):
        raise invalid_token("the token is not a signed JWT") from None
    if not isinstance(value, dict):
        raise invalid_token("the token is not a signed JWT")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid_token(f"{shown(twice)} appears twice in the token")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _check_signature(text: str, header: Mapping[str, Any], keys: Keys) -> None:
    alg, kid, type_ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise invalid_token(f"the algorithm {shown(alg)} is not accepted")
    if "crit" in header or "b64" in header:
        raise invalid_token("critical extensions of a token are not supported")
    if not isinstance(type_, str) or type_.lower() not in TYPES:
        raise invalid_token(f"the type {shown(type_)} is not one of access tokens")
    if not isinstance(kid, str):
        raise invalid_token("the token does not name its key")
    key = keys.find(kid, alg)
    if key is None or not fits(key, alg):
        raise invalid_token(f"no key {shown(kid)} for the algorithm {shown(alg)}")
    try:
        jws.deserialize_compact(text, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        raise invalid_token("the signature of the token is wrong") from None


def _check_times(claims: Claims, now: int) -> None:
    expires, begins = _instant(claims, "exp"), _instant(claims, "nbf")
    issued = _instant(claims, "iat")
    if expires is None:
        raise invalid_token("the claim `exp` is missing")
    if now >= expires:
        raise invalid_token("the token has expired", code="expired")
    if begins is not None and begins > now + SKEW:
        raise invalid_token("the token is not valid yet")
    if issued is not None and (issued > now + SKEW or issued > expires):
        raise invalid_token("the token is issued in the future")


def _instant(claims: Claims, name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    # The bounds also keep out infinity, which JSON spells 1e999.
    if type(value) not in (int, float) or not 0 <= value <= LAST_INSTANT:
        raise invalid_token(f"the claim `{name}` is not an instant")
    return float(value)


def _check_parties(claims: Claims, *, issuer: str | None, audience: str) -> None:
    if issuer is not None and claims.get("iss") != issuer:
        raise invalid_token("the token is from another issuer")
    named = claims.get("aud")
    meant = [named] if isinstance(named, str) else named
    if not isinstance(meant, list) or not all(isinstance(one, str) for one in meant):
        raise invalid_token("the claim `aud` is missing or not text")
    if audience not in meant:
        raise invalid_token("the token is meant for another audience")


@dataclass(frozen=True, slots=True)
class _Seen:
    subject: Subject
    until: float


class Verifier:
    """The keys, what a token must say, and the good tokens seen lately; threads may share it."""

    def __init__(self, keys: Keys, *, issuer: str | None, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self._seen: dict[bytes, _Seen] = {}  # by SHA-256: the tokens themselves are not kept
        self._lock = Lock()

    def verify(self, authorization: str | None, now: int) -> Subject:
        """Who asks, by the header `Authorization`; `now` in seconds since 1970.

        Raises Unauthorized: `invalid_token` for a token that is not good, no error without any.
        A token is remembered for 60 s at most, never beyond its `exp`.
        """
        text = _bearer(authorization)
        digest = hashlib.sha256(text.encode(errors="replace")).digest()
        with self._lock:
            seen = self._seen.get(digest)
        if seen is not None and now < seen.until:
            return seen.subject
        claims = verify(
            text, keys=self._keys, issuer=self._issuer, audience=self._audience, now=now
        )
        subject = subject_of(claims)
        self._remember(digest, _Seen(subject, min(float(claims["exp"]), now + REMEMBERED_FOR)))
        return subject

    def _remember(self, digest: bytes, seen: _Seen) -> None:
        with self._lock:
            self._seen.pop(digest, None)  # to come last again
            if len(self._seen) >= REMEMBERED:
                del self._seen[next(iter(self._seen))]
            self._seen[digest] = seen


def _bearer(authorization: str | None) -> str:
    scheme, _, text = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Unauthorized("a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
    return text.strip()
