"""`make demo` up to serving: what it prints can be pasted into a shell, and is true."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fhir_server.app import services_of
from fhir_server.fhir.http import Call
from fhir_server.fhir.json_format import read as read_json
from fhir_server.serve import Services, serve
from fhir_server.settings import read as read_settings
from tests.bench.servers import PROJECT, free_port

PEOPLE = ("ANNE", "PAUL", "NINA", "OTTO", "LUCIEN", "INSURER", "OPERATOR")


def demonstrate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fhir_server.demonstration", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "FHIR_AUTH": "off"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demonstration and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = demonstrate(folder, "--no-serve", "--port", str(free_port()))
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


@pytest.fixture
def demo(shown: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The server of the demonstration, in process."""
    folder, text = shown
    monkeypatch.chdir(folder)
    (database,) = Path(".demo").glob("*.db")
    services = services_of(read_settings({
        "FHIR_DATABASE_URL": f"sqlite:///{database}", "FHIR_JWKS": ".demo/development-jwks.json",
        "FHIR_BASE_URL": assignments(text)["BASE"],
    }))  # fmt: skip
    yield services
    services.database.close()


def assignments(text: str) -> dict[str, str]:
    lines = [line.split("=", 1) for line in text.splitlines() if line.split("=")[0].isupper()]
    return {name: value for name, value in lines}


def test_each_person_has_a_token_in_one_line(shown: tuple[Path, str]) -> None:
    folder, text = shown
    found = assignments(text)
    assert tuple(found) == ("BASE", *PEOPLE)
    assert all(set(value) <= set(SAFE) for value in found.values())
    assert (folder / ".demo" / "tokens.sh").stat().st_mode & 0o077 == 0


SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/"


def test_a_shell_reads_the_tokens_and_the_lines_of_the_story(shown: tuple[Path, str]) -> None:
    folder, text = shown
    lines = [line for line in text.splitlines() if line.startswith("curl ")]
    script = ". .demo/tokens.sh; curl() { for word; do printf '%s\\n' \"$word\"; done; }; "
    done = subprocess.run(
        ["sh", "-euc", script + "; ".join(lines)], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    bearer = [line for line in done.stdout.splitlines() if line.startswith("Authorization: Bearer")]
    found = assignments(text)
    assert len(bearer) == len(lines) >= 3
    assert bearer[0].endswith(found["NINA"])
    assert sum(line.startswith(found["BASE"]) for line in done.stdout.splitlines()) == len(lines)


def test_the_nurse_finds_the_letter_and_the_unknown_doctor_does_not(
    shown: tuple[Path, str], demo: Services
) -> None:
    found = assignments(shown[1])
    url = next(line for line in shown[1].splitlines() if line.startswith("curl ")).split('"')[-2]
    query = urlsplit(url).query

    def ask(name: str) -> tuple[int, int]:
        headers = {"authorization": f"Bearer {found[name]}"}
        reply = serve(Call("GET", "DocumentReference", query, headers), demo)
        return reply.status, read_json(bytes(reply.text)).get("total", 0)

    assert {name: ask(name) for name in PEOPLE} == {
        "ANNE": (200, 1), "PAUL": (200, 1), "NINA": (200, 1), "LUCIEN": (200, 1),
        "OTTO": (403, 0), "INSURER": (403, 0), "OPERATOR": (403, 0),
    }  # fmt: skip


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = demonstrate(tmp_path, "--port", port)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"fhir-server: port {port} of 127.0.0.1 is in use: stop what uses it,"
        " or choose another with --port"
    ]
    assert not (tmp_path / ".demo").exists(), "another demonstration's database may be there"
