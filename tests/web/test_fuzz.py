"""Whatever is sent, the answer is never a 500, and a refusal is an OperationOutcome.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import json
from random import Random

import pytest

from tests.house import ANNE, CNAM, INSURER, NINA, PAUL, House
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.web.mutants import mutant
from tests.web.valid import JSON, document, valid

ROUNDS = 25  # mutants of each valid request


@pytest.fixture
def record(house: House) -> tuple[str, str]:
    """Ids of a Patient and a document."""
    patient_id = opened(house, NINA, ANNE, doctor=PAUL, ins=new_ins())
    return patient_id, stored(house.post("DocumentReference", ANNE, document(patient_id)))


@pytest.mark.parametrize("seed", range(20))
def test_no_mutant_is_too_much(house: House, record: tuple[str, str], seed: int) -> None:
    chance = Random(seed)
    request = valid(*record)[seed]
    for _ in range(ROUNDS):
        sent = mutant(request, chance)
        who = chance.choice([CNAM, ANNE, PAUL, NINA, INSURER])
        # The house raises what would be a 500.
        answer = house.call(
            sent.method, sent.path, who, sent.body or None, query=sent.query, **sent.headers
        )
        assert answer.status < 500, sent
        if answer.status >= 400 and sent.method != "HEAD" and answer.body.startswith(b"{"):
            assert answer.json["resourceType"] == "OperationOutcome", sent
            assert all(issue["diagnostics"] for issue in answer.json["issue"])


def test_what_the_mutants_are_made_of_is_answered(house: House, record: tuple[str, str]) -> None:
    for request in valid(*record):
        answers = [
            house.call(
                request.method,
                request.path,
                who,
                request.body or None,
                query=request.query,
                **request.headers,
            )
            for who in (CNAM, ANNE)
        ]
        nobody_has_it = request.query.startswith("identifier=urn:oid:1|2")
        assert (min(answer.status for answer in answers) < 400) != nobody_has_it, request


def test_what_came_through_can_be_read_in_both_formats(house: House) -> None:
    for type_ in ("Patient", "Consent", "CareTeam", "AuditEvent"):
        for accept in (JSON, "application/fhir+xml"):
            answer = house.get(f"{type_}?_count=500", CNAM, accept=accept)
            assert answer.status == 200
            if accept == JSON:
                json.loads(answer.body)
