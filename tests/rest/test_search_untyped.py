"""A reference that is asked for by an id alone, which resources of several types have.

https://hl7.org/fhir/R4/search.html#reference: a server should refuse it. What a caller does not see
is no second meaning.
"""

from itertools import count

import pytest

from tests.house import CLAIRE, CLAIRE_INS, CNAM, House
from tests.interactions.shared import new_ins
from tests.people import opened, patient, stored

_numbers = count(1)

GROUP = {"resourceType": "Group", "type": "person", "actual": True}
ASKED = (
    "Observation?subject={id}", "Observation?subject=x,{id}", "Observation?subject={id},x",
    "Observation?_filter=subject eq {id}", "Encounter?_has:Observation:encounter:subject={id}",
    "Observation?encounter.subject={id}", "Observation?code=x&subject={id}",
    "?_type=Observation&subject={id}", "?_type=Observation,Condition&subject={id}",
    "Basic?subject={id}", "Provenance?target={id}",
)  # fmt: skip


def twice(plain: House) -> str:
    id_ = f"both-{next(_numbers)}"
    for body in ({"resourceType": "Patient", "id": id_}, GROUP | {"id": id_}):
        stored(plain.call("PUT", f"{body['resourceType']}/{id_}", None, body))
    return id_


@pytest.mark.parametrize("query", ASKED)
def test_an_id_of_two_types_is_refused(plain: House, query: str) -> None:
    id_ = twice(plain)
    answer = plain.get(query.format(id=id_))
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value"), answer.body
    assert f"Group/{id_}" in answer.diagnostics and f"Patient/{id_}" in answer.diagnostics


@pytest.mark.parametrize("query", [
    "Observation?subject=Patient/{id}", "Observation?subject:Patient={id}",
    "Observation?patient={id}", "Observation?subject:Group={id}",
    "Observation?subject:identifier={id}", "Observation?subject=only-{id}",
])  # fmt: skip
def test_an_id_that_can_mean_one_thing_is_searched_by(plain: House, query: str) -> None:
    id_ = twice(plain)
    only = {"resourceType": "Patient", "id": f"only-{id_}"}
    stored(plain.call("PUT", f"Patient/only-{id_}", None, only))
    assert plain.get(query.format(id=id_)).status == 200


def test_what_is_deleted_is_no_second_meaning(plain: House) -> None:
    id_ = twice(plain)
    plain.call("DELETE", f"Group/{id_}")
    assert plain.get(f"Observation?subject={id_}").status == 200


def test_a_condition_with_such_an_id_writes_nothing(plain: House) -> None:
    id_ = twice(plain)
    body = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {
        "reference": f"Patient/{id_}"}}  # fmt: skip
    assert plain.call("DELETE", "Basic", query=f"subject={id_}").status == 400
    assert plain.call("PUT", "Basic", None, body, query=f"subject={id_}").status == 400
    assert plain.post("Basic", None, body, if_none_exist=f"subject={id_}").status == 400


def test_what_the_caller_does_not_see_is_no_second_meaning(house: House) -> None:
    opened(house, ins=CLAIRE_INS)
    doctor = {"resourceType": "Practitioner", "id": "twofold"}
    other = patient(new_ins()) | {"id": "twofold"}
    stored(house.call("PUT", "Practitioner/twofold", CNAM, doctor))
    query = {"actor": "twofold", "patient.identifier": CLAIRE.sub}
    alone = house.call("GET", "Appointment", CLAIRE, query=query)
    stored(house.call("PUT", "Patient/twofold", CNAM, other))
    both = house.call("GET", "Appointment", CLAIRE, query=query)
    assert (alone.status, both.status) == (200, 200)
    assert (alone.json["total"], both.json["total"]) == (0, 0)
    assert house.get("Appointment?actor=twofold", CNAM).status == 400
