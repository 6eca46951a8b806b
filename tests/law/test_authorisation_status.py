"""TD0.2: that a record exists, whether it is active, and whether who asks may consult it.

`domain.md` 5.1, 5.2; `contract.md` sections 5 and 7: the reason is told to nobody.
"""

from typing import Any

import pytest

from fhir_server.interactions.authorised import AUTHORISED
from tests.house import ANNE, BRUNO, CNAM, NINA, OTTO, PAUL, House, Person
from tests.law.people import breaking_glass
from tests.people import stored
from tests.policy.record import Record, made

SECRETARY = Person("secretary", NINA.sub, organization=NINA.organization)
AUTOMATE = Person("system", ANNE.organization, organization=ANNE.organization)


def consented(record: Record) -> Person:
    stored(record.consent(record.holder, "dmp-pro-access", OTTO))
    return OTTO


def blocked(record: Record) -> Person:
    stored(record.consent(record.holder, "dmp-pro-block", BRUNO))
    return BRUNO


def opposed(record: Record) -> Person:
    stored(record.consent(record.holder, "dmp-team-opposition", NINA))
    return NINA


def author(record: Record) -> Person:
    record.deposited(ANNE)
    return ANNE


# Who asks, and whether they may consult.
CALLERS: dict[str, tuple[Any, bool]] = {
    "attending doctor": (lambda record: PAUL, True),
    "care team": (lambda record: NINA, True),
    "consented": (consented, True),
    "break-glass": (breaking_glass, True),
    "stranger": (lambda record: OTTO, False),
    "blocked": (blocked, False),
    "opposed": (opposed, False),
    "author": (author, False),
    "without a profession": (lambda record: NINA.but(roles=()), False),
    "indirect": (lambda record: NINA.but(auth_mode="INDIRECTE"), False),
    "secretary": (lambda record: SECRETARY, False),
    "automate": (lambda record: AUTOMATE, False),
}


def by_ins(record: Record, who: Person) -> dict[str, Any]:
    """The entry of the Patient."""
    answer = record.house.get(f"Patient?identifier={record.holder.sub}", who)
    assert (answer.status, answer.json["total"]) == (200, 1)
    (found,) = answer.json["entry"]
    assert found["search"]["mode"] == "match"
    return dict(found)


def status(entry: dict[str, Any]) -> bool:
    """What the answer says of who asks; it says it once."""
    (found,) = entry["search"]["extension"]
    assert set(found) == {"url", "valueBoolean"} and found["url"] == AUTHORISED
    return bool(found["valueBoolean"])


@pytest.mark.parametrize("name", CALLERS)
def test_TD02_a_professional_learns_whether_they_may_consult(house: House, name: str) -> None:
    record = made(house, [NINA, BRUNO], doctor=PAUL)
    make, may = CALLERS[name]
    who = make(record)
    found = by_ins(record, who)
    assert status(found) is may and found["resource"]["active"] is True
    assert found["resource"] == record.house.get(f"Patient/{record.id}", who).json
    assert ("name" in found["resource"]) == may
    letter = record.deposited(PAUL)
    assert (record.read(who, letter).status == 200) == may


def test_TD02_without_authorisation_the_reason_is_not_told(house: House) -> None:
    record = made(house, [NINA, BRUNO], doctor=PAUL)
    callers = [OTTO, blocked(record), opposed(record)]
    assert len({str(by_ins(record, who)) for who in callers}) == 1


def test_TD02_of_a_closed_record_there_is_the_closing_and_no_authorisation(record: Record) -> None:
    record.closed()
    for who in (PAUL, NINA, OTTO):
        found = by_ins(record, who)
        assert status(found) is False and found["resource"]["active"] is False
        assert any("dmp-fermeture" in one["url"] for one in found["resource"]["extension"])


@pytest.mark.parametrize("who", ["holder", "operator"])
def test_TD02_nobody_else_is_told(record: Record, who: str) -> None:
    asking = record.holder if who == "holder" else CNAM
    assert by_ins(record, asking)["search"] == {"mode": "match"}


def test_TD02_no_record_no_status(record: Record) -> None:
    unknown = record.holder.sub[:-15] + "199999999999945"
    answer = record.house.get(f"Patient?identifier={unknown}", NINA)
    assert (answer.status, answer.json["total"]) == (200, 0)
