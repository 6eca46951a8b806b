"""The issuer's keys, from files and from an issuer on this machine, under a clock of its own."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from fhir_server.auth.keys import COOL_DOWN, FRESH, LARGEST, STALE, Keys, key_set
from fhir_server.fhir.outcome import Unavailable

P256, P384 = ECKey.generate_key("P-256"), ECKey.generate_key("P-384")
RSA = RSAKey.generate_key(2048)


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid, **more}


def document(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


class Issuer:
    """An issuer that answers what it is told to, and a clock."""

    def __init__(self) -> None:
        self.status, self.body, self.asked, self.now = 200, document(jwk(P256, "one")), 0, 1000.0
        self.reached, self.speaks = threading.Semaphore(0), threading.Event()
        self.speaks.set()  # clear it to keep the issuer from answering
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                issuer.reached.release()
                issuer.speaks.wait(timeout=5)
                self.send_response(issuer.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(issuer.body)))
                self.end_headers()
                self.wfile.write(issuer.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.keys = Keys(f"http://127.0.0.1:{self.server.server_port}/", clock=lambda: self.now)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_keys_of_a_url_are_asked_for_once(issuer: Issuer) -> None:
    assert issuer.keys.find("one", "ES256") is issuer.keys.find("one", "ES256")
    assert issuer.keys.names() == ("one",)
    assert issuer.asked == 1


def test_keys_of_a_url_are_asked_for_again_after_five_minutes(issuer: Issuer) -> None:
    issuer.keys.find("one", "ES256")
    issuer.now += FRESH - 1
    issuer.keys.find("one", "ES256")
    assert issuer.asked == 1
    issuer.now += 1
    issuer.body = document(jwk(P256, "two"))
    assert issuer.keys.find("one", "ES256") is None
    assert issuer.asked == 2


def test_an_unknown_key_is_asked_for_at_once_but_not_too_often(issuer: Issuer) -> None:
    issuer.keys.find("one", "ES256")
    issuer.body = document(jwk(P256, "two"))
    assert issuer.keys.find("two", "ES256") is None  # asked a moment ago
    issuer.now += COOL_DOWN
    assert issuer.keys.find("two", "ES256") is not None
    for number in range(5):
        issuer.keys.find(f"unknown {number}", "ES256")
    assert issuer.asked == 2


FAILURES = {
    "server error": (500, b""),
    "redirect": (302, b""),
    "no content": (204, b""),
    "not JSON": (200, b"<html>"),
    "no key set": (200, b"[]"),
    "keys are no list": (200, b'{"keys": {}}'),
    "deep": (200, b"[" * 100_000),
    "too large": (200, b" " * (LARGEST + 1)),
}


@pytest.mark.parametrize(("status", "body"), FAILURES.values(), ids=FAILURES)
def test_the_keys_of_before_are_used_on_when_the_issuer_fails(
    issuer: Issuer, status: int, body: bytes
) -> None:
    issuer.keys.find("one", "ES256")
    issuer.status, issuer.body = status, body
    issuer.now += FRESH
    assert issuer.keys.find("one", "ES256") is not None
    issuer.keys.find("one", "ES256")
    assert issuer.asked == 2  # and the issuer is left in peace for a while


def test_the_keys_of_before_are_not_used_for_ever(issuer: Issuer) -> None:
    issuer.keys.find("one", "ES256")
    issuer.status = 500
    issuer.now += STALE + 1
    with pytest.raises(Unavailable, match="cannot be read"):
        issuer.keys.find("one", "ES256")


def test_without_any_keys_the_service_is_unavailable_until_the_issuer_answers(
    issuer: Issuer,
) -> None:
    issuer.status = 503
    for _ in range(3):
        with pytest.raises(Unavailable):
            issuer.keys.find("one", "ES256")
    assert issuer.asked == 1
    issuer.status, issuer.now = 200, issuer.now + COOL_DOWN
    assert issuer.keys.find("one", "ES256") is not None


def test_threads_that_come_together_ask_once(issuer: Issuer) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(issuer.keys.find("one", "ES256")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and None not in found
    assert issuer.asked == 1


def test_while_one_thread_asks_the_others_go_on_with_the_keys_there_are(issuer: Issuer) -> None:
    issuer.keys.find("one", "ES256")
    issuer.now += FRESH
    issuer.speaks.clear()
    asking = threading.Thread(target=issuer.keys.find, args=("one", "ES256"))
    asking.start()
    assert issuer.reached.acquire(timeout=5) and issuer.reached.acquire(timeout=5)
    assert issuer.keys.find("one", "ES256") is not None
    assert asking.is_alive()  # it was not waited for
    issuer.speaks.set()
    asking.join()
    assert issuer.asked == 2


def test_an_address_where_nobody_answers_is_unavailable(issuer: Issuer) -> None:
    with pytest.raises(Unavailable):
        Keys("http://127.0.0.1:1/").find("one", "ES256")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document(jwk(P256, "one")))
    keys = Keys(str(path))
    assert keys.find("one", "ES256") is not None
    path.write_bytes(document(jwk(P256, "two"), jwk(P384, "three")))
    assert keys.find("one", "ES256") is None
    assert keys.find("three", "ES384") is not None


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{")])
def test_the_keys_of_a_spoilt_file_are_used_on(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document(jwk(P256, "one")))
    keys = Keys(str(path))
    keys.find("one", "ES256")
    spoil(path)
    assert keys.find("one", "ES256") is not None


@pytest.mark.parametrize("name", ["absent.json", "nul\0", ""])
def test_a_file_that_cannot_be_read_is_unavailable_until_it_can(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unavailable):
        Keys(str(tmp_path / name)).find("one", "ES256")


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    keys = Keys(str(tmp_path / "keys.json"))
    assert keys.names() == ()
    (tmp_path / "keys.json").write_bytes(document(jwk(P256, "one")))
    assert keys.names() == ("one",)


SMALL = {"kty": "RSA", "kid": "k", "e": "AQAB", "n": "w" * 170}  # 1020 bits
UNUSABLE: dict[str, Any] = {
    "a secret": {**OctKey.generate_key(256).as_dict(), "kid": "k"},
    "a small RSA key": SMALL,
    "another curve": jwk(ECKey.generate_key("P-521"), "k"),
    "a point off the curve": {**jwk(P256, "k"), "y": jwk(P384, "k")["y"][:43]},
    "an unknown curve": {**jwk(P256, "k"), "crv": "P-1"},
    "an even exponent": {**jwk(RSA, "k"), "e": "Ag"},
    "no modulus": {"kty": "RSA", "kid": "k", "e": "AQAB"},
    "the modulus is a number": {"kty": "RSA", "kid": "k", "e": "AQAB", "n": 5},
    "no type": {"kid": "k"},
    "the type is a list": {"kty": ["EC"], "kid": "k"},
    "no name": P256.as_dict(private=False, kid=None),
    "for encryption": jwk(RSA, "k", use="enc"),
    "not to verify": jwk(RSA, "k", key_ops=["encrypt"]),
    "operations are a number": jwk(RSA, "k", key_ops=1),
    "for another algorithm": jwk(RSA, "k", alg="RSA-OAEP"),
    "no object": "key",
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_key_is_left_out_and_the_others_stay(unusable: object) -> None:
    assert list(key_set(document(unusable, jwk(P256, "good")))) == ["good"]


def test_private_members_are_not_kept() -> None:
    (key,) = key_set(document({**P256.as_dict(private=True), "kid": "one"}))["one"]
    assert not key.is_private
    assert "d" not in key.as_dict()


def test_a_name_may_stand_for_keys_of_several_kinds(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(document(jwk(RSA, "one", alg="PS256", use="sig"), jwk(P256, "one")))
    keys = Keys(str(path))
    assert isinstance(keys.find("one", "PS256"), RSAKey)
    assert isinstance(keys.find("one", "ES256"), ECKey)
    assert keys.find("one", "RS256") is None
    assert keys.find("one", "HS256") is None
