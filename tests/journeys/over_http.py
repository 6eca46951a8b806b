"""The production server in processes of its own, asked over HTTP as `tests.house` asks."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc.jwk import ECKey

from fhir_server.auth.development import JWKS_FILE, development_keys, sign
from tests.bench.servers import Served, Server, free_port, run
from tests.house import BASE, Answer, House, Person

PATIENCE = 30.0  # seconds


class OverHttp(House):
    """A client of a running server, with the tokens of a development key; threads may share it."""

    def __init__(self, server: Server, base: str, key: ECKey) -> None:
        self.server, self.base, self.key = server, base, key
        self.tokens = {}

    def clock(self) -> int:
        return time.time_ns() // 1_000_000

    def renew(self) -> None:
        self.tokens.clear()

    def token(self, person: Person) -> str:
        name = repr(person)
        if name not in self.tokens:
            self.tokens[name] = sign(person.claims(self.clock() // 1000), self.key)
        return self.tokens[name]

    def call(
        self, method: str, path: str, who: Person | None = None, body: Any = None, *,
        query: Any = "", **headers: str,
    ) -> Answer:  # fmt: skip
        """OSError or HTTPException when no whole answer comes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        if data is not None:
            headers.setdefault("content_type", "application/fhir+json")
        if who is not None:
            headers["authorization"] = f"Bearer {self.token(who)}"
        asked = query if isinstance(query, str) else urlencode(query)
        url = urlsplit(f"{self.base}/{path}".rstrip("/") + (f"?{asked}" if asked else ""))
        connection = HTTPConnection(url.netloc, timeout=PATIENCE)
        try:
            spelled = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, url._replace(scheme="", netloc="").geturl(), data, spelled)
            answer = connection.getresponse()
            found = {name.title(): value for name, value in answer.getheaders()}  # `Location`
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def kill(self) -> None:
        """`kill -9` for all its processes at once."""
        os.killpg(self.server.process.pid, signal.SIGKILL)
        self.server.process.wait()

    def close(self) -> None:
        """Its processes end with `served`."""


@contextmanager
def served(
    database_url: str, folder: Path, port: int = 0, **settings: str
) -> Iterator[OverHttp]:
    """`fhir-server migrate`, then `fhir-server serve`, until the end of the block; 0: a free port.

    The tokens of `tests.house` are meant for BASE, so that is the audience; `settings` are more of
    the environment.
    """
    port = port or free_port()
    base = f"http://127.0.0.1:{port}/fhir"
    key, _ = development_keys(folder)
    environment = {
        "FHIR_DATABASE_URL": database_url, "FHIR_JWKS": str(folder / JWKS_FILE),
        "FHIR_BASE_URL": base, "FHIR_AUDIENCE": BASE, **settings,
    }  # fmt: skip
    run(("-m", "fhir_server", "migrate"), environment)
    arguments = ("-m", "fhir_server", "serve", "--port", str(port))
    with Served(arguments, port, "/fhir/metadata", folder, environment).running() as server:
        yield OverHttp(server, base, key)
