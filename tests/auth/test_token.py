"""Forged, spoilt and good tokens, each with its status, its issue code and its header."""

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from fhir_server.auth import token
from fhir_server.auth.development import claims_for
from fhir_server.auth.token import ALGORITHMS, PublicKey, Verifier, fits, verify
from fhir_server.fhir.outcome import Unauthorized
from fhir_server.policy.subject import Subject

NOW = 1_700_000_000
ISSUER, AUDIENCE = "https://issuer.example", "http://127.0.0.1:8080/fhir"
RSA, SHORT = RSAKey.generate_key(2048), ECKey.generate_key("P-521")
P256, P384 = ECKey.generate_key("P-256"), ECKey.generate_key("P-384")
OTHER = ECKey.generate_key("P-256")
PRIVATE: dict[str, RSAKey | ECKey] = {"rsa": RSA, "p256": P256, "p384": P384}
KID_OF = {"RSA": "rsa", "P-256": "p256", "P-384": "p384"}
ANY_ALGORITHM = jws.JWSRegistry(
    algorithms=[*ALGORITHMS, "RS512", "PS384", "ES512", "HS256"], strict_check_header=False
)


@cache
def public(kid: str) -> PublicKey:
    return type(PRIVATE[kid]).import_key(PRIVATE[kid].as_dict(private=False))


