"""The production server: `python -m fhir_server.web.listen HOST PORT WORKERS`.

A program of its own, so that the process that only watches the workers loads none of the server.
https://github.com/emmett-framework/granian
"""

import sys

from granian import Granian
from granian.constants import Interfaces


def main() -> None:
    host, port, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Granian(
        "fhir_server.app:from_environment",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=8,
        backpressure=64 * workers,
        workers_kill_timeout=30,
        websockets=False,
        log_level="error",  # type: ignore[arg-type]  # granian's own words
    ).serve()


if __name__ == "__main__":
    main()
