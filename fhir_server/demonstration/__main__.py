"""`make demo`: a record with invented people on an embedded database, tokens, and a story for curl.

Everything enters as requests do, by `serve`; so the record's log begins with how it was set up.
https://profiles.ihe.net/ITI/MHD/ITI-105.html (how the letter is deposited)
"""

import json
import os
import socket
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fhir_server.app import new_id, services_of
from fhir_server.auth.development import JWKS_FILE, claims_for, development_keys, sign
from fhir_server.cli import PROFESSION, fail, listen
from fhir_server.fhir.http import Call
from fhir_server.policy.labels import MASKED, VISIBILITY
from fhir_server.policy.subject import PROFESSIONAL_SYSTEM, STRUCTURE_SYSTEM, Coded
from fhir_server.serve import Services, serve
from fhir_server.settings import PREFIX, read
from fhir_server.storage import migrate
from fhir_server.storage.engine import Database

HOST = "127.0.0.1"
FOLDER = Path(".demo")
TOKENS = "tokens.sh"
LETTER = Path(__file__).with_name("letter.xml")
INS_SYSTEM, INS = "urn:oid:1.2.250.1.213.1.4.10", "124018852493334"
HOURS = 12  # that the tokens are good for
DOCTOR, NURSE = "10", "60"  # TRE_G15

Resource = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody with a token; `says` is what he is to the record."""

    variable: str  # of the shell
    actor: str
    identifier: str  # system|value
    name: str
    says: str
    organization: str = ""
    role: str = ""


def _professional(number: str, name: str, says: str, house: str, role: str = DOCTOR) -> Person:
    variable = name.removeprefix("Dr ").split()[0].upper()
    identifier, organization = f"{PROFESSIONAL_SYSTEM}|{number}", f"{STRUCTURE_SYSTEM}|{house}"
    return Person(variable, "professional", identifier, name, says, organization, role)


ANNE = _professional("899700218896", "Dr Anne Exemple", "doctor, wrote the letter", "1750100125")
PAUL = _professional("810000000017", "Dr Paul Traitant", "attending doctor", "1750100133")
NINA = _professional("810000000025", "Nina Infirmière", "nurse, care team", "1750100141", NURSE)
OTTO = _professional("810000000033", "Dr Otto Inconnu", "doctor unknown here", "1750100158")
LUCIEN = Person("LUCIEN", "holder", f"{INS_SYSTEM}|{INS}", "Lucien Essai", "the patient")
INSURER = Person("INSURER", "insurer", f"{STRUCTURE_SYSTEM}|1750100174", "Mutuelle Exemple",
                 "insurer, never has access")  # fmt: skip
OPERATOR = Person("OPERATOR", "operator", f"{STRUCTURE_SYSTEM}|1180035024", "Opérateur",
                  "opens records, keeps teams")  # fmt: skip
PEOPLE = (ANNE, PAUL, NINA, OTTO, LUCIEN, INSURER, OPERATOR)


def token(person: Person, audience: str) -> str:
    key, _ = development_keys(FOLDER)
    claims = claims_for(
        actor=person.actor, identifier=person.identifier, audience=audience, name=person.name,
        now=int(time.time()), lifetime=HOURS * 3600, organization=person.organization,
        roles=(Coded(PROFESSION, person.role),) if person.role else (), client="demonstration",
        token_id=new_id(),
    )  # fmt: skip
    return sign(claims, key)


# Setting up.


def prepare(port: int) -> Services:
    """A new database in FOLDER, and an environment in which the server's processes find it."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    database = FOLDER / f"demo-{port}.db"  # one a port: another demonstration may be running
    for old in FOLDER.glob(f"{database.name}*"):
        old.unlink()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    development_keys(FOLDER)
    os.environ |= {
        "FHIR_DATABASE_URL": f"sqlite:///{database}",
        "FHIR_JWKS": str(FOLDER / JWKS_FILE),
        "FHIR_BASE_URL": f"http://{HOST}:{port}/fhir",
    }
    settings = read(os.environ)
    migrate.upgrade(Database(settings.database_url))
    return services_of(settings)


def ask(services: Services, who: Person, method: str, path: str, body: Resource) -> Resource:
    """Send a resource as this person; what was stored."""
    bearer = token(who, services.settings.audience)
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/fhir+json"}
    reply = serve(Call(method, path, "", headers, json.dumps(body).encode()), services)
    if reply.status not in (200, 201):
        raise RuntimeError(f"{method} {path}: {reply.status} {bytes(reply.text).decode()}")
    stored: Resource = json.loads(bytes(reply.text))
    return stored


def _practitioner(person: Person) -> Resource:
    given, family = person.name.removeprefix("Dr ").split()
    name = {"family": family, "given": [given]}
    if person.role == DOCTOR:
        name["prefix"] = ["Dr"]
    return {
        "resourceType": "Practitioner", "id": given.lower(), "active": True,
        "identifier": [_identifier(person.identifier)], "name": [name],
    }  # fmt: skip


