"""A longer fuzz run: `python -m tests.fuzz --cases 1000000`; see `scale.py`."""

import argparse
import os
import secrets
import subprocess
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="requests (default: 100000)")
    parser.add_argument("--seed", type=int, help="where chance begins (default: anywhere)")
    parser.add_argument("pytest", nargs="*", help="after --: arguments of pytest")
    asked = parser.parse_args()
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    environment = {"FHIR_TEST_FUZZ": str(asked.cases), "FHIR_TEST_FUZZ_SEED": str(seed)}
    print(f"{asked.cases} cases, seed {seed}", flush=True)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal",
         str(Path(__file__).parent), *asked.pytest],
        env=os.environ | environment,
    ).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
