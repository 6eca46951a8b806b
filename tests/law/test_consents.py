"""How long a consent holds, what several say together, and what is told of those that have no
effect, or another than they say.
"""

from itertools import count, repeat
from typing import Any

import pytest

from fhir_server.fhir.dates import instant
from tests.house import ANNE, CNAM, NINA, OTTO, PAUL, STRUCTURE, Answer, House, Person
from tests.law.test_declaring import C2, C2B, C3, THE_HOLDERS
from tests.people import consent, logical, stored
from tests.policy.record import Record


# From the next request on, to the millisecond.


def test_a_consent_counts_in_the_next_request_of_another_worker(
    record: Record, shared_url: str
) -> None:
    document = record.deposited(PAUL)
    other = House(shared_url)
    other.now = record.house.clock()
    try:
        assert other.get(f"DocumentReference/{document}", OTTO).status == 404
        id_ = stored(record.consent(record.holder, C2, OTTO))
        assert other.get(f"DocumentReference/{document}", OTTO).status == 200
        assert record.house.call("DELETE", f"Consent/{id_}", record.holder).status == 204
        assert other.get(f"DocumentReference/{document}", OTTO).status == 404
    finally:
        other.close()


HOUR, DAY = 3_600_000, 86_400_000
# The period in the words of a day to come, and how long after its midnight (UTC) it ends (ms); days
# without an hour are those of Paris: `test_days_of_paris.py`.
ENDS = {
    "a millisecond": ({"end": "{day}T00:00:00.000Z"}, 1),
    "a second": ({"end": "{day}T00:00:00Z"}, 1000),
    "another zone": ({"end": "{day}T00:59:59+01:00"}, 0),
    "a day": ({"end": "{day}"}, DAY - HOUR),
    "the same day": ({"start": "{day}", "end": "{day}"}, DAY - HOUR),
}
BEGINS = {
    "a millisecond": ({"start": "{day}T00:00:00.001Z"}, 1),
    "another zone": ({"start": "{day}T01:00:00+01:00"}, 0),
    "a day": ({"start": "{day}"}, -HOUR),
}


