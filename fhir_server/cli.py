"""The command line: serve, migrate, load, reindex, token, explain, jobs.

Every command has `--help`, an exit status, and errors in one line.
"""

import os
import socket
import sys
import time
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, cast

import click

from fhir_server import __version__
from fhir_server.policy.subject import ACTORS, INS_SYSTEMS, Coded
from fhir_server.settings import Settings, SettingsError, read
from fhir_server.storage import schema
from fhir_server.storage.engine import Database

if TYPE_CHECKING:
    from fhir_server.serve import Services

PROFESSION = "urn:oid:1.2.250.1.71.1.2.7"
# Who a development token is for when nobody is named.
INVENTED = {
    "urn:oid:1.2.250.1.71.4.2.1": "899700218896",
    "urn:oid:1.2.250.1.71.4.2.2": "1180035024",
}
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
        schema.check(database := Database(known.database_url))
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    warn_of_reindex(known, database)
    if known.auth == "off":
        click.echo("FHIR_AUTH=off: whoever reaches this address may read and write all", err=True)
    listen(host, port, workers)


def warn_of_reindex(known: Settings, database: Database) -> None:
    """One line when not everything is indexed by the parameters there are."""
    from fhir_server.storage.reindex import progress

    with closing(database):
        if not progress(database.session(), guarded=known.policy != "off").finished:
            click.echo("a reindex is due, run `fhir-server reindex`: until then parameters that are"
                       " new or changed are not searched by", err=True)  # fmt: skip


def listen(host: str, port: int, workers: int) -> NoReturn:
    """Become the production server; one line and exit 1 when the address cannot be had."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as problem:
            fail(f"cannot listen on {host}:{port}: {problem.strerror}")
    arguments = ["-m", "fhir_server.web.listen", host, str(port), str(workers)]
    os.execv(sys.executable, [sys.executable, *arguments])


@main.command()
def migrate() -> None:
    """Create or upgrade the database schema."""
    known = settings()
    try:
        from fhir_server.storage.migrate import upgrade

        revision = upgrade(database := Database(known.database_url))
    except schema.SchemaError as problem:
        fail(problem)
    click.echo(f"the schema is at {revision}")
    warn_of_reindex(known, database)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
def load(paths: tuple[Path, ...]) -> None:
    """Load files: FHIR JSON or XML, Bundles, CDA XML; a report says what was refused and why."""
    from fhir_server.app import services_of
    from fhir_server.load import load_files

    try:
        services = services_of(settings())
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    with closing(services.database):
        refused = load_files(paths, services, click.echo)
    sys.exit(1 if refused else 0)


@main.command()
def reindex() -> None:
    """Index what is stored by the parameters there are now; may be interrupted and begun again."""
    from fhir_server.app import services_of
    from fhir_server.reindex import reindex_all

    try:
        services = services_of(settings())
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    with closing(services.database):
        finished = reindex_all(services, click.echo)
    sys.exit(0 if finished else 1)


def _coded(_: object, __: object, values: tuple[str, ...]) -> tuple[Coded, ...]:
    return tuple(Coded(PROFESSION, value) for value in values)


@main.command()
@click.option("--actor", required=True, type=click.Choice(ACTORS))
@click.option("--sub", help="system|value; the system may be left out")
@click.option("--patient", default="", help="INS the token is good for alone; of a holder, his own")
@click.option("--name", default="")
@click.option("--organization", default="", help="Struct_IdNat of the organisation")
@click.option(
    "--role", "roles", multiple=True, callback=_coded,
    help="profession (TRE_G15), for example 10; a professional without one reads their own"
    " documents alone",
)  # fmt: skip
@click.option("--sector", default="")
@click.option("--purpose", default="normal", show_default=True)
@click.option("--reason", default="")
@click.option("--auth-mode", default="DIRECTE", show_default=True)
@click.option("--secret", is_flag=True)
@click.option("--scope", default="user/*.cruds", show_default=True)
@click.option("--minutes", default=60, show_default=True, type=click.IntRange(1, 60 * 24 * 365))
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False),
    help="folder of the development key; by default that of FHIR_JWKS, or this one",
)
def token(**options: object) -> None:
    """Development only: print a token signed with the development key."""
    click.echo(make_token(settings(), **options))


def make_token(known: Settings, **options: object) -> str:
    """A token for the settings' issuer and audience; `options` as those of the command."""
    from fhir_server.auth.development import claims_for, development_keys, sign
    from fhir_server.auth.subject import SYSTEMS_OF

    actor, patient = str(options["actor"]), str(options["patient"])
    system = SYSTEMS_OF[actor][0]
    system = TEST_INS if system in INS_SYSTEMS else system  # invented people only
    invented = patient if system == TEST_INS else INVENTED[SYSTEMS_OF[actor][0]]
    identifier = _identifier(str(options["sub"] or invented), system)
    if not identifier:
        fail("--sub or --patient is needed: whose INS is it")
    organization = str(options["organization"])
    try:
        key, _ = development_keys(_folder(known, cast("Path | None", options["keys"])))
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


