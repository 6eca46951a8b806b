"""The walls of the house: who imports what, how long things are, where the doors without guard are.

Direct imports as setup.cfg's import contracts have them, so that they hold wherever tests run;
and what import-linter does not see.
"""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[1]
ROOTS = ("fhir_server", "mappings", "profiles")
LONGEST_FILE, LONGEST_FUNCTION = 500, 45  # lines

PURE = (
    "profiles/", "mappings/", "fhir_server/audit/", "fhir_server/fhir/", "fhir_server/policy/",
    "fhir_server/search/", "fhir_server/exchange/", "fhir_server/auth/scopes.py",
    "fhir_server/auth/subject.py", "fhir_server/auth/token.py",
)  # fmt: skip
IMPURE = frozenset({
    "alembic", "asyncio", "click", "flask", "granian", "http", "os", "psycopg", "random",
    "requests", "secrets", "socket", "sqlalchemy", "sqlite3", "subprocess",
    "time", "urllib3", "uuid", "werkzeug",
})  # fmt: skip
# Who tells the time, in whatever way it was imported.
CLOCKS = frozenset({
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
})  # fmt: skip

# Who alone may import what. A name with a dot is that module and what is in it.
ONLY = {
    "flask": ("fhir_server/web/", "fhir_server/app.py"),
    "werkzeug": ("fhir_server/web/", "fhir_server/app.py"),
    "sqlalchemy": ("fhir_server/storage/",),
    "alembic": ("fhir_server/storage/",),
    "psycopg": ("fhir_server/storage/",),
    "sqlite3": ("fhir_server/storage/",),
    "requests": ("fhir_server/auth/keys.py", "fhir_server/client/"),
    "fhir.resources": ("fhir_server/fhir/models.py",),
    "joserfc": ("fhir_server/auth/",),
}

# Why a file or function (`path::name`) may be longer than the house allows.
LONGER: dict[str, str] = {}

# Scopes without anybody's rights, and where they may be made.
UNGUARDED = ("Scope.everything", "Scope.all_rows")
SEES_EVERYTHING = frozenset({
    "fhir_server/jobs.py",  # what clocks have made due by law
    "fhir_server/load.py",  # what an administrator loads
    "fhir_server/serve.py",  # FHIR_POLICY=off, and the notes of refusals
})  # fmt: skip

# How each method of the repository is held to the rights of the caller.
METHODS = {
    # It reads through his visible rows.
    "guarded": (
        "across", "asking", "check_related", "current", "cursor_after", "documents_with", "filed",
        "hidden", "history", "read", "replaced", "rows", "search", "settle", "shown", "those",
        "types_of", "version", "visible", "with_relations",
    ),
    # It asks `policy.decide` before anything is stored, or answers for one that does.
    "deciding": (
        "check_age", "create", "create_about", "create_bytes", "decision", "delete", "may",
        "permit", "revive", "standing", "update",
    ),
    # What it tells is of definitions, which are shared.
    "of definitions": ("reindex",),
    "of the trail": ("next_trace", "note", "note_refusal", "note_withheld", "reasons"),
    # It tells the program what writes rest on; nothing of it goes into an answer.
    "inside": (
        "chooses_ids", "facts_of", "hold", "is_attending", "is_told", "lock", "masked_with",
        "name_subject", "is_holder", "record_of_holder", "row_facts", "savepoint", "text_of",
    ),
}  # fmt: skip


def _sources() -> list[str]:
    return sorted(
        str(path.relative_to(PROJECT)) for root in ROOTS for path in (PROJECT / root).rglob("*.py")
    )


SOURCES = _sources()


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((PROJECT / path).read_bytes(), path)


def _imports(path: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, wherever in the file it stands."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides where it leads"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _is_within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _wrong_imports(path: str) -> Iterator[str]:
    pure = path.startswith(PURE)
    for line, name in _imports(path):
        top = name.partition(".")[0]
        if pure and top in IMPURE:
            yield f"{path}:{line}: a pure file imports {top}"
        if ROOTS.index(path.partition("/")[0]) > (ROOTS.index(top) if top in ROOTS else 9):
            yield f"{path}:{line}: {path} may not know {top}"
        for module, allowed in ONLY.items():
            if _is_within(name, module) and not path.startswith(allowed):
                yield f"{path}:{line}: imports {module}, which is for {' and '.join(allowed)} alone"


def test_there_is_something_to_look_at() -> None:
    assert {path.partition("/")[0] for path in SOURCES} == set(ROOTS)


def test_nobody_imports_over_a_wall() -> None:
    assert [wrong for path in SOURCES for wrong in _wrong_imports(path)] == []


def test_pure_files_never_ask_for_the_time() -> None:
    found = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path in SOURCES
        if path.startswith(PURE)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute)
        and (ast.unparse(node.value).rpartition(".")[2], node.attr) in CLOCKS
    ]
    assert found == []


def test_everything_is_seen_only_where_it_is_listed() -> None:
    found = {
        path
        for path in SOURCES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node).endswith(UNGUARDED)
    }
    assert found == SEES_EVERYTHING


def _lineage(name: str, classes: dict[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """The class of this name and all it is built on, as far as they are among `classes`."""
    if name in classes:
        yield classes[name]
        for base in classes[name].bases:
            yield from _lineage(ast.unparse(base), classes)


def test_each_method_of_the_repository_is_classified() -> None:
    files = (path for path in SOURCES if path.startswith("fhir_server/storage/"))
    nodes = (node for path in files for node in ast.walk(_tree(path)))
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    parts = (part for one in _lineage("Writing", classes) for part in one.body)
    found = {part.name for part in parts if isinstance(part, ast.FunctionDef)}
    public = {name for name in found if not name.startswith("_")}
    assert public == {name for names in METHODS.values() for name in names}


def _lengths() -> Iterator[tuple[str, int, int]]:
    """What, its lines, the most it may have: files of code and tests, and functions of code."""
    for file in (*SOURCES, *(_relative(path) for path in (PROJECT / "tests").rglob("*.py"))):
        yield file, len((PROJECT / file).read_text().splitlines()), LONGEST_FILE
    for file in SOURCES:
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{file}::{node.name}", lines, LONGEST_FUNCTION


def _relative(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def test_files_and_functions_are_short() -> None:
    long = {what: lines for what, lines, most in _lengths() if lines > most}
    assert {what: lines for what, lines in long.items() if what not in LONGER} == {}
    assert set(LONGER) <= set(long), "an exception that nothing needs any more"


def _tracked() -> list[Path]:
    """What is, or would be, in the repository; all but hidden files where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        everything = (path.relative_to(PROJECT) for path in PROJECT.rglob("*"))
        names = [str(path) for path in everything if not _is_made(path)]
    else:
        names = [name.decode() for name in listed.split(b"\0")]
    return [PROJECT / name for name in names if (PROJECT / name).is_file()]


def _is_made(path: Path) -> bool:
    hidden = any(part.startswith(".") and part != ".ci" for part in path.parts)
    return hidden or path.suffix == ".pyc" or ".egg-info" in str(path)


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    folder = b"/" + b"work/"  # in two parts: this file is looked at too
    assert [_relative(path) for path in _tracked() if folder in path.read_bytes()] == []
