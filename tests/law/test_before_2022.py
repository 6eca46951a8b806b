"""The law before 2022 (`dmp-2019`), over HTTP: R010, R130, and what was not yet."""

from collections.abc import Iterator

import pytest

from fhir_server.app import rules_of
from fhir_server.policy.rules import DMP_2022, law
from fhir_server.settings import read
from tests.house import ANNE, CNAM, NINA, OTTO, House
from tests.law.people import breaking_glass, of_profession
from tests.law.timed import existence, jobs, proposed, state, unopened, wait
from tests.law.under import under
from tests.people import stored
from tests.policy.record import Record

WORK = OTTO.but(sector="SA13")


@pytest.fixture
def before(house: House) -> Iterator[House]:
    """A house under the law of 2019."""
    with under(house, "dmp-2019"):
        yield house


def test_it_is_one_of_the_policies() -> None:
    found = rules_of(read({"FHIR_POLICY": "dmp-2019"}))
    assert found is law("dmp-2019") and found is not DMP_2022


def test_R010_a_record_is_opened_by_the_express_consent_of_its_holder(before: House) -> None:
    record = unopened(before)
    assert record.find(record.holder).status == 403 and record.deposit(ANNE).status == 422
    stored(before.post("Consent", record.holder, existence(record, "active")))
    assert state(record) == "open"
    id_ = record.deposited(ANNE)
    assert record.sees(record.holder, id_)
    assert "R010" in record.rules(record.holder)


def test_R010_nobody_consents_for_another(before: House) -> None:
    record, other = unopened(before), unopened(before)
    for who in (other.holder, NINA):
        assert before.post("Consent", who, existence(record, "active")).status in (403, 422)
    assert state(record) == "before"


def test_R010_time_opens_nothing(before: House) -> None:
    record = proposed(before)
    wait(before, days=100)
    jobs(before)
    assert state(record) == "before"


def test_R010_is_not_the_law_any_more(house: House) -> None:
    record = unopened(house)
    assert house.post("Consent", record.holder, existence(record, "active")).status == 403
    assert state(record) == "before"


@pytest.mark.parametrize("code", ["dmp-occupational", "dmp-pro-access"])
def test_R130_occupational_health_had_no_access_with_whatever_consent(
    record: Record, code: str
) -> None:
    id_ = record.deposited(ANNE)
    stored(record.consent(record.holder, code, OTTO))
    with under(record.house, "dmp-2019"):
        assert record.find(WORK).status == 403 and record.read(WORK, id_).status == 404
        assert record.deposit(WORK).status == 403
        assert record.find(breaking_glass(record, WORK)).status == 403
        assert "R130" in record.rules(OTTO)


def test_there_was_no_matrix_of_2023(record: Record) -> None:
    types = {"type": {"coding": [{"system": "http://loinc.org", "code": "83901-9"}]}}
    id_, dentist = record.deposited(ANNE, **types), of_profession(NINA, "40")
    assert not record.sees(dentist, id_)
    with under(record.house, "dmp-2019"):
        assert record.sees(dentist, id_)


def test_what_both_laws_have_is_the_same(record: Record) -> None:
    id_ = record.deposited(ANNE)
    record.mask(record.holder, id_)
    with under(record.house, "dmp-2019"):
        assert record.sees(ANNE, id_) and record.sees(record.holder, id_)
        assert not record.sees(NINA, id_) and record.find(OTTO).status == 403
        assert record.closed() is None and record.find(NINA).status == 403


def test_every_rule_of_2019_names_a_source_and_is_another_or_the_same_in_2022() -> None:
    today = {rule.name for rule in DMP_2022.rules}
    only = {rule.name for rule in law("dmp-2019").rules} - today
    assert only == {"R010", "R130"}
    assert all(rule.source and rule.dit for rule in law("dmp-2019").rules)


def test_the_operator_opens_a_record_under_either_law(before: House) -> None:
    record = unopened(before)
    answer = record.patch(CNAM, record.id, ("/active", True), type_="Patient")
    assert answer.status == 200 and state(record) == "open"