def _folder(known: Settings, given: Path | None) -> Path:
    """Where the development keys are: beside the public ones, when those are a file."""
    if given is not None:
        return given
    in_file = known.jwks is not None and "://" not in known.jwks
    return Path(str(known.jwks)).parent if in_file else Path()


def _identifier(text: str, system: str) -> str:
    return text if not text or "|" in text else f"{system}|{text}"


@main.command()
@click.option("--token", "bearer", required=True, help="whose access is explained")
@click.option("--document", required=True, help="id of a DocumentReference")
@click.option(
    "--language", type=click.Choice(["en", "fr"]), default="en", show_default=True,
    help="of the reasons",
)
def explain(bearer: str, document: str, language: Literal["en", "fr"]) -> None:
    """Say whether a token's bearer may read a document, and by which rules."""
    from fhir_server.app import services_of
    from fhir_server.explain import explanation
    from fhir_server.fhir.outcome import FhirError

    try:
        services = services_of(settings())
        with closing(services.database):
            click.echo(explanation(services, bearer, document, language))
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    except FhirError as problem:
        fail(problem.text)


PAUSE, PATIENCE = 900, 300.0  # seconds between two passes, and for a statement of one


@main.command()
@click.option("--once", is_flag=True, help="one pass; without it, one every 15 minutes")
@click.option("--now", default="", help="do what is due at this instant (ISO 8601), once")
def jobs(once: bool, now: str) -> None:
    """Do what time has made due: open and close records, send notices, show documents, destroy
    archives. Several may run at once, and while the server answers.
    """
    from fhir_server.app import services_of
    from fhir_server.fhir.dates import milliseconds

    known = settings()
    if known.policy == "off":
        fail("FHIR_POLICY=off: no record has a life")
    try:
        at = milliseconds(now) if now else 0
        services = services_of(replace(known, timeout=PATIENCE))
    except (SettingsError, schema.SchemaError) as problem:
        fail(problem)
    except ValueError:
        fail(f"--now: `{now[:100]}` is no instant, such as 2026-11-24T12:00:00Z")
    with closing(services.database):
        while True:
            failed = _pass(services, at)
            if once or now:
                sys.exit(1 if failed else 0)
            time.sleep(PAUSE)


def _pass(services: "Services", at: int) -> bool:
    """One pass of the jobs, told line by line; whether something failed."""
    from fhir_server.app import milliseconds_now
    from fhir_server.jobs import Report, run

    try:
        report = run(services, at or milliseconds_now())
    except Exception as fault:  # the database is away: the next pass asks it again
        report = Report(failed=[f"{type(fault).__name__}: {' '.join(str(fault).split())}"])
    for line in report.lines():
        click.echo(line)
    for line in report.failed:
        click.echo(f"fhir-server: {line}", err=True)
    return bool(report.failed)
