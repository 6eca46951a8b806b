"""`fhir-server reindex`: to the end, with its progress, while the server answers.

What is done stays done: whoever interrupts it goes on where it was. Progress goes to standard error
when that is a terminal.
"""

import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from fhir_server.serve import Services
from fhir_server.storage.engine import Session, StorageBusy
from fhir_server.storage.reindex import Progress, begin, progress, reached, step


def reindex_all(services: Services, say: Callable[[str], object]) -> bool:
    """Whether nothing is left to do; `say` a report line by line."""
    session, guarded = services.database.session(), services.house.rules is not None
    begin(session, guarded=guarded)
    with _bar() as bar:
        while not _stepped(session, services.settings.base_url):
            done, total = reached(session)
            if bar is not None:
                bar.length = max(total, 1)
                bar.update(done - bar.pos)
    now = progress(session, guarded=guarded)
    for line in _report(now):
        say(line)
    return now.finished


def _bar() -> AbstractContextManager[Any]:
    """None where nobody looks."""
    if not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=1, label="reindexing", file=sys.stderr)


def _stepped(session: Session, base: str) -> bool:
    try:
        return step(session, base=base, until=math.inf)
    except StorageBusy:  # others write all the time: again
        return False


def _report(now: Progress) -> list[str]:
    done = "everything is indexed" if now.finished else "stored since: run it again"
    lines = [f"{done}: {now.done} of {now.total} resources walked"]
    for one in now.parameters:
        reason = f": {one.reason}" if one.reason else ""
        lines.append(f"SearchParameter/{one.id_} {one.code}: {one.state}{reason}")
    return lines