def seen_around(record: Record, limited: dict[str, str], after: int) -> list[int]:
    """What Otto is answered a millisecond before a moment of the day after tomorrow, and then."""
    house, document = record.house, record.deposited(PAUL)
    midnight = (house.clock() // DAY + 2) * DAY
    period = {name: text.format(day=instant(midnight)[:10]) for name, text in limited.items()}
    stored(record.consent(record.holder, C2, OTTO, period=period))
    found = []
    for house.now in (midnight + after - 1, midnight + after):
        house._seconds = repeat(0)  # type: ignore[assignment]
        found.append(house.get(f"DocumentReference/{document}", OTTO).status)
    house._seconds = count(1)
    return found


@pytest.mark.parametrize("name", ENDS)
def test_a_consent_ends_with_the_last_moment_of_its_period(record: Record, name: str) -> None:
    assert seen_around(record, *ENDS[name]) == [200, 404]


@pytest.mark.parametrize("name", BEGINS)
def test_and_begins_with_the_first(record: Record, name: str) -> None:
    assert seen_around(record, *BEGINS[name]) == [404, 200]


# Several consents.

PERMITS = ("dmp-pro-access", "dmp-attending-equivalent")
DENIES = ("dmp-pro-block", "dmp-team-opposition")


@pytest.mark.parametrize("permit", PERMITS)
@pytest.mark.parametrize("deny", DENIES)
@pytest.mark.parametrize("first", ["permit", "deny"])
def test_a_denial_wins_whichever_came_first(
    record: Record, permit: str, deny: str, first: str
) -> None:
    document = record.deposited(PAUL)
    for code in (permit, deny) if first == "permit" else (deny, permit):
        stored(record.consent(record.holder, code, OTTO))
    assert not record.sees(OTTO, document)


def test_but_for_the_attending_doctor(record: Record) -> None:
    document = record.deposited(ANNE)
    stored(record.consent(record.holder, "dmp-team-opposition", PAUL))
    assert record.sees(PAUL, document)


def test_permissions_add_up_and_one_that_ends_leaves_the_others(record: Record) -> None:
    document = record.deposited(PAUL)
    short = stored(record.consent(record.holder, C2, OTTO))
    stored(record.consent(record.holder, C2, OTTO, period={"end": "2027"}))
    assert record.house.call("DELETE", f"Consent/{short}", record.holder).status == 204
    assert record.sees(OTTO, document)


def test_the_denial_of_a_person_wins_over_the_permission_of_his_house(record: Record) -> None:
    document, clinic = record.deposited(PAUL), Person("system", OTTO.organization, "Clinique")
    stored(record.consent(record.holder, C2, clinic))
    assert record.sees(OTTO, document)
    stored(record.consent(record.holder, C3, OTTO))
    assert not record.sees(OTTO, document)


# What has no effect, or more than it says, is told.


def warning(answer: Answer) -> str:
    assert answer.status in (200, 201), answer.body
    return answer.headers.get("Warning", "")


def test_a_consent_of_the_holder_of_unknown_type_is_stored_without_effect(record: Record) -> None:
    document = record.deposited(PAUL)
    answer = record.consent(record.holder, "of-another-house", OTTO)
    assert "`of-another-house` is not known" in warning(answer)
    assert not record.sees(OTTO, document)
    assert record.found(record.holder, type_="Consent") == {answer.id}


def test_a_denial_of_unknown_type_is_refused(record: Record) -> None:
    body = consent(record.id, "dmp-professional-block", NINA, deny=True)
    answer = record.house.post("Consent", record.holder, body)
    assert answer.status == 422 and "`dmp-professional-block` is not known" in answer.diagnostics
    assert answer.json["issue"][0]["expression"] == ["Consent.category"]
    stored(record.house.post("Consent", record.holder, body | {"status": "inactive"}))


def test_a_consent_without_a_type_of_ours_is_too(record: Record) -> None:
    body = consent(record.id, C2, OTTO)
    del body["category"][1]
    assert "without effect" in warning(record.house.post("Consent", record.holder, body))
    assert record.find(OTTO).status == 403


IRCP = {"coding": [{"code": "IRCP"}]}
# The consent, where the warning is.
VAIN: dict[str, tuple[dict[str, Any], str]] = {
    "data": ({"data": [{"meaning": "instance", "reference": {"display": "x"}}]}, "data"),
    "class": ({"class": [{"code": "x"}]}, "class"),
    "label": ({"securityLabel": [{"code": "N"}]}, "securityLabel"),
    "data period": ({"dataPeriod": {"start": "2020"}}, "dataPeriod"),
    "action": ({"action": [{"coding": [{"code": "collect"}]}]}, "action"),
    "purpose": ({"purpose": [{"code": "HRESCH"}]}, "purpose"),
    "type": ({"type": "deny"}, "type"),
    "at no time": ({"period": {"start": "2027-01-02", "end": "2027-01-01"}}, "period"),
    "that has ended": ({"period": {"end": "2026-11-01"}}, "period"),
    "nobody": ({"actor": []}, ""),
    "of no caller": (
        {"actor": [{"role": IRCP, "reference": {"identifier": {"system": "urn:x", "value": "1"}}}]},
        "actor[0]",
    ),
    "another role": (
        {"actor": [{"role": {"coding": [{"code": "CST"}]}, "reference": logical(OTTO)}]},
        "actor[0]",
    ),
    "no identifier": (
        {"actor": [{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"display": "Otto"}}]},
        "actor[0]",
    ),
    "exception of nobody": ({"provision": [{"type": "deny"}]}, "provision[0]"),
    "exception that permits": ({"provision": [{"type": "permit"}]}, "provision[0]"),
}


