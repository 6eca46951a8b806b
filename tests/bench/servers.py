"""Start a server as a process of its own, wait for its first answer, weigh it, stop it.

https://docs.kernel.org/filesystems/proc.html
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds
# As `fhir-server serve` runs its own application.
GRANIAN = (
    "--interface", "wsgi", "--workers", "2", "--blocking-threads", "8", "--backpressure", "128",
    "--no-ws", "--log-level", "warning",
)  # fmt: skip


@dataclass(frozen=True)
class Server:
    """`base`: http://host:port; `first_answer`: seconds from the start of the process."""

    base: str
    process: "subprocess.Popen[bytes]"
    first_answer: float

    def memory(self) -> int:
        """Resident bytes of the process and all its children; what they share counts for each."""
        parents = dict(_processes())
        family = {self.process.pid}
        for _ in range(len(parents)):
            grown = family | {pid for pid, parent in parents.items() if parent in family}
            if grown == family:
                break
            family = grown
        return sum(_resident(pid) for pid in family)


def floor(application: str, folder: Path, **environment: str) -> "Served":
    """An application of `floors.py` under granian, `path` its first answer."""
    port = free_port()
    command = ("-m", "granian", *GRANIAN, "--port", str(port))
    target = f"tests.bench.floors:{application}"
    return Served((*command, target), port=port, path="/", folder=folder, environment=environment)


@dataclass(frozen=True)
class Served:
    """What is to be started: arguments of Python, and the path that is asked first."""

    arguments: Sequence[str]
    port: int
    path: str
    folder: Path
    environment: Mapping[str, str]

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Raises RuntimeError, with what it printed, when it does not come up."""
        log = self.folder / f"log-{self.port}"
        started = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=PROJECT,
                env=without_settings(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            while not answers(self.port, self.path):
                if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                    raise RuntimeError(f"no answer from {self.arguments}: {_end_of(log)}")
                time.sleep(0.005)
            first = time.perf_counter() - started
            yield Server(f"http://{HOST}:{self.port}", process, first)
        finally:
            stop(process)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run Python to its end; RuntimeError with what it printed when it fails."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=without_settings(environment),
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {(done.stdout + done.stderr)[-2000:]}")


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without settings of the server, and `environment`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_")}
    return {**kept, **environment}


def stop(process: "subprocess.Popen[bytes]") -> None:
    """As an administrator would, then by force; nothing of its session is left."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _processes() -> Iterator[tuple[int, int]]:
    """Each process and its parent."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in brackets, may hold anything; after it stand the state and the parent.
            yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue


def _resident(pid: int) -> int:
    try:
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
