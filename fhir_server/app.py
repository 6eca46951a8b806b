"""The only place where things are put together: settings → database, keys, rules → the application.
"""

import os
import time
from pathlib import Path

from flask import Flask

from fhir_server.auth.keys import Keys
from fhir_server.auth.token import Verifier
from fhir_server.policy.rule import RuleSet
from fhir_server.policy.rules import law
from fhir_server.serve import Services
from fhir_server.settings import Settings, read
from fhir_server.storage import parameters, schema
from fhir_server.storage.engine import Database
from fhir_server.storage.opened import House
from fhir_server.storage.secrets import cursor_key
from fhir_server.web.api import Api
from fhir_server.web.beside import beside

# What of an id is chance, and what says its version and variant.
_FREE, _VERSION_4 = (1 << 128) - 1 ^ (0xF << 76 | 0x3 << 62), 4 << 76 | 2 << 62


def rules_of(settings: Settings) -> RuleSet | None:
    """The law that is in force in this house; None: no policy."""
    if settings.policy == "off":
        return None
    unknown = ["unknown_cells_open"] if settings.validation == "warn" else []
    return law(settings.policy, *settings.rule_choices, *unknown)


def milliseconds_now() -> int:
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """An id nobody can guess or count (RFC 9562, version 4)."""
    text = f"{int.from_bytes(os.urandom(16), 'big') & _FREE | _VERSION_4:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_trace() -> str:
    """An id that begins with the time, so that the trail grows at its end (RFC 9562, version 7)."""
    begin, rest = f"{time.time_ns() // 1_000_000:012x}", os.urandom(9).hex()
    variant = "89ab"[int(rest[3], 16) & 3]
    return f"{begin[:8]}-{begin[8:]}-7{rest[:3]}-{variant}{rest[4:7]}-{rest[6:18]}"


class NoKeys:
    """Of commands that serve nobody, and need no keys: no token is good."""

    def find(self, kid: str, alg: str) -> None:
        return None


def services_of(settings: Settings) -> Services:
    """SettingsError for a policy that is not offered yet, SchemaError when the database is not as
    this program needs it.
    """
    database = Database(settings.database_url, timeout=settings.timeout)
    schema.check(database)
    parameters.load(database.session())
    verifier = None
    if settings.auth == "required":
        keys = NoKeys() if settings.jwks is None else Keys(settings.jwks)
        verifier = Verifier(keys, issuer=settings.issuer, audience=settings.audience)
    house = House(rules_of(settings), settings.base_url, cursor_key(database))
    return Services(settings, database, house, verifier, milliseconds_now, new_id, new_trace)


def create_app(services: Services) -> Flask:
    """The WSGI application: the API below the base address, Flask for the rest."""
    app = Flask("fhir_server", root_path=str(Path(__file__).parent))
    beside(app, services.settings)
    # Flask's own way to wrap an application.
    app.wsgi_app = Api(app.wsgi_app, services)  # type: ignore[method-assign]
    return app


def from_environment() -> Flask:
    """What a WSGI server loads: everything from the environment."""
    import gc

    settings = read(os.environ)
    settings.check_serving("127.0.0.1")
    app = create_app(services_of(settings))
    warm()
    gc.collect()
    gc.freeze()  # what is loaded now stays: full collections need not look at it
    gc.set_threshold(50_000, 20, 100)
    return app


def warm() -> None:
    """Compile what the first requests need, before they come."""
    from fhir_server.search.parameters import parameters

    for type_ in (
        "DocumentReference",
        "Patient",
        "List",
        "Binary",
        "Consent",
        "CareTeam",
        "AuditEvent",
    ):
        parameters(type_)