# What is said beside what is honoured.
BESIDE: dict[str, tuple[str, dict[str, Any], str]] = {
    "another purpose": (C2, {"purpose": [{"code": "TREAT"}, {"code": "HRESCH"}]}, "purpose"),
    "another action": (
        C2, {"action": [{"coding": [{"code": "access"}, {"code": "disclose"}]}]}, "action"
    ),
    "a denied treatment": (
        "dmp-emergency-opposition", {"purpose": [{"code": "BTG"}, {"code": "TREAT"}]}, "purpose"
    ),
    "another role": (
        C3, {"actor": [{"role": {"coding": [{"code": "CST"}]}, "reference": logical(OTTO)}]},
        "actor[0].role",
    ),
    "no time left": (C3, {"period": {"end": "2026-11-01"}}, "period"),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_said_beside_it_is_told(record: Record, name: str) -> None:
    code, more, place = BESIDE[name]
    answer = record.consent(record.holder, code, OTTO, **more)
    assert f'299 - "Consent.provision.{place}: ' in warning(answer)
    assert (record.find(OTTO).status == 200) == (code == C2)


def test_what_c1_says_of_anybody_is_in_vain(record: Record) -> None:
    assert "`actor`" in warning(record.consent(CNAM, "dmp-existence", OTTO))


def permission(record: Record, more: dict[str, Any]) -> dict[str, Any]:
    body = consent(record.id, C2, OTTO, **more)
    if not body["provision"]["actor"]:
        del body["provision"]["actor"]
    return body


@pytest.mark.parametrize("name", VAIN)
def test_a_permission_that_cannot_be_honoured_opens_nothing_and_says_so(
    record: Record, name: str
) -> None:
    more, place = VAIN[name]
    answer = record.house.post("Consent", record.holder, permission(record, more))
    place = f"Consent.provision.{place}".rstrip(".")
    assert f'299 - "{place}: ' in warning(answer)
    assert record.find(OTTO).status == 403


@pytest.mark.parametrize(
    "more",
    [
        {"class": [{"code": "x"}]}, {"provision": [{"type": "permit", "actor": []}]},
        {"purpose": [{"code": "HRESCH"}]}, {"dataPeriod": {"start": "2020"}},
    ],
    ids=lambda value: next(iter(value)),
)  # fmt: skip
def test_a_denial_that_cannot_be_narrowed_denies_all_and_says_so(
    record: Record, more: dict[str, Any]
) -> None:
    more.get("provision", [{}])[0].pop("actor", None)
    document = record.deposited(PAUL)
    answer = record.consent(record.holder, C3, NINA, **more)
    assert "it denies all the same" in warning(answer)
    assert not record.sees(NINA, document)


@pytest.mark.parametrize("code", [C3, "dmp-emergency-opposition"])
def test_a_denial_names_all_whom_it_denies(record: Record, code: str) -> None:
    body = consent(record.id, code, NINA, deny=True)
    unknown = {"role": {"text": "x"}, "reference": {"display": "and Dr Otto"}}
    body["provision"]["actor"].append(unknown)
    assert record.house.post("Consent", record.holder, body).status == 422


@pytest.mark.parametrize("code", [C3, "dmp-team-opposition", "dmp-emergency-opposition"])
def test_a_denial_to_those_who_treat_names_no_patient(record: Record, code: str) -> None:
    assert record.consent(record.holder, code, NINA, record.holder).status == 422
    assert record.consent(record.holder, "dmp-post-mortem-opposition", record.holder).status == 201


def test_what_is_honoured_warns_of_nothing(record: Record) -> None:
    for code in THE_HOLDERS[:-1]:
        assert warning(record.consent(record.holder, code, OTTO)) == ""


def test_who_prefers_an_outcome_has_the_warning_in_it(record: Record) -> None:
    body = consent(record.id, "of-another-house", OTTO)
    answer = record.house.post("Consent", record.holder, body, prefer="return=OperationOutcome")
    issues = answer.json["issue"]
    assert [issue["severity"] for issue in issues] == ["information", "warning"]
    assert issues[1]["expression"] == ["Consent.category"]


def test_in_a_transaction_it_stands_with_its_entry(record: Record) -> None:
    body = consent(record.id, "of-another-house", OTTO)
    entry = {"request": {"method": "POST", "url": "Consent"}, "resource": body}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    (made_,) = record.house.post("", record.holder, bundle).json["entry"]
    (issue,) = made_["response"]["outcome"]["issue"]
    assert (made_["response"]["status"][:3], issue["severity"]) == ("201", "warning")


def test_validate_tells_it_beforehand(record: Record) -> None:
    body = consent(record.id, "of-another-house", OTTO)
    given = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "mode", "valueCode": "create"}, {"name": "resource", "resource": body},
        ],
    }  # fmt: skip
    answer = record.house.post("Consent/$validate", record.holder, given)
    assert "warning" in [issue["severity"] for issue in answer.json["issue"]]
    assert record.found(record.holder, type_="Consent") == set()


# Exceptions.


def excepting(record: Record, *people: Person, **more: Any) -> dict[str, Any]:
    """C2 for the establishment of Otto, but for these."""
    denied = consent(record.id, C3, *people, deny=True)["provision"] | more
    clinic = Person("system", OTTO.organization, "Clinique")
    return consent(record.id, C2, clinic, provision=[denied])


def test_a_permission_leaves_out_whom_its_exception_names(record: Record) -> None:
    document = record.deposited(PAUL)
    colleague = Person("professional", ANNE.sub, "Une collegue", OTTO.organization)
    answer = record.house.post("Consent", record.holder, excepting(record, OTTO))
    assert warning(answer) == ""
    assert record.sees(colleague, document) and not record.sees(OTTO, document)


def test_for_as_long_as_the_exception_says(record: Record) -> None:
    document = record.deposited(PAUL)
    body = excepting(record, OTTO, period={"end": "2026-11-23"})
    stored(record.house.post("Consent", record.holder, body))
    assert record.sees(OTTO, document)


def test_a_professional_denies_nobody_by_an_exception(record: Record) -> None:
    document = record.deposited(PAUL)
    body = consent(record.id, C2, OTTO)
    denied = consent(record.id, C3, NINA, deny=True)["provision"]
    body["provision"]["provision"] = [denied]
    assert record.house.post("Consent", OTTO, body).status == 403
    stored(record.consent(record.holder, C2, OTTO))  # he has access himself
    body["category"][1]["coding"][0]["code"] = C2B
    assert "nothing is opened" in warning(record.house.post("Consent", OTTO, body))
    assert record.sees(NINA, document)


def test_an_establishment_is_named_by_its_number(record: Record) -> None:
    document = record.deposited(PAUL)
    clinic = Person("system", f"{STRUCTURE}|1750100158", "Clinique")
    stored(record.consent(record.holder, C2, clinic))
    assert record.sees(OTTO, document)
