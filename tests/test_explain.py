"""What `fhir-server explain` says: the outcome, the rules that settled it, the facts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_server.explain import explanation
from fhir_server.fhir.outcome import NotFound, Unauthorized
from fhir_server.policy.labels import VISIBILITY
from tests.documents import LUCIEN as LUCIEN_NUMBER
from tests.documents import cda
from tests.house import (
    ANNE,
    BRUNO,
    CLAIRE_INS,
    CNAM,
    INS,
    INSURER,
    LUCIEN,
    NINA,
    OTTO,
    PAUL,
    House,
    Person,
)
from tests.journeys.test_story import iti105
from tests.people import consent, opened, stored

Masked = tuple[House, str]


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Masked]:
    """A house and the id of a masked document of Lucien's, who has blocked Bruno."""
    house = House(f"sqlite:///{tmp_path_factory.mktemp('explain') / 'test.db'}")
    patient_id = opened(house, NINA, doctor=PAUL)
    stored(house.post("Consent", LUCIEN, consent(patient_id, "dmp-pro-block", BRUNO, deny=True)))
    document = iti105(cda(patient_ins=LUCIEN_NUMBER))
    document["securityLabel"] = [{"coding": [{"system": VISIBILITY, "code": "MASQUE_PS"}]}]
    yield house, stored(house.post("DocumentReference", ANNE, document))
    house.close()


def explain(masked: Masked, who: Person) -> str:
    house, id_ = masked
    return explanation(house.services, house.token(who), id_)


CASES = {
    "author": (ANNE, "permitted", "R070 permits: ", "own: yes"),
    "attending doctor": (PAUL, "permitted", "R060 permits: ", "attending: yes"),
    "holder": (LUCIEN, "permitted", "R030 permits: ", "holder: yes"),
    "care team": (NINA, "refused", "R081 denies: masked by the holder", "care_team: yes"),
    "no consent": (OTTO, "refused", "R081 denies: ", "consented: no"),
    "blocked": (BRUNO, "refused", "R100 denies: blocked by the holder", "blocked: yes"),
    "operator": (CNAM, "refused", "R161 refuses: the operator reads no content", "actor: operator"),
    "insurer": (INSURER, "refused", "R002 denies: an insurer never", "actor: insurer"),
    "no reason": (
        NINA.but(purpose="bris_de_glace", patient=LUCIEN.sub), "refused",
        "R114 denies: break-glass needs a reason", "purpose: bris_de_glace",
    ),
    "scopes": (
        ANNE.but(scope="user/Patient.r"), "refused", "scope: the scopes", "actor: professional",
    ),
    "indirect": (
        ANNE.but(auth_mode="INDIRECTE"), "refused", "R150 denies: ", "auth_mode: INDIRECTE",
    ),
    "another patient": (
        ANNE.but(patient=f"{INS}|{CLAIRE_INS}"), "refused", "person_id: the token", "asks: other",
    ),
}  # fmt: skip


@pytest.mark.parametrize("who, outcome, settled, fact", CASES.values(), ids=list(CASES))
def test_the_outcome_comes_with_its_rules_and_facts(
    masked: Masked, who: Person, outcome: str, settled: str, fact: str
) -> None:
    lines = explain(masked, who).splitlines()
    assert lines[0].startswith(f"{outcome}: {who.name} ({who.actor}) may ")
    rules = lines[lines.index("settled by") + 1 : lines.index("facts of the request") - 1]
    assert any(line.startswith(f"  {settled}") for line in rules)
    assert f"  {fact}" in lines


@pytest.mark.parametrize("who", [case[0] for case in CASES.values()], ids=list(CASES))
def test_it_says_what_a_read_answers(masked: Masked, who: Person) -> None:
    house, id_ = masked
    status = house.get(f"DocumentReference/{id_}", who).status
    assert (status == 200) == explain(masked, who).startswith("permitted")


def test_the_reasons_are_told_in_french_too(masked: Masked) -> None:
    house, id_ = masked
    said = explanation(house.services, house.token(NINA), id_, "fr")
    assert said.startswith("refusé : ")
    assert "  R081 interdit : masqué par le titulaire" in said


def test_every_rule_comes_with_its_source(masked: Masked) -> None:
    assert "(L.1111-15; R.1111-49 CSP)" in explain(masked, NINA)


def test_explaining_leaves_no_trace(masked: Masked) -> None:
    house, _ = masked
    count = "SELECT count(*) FROM trail"
    before = house.database.session().rows(count, {})
    explain(masked, NINA)
    assert house.database.session().rows(count, {}) == before


def test_a_deleted_document_is_gone_for_those_who_would_see_it(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path / 'test.db'}")
    opened(house, NINA)
    id_ = stored(house.post("DocumentReference", ANNE, iti105(cda(patient_ins=LUCIEN_NUMBER))))
    assert house.call("DELETE", f"DocumentReference/{id_}", ANNE).status == 204
    assert explain((house, id_), NINA).startswith("gone: ")
    assert explain((house, id_), OTTO).startswith("refused: ")
    house.close()


def test_a_record_not_open_yet_is_nobodys_but_the_operators(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path / 'test.db'}")
    patient_id = opened(house, NINA)
    id_ = stored(house.post("DocumentReference", ANNE, iti105(cda(patient_ins=LUCIEN_NUMBER))))
    update = "UPDATE record SET state = 'before' WHERE patient = :id"
    house.database.session().run(update, {"id": patient_id})
    assert "record: the record is not opened yet" in explain((house, id_), NINA)
    house.close()


def test_with_everything_off_it_says_so(masked: Masked) -> None:
    house, id_ = masked
    off = replace(house.services, verifier=None)
    assert explanation(off, "", id_).startswith("permitted: FHIR_AUTH=off")


def test_an_unknown_document_is_not_found(masked: Masked) -> None:
    house, _ = masked
    with pytest.raises(NotFound):
        explanation(house.services, house.token(NINA), "nothing")


def test_a_token_that_is_not_good_is_refused_first(masked: Masked) -> None:
    house, _ = masked
    with pytest.raises(Unauthorized):
        explanation(house.services, house.token(NINA)[:-4], "nothing")
