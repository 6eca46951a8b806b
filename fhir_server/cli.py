"""The command line: serve, migrate, load, token, explain.

Every command has `--help`, an exit status, and errors in one line.
"""

import os
import sys
import time
import uuid
from pathlib import Path
from typing import NoReturn, cast

import click

from fhir_server import __version__
from fhir_server.app import services_of
from fhir_server.auth.development import claims_for, development_keys, sign
from fhir_server.auth.subject import SYSTEMS_OF
from fhir_server.policy.subject import ACTORS, INS_SYSTEMS, Coded
from fhir_server.settings import Settings, SettingsError, read
from fhir_server.storage import migrate as schema
from fhir_server.storage.engine import Database

PROFESSION = "urn:oid:1.2.250.1.71.1.2.7"
TEST_INS = "urn:oid:1.2.250.1.213.1.4.10"


def fail(problem: object) -> NoReturn:
    click.echo(f"fhir-server: {problem}", err=True)
    sys.exit(1)


def settings() -> Settings:
    try:
        return read(os.environ)
    except SettingsError as problem:
        fail(problem)


@click.group()
@click.version_option(__version__, prog_name="fhir-server")
def main() -> None:
    """A FHIR R4 server for the French shared medical record (DMP)."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
def serve(host: str, port: int, workers: int) -> None:
    """Serve; settings come from the environment (FHIR_…)."""
    known = settings()
    try:
        known.check_serving(host)
        services_of(known)
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    if known.auth == "off":
        click.echo(
            "FHIR_AUTH=off: everybody on this machine may read and write everything", err=True
        )
    listen(host, port, workers)


def listen(host: str, port: int, workers: int) -> None:
    """Run the production server until it is told to stop."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.errors import ConfigurationError

    try:
        Granian(
            "fhir_server.app:from_environment",
            factory=True,
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=8,
            backpressure=64 * workers,
            workers_kill_timeout=30,
            websockets=False,
            log_level="warning",  # type: ignore[arg-type]  # granian's own words
        ).serve()
    except (ConfigurationError, OSError, RuntimeError) as problem:
        fail(problem)


@main.command()
def migrate() -> None:
    """Create or upgrade the database schema."""
    try:
        revision = schema.upgrade(Database(settings().database_url))
    except schema.SchemaError as problem:
        fail(problem)
    click.echo(f"the schema is at {revision}")


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
def load(paths: tuple[Path, ...]) -> None:
    """Load files: FHIR JSON or XML, Bundles, CDA XML; a report says what was refused and why."""
    from fhir_server.load import load_files

    try:
        services = services_of(settings())
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    refused = load_files(paths, services, click.echo)
    sys.exit(1 if refused else 0)


def _coded(_: object, __: object, values: tuple[str, ...]) -> tuple[Coded, ...]:
    return tuple(Coded(PROFESSION, value) for value in values)


@main.command()
@click.option("--actor", required=True, type=click.Choice(ACTORS))
@click.option("--sub", help="system|value; the system may be left out")
@click.option("--patient", default="", help="INS the token is good for alone; of a holder, his own")
@click.option("--name", default="")
@click.option("--organization", default="", help="Struct_IdNat of the organisation")
@click.option(
    "--role", "roles", multiple=True, callback=_coded, help="profession (TRE_G15), for example 10"
)
@click.option("--sector", default="")
@click.option("--purpose", default="normal", show_default=True)
@click.option("--reason", default="")
@click.option("--auth-mode", default="DIRECTE", show_default=True)
@click.option("--secret", is_flag=True)
@click.option("--scope", default="user/*.cruds", show_default=True)
@click.option("--minutes", default=60, show_default=True, type=click.IntRange(1, 60 * 24 * 365))
@click.option(
    "--keys",
    default=Path(),
    type=click.Path(path_type=Path, file_okay=False),
    help="folder of the development key",
)
def token(**options: object) -> None:
    """Development only: print a token signed with the development key."""
    click.echo(make_token(settings(), **options))


def make_token(known: Settings, **options: object) -> str:
    """A token for the settings' issuer and audience; `options` as those of the command."""
    actor, patient = str(options["actor"]), str(options["patient"])
    system = SYSTEMS_OF[actor][0]
    system = TEST_INS if system in INS_SYSTEMS else system  # invented people only
    identifier = _identifier(str(options["sub"] or patient), system)
    if not identifier:
        fail("--sub is needed: who is it")
    organization = str(options["organization"])
    try:
        key, _ = development_keys(Path(str(options["keys"])))
    except (OSError, ValueError) as problem:
        fail(problem)
    claims = claims_for(
        actor=actor,
        identifier=identifier,
        now=int(time.time()),
        lifetime=int(str(options["minutes"])) * 60,
        issuer=known.issuer,
        audience=known.audience,
        patient=_identifier(patient, TEST_INS),
        name=str(options["name"]),
        organization=_identifier(organization, "urn:oid:1.2.250.1.71.4.2.2"),
        organization_name=organization,
        roles=cast("tuple[Coded, ...]", options["roles"]),
        sector=str(options["sector"]),
        purpose=str(options["purpose"]),
        reason=str(options["reason"]),
        auth_mode=str(options["auth_mode"]),
        secret=bool(options["secret"]),
        scope=str(options["scope"]),
        token_id=str(uuid.uuid4()),
    )
    return sign(claims, key)


def _identifier(text: str, system: str) -> str:
    return text if not text or "|" in text else f"{system}|{text}"


@main.command()
@click.option("--token", "bearer", required=True, help="whose access is explained")
@click.option("--document", required=True, help="id of a DocumentReference")
def explain(bearer: str, document: str) -> None:
    """Say whether a token's bearer may read a document, and by which rules."""
    from fhir_server.explain import explanation
    from fhir_server.fhir.outcome import FhirError

    try:
        services = services_of(settings())
        click.echo(explanation(services, bearer, document))
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    except FhirError as problem:
        fail(problem.text)
