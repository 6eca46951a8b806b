"""The running server keeps its memory, whatever it is asked:
https://docs.kernel.org/filesystems/proc.html
"""

from dataclasses import dataclass
from http.client import InvalidURL
from pathlib import Path
from random import Random

from tests.fuzz.examine import Examiner
from tests.fuzz.scale import SEED, share
from tests.house import Answer, Person
from tests.journeys.over_http import OverHttp, served
from tests.people import stored
from tests.web.mutants import mutant
from tests.web.valid import Request, document, observation, valid

PARTS = 4  # of a hundred of all cases, on one server
GROWTH = 16 << 20  # bytes that caches may still take after the first quarter


class NoHttp(Exception):
    """The client refuses to send it, or granian answers with a bare 400 and hands nothing over."""


@dataclass
class OverTheWire(Examiner):
    """`cut`: cases that never came to the server."""

    cut: int = 0

    def send(self, request: Request) -> None:
        try:
            self.ask(request)
        except NoHttp:
            self.cut += 1

    def _asked(self, request: Request, who: Person | None) -> tuple[Answer, float]:
        try:
            answer, took = super()._asked(request, who)
        except (ValueError, InvalidURL) as problem:
            raise NoHttp from problem
        if answer.status == 400 and "Content-Type" not in answer.headers:
            raise NoHttp
        return answer, took


def test_its_memory_is_flat(database_url: str, tmp_path: Path) -> None:
    with served(database_url, tmp_path, FHIR_AUTH="off", FHIR_POLICY="off") as house:
        examiner, requests = prepared(house)
        chance, cases = Random(SEED), share(PARTS) * 2
        for number in range(cases):
            examiner.send(mutant(chance.choice(requests), chance))
            if number == cases // 4:
                before = house.server.memory()
        grown = house.server.memory() - before
        examiner.check_store()
    assert examiner.cut < cases / 5
    assert grown < GROWTH, f"{grown / (1 << 20):.1f} MiB"


def prepared(house: OverHttp) -> tuple[OverTheWire, list[Request]]:
    patient_id = stored(house.post("Patient", None, {"resourceType": "Patient"}))
    probe = stored(house.post("Basic", None, {"resourceType": "Basic", "code": {"text": "x"}}))
    ids = {
        "Patient": patient_id,
        "DocumentReference": stored(house.post("DocumentReference", None, document(patient_id))),
        "Observation": stored(house.post("Observation", None, observation(patient_id))),
    }
    examiner = OverTheWire(house, (None,), ids, f"Basic/{probe}")
    return examiner, valid(patient_id, ids["DocumentReference"])