class KnownKeys:
    """Every key under its name, whatever the algorithm: `verify` must not rely on more."""

    def __init__(self) -> None:
        self.asked = 0

    def find(self, kid: str, alg: str) -> PublicKey | None:
        self.asked += 1
        return public(kid) if kid in PRIVATE else None


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None takes the claim out."""
    good = claims_for(
        actor="professional", identifier="urn:oid:1.2.250.1.71.4.2.1|899700218896", now=NOW,
        lifetime=300, issuer=ISSUER, audience=AUDIENCE,
    )  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(payload: dict[str, Any] | bytes | None = None, *, key: Any = P256, **header: Any) -> str:
    """A token with a good header but for `header`; a parameter None is taken out."""
    full = {"alg": "ES256", "kid": "p256", "typ": "JWT"} | header
    if not isinstance(payload, bytes):
        payload = json.dumps(claims() if payload is None else payload).encode()
    return raw(json.dumps({k: v for k, v in full.items() if v is not None}).encode(), payload, key)


def raw(header: bytes, payload: bytes, key: Any = P256, alg: str = "") -> str:
    """A token of exactly these bytes, signed with the algorithm the header names."""
    signing_input = segment(header) + "." + segment(payload)
    named = alg or json.loads(header).get("alg")
    signature = b""
    if named in jws.JWSRegistry.algorithms and named != "none":
        signature = jws.JWSRegistry.algorithms[named].sign(signing_input.encode(), key)
    return signing_input + "." + segment(signature)


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def spliced(text: str, payload: dict[str, Any]) -> str:
    header, _, signature = text.split(".")
    return f"{header}.{segment(json.dumps(payload).encode())}.{signature}"


def text_of(payload: str) -> bytes:
    """The good claims as JSON text, with `payload` written in front."""
    return ("{" + payload + "," + json.dumps(claims())[1:]).encode()


def hmac_with_the_public_key() -> str:
    pem = P256.as_pem(private=False)
    secret = OctKey.import_key(base64.b64encode(pem).decode())
    return signed(key=secret, alg="HS256")


HEADER = b'{"alg":"ES256","kid":"p256"}'
DEEP = b'{"a":' * 3000 + b"1" + b"}" * 3000

# name: the token, the issue code, a word of the message
BAD: dict[str, tuple[Callable[[], str], str, str]] = {
    "two segments": (lambda: signed().rpartition(".")[0], "login", "not a signed JWT"),
    "four segments": (lambda: signed() + ".x", "login", "not a signed JWT"),
    "no JWT at all": (lambda: "secret", "login", "not a signed JWT"),
    "a second token behind": (lambda: signed() + " " + signed(), "login", "not a signed JWT"),
    "a line feed behind": (lambda: signed() + "\n", "login", "not a signed JWT"),
    "not ASCII": (lambda: signed() + "é", "login", "not a signed JWT"),
    "standard base64": (lambda: signed().replace("e", "+", 1), "login", "not a signed JWT"),
    "header is no base64": (lambda: "a." + signed().split(".", 1)[1], "login", "not a signed"),
    "header is no JSON": (lambda: raw(b"{", b"{}", alg="ES256"), "login", "not a signed JWT"),
    "header is a list": (lambda: raw(b"[1]", b"{}", alg="ES256"), "login", "not a signed JWT"),
    "header is deep": (lambda: raw(DEEP, b"{}", alg="ES256"), "login", "longer than"),
    "payload is a list": (lambda: raw(HEADER, b"[]"), "login", "not a signed JWT"),
    "payload is Latin-1": (lambda: raw(HEADER, b'{"a":"\xe9"}'), "login", "not a signed JWT"),
    "payload is UTF-16": (lambda: raw(HEADER, "{}".encode("utf-16")), "login", "not a signed"),
    "payload is deep": (lambda: raw(HEADER, DEEP[:7500] + b"}"), "login", "not a signed JWT"),
    "payload with NaN": (lambda: raw(HEADER, text_of('"x":NaN')), "login", "not a signed JWT"),
    "payload with half a pair": (
        lambda: raw(HEADER, text_of(r'"x":["\ud800"]')), "login", "not a signed JWT"),
    "a number of 5000 digits": (
        lambda: raw(HEADER, text_of('"x":' + "9" * 5000)), "login", "not a signed JWT"),
    "17 kB": (lambda: signed(claims(note="x" * 13_000)), "login", "longer than"),
    "alg none": (lambda: signed(alg="none") + "eA", "login", "algorithm `none`"),
    "alg none, no signature": (lambda: signed(alg="none"), "login", "not a signed JWT"),
    "alg None": (lambda: signed(alg="None") + "eA", "login", "algorithm `None`"),
    "alg HS256 with the public key": (hmac_with_the_public_key, "login", "algorithm `HS256`"),
    "alg RS512": (lambda: signed(key=RSA, alg="RS512", kid="rsa"), "login", "algorithm `RS512`"),
    "alg is a list": (
        lambda: raw(b'{"alg":["ES256"]}', b"{}", alg="ES256"), "login", "algorithm"),
    "no alg": (lambda: signed(alg=None) + "eA", "login", "algorithm `None`"),
    "no kid": (lambda: signed(kid=None), "login", "does not name its key"),
    "kid is a number": (lambda: signed(kid=1), "login", "does not name its key"),
    "unknown kid": (lambda: signed(kid="p257"), "login", "no key `p257`"),
    "kid of another kind of key": (lambda: signed(kid="rsa"), "login", "no key `rsa`"),
    "kid of another curve": (lambda: signed(kid="p384"), "login", "no key `p384`"),
    "key of a stranger": (lambda: signed(key=OTHER), "login", "signature"),
    "key of a stranger, in the header": (
        lambda: signed(key=OTHER, jwk=OTHER.as_dict(private=False)), "login", "signature"),
    "claims changed": (lambda: spliced(signed(), claims(scope="x")), "login", "signature"),
    "signature cut": (lambda: signed()[:-4], "login", "signature"),
    "signature of zeroes": (
        lambda: signed().rpartition(".")[0] + "." + segment(bytes(64)), "login", "signature"),
    "signature respelt": (
        lambda: signed()[:-1] + chr(ord(signed()[-1]) + 1), "login", "signature"),
    "typ of another token": (lambda: signed(typ="logout+jwt"), "login", "type `logout+jwt`"),
    "typ is a number": (lambda: signed(typ=1), "login", "type `1`"),
    "crit": (lambda: signed(crit=["exp"], exp=1), "login", "critical"),
    "crit is empty": (lambda: signed(crit=[]), "login", "critical"),
    "b64 false": (lambda: signed(b64=False), "login", "critical"),
    "sub twice": (lambda: raw(HEADER, text_of('"sub":"x"')), "login", "`sub` appears twice"),
    "sub twice, once escaped": (
        lambda: raw(HEADER, text_of(r'"\u0073ub":"x"')), "login", "`sub` appears twice"),
    "a claim twice, deep": (
        lambda: raw(HEADER, text_of('"x":[{"y":{"a":1,"a":1}}]')), "login", "`a` appears twice"),
    "kid twice": (
        lambda: raw(b'{"alg":"ES256","kid":"p256","kid":"p256"}', b"{}"), "login", "`kid` appears"),
    "expired": (lambda: signed(claims(exp=NOW - 1)), "expired", "expired"),
    "expires now": (lambda: signed(claims(exp=NOW)), "expired", "expired"),
    "no exp": (lambda: signed(claims(exp=None)), "login", "`exp` is missing"),
    "exp is null": (lambda: raw(HEADER, b'{"exp":null}'), "login", "`exp` is not an instant"),
    "exp is text": (lambda: signed(claims(exp=str(NOW + 60))), "login", "`exp` is not"),
    "exp is true": (lambda: signed(claims(exp=True)), "login", "`exp` is not an instant"),
    "exp is infinite": (lambda: raw(HEADER, b'{"exp":1e999}'), "login", "`exp` is not"),
    "exp in milliseconds": (lambda: signed(claims(exp=NOW * 1000)), "login", "`exp` is not"),
    "nbf to come": (lambda: signed(claims(nbf=NOW + 30)), "login", "not valid yet"),
    "nbf is text": (lambda: signed(claims(nbf="now")), "login", "`nbf` is not an instant"),
    "iat to come": (lambda: signed(claims(iat=NOW + 30)), "login", "in the future"),
    "issued after its end": (
        lambda: signed(claims(exp=NOW + 2, iat=NOW + 4)), "login", "in the future"),
    "iat is negative": (lambda: signed(claims(iat=-1)), "login", "`iat` is not an instant"),
    "another issuer": (lambda: signed(claims(iss="https://evil.example")), "login", "issuer"),
    "issuer with a slash": (lambda: signed(claims(iss=ISSUER + "/")), "login", "issuer"),
    "no issuer": (lambda: signed(claims(iss=None)), "login", "another issuer"),
    "issuer in a list": (lambda: signed(claims(iss=[ISSUER])), "login", "another issuer"),
    "another audience": (lambda: signed(claims(aud="https://x.example")), "login", "audience"),
    "no audience": (lambda: signed(claims(aud=None)), "login", "`aud` is missing"),
    "audience list empty": (lambda: signed(claims(aud=[])), "login", "another audience"),
    "audience list of others": (lambda: signed(claims(aud=["x"])), "login", "another audience"),
    "audience with a number": (lambda: signed(claims(aud=[AUDIENCE, 1])), "login", "`aud`"),
    "audience is an object": (lambda: signed(claims(aud={AUDIENCE: 1})), "login", "`aud`"),
}  # fmt: skip


def checked(text: str, *, issuer: str | None = ISSUER) -> Any:
    return verify(text, keys=KnownKeys(), issuer=issuer, audience=AUDIENCE, now=NOW)


def is_challenge(header: str) -> bool:
    start, end = 'Bearer error="invalid_token", error_description="', '"'
    inner = header.removeprefix(start).removesuffix(end)
    return header == start + inner + end and inner.isascii() and '"' not in inner


@pytest.mark.parametrize(("make", "code", "says"), BAD.values(), ids=BAD)
def test_a_bad_token_is_a_401_that_says_why(make: Callable[[], str], code: str, says: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        checked(make())
    assert (caught.value.status, caught.value.outcome()["issue"][0]["code"]) == (401, code)
    assert says in caught.value.text
    assert is_challenge(caught.value.headers["WWW-Authenticate"])


@pytest.mark.parametrize("make", [make for make, *_ in BAD.values()], ids=BAD)
def test_a_401_never_names_what_was_expected(make: Callable[[], str]) -> None:
    """Neither issuer nor audience, the names of our keys (but the one sent), nor the time here."""
    token_sent = make()
    with pytest.raises(Unauthorized) as caught:
        checked(token_sent)
    told = f"{caught.value.text} {caught.value.headers} {caught.value.outcome()}"
    assert not [expected for expected in (ISSUER, AUDIENCE, str(NOW)) if expected in told]
    assert not {kid for kid in PRIVATE if kid in told} - {_kid(token_sent)}


def _kid(text: str) -> str:
    """The name of a key that a token sends, "" where it cannot be read."""
    try:
        head = text.split(".")[0]
        return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_algorithm_of_the_contract_is_good(alg: str) -> None:
    kid = KID_OF[ALGORITHMS[alg]]
    assert checked(signed(alg=alg, kid=kid, key=PRIVATE[kid])) == claims()


GOOD = {
    "at+jwt": lambda: signed(typ="at+jwt"),
    "no typ": lambda: signed(typ=None),
    "unknown header parameters": lambda: signed(x5t="abc", vendor={"a": [1]}),
    "a long header": lambda: signed(x5c=["A" * 2000]),
    "audience in a list": lambda: signed(claims(aud=["https://x.example", AUDIENCE])),
    "nbf a little ahead of our clock": lambda: signed(claims(nbf=NOW + 2)),
    "no iat, nbf long ago": lambda: signed(claims(iat=None, nbf=1)),
    "exp with a fraction": lambda: signed(claims(exp=NOW + 0.5)),
    "accents": lambda: signed(claims(note="é😀")),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_a_good_token_gives_its_claims(make: Callable[[], str]) -> None:
    assert checked(make())["sub"] == claims()["sub"]


def test_any_issuer_will_do_when_none_is_configured() -> None:
    assert checked(signed(claims(iss=None)), issuer=None)


def test_the_message_cannot_break_out_of_the_header() -> None:
    with pytest.raises(Unauthorized) as caught:
        checked(signed(kid='"\r\nSet-Cookie: a="b\\é'))
    assert is_challenge(caught.value.headers["WWW-Authenticate"])


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (OctKey.generate_key(256), "RS256"),
        (OctKey.generate_key(256), "ES256"),
        (RSA, "ES256"),
        (RSA, "HS256"),
        (RSA, "RS512"),
        (P256, "RS256"),
        (P256, "ES384"),
        (SHORT, "ES256"),
        (RSAKey.import_key(RSA.as_dict(private=False), {"alg": "PS256"}), "RS256"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.key_type,
)
def test_a_key_does_not_fit_another_algorithm(key: Any, alg: str) -> None:
    assert not fits(key, alg)


class Clock:
    """A verifier with its keys; `at(seconds after NOW)` checks a token then."""

    def __init__(self, text: str) -> None:
        self.keys, self.text = KnownKeys(), text
        self.verifier = Verifier(self.keys, issuer=ISSUER, audience=AUDIENCE)

    def at(self, seconds: int) -> Subject:
        return self.verifier.verify(f"Bearer {self.text}", NOW + seconds)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic YTpi", "x"], ids=repr)
def test_without_a_token_the_challenge_names_no_error(header: str | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        Clock("").verifier.verify(header, NOW)
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
    assert (caught.value.status, caught.value.outcome()["issue"][0]["code"]) == (401, "login")


@pytest.mark.parametrize("header", ["Bearer x", "bearer é", "Bearer \udc80", "Bearer a b"])
def test_a_header_that_holds_no_jwt_is_an_invalid_token(header: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        Clock("").verifier.verify(header, NOW)
    assert is_challenge(caught.value.headers["WWW-Authenticate"])


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_is_written_in_any_case(scheme: str) -> None:
    subject = Clock("").verifier.verify(scheme + signed(), NOW)
    assert subject.identifier == claims()["sub"]


def test_a_token_is_checked_again_after_a_minute() -> None:
    clock = Clock(signed())
    assert clock.at(0) is clock.at(59)
    assert clock.keys.asked == 1
    clock.at(60)
    assert clock.keys.asked == 2


def test_a_remembered_token_expires_on_time() -> None:
    clock = Clock(signed(claims(exp=NOW + 10)))
    clock.at(9)
    with pytest.raises(Unauthorized, match="expired"):
        clock.at(10)


def test_a_refused_token_is_not_remembered() -> None:
    clock = Clock(signed(claims(nbf=NOW + 30)))
    with pytest.raises(Unauthorized):
        clock.at(0)
    assert clock.at(30).actor == "professional"


def test_a_token_with_good_signature_and_bad_claims_is_refused_each_time() -> None:
    clock = Clock(signed(claims(sub="urn:oid:1.2.3|1")))
    for _ in range(2):
        with pytest.raises(Unauthorized, match="cannot have the system"):
            clock.at(0)


def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token, "REMEMBERED", 2)
    clock = Clock("")
    for jti in ("a", "b", "c", "c", "b", "a"):
        clock.text = TOKENS[jti]
        clock.at(0)
    assert clock.keys.asked == 4


TOKENS = {jti: signed(claims(jti=jti)) for jti in "abc"}