def _identifier(text: str) -> dict[str, str]:
    system, value = text.split("|")
    return {"system": system, "value": value}


def fill(services: Services) -> tuple[str, str]:
    """Open the record and deposit the letter; the addresses of the letter and of its bytes."""
    for who in (ANNE, PAUL, NINA):
        resource = _practitioner(who)
        ask(services, OPERATOR, "PUT", f"Practitioner/{resource['id']}", resource)
    practice = {
        "resourceType": "Organization", "id": "cabinet-exemple", "active": True,
        "identifier": [_identifier(ANNE.organization)], "name": "Cabinet Exemple",
    }  # fmt: skip
    ask(services, OPERATOR, "PUT", "Organization/cabinet-exemple", practice)
    ask(services, OPERATOR, "PUT", "Patient/lucien", {
        "resourceType": "Patient", "id": "lucien", "active": True,
        "identifier": [_identifier(LUCIEN.identifier)], "gender": "male", "birthDate": "1924-01-15",
        "name": [{"use": "official", "family": "ESSAI", "given": ["Lucien"]}],
        "generalPractitioner": [{"reference": "Practitioner/paul"}],
    })  # fmt: skip
    ask(services, OPERATOR, "POST", "CareTeam", {
        "resourceType": "CareTeam", "status": "active", "name": "Équipe de soins",
        "subject": {"reference": "Patient/lucien"},
        "participant": [{"member": {"reference": "Practitioner/nina"}}],
    })  # fmt: skip
    letter = b64encode(LETTER.read_bytes()).decode()
    document = ask(services, ANNE, "POST", "DocumentReference", {
        "resourceType": "DocumentReference", "status": "current",
        "content": [{"attachment": {"contentType": "text/xml", "data": letter}}],
    })  # fmt: skip
    url: str = document["content"][0]["attachment"]["url"]
    return f"DocumentReference/{document['id']}", url.removeprefix(f"{services.settings.base_url}/")


# Telling.


def story(document: str, binary: str) -> list[tuple[str, str]]:
    """What happens, and the line of a shell that makes it happen."""
    patient = f"patient.identifier={INS_SYSTEM}%7C{INS}"
    find = _curl(NINA, f"DocumentReference?{patient}&status=current")
    label = {"coding": [{"system": VISIBILITY, "code": MASKED}]}
    mask = json.dumps([{"op": "add", "path": "/securityLabel/-", "value": label}])
    patch = f"-X PATCH -H 'Content-Type: application/json-patch+json' -d '{mask}'"
    return [
        ("the nurse finds the letter", find),
        ("and gets it, byte for byte", _curl(NINA, binary)),
        ("the patient masks it", _curl(LUCIEN, document, f"{patch} ")),
        ("the nurse finds nothing any more (total 0)", find),
        ("its author still sees it", _curl(ANNE, document)),
        ("an unknown doctor is refused (403)", _curl(OTTO, f"DocumentReference?{patient}")),
        ("the patient reads his log: who did what, when", _curl(LUCIEN, f"AuditEvent?{patient}")),
    ]


def _curl(who: Person, path: str, more: str = "") -> str:
    return f'curl -s -H "Authorization: Bearer ${who.variable}" {more}"$BASE/{path}"'


def announcement(services: Services, document: str, binary: str) -> str:
    """What is printed; the assignments are also in a file that a shell can read."""
    base = services.settings.base_url
    assignments = [f"BASE={base}"]
    assignments += [f"{who.variable}={token(who, services.settings.audience)}" for who in PEOPLE]
    file = FOLDER / TOKENS
    file.touch(mode=0o600)
    file.write_text("\n".join(assignments) + "\n")
    return "\n".join([
        f"The record of {LUCIEN.name} is at {base}", "", "Who is who:", "",
        *(f"  {who.variable:10}{who.name}: {who.says}" for who in PEOPLE), "",
        f"Their tokens, good for {HOURS} hours; paste these lines into a shell, or:  . {file}", "",
        *assignments, "", "The story, line by line:", "",
        *(f"# {title}\n{line}\n" for title, line in story(document, binary)),
    ])  # fmt: skip


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@click.command()
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--serve/--no-serve", "serving", default=True, help="stop before serving")
def main(port: int, serving: bool) -> None:
    """Set up the demonstration record in .demo/, print tokens and a story, serve."""
    if not is_free(port):
        fail(f"port {port} of {HOST} is in use: stop what uses it, or choose another with --port")
    try:
        services = prepare(port)
        text = announcement(services, *fill(services))
    except OSError as problem:
        fail(problem)
    services.database.close()
    click.echo(text)
    if serving:
        click.echo("Serving; Ctrl-C ends it.")
        listen(HOST, port, 2)


if __name__ == "__main__":
    main()
