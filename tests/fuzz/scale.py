"""How many cases a run has, and where its chance begins.

    make test                                            10,000 cases, always the same
    .venv/bin/python -m tests.fuzz --cases 1000000       more, and others each time
"""

import os

CASES = int(os.environ.get("FHIR_TEST_FUZZ") or 10_000)
SEED = int(os.environ.get("FHIR_TEST_FUZZ_SEED") or 4)
SERVERS = 4  # rules on and off, SQLite and PostgreSQL


def share(parts: float) -> int:
    """How many cases of a hundred parts are these, on each server; at least one."""
    return max(1, round(CASES * parts / 100 / SERVERS))
