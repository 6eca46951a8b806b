"""The servers that are asked anything: with and without rules, on each kind of database."""

from collections.abc import Iterator

import pytest

from tests.fuzz.examine import Examiner
from tests.house import ANNE, CNAM, INSURER, LUCIEN, NINA, PAUL, House
from tests.interactions.shared import new_ins
from tests.interactions.shared import house as house
from tests.interactions.shared import plain as plain
from tests.interactions.shared import shared_url as shared_url
from tests.people import opened, stored
from tests.web.valid import document, observation

PROBE = {"resourceType": "OperationDefinition", "name": "Probe", "status": "draft", "code": "probe",
         "kind": "query", "system": True, "type": False, "instance": False}  # fmt: skip


@pytest.fixture(scope="module", params=["plain", "rules"])
def examiner(request: pytest.FixtureRequest, shared_url: str) -> Iterator[Examiner]:
    if request.param == "plain":
        house = House(shared_url, auth="off", policy="off", references="off")
        people: tuple = (None,)
    else:
        house = House(shared_url)
        people = (CNAM, ANNE, PAUL, NINA, INSURER, LUCIEN, None)
    who = people[0]
    if who:
        patient_id = opened(house, NINA, ANNE, doctor=PAUL, ins=new_ins())
        writer = ANNE
    else:
        patient_id, writer = stored(house.post("Patient", None, {"resourceType": "Patient"})), None
    ids = {
        "Patient": patient_id,
        "DocumentReference": stored(house.post("DocumentReference", writer, document(patient_id))),
        "Observation": stored(house.post("Observation", writer, observation(patient_id))),
    }
    probe = f"OperationDefinition/{stored(house.post('OperationDefinition', who, PROBE))}"
    yield Examiner(house, people, ids, probe)
    house.close()
