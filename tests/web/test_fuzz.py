"""Whatever is sent, the answer is never a 500, and a refusal is an OperationOutcome.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import json
from random import Random

import pytest

from tests.house import ANNE, CNAM, LUCIEN, NINA, PAUL, House
from tests.people import opened, stored
from tests.web.mutants import JSON, document, mutant, valid

ROUNDS = 25  # mutants of each valid request


@pytest.fixture(scope="module")
def record(house: House) -> tuple[str, str]:
    """Ids of a Patient and a document."""
    patient_id = opened(house, NINA, ANNE, doctor=PAUL)
    return patient_id, stored(house.post("DocumentReference", ANNE, document(patient_id)))


@pytest.mark.parametrize("seed", range(19))
def test_no_mutant_is_too_much(house: House, record: tuple[str, str], seed: int) -> None:
    chance = Random(seed)
    request = valid(*record)[seed]
    for _ in range(ROUNDS):
        sent = mutant(request, chance)
        who = chance.choice([CNAM, ANNE, PAUL, NINA, LUCIEN])
        # The house raises what would be a 500.
        answer = house.call(
            sent.method, sent.path, who, sent.body or None, query=sent.query, **sent.headers
        )
        assert answer.status < 500, sent
        if answer.status >= 400 and sent.method != "HEAD" and answer.body.startswith(b"{"):
            assert answer.json["resourceType"] == "OperationOutcome", sent
            assert all(issue["diagnostics"] for issue in answer.json["issue"])


def test_the_valid_ones_are_answered(house: House, record: tuple[str, str]) -> None:
    answers = [
        house.call(r.method, r.path, CNAM, r.body or None, query=r.query, **r.headers).status
        for r in valid(*record)
    ]
    assert len(answers) == 19 and 200 in answers and 201 in answers
    assert set(answers) <= {200, 201, 304, 403, 404, 422}


def test_what_came_through_can_be_read_by_everybody(house: House, record: tuple[str, str]) -> None:
    """Whatever the mutants left behind, the record and its log can be shown in both formats."""
    for type_ in ("Patient", "Consent", "CareTeam", "AuditEvent"):
        for accept in (JSON, "application/fhir+xml"):
            answer = house.get(f"{type_}?_count=500", CNAM, accept=accept)
            assert answer.status == 200
            if accept == JSON:
                json.loads(answer.body)
