"""What is promised in words is there, and what is there is promised: README, settings, commands,
routes.
"""

import json
import re
from pathlib import Path

import pytest

from fhir_server.cli import main
from fhir_server.interactions.capabilities import statement
from fhir_server.interactions.routes import ROUTES
from fhir_server.settings import SETTINGS, Setting, read

README = Path(__file__).parents[1] / "README.md"
OFF = {"FHIR_AUTH": "off", "FHIR_POLICY": "off"}
# Interactions that the statement says in other words, or that are the statement itself.
SAID = {
    "conditional-update": "update",
    "conditional-patch": "patch",
    "conditional-delete": "delete",
    "capabilities": "",
    "search-compartment": "",  # said by `rest.compartment`
    "search-whole-compartment": "",
}


def readme() -> str:
    assert README.is_file(), "there is no README.md"
    return README.read_text()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readme(setting: Setting) -> None:
    assert f"`{setting.name}`" in readme()


def test_every_setting_of_the_readme_is_there() -> None:
    named = set(re.findall(r"\bFHIR_[A-Z_]+\b", readme()))
    unknown = {name for name in named if not name.startswith("FHIR_TEST_")}
    assert unknown <= {setting.name for setting in SETTINGS}


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert re.search(rf"fhir-server {command}\b", readme()), f"README.md says nothing of {command}"


@pytest.mark.parametrize("command", ["serve", "migrate", "load", "token", "explain"])
def test_every_command_of_the_contract_is_there(command: str) -> None:
    assert main.commands[command].help


def test_every_route_is_in_the_capability_statement() -> None:
    (rest,) = json.loads(statement(read(OFF)))["rest"]
    whole = {interaction["code"] for interaction in rest["interaction"]}
    offered = {interaction for methods in ROUTES.values() for interaction in methods.values()}
    for resource in rest["resource"]:
        codes = {interaction["code"] for interaction in resource["interaction"]}
        assert {SAID.get(name, name) for name in offered} - {""} <= codes | whole, resource["type"]
        assert codes <= offered, "more is declared than there is"
    assert bool(rest["compartment"]) == ("search-compartment" in offered)
