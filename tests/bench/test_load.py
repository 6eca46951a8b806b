"""The load of the bench: what it counts, and that no two of its documents are the same."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mappings.identifiers import ins_problem
from tests.bench import load
from tests.bench.load import Load, Request
from tests.bench.record import NUMBER, deposit, ins
from tests.house import ANNE

DIGITS = "987654321000000007"


class Answers(BaseHTTPRequestHandler):
    """201 to a POST, 200 to `/there`, 404 to the rest; keeps the bodies it gets."""

    protocol_version = "HTTP/1.1"
    bodies: set[bytes] = set()

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/there" else 404)

    def do_POST(self) -> None:
        self.bodies.add(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """wrk ends in the middle of its last requests."""


@pytest.fixture
def base() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    Answers.bodies.clear()


@pytest.fixture(params=["wrk", "own"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "own":
        monkeypatch.setattr(load, "wrk", lambda: None)


@pytest.mark.usefixtures("client")
def test_answers_are_counted(base: str, tmp_path: Path) -> None:
    found = Load(base, "GET", [Request("/there")], tmp_path).measure(clients=3, seconds=1)
    assert found.errors == 0 and found.answers > 10 and 0 < found.p50 <= found.p99 < 1


@pytest.mark.usefixtures("client")
def test_refusals_are_errors(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Load, "check", lambda _: None)
    found = Load(base, "GET", [Request("/nowhere")], tmp_path).measure(clients=3, seconds=1)
    assert found.errors == found.answers > 10


def test_a_first_refusal_ends_the_measure(base: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="404"):
        Load(base, "GET", [Request("/nowhere")], tmp_path).measure(clients=1, seconds=1)


@pytest.mark.usefixtures("client")
def test_no_two_bodies_have_the_same_number(base: str, tmp_path: Path) -> None:
    request = Request("/", body=f"{load.PLAIN} {load.CODED}")
    found = Load(base, "POST", [request], tmp_path).measure(clients=2, seconds=1)
    # The last requests may have no answer yet; the first was sent apart.
    assert len(Answers.bodies) > found.answers > 10
    for body in Answers.bodies:
        plain, coded = body.split()
        assert base64.b64decode(coded) == plain and len(plain) == len(NUMBER)


def test_the_number_of_a_deposit_is_filled_into_its_document_too() -> None:
    template = deposit(ANNE, ins(0), 3)
    assert NUMBER not in template and "\n" not in template and "\t" not in template
    filled = Request("/", body=template).filled(DIGITS).decode()
    data = base64.b64decode(filled.split('"data": "')[1].split('"')[0])
    assert f"urn:oid:2.25.{DIGITS}" in filled and data.count(DIGITS.encode()) == 1


def test_invented_patients_have_an_ins_each_with_its_key() -> None:
    found = [ins(number) for number in range(2000)]
    assert len(set(found)) == 2000 and {ins_problem(one) for one in found} == {None}
