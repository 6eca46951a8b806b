"""By which right each door is passed: routes, operations, jobs and commands; none is forgotten.

The methods of the repository are classified in test_architecture.py, all others here.
"""

from collections.abc import Iterator

import pytest

from fhir_server.cli import main
from fhir_server.interactions.operations.table import OPERATIONS
from fhir_server.interactions.routes import ROUTES
from fhir_server.jobs import WORKS
from fhir_server.serve import PUBLIC
from tests.house import ANNE, CNAM, INSURER, LUCIEN, House, Person

# How each interaction and operation is held to the rights of the caller.
DOORS = {
    # Anybody, without a token.
    "public": {"capabilities"},
    # It shows what his visible rows have.
    "guarded": {
        "read", "vread", "history-instance", "history-type", "history-system", "search-type",
        "search-system", "search-compartment", "search-whole-compartment", "$meta", "$everything",
        "$document", "$docref",
    },
    # `policy.decide` is asked, about what his visible rows have; a Bundle asks for each entry.
    "deciding": {
        "create", "update", "patch", "delete", "conditional-update", "conditional-patch",
        "conditional-delete", "transaction", "$validate", "$meta-add", "$meta-delete",
        "$explain-access",
    },
    "operator-only": {"$reindex"},
}  # fmt: skip
# Who runs a command has the database itself; what each makes of that.
COMMANDS = {
    "serve": "the doors above", "migrate": "the schema", "load": "all rows (load.py)",
    "reindex": "the index of definitions and resources, of which it tells numbers",
    "token": "nothing stored", "explain": "one decision, nothing of the document",
    "jobs": "all rows (jobs.py)",
}  # fmt: skip
JOBS = {"open", "close", "notice", "release", "purge"}


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    house = House(database_url)
    yield house
    house.close()


def test_each_door_is_classified_once() -> None:
    routes = {interaction for methods in ROUTES.values() for interaction in methods.values()}
    doors = sorted(routes | {f"${code}" for code in OPERATIONS})
    assert sorted(name for names in DOORS.values() for name in names) == doors


def test_what_is_public_needs_no_token_and_nothing_else_is() -> None:
    assert DOORS["public"] == PUBLIC


def test_each_command_and_each_work_of_the_jobs_is_classified() -> None:
    assert (set(main.commands), set(WORKS)) == (set(COMMANDS), JOBS)


def addresses() -> Iterator[tuple[str, str]]:
    """Method and path of each door that is not public."""
    named = {"[type]": "DocumentReference", "[id]": "a", "[vid]": "1"}
    for pattern, methods in ROUTES.items():
        path = "/".join(named.get(part, part) for part in pattern.split("/"))
        yield from ((method, path) for method, door in methods.items() if door not in PUBLIC)
    for operation in OPERATIONS.values():
        type_ = (*operation.types, "DocumentReference")[0]
        places = {"system": "", "type": f"{type_}/", "instance": f"{type_}/a/",
                  "version": f"{type_}/a/_history/1/"}  # fmt: skip
        for level in operation.levels:
            for method in operation.methods:
                yield method, f"{places[level]}${operation.code}"


def test_nobody_passes_a_door_without_a_token(house: House) -> None:
    found = {(method, path): house.call(method, path).status for method, path in addresses()}
    assert {door: status for door, status in found.items() if status != 401} == {}


@pytest.mark.parametrize("who", [ANNE, LUCIEN, INSURER], ids=lambda who: who.actor)
def test_what_is_the_operators_is_refused_to_others(house: House, who: Person) -> None:
    for door in DOORS["operator-only"]:
        assert house.call("POST", door, who).status == 403
        assert house.call("POST", door, CNAM).status < 300
