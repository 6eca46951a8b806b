"""The whole server in this process: a database, invented people with tokens, and a client that
calls the WSGI application.

Time and keys are arguments: `house.now` is moved by tests, tokens are signed with a key made once.
"""

import json
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from itertools import count
from typing import Any, Mapping
from urllib.parse import urlencode

from joserfc.jwk import ECKey

from fhir_server.app import create_app, new_id, new_trace, rules_of
from fhir_server.auth.development import claims_for, sign
from fhir_server.auth.token import Verifier
from fhir_server.policy.subject import Coded
from fhir_server.serve import Services
from fhir_server.settings import Settings, read
from fhir_server.storage import migrate
from fhir_server.storage.engine import Database
from fhir_server.storage.opened import House as Rules
from fhir_server.storage.secrets import cursor_key

BASE = "http://127.0.0.1:8080/fhir"
INS = "urn:oid:1.2.250.1.213.1.4.10"
PS = "urn:oid:1.2.250.1.71.4.2.1"
STRUCTURE = "urn:oid:1.2.250.1.71.4.2.2"
NOON = 1_795_521_600_000  # 2026-11-24T12:00:00Z


@cache
def key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


class OneKey:
    """The issuer's keys: one."""

    def find(self, kid: str, alg: str) -> ECKey | None:
        return key() if kid == key().kid else None


@dataclass(frozen=True)
class Person:
    """Somebody with a token; `sub` is `system|value`."""

    actor: str
    sub: str
    name: str = ""
    organization: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def claims(self, now: int) -> dict[str, Any]:
        return claims_for(
            actor=self.actor,
            identifier=self.sub,
            now=now,
            lifetime=3600,
            audience=BASE,
            name=self.name,
            organization=self.organization,
            **({"token_id": new_id(), "roles": (DOCTOR,)} | dict(self.more)),
        )

    def but(self, **more: Any) -> "Person":
        return replace(self, more=dict(self.more) | more)


DOCTOR = Coded("urn:oid:1.2.250.1.71.1.2.7", "10")
LUCIEN_INS, CLAIRE_INS = "124018852493334", "278112B12345661"
LUCIEN = Person("holder", f"{INS}|{LUCIEN_INS}", "Lucien Essai")
CLAIRE = Person("holder", f"{INS}|{CLAIRE_INS}", "Claire Essai")
ANNE = Person("professional", f"{PS}|899700218896", "Dr Anne Exemple", f"{STRUCTURE}|1750100125")
PAUL = Person("professional", f"{PS}|810000000017", "Dr Paul Traitant", f"{STRUCTURE}|1750100133")
NINA = Person("professional", f"{PS}|810000000025", "Nina Infirmiere", f"{STRUCTURE}|1750100141")
OTTO = Person("professional", f"{PS}|810000000033", "Dr Otto Inconnu", f"{STRUCTURE}|1750100158")
BRUNO = Person("professional", f"{PS}|810000000041", "Dr Bruno Bloque", f"{STRUCTURE}|1750100166")
CNAM = Person("operator", f"{STRUCTURE}|1180035024", "Operateur")
INSURER = Person("insurer", f"{STRUCTURE}|1750100174", "Assureur")


@dataclass
class Answer:
    """What came back; `json` is the parsed body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["Location"].split("/fhir/")[1].split("/")[1]  # whatever the host

    @property
    def diagnostics(self) -> str:
        return " ".join(issue.get("diagnostics", "") for issue in self.json["issue"])

    @property
    def entries(self) -> list[Any]:
        return [entry["resource"] for entry in self.json.get("entry", [])]


class House:
    """A server over the database at `url`, empty but for its schema."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.database = Database(url)
        migrate.upgrade(self.database)
        self.settings: Settings = replace(
            read({"FHIR_DATABASE_URL": url, "FHIR_JWKS": "unused"}), **settings
        )
        self.now = NOON
        self._seconds = count(1)
        verifier = (
            Verifier(OneKey(), issuer=None, audience=BASE)
            if self.settings.auth == "required"
            else None
        )
        rules = Rules(
            rules_of(self.settings), self.settings.base_url, cursor_key(self.database)
        )
        self.services = Services(
            self.settings,
            self.database,
            rules,
            verifier,
            self.clock,
            new_id,
            new_trace,
            strict=True,
        )
        self.app = create_app(self.services)
        self.tokens: dict[str, str] = {}

    def clock(self) -> int:
        """Each request is a second later than the one before."""
        return self.now + next(self._seconds) * 1000

    def renew(self) -> None:
        """Let tokens begin now: they last an hour, which is 3,600 requests."""
        self.now, self._seconds = self.clock(), count(1)

    def token(self, person: Person) -> str:
        name = repr((person, self.now))
        if name not in self.tokens:
            self.tokens[name] = sign(person.claims(self.now // 1000 - 60), key())
        return self.tokens[name]

    def call(
        self,
        method: str,
        path: str,
        who: Person | None = None,
        body: Any = None,
        *,
        query: Any = "",
        **headers: str,
    ) -> Answer:
        """Ask; `body` is JSON unless it is bytes; header names in Python's spelling
        (`content_type`).
        """
        data = (
            body
            if isinstance(body, bytes)
            else json.dumps(body).encode()
            if body is not None
            else b""
        )
        if body is not None:
            headers.setdefault("content_type", "application/fhir+json")
        if who is not None:
            headers["authorization"] = f"Bearer {self.token(who)}"
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": f"/fhir/{path}".rstrip("/"),
            "SCRIPT_NAME": "",
            "QUERY_STRING": query if isinstance(query, str) else urlencode(query),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8080",
            "wsgi.url_scheme": "http",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": BytesIO(data),
            "CONTENT_LENGTH": str(len(data)) if data else "",
        }
        for name, value in headers.items():
            environ["CONTENT_TYPE" if name == "content_type" else f"HTTP_{name.upper()}"] = value
        found: list[Any] = []
        chunks = self.app.wsgi_app(environ, lambda status, lines: found.extend([status, lines]))
        answer = Answer(int(found[0].split()[0]), dict(found[1]), b"".join(chunks))
        return answer

    def get(self, path: str, who: Person | None = None, **more: Any) -> Answer:
        path, _, query = path.partition("?")
        return self.call("GET", path, who, query=query, **more)

    def post(self, path: str, who: Person | None, body: Any, **more: Any) -> Answer:
        return self.call("POST", path, who, body, **more)

    def close(self) -> None:
        self.database.close()
        self.database.engine.dispose()
