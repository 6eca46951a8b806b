"""Without a good token nothing is told and nothing is done: https://www.rfc-
editor.org/rfc/rfc6750#section-3
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey

from fhir_server.auth.development import sign
from tests.house import ANNE, CNAM, House, key
from tests.interactions.shared import rows
from tests.people import patient
from tests.web.bad import TABLES

Make = Callable[[House], str]


def segment(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims(house: House, **more: Any) -> dict[str, Any]:
    return CNAM.claims(house.now // 1000 - 60) | more


def without_algorithm(house: House) -> str:
    return f"{segment({'alg': 'none', 'typ': 'JWT', 'kid': key().kid})}.{segment(claims(house))}."


def with_the_public_key_as_secret(house: House) -> str:
    text = f"{segment({'alg': 'HS256', 'kid': key().kid})}.{segment(claims(house))}"
    secret = json.dumps(key().as_dict(private=False)).encode()
    signature = urlsafe_b64encode(hmac.digest(secret, text.encode(), hashlib.sha256))
    return f"{text}.{signature.rstrip(b'=').decode()}"


def with_another_key(house: House) -> str:
    forged = ECKey.import_key(
        ECKey.generate_key("P-256").as_dict(private=True) | {"kid": str(key().kid)}
    )
    return sign(claims(house), forged)


def with_other_claims(house: House) -> str:
    header, _, signature = sign(claims(house), key()).split(".")
    return f"{header}.{segment(claims(house, sub='urn:oid:1.2.250.1.71.4.2.2|9'))}.{signature}"


def of_another_actor(actor: str) -> Make:
    def make(house: House) -> str:
        body = claims(house)
        body["extensions"]["dmp"]["actor"] = actor
        return sign(body, key())

    return make


def good(**more: Any) -> Make:
    return lambda house: sign(claims(house, **more), key())


BAD: dict[str, Make] = {
    "expired": lambda house: sign(CNAM.claims(house.now // 1000 - 7200), key()),
    "not yet": lambda house: sign(claims(house, nbf=house.now // 1000 + 3600 * 24), key()),
    "without an end": lambda house: sign(
        {n: v for n, v in claims(house).items() if n != "exp"}, key()
    ),
    "alg none": without_algorithm,
    "the public key as secret": with_the_public_key_as_secret,
    "another key": with_another_key,
    "changed after it was signed": with_other_claims,
    "for another server": good(aud="https://elsewhere.example"),
    "no subject": lambda house: sign({n: v for n, v in claims(house).items() if n != "sub"}, key()),
    "a subject of another kind": good(sub=ANNE.sub),
    "an unknown actor": of_another_actor("king"),
    "no claims": lambda house: sign({}, key()),
    "garbage": lambda house: "garbage",
    "three dots": lambda house: "a.b.c",
    "bytes": lambda house: "\xff\xfe",
    "endless": lambda house: "a" * 20_000,
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "Patient/kept"), ("POST", "Patient"), ("GET", "Melon/1")]
)
def test_a_token_that_is_not_good_opens_nothing(
    kept: House, make: Make, method: str, path: str
) -> None:
    before = rows(kept, *TABLES, "trail")
    body = patient() if method == "POST" else None
    answer = kept.call(method, path, None, body, authorization=f"Bearer {make(kept)}")
    code = "expired" if make is BAD["expired"] else "login"
    assert (answer.status, answer.json["issue"][0]["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert rows(kept, *TABLES, "trail") == before


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer-token x"])
def test_without_a_token_one_is_asked_for(kept: House, header: str) -> None:
    for path in ("Patient", "Patient/kept", "Melon", "nowhere/at/all/x"):
        answer = kept.get(path, authorization=header)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_challenge_is_one_line_of_ascii(kept: House) -> None:
    for actor in ('ki"ng', "k\nX: y", "é" * 300):
        token = of_another_actor(actor)(kept)
        header = kept.get("Patient", authorization=f"Bearer {token}").headers["WWW-Authenticate"]
        assert header.isascii() and header.isprintable() and header.count('"') == 4


def test_scopes_limit_what_is_allowed(kept: House) -> None:
    reader = CNAM.but(scope="user/Patient.rs")
    assert kept.get("Patient?_count=1", reader).status == 200
    for method, path in (("POST", "Patient"), ("GET", "Consent"), ("DELETE", "Organization/kept")):
        answer = kept.call(method, path, reader, patient() if method == "POST" else None)
        assert (answer.status, answer.json["issue"][0]["code"]) == (403, "forbidden")


def test_scopes_limit_the_entries_of_a_bundle_too(kept: House) -> None:
    entries = [
        {"request": {"method": "GET", "url": url}} for url in ("Patient?_count=1", "Consent")
    ]
    body = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = kept.post("", CNAM.but(scope="user/Patient.rs"), body)
    assert [entry["response"]["status"][:3] for entry in answer.json["entry"]] == ["200", "403"]
    assert (
        kept.post("", CNAM.but(scope="user/Patient.rs"), body | {"type": "transaction"}).status
        == 403
    )
