"""The queue of SQLite's writers: a lock of the kernel on a file beside the database."""

import fcntl
import threading
from typing import IO


def free(lock: IO[str]) -> bool:
    """Whether the lock could be taken at once."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Queue(threading.Thread):
    """Stands in the kernel's queue for a lock, which knows no time, and can be left there."""

    def __init__(self, lock: IO[str]) -> None:
        super().__init__(daemon=True)
        self.lock, self.served, self.left = lock, threading.Event(), threading.Event()

    def run(self) -> None:
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.served.set()
        self._give_back()

    def leave(self) -> None:
        self.left.set()
        self._give_back()

    def _give_back(self) -> None:
        """Whoever of the two comes second closes the file, and with it gives the lock back."""
        if self.left.is_set() and self.served.is_set():
            self.lock.close()
