"""What a house may choose where the law is uncertain (the design's `domain.md` 9), over HTTP."""

from typing import Any

import pytest

from fhir_server.app import rules_of
from fhir_server.policy.facts import CHOICES
from fhir_server.policy.labels import MASKED, VEILED
from fhir_server.policy.rules import DMP_2022
from fhir_server.settings import RULE_CHOICES, read
from tests.house import ANNE, BRUNO, CNAM, NINA, OTTO, PAUL
from tests.law.people import breaking_glass, regulating, relative, somebody
from tests.law.timed import wait
from tests.law.under import under
from tests.policy.record import Record


def blocked(record: Record) -> str:
    """Bruno is blocked; the id of a document of his own."""
    own = record.deposited(BRUNO)
    assert record.consent(record.holder, "dmp-pro-block", BRUNO).status == 201
    return own


def test_what_can_be_chosen_are_settings_but_one_that_goes_with_validation() -> None:
    assert set(CHOICES) == {*RULE_CHOICES, "unknown_cells_open"}
    assert rules_of(read({})) is DMP_2022
    several = read({"FHIR_RULE_CHOICES": "veils_later", "FHIR_VALIDATION": "warn"})
    found = rules_of(several)
    assert found and found.chosen == {"veils_later", "unknown_cells_open"}
    off = {"FHIR_POLICY": "off", "FHIR_AUTH": "off"}
    assert rules_of(read(off)) is None


def test_R101_a_blocked_professional_may_deposit(record: Record) -> None:
    blocked(record)
    assert record.deposit(BRUNO).status == 403
    with under(record.house, "dmp-2022", "blocked_deposits"):
        assert record.deposit(BRUNO).status == 201
        assert record.find(BRUNO).status == 403


def test_R100_a_blocked_professional_may_keep_his_own_documents(record: Record) -> None:
    own, other = blocked(record), record.deposited(ANNE)
    assert record.read(BRUNO, own).status == 404
    with under(record.house, "dmp-2022", "blocked_keeps_own"):
        assert record.sees(BRUNO, own) and record.read(BRUNO, other).status == 404


def test_R102_a_blocked_professional_may_break_the_glass(record: Record) -> None:
    blocked(record)
    other = record.deposited(ANNE)
    assert record.find(breaking_glass(record, BRUNO)).status == 403
    with under(record.house, "dmp-2022", "blocked_breaks_glass"):
        assert record.sees(breaking_glass(record, BRUNO), other)
        assert record.find(BRUNO).status == 403


@pytest.mark.parametrize("mode", [breaking_glass, regulating])
def test_R112_what_is_masked_may_be_seen_in_emergencies(record: Record, mode: Any) -> None:
    masked = record.deposited(ANNE, MASKED)
    assert record.read(mode(record), masked).status == 404
    with under(record.house, "dmp-2022", "emergency_sees_masked"):
        assert record.sees(mode(record), masked) and record.read(NINA, masked).status == 404


def test_R173_what_is_masked_may_be_seen_by_heirs(record: Record) -> None:
    masked, heir = record.deposited(ANNE, MASKED), somebody("heir", purpose="memory")
    relative(record, heir, "CHILD")
    record.patch(CNAM, record.id, ("/deceasedBoolean", True), type_="Patient")
    assert record.read(heir, masked).status == 404
    with under(record.house, "dmp-2022", "heir_sees_masked"):
        assert record.read(heir, masked).status == 200


def test_R122_the_emergency_call_centre_may_deposit(record: Record) -> None:
    assert record.deposit(regulating(record)).status == 403
    with under(record.house, "dmp-2022", "regulator_deposits"):
        assert record.deposit(regulating(record)).status == 201
        assert record.rules(OTTO) >= {"R122", "K22"}
        assert record.mask(regulating(record, NINA), record.deposited(ANNE)).status == 403


def test_R076_the_author_may_hide_a_document_from_its_holder_later(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.label(ANNE, id_, VEILED).status == 422
    wait(record.house, days=20)
    with under(record.house, "dmp-2022", "veils_later"):
        for other in (PAUL, NINA, record.holder):
            assert record.label(other, id_, VEILED).status == 403
        assert record.label(ANNE, id_, VEILED).status == 200
        assert not record.sees(record.holder, id_) and record.sees(NINA, id_)
        wait(record.house, days=12)  # a month from the deposit, not from the flag
        assert record.sees(record.holder, id_)
