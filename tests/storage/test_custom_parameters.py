"""The two readers of a search agree about parameters that an operator has stored, of each type.

Resources and queries are those of `test_compile`, asked by these parameters alone.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from fhir_server.search.custom import judged
from fhir_server.search.registry import Registry, by_type
from fhir_server.storage.engine import Database
from tests.storage.asker import Asker
from tests.storage.test_compile import SEED, Stored, disagreements

COMPONENT = "http://hl7.org/fhir/SearchParameter/Observation-component-"
PAIR = [
    {"definition": f"{COMPONENT}code", "expression": "code"},
    {"definition": f"{COMPONENT}value-quantity", "expression": "value.as(Quantity)"},
]
PARAMETERS = {
    "x-name": ("string", "Patient.name"),
    "x-born": ("date", "Patient.birthDate"),
    "x-sex": ("token", "Patient.gender"),
    "x-value": ("quantity", "Observation.value.as(Quantity)"),
    "x-text": ("string", "Observation.value.as(string)"),
    "x-code": ("token", "Observation.code | Observation.component.code"),
    "x-subject": ("reference", "Observation.subject"),
    "x-member": ("reference", "Observation.hasMember"),
    "x-when": ("date", "Observation.effective"),
    "x-quantity": ("composite", "Observation.component"),
    "x-factor": ("number", "ChargeItem.factorOverride"),
    "x-url": ("uri", "ValueSet.url"),
    "x-item": ("reference", "List.entry.item"),
    "x-master": ("token", "DocumentReference.masterIdentifier"),
    "x-agreed": ("date", "Consent.dateTime"),
}


def base(expression: str) -> str:
    return expression.split(".")[0]


class CustomAsker(Asker):
    asked = {
        type_: " ".join(code for code, (_, text) in PARAMETERS.items() if base(text) == type_)
        for type_ in Asker.asked
    }


@pytest.fixture
def stored(database: Database) -> Iterator[Stored]:
    resources: list[dict[str, Any]] = [
        {
            "id": code, "url": f"http://a.example/{code}", "status": "active", "code": code,
            "type": kind, "base": [base(text)], "expression": text, "component": PAIR,
        }
        for code, (kind, text) in PARAMETERS.items()
    ]  # fmt: skip
    found = judged(resources, guarded=False)
    assert [one.reason for one in found] == [""] * len(PARAMETERS)
    made = by_type(parameter for one in found for parameter in one.parameters)
    made_stored = Stored(database, registry=Registry(0, made, made))
    made_stored.fill(Random(SEED))
    yield made_stored


def test_sql_finds_by_stored_parameters_what_the_reader_in_memory_finds(
    stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    found, pairs, hits = disagreements(stored, CustomAsker)
    with capsys.disabled():
        print(f"{stored.database.dialect}, seed {SEED}: {pairs} pairs, {hits} hits", end=" ")
    assert not found, found[:3]
    assert pairs / 20 < hits < pairs / 2, "queries that find nothing, or all, compare nothing"
