"""Occupational health, child protection, fire brigades, homes for the elderly, social professions
and digital services, over HTTP: R094, R130 to R134, R140 to R142, R153.
"""

import pytest

from fhir_server.policy.labels import MASKED
from tests.house import ANNE, CNAM, OTTO, STRUCTURE, House, Person
from tests.law.people import SOCIAL, breaking_glass, of_profession
from tests.people import consent, stored, team
from tests.policy.record import Record

WORK, WORKER = OTTO.but(sector="SA13"), "dmp-occupational"
SOCIAL_PLAN = {"type": {"coding": [{"system": "http://loinc.org", "code": "80788-3"}]}}
SERVICE = Person("system", f"{STRUCTURE}|1750100208", "Service numerique").but(sector="SNR")


def in_team(record: Record, who: Person) -> None:
    stored(record.house.post("CareTeam", CNAM, team(record.id, who)))


def test_r132_the_doctor_of_the_worker_reads_and_deposits_with_express_consent(
    record: Record,
) -> None:
    id_ = record.deposited(ANNE)
    stored(record.consent(record.holder, WORKER, OTTO))
    assert record.sees(WORK, id_)
    record.deposited(WORK)
    assert record.rules(OTTO) == {"R132"}
    assert not record.sees(WORK, record.deposited(ANNE, MASKED))


def test_r132_the_purpose_makes_an_occupational_doctor_too(record: Record) -> None:
    id_, who = record.deposited(ANNE), OTTO.but(purpose="occupational-health")
    stored(record.consent(record.holder, "dmp-pro-access", OTTO))
    assert record.find(who).status == 403
    stored(record.consent(record.holder, WORKER, OTTO))
    assert record.sees(who, id_)


@pytest.mark.parametrize("code", ["", "dmp-pro-access", "dmp-attending-equivalent"])
def test_r133_without_express_consent_of_its_own_type_there_is_nothing(
    record: Record, code: str
) -> None:
    id_ = record.deposited(ANNE)
    if code:
        stored(record.consent(record.holder, code, OTTO))
    assert record.find(WORK).status == 403 and record.read(WORK, id_).status == 404
    assert record.deposit(WORK).status == 403
    assert "R133" in record.rules(OTTO)


def test_r133_a_withdrawn_consent_leaves_him_what_is_his(record: Record) -> None:
    id_ = record.deposited(ANNE)
    given = record.consent(record.holder, WORKER, OTTO)
    own = record.deposited(WORK)
    over = given.json | {"status": "inactive"}
    assert record.house.call("PUT", f"Consent/{given.id}", record.holder, over).status == 200
    assert record.read(WORK, id_).status == 404 and record.sees(WORK, own)


def test_r134_neither_the_care_team_nor_an_emergency_opens_to_occupational_health(
    record: Record,
) -> None:
    id_ = record.deposited(ANNE)
    in_team(record, OTTO)
    assert record.sees(OTTO, id_)
    for who in (WORK, breaking_glass(record, WORK)):
        assert record.find(who).status == 403 and record.read(who, id_).status == 404
    assert "R134" in record.rules(OTTO)


@pytest.mark.parametrize(("sector", "rule"), [("SA15", "R140"), ("SA47", "R141"), ("SA17", "R142")])
def test_r140_r141_r142_a_sector_opens_nothing_alone_and_with_consent_its_record(
    record: Record, sector: str, rule: str
) -> None:
    id_, who = record.deposited(ANNE), OTTO.but(sector=sector)
    assert record.find(who).status == 403 and record.read(who, id_).status == 404
    assert record.deposit(who).status == 403
    stored(record.consent(record.holder, "dmp-pro-access", OTTO))
    assert record.sees(who, id_) and rule in record.rules(OTTO)
    record.deposited(who)
    assert not record.sees(who, record.deposited(ANNE, MASKED))


def test_r141_doctors_of_fire_brigades_read_and_deposit_in_emergencies(record: Record) -> None:
    id_, who = record.deposited(ANNE), breaking_glass(record, OTTO.but(sector="SA47"))
    assert record.sees(who, id_) and "R141" in record.rules(OTTO)
    record.deposited(who)
    stored(record.consent(record.holder, "dmp-emergency-opposition"))
    assert record.read(who, id_).status == 404 and record.find(who).status in (200, 403)


def test_r094_a_social_profession_needs_prior_consent(record: Record) -> None:
    who, plan = of_profession(OTTO, "1", SOCIAL), record.deposited(ANNE, **SOCIAL_PLAN)
    in_team(record, OTTO)
    assert record.find(who).status == 403 and record.deposit(who).status == 403
    stored(record.consent(record.holder, "dmp-pro-access", OTTO))
    assert record.sees(who, plan) and "R094" in record.rules(OTTO)
    record.deposited(who, **SOCIAL_PLAN)


def test_r094_it_reads_a_narrower_matrix(record: Record) -> None:
    who, letter = of_profession(OTTO, "1", SOCIAL), record.deposited(ANNE)
    stored(record.consent(record.holder, "dmp-pro-access", OTTO))
    assert record.find(who).status == 200 and record.read(who, letter).status == 404
    assert record.sees(OTTO, letter)


def test_r152_an_automate_deposits_and_reads_nothing(record: Record) -> None:
    automate = SERVICE.but(sector="SA25")
    record.deposited(automate)
    assert "R152" in record.rules(SERVICE) and record.find(automate).status == 403


def test_r153_a_referenced_service_deposits_where_the_holder_has_authorised_it(
    record: Record,
) -> None:
    assert record.deposit(SERVICE).status == 403
    stored(record.consent(record.holder, "dmp-pro-access", SERVICE))
    record.deposited(SERVICE)
    assert "R153" in record.rules(SERVICE) and record.find(SERVICE).status == 403


def test_r130_r131_an_occupational_consent_names_its_doctor(record: Record, house: House) -> None:
    """Since 2022 neither shut out (2016) nor confined to deposits (2019)."""
    id_ = record.deposited(ANNE)
    body = consent(record.id, WORKER, OTTO, purpose=[
        {"system": "https://fhir-server.example/fhir/CodeSystem/dmp-purpose",
         "code": "occupational-health"}
    ])  # fmt: skip
    stored(house.post("Consent", record.holder, body))
    assert record.sees(WORK, id_) and record.deposit(WORK).status == 201
