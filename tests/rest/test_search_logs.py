"""No personal data in what the server prints: row Q-29.

https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/security.html
"""

import logging
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy.engine import make_url

from fhir_server.faults import told
from fhir_server.fhir import xml_format
from fhir_server.storage import find
from tests.house import ANNE, CNAM, INS, NINA, OTTO, House
from tests.journeys.over_http import OverHttp, served
from tests.people import opened
from tests.rest.asking import FORM

NUMBER, FAMILY, PLACE = "124018852493334", "Motsecretissime", "Villecachee"
WORDS = (NUMBER, FAMILY, PLACE, "810000000025", "Bearer", "eyJ")


@dataclass
class Run:
    """A running server, what it printed, and the statuses of what it was asked."""

    house: OverHttp
    url: str
    log: Path
    statuses: dict[str, int] = field(default_factory=dict)

    def printed(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture(scope="module")
def run(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """All that is asked here has been asked of it."""
    folder = tmp_path_factory.mktemp("logs")
    with served(shared_url, folder, FHIR_TIMEOUT="1") as house:
        port = urlsplit(house.base).port
        made = Run(house, shared_url, folder / f"log-{port}")
        opened(house, NINA, identifier=[{"system": INS, "value": NUMBER}],
               name=[{"family": FAMILY}], address=[{"city": PLACE}])  # fmt: skip
        for name, ask in QUESTIONS.items():
            made.statuses[name] = ask(made)
    yield made


def asked(path: str, who: object = NINA) -> Callable[[Run], int]:
    return lambda run: run.house.get(path, who).status  # type: ignore[arg-type]  # or nobody


def posted(run: Run) -> int:
    form = f"family={FAMILY}&identifier={INS}|{NUMBER}&address={PLACE}".encode()
    return run.house.call("POST", "Patient/_search", CNAM, form, content_type=FORM).status


def by_nobody(run: Run) -> int:
    return run.house.get(f"Patient?family={FAMILY}", authorization="Bearer eyJhbGciOi").status


def raw(run: Run) -> int:
    """What is no HTTP: an address with a control character, and a body that ends too early."""
    port = urlsplit(run.house.base).port
    for request in (
        f"GET /fhir/Patient?family={FAMILY}\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET /fhir/Patient?family=\"{FAMILY}\" HTTP/1.1\r\nHost: a\r\n\r\n",
        f"POST /fhir/Patient/_search?family={FAMILY} HTTP/1.1\r\nHost: a\r\n"
        f"Content-Length: 500\r\n\r\n{NUMBER}",
    ):
        with socket.create_connection(("127.0.0.1", port or 0), timeout=3) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):  # it may close, or wait for the rest
                connection.recv(1000)
    return 400


@contextmanager
def stopped(url: str, sqlite: str, postgres: str) -> Iterator[None]:
    """While another program does this in a transaction of its own."""
    place = make_url(url)
    if place.get_backend_name() == "sqlite":
        other = sqlite3.connect(place.database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute(sqlite)
    else:
        text = place.set(drivername="postgresql").render_as_string(hide_password=False)
        other = psycopg.connect(text)
        other.execute(postgres.encode())
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def too_late(run: Run) -> int:
    with stopped(run.url, "SELECT 1", "LOCK TABLE resource IN ACCESS EXCLUSIVE MODE"):
        return run.house.get(f"Patient?identifier={INS}|{NUMBER}&family={FAMILY}", NINA).status


def broken(run: Run) -> int:
    """A table is gone, and comes back."""
    for names in ("string TO away", "away TO string"):
        place, (old, new) = make_url(run.url), names.split(" TO ")
        if place.get_backend_name() == "sqlite":
            with sqlite3.connect(place.database or "") as other:
                other.execute(f"ALTER TABLE {old} RENAME TO {new}")
            other.close()
        else:
            text = place.set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(text) as connection:
                connection.execute(f"ALTER TABLE {old} RENAME TO {new}".encode())
        if new == "away":
            status = run.house.get(f"Patient?family={FAMILY}&address={PLACE}", CNAM).status
    return status


QUESTIONS: dict[str, Callable[[Run], int]] = {
    "found": asked(f"Patient?identifier={INS}|{NUMBER}"),
    "found by a name": asked(f"Patient?family={FAMILY}&address-city={PLACE}", CNAM),
    "found by a chain": asked(f"Observation?patient.identifier={INS}|{NUMBER}"),
    "found by a form": posted,
    "no value": asked(f"Patient?birthdate={FAMILY}"),
    "no modifier": asked(f"Patient?family:{FAMILY}={NUMBER}"),
    "no parameter": asked(f"Patient?{FAMILY}={NUMBER}"),
    "no type": asked(f"{FAMILY}/{NUMBER}?family={PLACE}"),
    "not there": asked(f"Patient/{NUMBER}"),
    "no right": asked(f"Observation?patient.identifier={INS}|{NUMBER}", OTTO),
    "no token": by_nobody,
    "too long": asked(f"Patient?family={FAMILY * 5_000}"),
    "no HTTP": raw,
    "too late": too_late,
    "broken": broken,
}  # fmt: skip
STATUSES = {
    "found": 200, "found by a name": 200, "found by a chain": 200, "found by a form": 200,
    "no value": 400, "no modifier": 400, "no parameter": 200, "no type": 404, "not there": 404,
    "no right": 403, "no token": 401, "too long": 414, "no HTTP": 400, "too late": 503,
    "broken": 500,
}  # fmt: skip


def test_Q29_all_kinds_of_answers_were_given(run: Run) -> None:
    assert run.statuses == STATUSES


@pytest.mark.parametrize("word", WORDS)
def test_Q29_nothing_of_who_was_asked_for_is_printed(run: Run, word: str) -> None:
    assert word.lower() not in run.printed().lower()


def test_Q29_faults_are_printed_by_their_number_and_place(run: Run) -> None:
    lines = run.printed().splitlines()
    assert [line for line in lines if "took too long" in line and "StorageBusy" in line]
    assert [line for line in lines if "failed: " in line and " at serve.py:" in line]


def test_Q29_a_fault_keeps_its_words_to_itself(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever an exception says of the values it was about, and those that led to it."""

    def fail(*_: object, **__: object) -> None:
        try:
            {}[NUMBER]  # type: ignore[index]  # is not there
        except KeyError:
            raise ValueError(f"`{FAMILY}` lives in {PLACE}") from None

    monkeypatch.setattr(house.services, "strict", False)
    monkeypatch.setattr(find, "statement", fail)
    with caplog.at_level(logging.DEBUG):
        answer = house.get(f"Patient?family={FAMILY}", ANNE)
    assert (answer.status, FAMILY.encode() in answer.body) == (500, False)
    assert "failed: ValueError at serve.py:" in caplog.text
    assert not [word for word in WORDS if word in caplog.text]


def test_Q29_an_answer_that_cannot_be_written_says_no_more(
    plain: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise ValueError(FAMILY)

    monkeypatch.setattr(plain.services, "strict", False)
    monkeypatch.setattr(xml_format, "write", fail)
    answer = plain.get(f"Patient?family={FAMILY}", accept="application/fhir+xml")
    assert (answer.status, answer.json["issue"][0]["code"]) == (500, "exception")
    assert "could not be written" in caplog.text and FAMILY not in caplog.text


def test_Q29_what_led_to_a_fault_is_told_without_words() -> None:
    try:
        try:
            raise KeyError(FAMILY)
        except KeyError as cause:
            raise ValueError(NUMBER) from cause
    except ValueError as fault:
        first, second = told(fault).splitlines()
    assert first.startswith("ValueError at test_search_logs.py:")
    assert second.startswith("  from KeyError at test_search_logs.py:")
