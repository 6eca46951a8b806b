"""Do something anew, from its start, when another transaction was first.

A database tells the second of two writers that the first has changed what it read, or that both
wait for each other. Nothing of the second is left: it reads again what is there now, so that it
ends as if the two had come one after the other.
"""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from fhir_server.storage.engine import StorageConflict

Result = TypeVar("Result")


def again(do: Callable[[], Result], seconds: float) -> Result:
    """What `do` gives, which is one transaction; StorageConflict when others were first each time,
    for so long.
    """
    until = monotonic() + seconds
    while True:
        try:
            return do()
        except StorageConflict:
            if monotonic() > until:
                raise
