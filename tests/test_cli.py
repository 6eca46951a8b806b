"""The commands: help, exit statuses, one line for an error, and what each says.

https://click.palletsprojects.com/en/stable/testing/
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fhir_server.auth.development import JWKS_FILE, development_keys
from fhir_server.auth.keys import Keys
from fhir_server.auth.subject import subject_of
from fhir_server.auth.token import verify
from fhir_server.cli import main
from fhir_server.policy.subject import Coded
from tests.documents import cda
from tests.house import BASE, INS, LUCIEN_INS, PS, STRUCTURE
from tests.people import patient

COMMANDS = ("serve", "migrate", "load", "reindex", "token", "explain", "jobs")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings for an empty folder of its own, which is also where the commands run."""
    monkeypatch.chdir(tmp_path)
    development_keys(tmp_path)
    return {"FHIR_DATABASE_URL": "sqlite:///cli.db", "FHIR_JWKS": JWKS_FILE}


def run(environment: Mapping[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


def error(result: Result) -> str:
    """The one line of a command that failed."""
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("fhir-server: ")
    return line.removeprefix("fhir-server: ")


@pytest.fixture
def migrated(environment: dict[str, str]) -> dict[str, str]:
    assert run(environment, "migrate").exit_code == 0
    return environment


# What every command has.


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = run({}, command, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {command} ")


def test_the_help_names_every_command() -> None:
    listed = run({}, "--help").output.partition("Commands:")[2]
    assert sorted(line.split()[0] for line in listed.strip().splitlines()) == sorted(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("migrate",),
        ("load", "x.json"),
        ("reindex",),
        ("token", "--actor", "operator"),
        ("explain", "--token", "a.b.c", "--document", "1"),
        ("jobs", "--once"),
    ],
    ids=COMMANDS,
)
def test_every_command_refuses_an_unknown_setting(
    environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    result = run(environment | {"FHIR_COLOUR": "red"}, *arguments)
    assert error(result) == "FHIR_COLOUR: no such setting"


@pytest.mark.parametrize("arguments", [("dance",), ("load",), ("serve", "--port", "0"), ("token",)])
def test_wrong_usage_is_told_with_status_2(arguments: tuple[str, ...]) -> None:
    assert run({}, *arguments).exit_code == 2


def test_the_module_is_the_same_program() -> None:
    arguments = [sys.executable, "-m", "fhir_server", "--version"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout == run({}, "--version").output


# serve and migrate.


def test_serve_needs_keys(migrated: dict[str, str]) -> None:
    del migrated["FHIR_JWKS"]
    assert error(run(migrated, "serve")) == "FHIR_JWKS: needed with FHIR_AUTH=required"


def test_serve_without_tokens_stays_on_this_machine(migrated: dict[str, str]) -> None:
    result = run(migrated | {"FHIR_AUTH": "off"}, "serve", "--host", "0.0.0.0")
    assert error(result).startswith("FHIR_AUTH: `off` is accepted on loopback addresses only")


@pytest.mark.parametrize(
    "command", [("serve",), ("load", "x.json"), ("reindex",)], ids=["serve", "load", "reindex"]
)
def test_a_database_without_schema_is_refused(
    environment: dict[str, str], command: tuple[str, ...]
) -> None:
    said = error(run(environment, *command))
    assert said.startswith("the database has schema none, this program needs ")
    assert said.endswith(": run `fhir-server migrate`")


def test_serve_refuses_a_schema_of_another_time(migrated: dict[str, str]) -> None:
    with sqlite3.connect("cli.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    said = error(run(migrated, "serve"))
    assert said.startswith("the database has schema 0000, ") and "`fhir-server migrate`" in said


def test_a_database_out_of_reach_is_told_in_one_line(environment: dict[str, str]) -> None:
    environment["FHIR_DATABASE_URL"] = "sqlite:///no/such/folder/x.db"
    assert error(run(environment, "migrate")).startswith("the database cannot be reached: ")


def test_migrating_twice_is_as_good_as_once(migrated: dict[str, str]) -> None:
    result = run(migrated, "migrate")
    assert (result.exit_code, result.output.startswith("the schema is at ")) == (0, True)


# reindex.


def parameter(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter", "id": "births", "url": "http://a.example/births",
        "name": "births", "status": "active", "description": "x", "code": "births",
        "base": ["Patient"], "type": "number", "expression": "Patient.multipleBirth.as(integer)",
    } | more  # fmt: skip


def test_it_indexes_by_what_is_stored_and_says_so(migrated: dict[str, str]) -> None:
    for one in (parameter(), patient() | {"id": "p"}):
        Path("x.json").write_text(json.dumps(one))
        assert run(migrated, "load", "x.json").exit_code == 0
    warned = run(migrated, "migrate")
    assert "a reindex is due, run `fhir-server reindex`" in warned.stderr
    result = run(migrated, "reindex")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.splitlines() == [
        "everything is indexed: 1 of 1 resources walked", "SearchParameter/births births: active",
    ]  # fmt: skip
    assert run(migrated, "migrate").stderr == ""


def test_it_says_why_something_is_not_searched_by(migrated: dict[str, str]) -> None:
    Path("x.json").write_text(json.dumps(parameter(expression="Patient.nonsense")))
    assert run(migrated, "load", "x.json").exit_code == 0
    said = run(migrated, "reindex").output
    assert "SearchParameter/births births: refused: `Patient` has no `nonsense`" in said


# load.


def test_a_load_reports_what_was_loaded(migrated: dict[str, str]) -> None:
    Path("letter.xml").write_bytes(cda(patient_ins=LUCIEN_INS))
    result = run(migrated, "load", "letter.xml")
    assert (result.exit_code, result.output) == (0, "loaded 1, refused 0\n")


def test_a_load_reports_what_was_refused_and_why(migrated: dict[str, str]) -> None:
    Path("in").mkdir()
    Path("in/a.json").write_text(json.dumps(patient()))
    Path("in/b.zip").write_bytes(b"PK\x03\x04")
    result = run(migrated, "load", "in", "gone.xml")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "loaded 1, refused 2",
        "in/b.zip: XDM zips are not loaded yet",
        "gone.xml: it cannot be read: No such file or directory",
    ]


def test_progress_is_not_shown_where_nobody_looks(migrated: dict[str, str]) -> None:
    Path("a.json").write_text(json.dumps(patient()))
    assert run(migrated, "load", "a.json").stderr == ""


# token.


def make(environment: Mapping[str, str], *arguments: str) -> dict[str, object]:
    """A token of the command, as the server reads it."""
    result = run(environment, "token", *arguments)
    assert result.exit_code == 0, result.output
    keys, now = Keys(environment["FHIR_JWKS"]), int(time.time())
    audience = environment.get("FHIR_AUDIENCE", BASE)
    issuer = environment.get("FHIR_ISSUER")
    text = result.output.strip()
    return dict(verify(text, keys=keys, issuer=issuer, audience=audience, now=now))


def test_a_token_says_what_was_asked_for(environment: dict[str, str]) -> None:
    claims = make(
        environment, "--actor", "professional", "--sub", "899700218896",
        "--name", "Dr Anne Exemple",
        "--organization", "1750100125", "--role", "10", "--sector", "SA07", "--patient", LUCIEN_INS,
        "--purpose", "bris_de_glace", "--reason", "coma", "--scope", "user/*.r",
    )  # fmt: skip
    subject = subject_of(claims)
    assert (subject.actor, subject.identifier) == ("professional", f"{PS}|899700218896")
    assert (subject.name, subject.organization) == ("Dr Anne Exemple", f"{STRUCTURE}|1750100125")
    assert subject.roles == (Coded("urn:oid:1.2.250.1.71.1.2.7", "10"),)
    assert (subject.purpose, subject.reason) == ("bris_de_glace", "coma")
    assert (subject.sector, subject.scope) == ("SA07", "user/*.r")
    assert subject.person == f"{INS}|{LUCIEN_INS}"


def test_a_holder_is_named_by_his_ins(environment: dict[str, str]) -> None:
    subject = subject_of(make(environment, "--actor", "holder", "--patient", LUCIEN_INS))
    assert subject.identifier == f"{INS}|{LUCIEN_INS}"


def test_a_token_is_made_for_the_issuer_and_audience_of_the_settings(
    environment: dict[str, str],
) -> None:
    environment |= {"FHIR_ISSUER": "https://issuer.example"}
    environment |= {"FHIR_AUDIENCE": "https://here.example"}
    claims = make(environment, "--actor", "operator", "--minutes", "5")
    assert (claims["iss"], claims["aud"]) == ("https://issuer.example", "https://here.example")
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 300


def test_a_holder_without_ins_cannot_have_a_token(environment: dict[str, str]) -> None:
    assert "whose INS is it" in error(run(environment, "token", "--actor", "holder"))


def test_a_broken_key_is_told_in_one_line(environment: dict[str, str]) -> None:
    Path("development-key.json").write_text("{}")
    assert error(run(environment, "token", "--actor", "operator")).endswith("is not an EC key")


# explain.


def loaded(environment: Mapping[str, str]) -> str:
    """The id of a document that was loaded."""
    Path("letter.xml").write_bytes(cda(patient_ins=LUCIEN_INS))
    assert run(environment, "load", "letter.xml").exit_code == 0
    with sqlite3.connect("cli.db") as connection:
        rows = connection.execute("SELECT id FROM resource WHERE type = 'DocumentReference'")
        ((id_,),) = rows.fetchall()
    connection.close()
    return str(id_)


def test_explain_says_what_settled_it(migrated: dict[str, str]) -> None:
    id_ = loaded(migrated)
    holder = run(migrated, "token", "--actor", "holder", "--patient", LUCIEN_INS).output.strip()
    result = run(migrated, "explain", "--token", holder, "--document", id_)
    assert result.exit_code == 0
    assert result.output.startswith("permitted: ") and "R030 permits: " in result.output


def test_explain_knows_no_document_that_is_not_there(migrated: dict[str, str]) -> None:
    token = run(migrated, "token", "--actor", "operator").output.strip()
    result = run(migrated, "explain", "--token", token, "--document", "nothing")
    assert error(result) == "there is no `DocumentReference/nothing`"


def test_explain_wants_a_good_token(migrated: dict[str, str]) -> None:
    result = run(migrated, "explain", "--token", "a.b.c", "--document", "1")
    assert error(result) == "the token is not a signed JWT"
