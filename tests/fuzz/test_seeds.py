"""What the mutants are made of is good, so that it is the mutation that is answered:
https://hl7.org/fhir/R4/http.html
"""

from profiles.validate import validate
from tests.corpus import CORPUS
from tests.fuzz.chance import seeds
from tests.house import ANNE, CNAM, NINA, PAUL, House

from tests.interactions.shared import new_ins

from tests.people import opened, stored
from tests.web.valid import document, valid


def test_what_is_spoiled_was_good(house: House) -> None:
    patient_id = opened(house, NINA, ANNE, doctor=PAUL, ins=new_ins())
    document_id = stored(house.post("DocumentReference", ANNE, document(patient_id)))
    for request in valid(patient_id, document_id):
        answers = [
            house.call(
                request.method, request.path, who, request.body or None, query=request.query,
                **request.headers,
            ).status
            for who in (CNAM, ANNE)
        ]  # fmt: skip
        nobody_has_it = request.query.startswith("identifier=urn:oid:1|2")
        assert (min(answers) < 400) != nobody_has_it, request


def test_the_resources_that_are_changed_are_good_and_of_many_types() -> None:
    assert [one["resourceType"] for one in seeds() if validate(one)] == []
    assert len(seeds()) > (80 if CORPUS else 5)
