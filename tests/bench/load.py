"""Send requests as fast as a number of clients can, and measure the answers.

wrk does it where it is installed (https://github.com/wg/wrk); else processes of our own, which cost
the server's processors more: figures of the two are not to be compared.
"""

import base64
import http.client
import json
import multiprocessing
import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# In a body: 18 digits that no other request has; the same digits in base64.
PLAIN, CODED = "@plain@", "@coded@"
SCRIPT = Path(__file__).with_name("load.lua")
PROCESSES = 2


@dataclass(frozen=True)
class Request:
    """`path` from the root of the server; `body` is one line, with PLAIN and CODED, or ""."""

    path: str
    authorization: str = ""
    accept: str = "application/fhir+json"
    body: str = ""

    def filled(self, digits: str) -> bytes:
        coded = base64.b64encode(digits.encode()).decode()
        return self.body.replace(PLAIN, digits).replace(CODED, coded).encode()


Times = tuple[list[float], int]  # of all answers, in seconds; how many were errors


@dataclass(frozen=True)
class Measured:
    """What came back in `seconds`; `p50` and `p99` in seconds, `errors`: not 2xx, or no answer."""

    answers: int
    seconds: float
    p50: float
    p99: float
    errors: int

    @property
    def rate(self) -> float:
        """Answers a second, refusals among them."""
        return self.answers / self.seconds if self.seconds else 0.0


class Load:
    """Random draws from the requests of one kind, sent to one server."""

    def __init__(self, base: str, method: str, requests: Sequence[Request], folder: Path) -> None:
        self.base, self.method, self.requests = base, method, requests
        self.file = folder / f"requests-{random.randrange(10**9)}"
        if wrk():
            lines = ("\t".join((r.path, r.authorization, r.accept, r.body)) for r in requests)
            self.file.write_text("\n".join(lines) + "\n")

    def measure(self, *, clients: int, seconds: int) -> Measured:
        """Raises RuntimeError when a request sent alone, before, is not answered with 2xx."""
        self.check()
        program = wrk()
        if program:
            return self._wrk(program, clients, seconds)
        return self._own(clients, seconds)

    def check(self) -> None:
        request = random.choice(self.requests)
        with closing(_connection(self.base)) as connection:
            status, answer = send(connection, self.method, request)
        if not 200 <= status <= 299:
            text = answer[:300].decode(errors="replace")
            raise RuntimeError(f"{self.method} {request.path} is answered {status}: {text}")

    def _wrk(self, program: str, clients: int, seconds: int) -> Measured:
        # One thread: it costs the server least, and numbers stay unique.
        command = [
            program, "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s",
            "--timeout", "10s", "--script", str(SCRIPT), self.base, "--",
            str(self.file), self.method, new_series(),
        ]  # fmt: skip
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(output.strip().splitlines()[-1])
        errors = found.pop("refused") + found.pop("broken")
        # wrk counts 400 and above; a redirection would have shown in `check`.
        return Measured(**found, errors=errors)

    def _own(self, clients: int, seconds: int) -> Measured:
        count = min(PROCESSES, clients)
        context = multiprocessing.get_context("fork")
        results: multiprocessing.SimpleQueue[Times] = context.SimpleQueue()
        shares = [clients // count + (n < clients % count) for n in range(count)]
        started = time.perf_counter()
        processes = [
            context.Process(target=self._process, args=(share, seconds, results))
            for share in shares
        ]
        for process in processes:
            process.start()
        parts = [results.get() for _ in processes]
        elapsed = time.perf_counter() - started
        for process in processes:
            process.join()
        times = sorted(one for part, _ in parts for one in part)
        return Measured(
            answers=len(times),
            seconds=elapsed,
            p50=_percentile(times, 0.50),
            p99=_percentile(times, 0.99),
            errors=sum(errors for _, errors in parts),
        )

    def _process(
        self, clients: int, seconds: int, results: "multiprocessing.SimpleQueue[Times]"
    ) -> None:
        random.seed()
        found: list[Times] = []
        threads = [
            threading.Thread(target=lambda: found.append(self._client(seconds)))
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times = [one for part, _ in found for one in part]
        results.put((times, sum(errors for _, errors in found)))

    def _client(self, seconds: int) -> Times:
        connection, numbers = _connection(self.base), series_of_numbers()
        times, errors = [], 0
        now = time.perf_counter()
        deadline = now + seconds
        while now < deadline:
            request = random.choice(self.requests)
            try:
                status, _ = send(connection, self.method, request, next(numbers))
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            later = time.perf_counter()
            if status:
                times.append(later - now)
            errors += not 200 <= status <= 299
            now = later
        connection.close()
        return times, errors


def wrk() -> str | None:
    return shutil.which("wrk")


def send(
    connection: http.client.HTTPConnection, method: str, request: Request, digits: str = ""
) -> tuple[int, bytes]:
    """Status and body; the connection stays open."""
    body = request.filled(digits or new_series() + "0" * 9) if request.body else None
    headers = {"Accept": request.accept}
    if request.authorization:
        headers["Authorization"] = request.authorization
    if body is not None:
        headers["Content-Type"] = "application/fhir+json"
    connection.request(method, request.path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _connection(base: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)


def new_series() -> str:
    """Nine digits, the first not 0, with which 10⁹ numbers of 18 digits begin."""
    return str(random.randrange(10**8, 10**9))


def series_of_numbers() -> Iterator[str]:
    series, number = new_series(), 0
    while True:
        number += 1
        yield f"{series}{number:09}"


def with_numbers(body: str, *, plain: str, coded: str) -> str:
    """`body` with PLAIN for `plain` (18 digits) and CODED for `coded`, which stands in it once."""
    assert re.fullmatch(r"[0-9]{18}", plain) and body.count(coded) == 1
    return body.replace(plain, PLAIN).replace(coded, CODED)


def _percentile(times: Sequence[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0
