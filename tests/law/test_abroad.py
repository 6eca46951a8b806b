"""Professionals of other member states, over HTTP: R180 to R182 (L.1111-22 CSP)."""

import pytest

from fhir_server.policy.labels import MASKED
from tests.house import ANNE, Person
from tests.law.people import contact_point
from tests.people import stored
from tests.policy.record import Record, replacing

SUMMARY = {"type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]}}


@pytest.fixture
def abroad(record: Record) -> Person:
    who = contact_point()
    stored(record.consent(record.holder, "dmp-cross-border", who))
    return who


def test_r180_with_consent_the_current_summary_is_read(record: Record, abroad: Person) -> None:
    summary, letter = record.deposited(ANNE, **SUMMARY), record.deposited(ANNE)
    assert record.found(abroad) == {summary} and record.sees(abroad, summary)
    assert record.read(abroad, letter).status == 404
    assert "R180" in record.rules(abroad)


def test_r180_without_consent_there_is_nothing(record: Record, abroad: Person) -> None:
    summary, other = record.deposited(ANNE, **SUMMARY), contact_point()
    assert record.find(other).status == 403 and record.read(other, summary).status == 404


def test_r180_a_summary_that_has_been_replaced_is_no_longer_read(
    record: Record, abroad: Person
) -> None:
    first = record.deposited(ANNE, **SUMMARY)
    body = replacing(record.id, first, **SUMMARY)
    second = stored(record.house.post("DocumentReference", ANNE, body))
    assert record.found(abroad) == {second}
    assert record.read(abroad, first).status == 404
    assert "relatesTo" not in record.read(abroad, second).json


@pytest.mark.parametrize("type_", ["Observation", "List", "Consent", "CareTeam", "AuditEvent"])
def test_r180_nothing_but_documents(record: Record, abroad: Person, type_: str) -> None:
    record.deposited(ANNE, **SUMMARY)
    answer = record.find(abroad, type_=type_)
    assert answer.status == 403 or answer.json["total"] == 0


def test_r180_a_blocked_contact_point_reads_nothing(record: Record, abroad: Person) -> None:
    summary = record.deposited(ANNE, **SUMMARY)
    stored(record.consent(record.holder, "dmp-pro-block", abroad))
    assert record.find(abroad).status == 403 and record.read(abroad, summary).status == 404
    assert "R100" in record.rules(abroad)


def test_r181_nothing_is_written_from_abroad(record: Record, abroad: Person) -> None:
    summary = record.deposited(ANNE, **SUMMARY)
    assert record.deposit(abroad, **SUMMARY).status == 403
    assert record.mask(abroad, summary).status == 403
    assert record.house.call("DELETE", f"DocumentReference/{summary}", abroad).status == 403
    assert "R181" in record.rules(abroad)


def test_r182_a_masked_summary_is_not_read_abroad(record: Record, abroad: Person) -> None:
    summary = record.deposited(ANNE, MASKED, **SUMMARY)
    assert record.read(abroad, summary).status == 404 and record.found(abroad) == set()
    assert "R182" in record.rules(abroad)
