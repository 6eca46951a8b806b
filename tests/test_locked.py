"""Every clone of any day gets the versions that were tested: `constraints.txt` has all of them."""

import configparser
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = Path(__file__).parents[1]
BUILDER = frozenset({"setuptools"})  # in an environment of its own while the wheel is built
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked() -> dict[str, str]:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {_plain(name): number for name, number in pairs}


def _wanted() -> list[str]:
    """The requirements of setup.cfg, as they are written there."""
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    lists = (config["options"]["install_requires"], config["options.extras_require"]["test"])
    return [line for text in lists for line in text.splitlines() if line]


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    assert found, requirement
    return _plain(found[0])


def test_each_requirement_is_locked() -> None:
    assert {_name(one) for one in _wanted()} <= set(_locked())


def test_each_requirement_ends_where_the_next_version_may_break_it() -> None:
    assert [one for one in _wanted() if ">=" not in one or ",<" not in one] == []


def test_what_runs_here_is_what_is_locked() -> None:
    """Run `make .venv/.tested` when this fails."""
    found = {}
    for name, locked in _locked().items():
        if name in BUILDER:
            continue
        try:
            found[name] = version(name), locked
        except PackageNotFoundError:  # of another platform
            continue
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
    assert {_name(one) for one in _wanted()} <= set(found)
