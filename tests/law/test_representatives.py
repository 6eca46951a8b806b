"""Who acts for a minor or a protected adult, over HTTP: R050 to R055."""

from typing import Any

import pytest

from fhir_server.policy.clocks import after, civil_date
from fhir_server.policy.labels import MASKED, SECRET, VEILED
from tests.house import ANNE, CNAM, NINA, OTTO, PAUL, House, Person
from tests.law.people import everything_of, relative, somebody
from tests.law.timed import wait
from tests.people import stored
from tests.policy.record import Record, document, made, user

CHILD = {"birthDate": "2015-03-01"}


@pytest.fixture
def child(house: House) -> Record:
    """The record of a child; attending doctor Paul, nurse Nina in the care team."""
    return made(house, [NINA], doctor=PAUL, **CHILD)


@pytest.fixture
def mother(child: Record) -> Person:
    who = somebody(name="La mere")
    relative(child, who, "PRN")
    return who


def of_adult(record: Record, measure: str) -> Person:
    who = somebody(name="La tutrice")
    relative(record, who, measure)
    return who


@pytest.mark.parametrize("relationship", ["PRN", "GUARD"])
def test_r050_parental_authority_reads_the_record_of_the_minor(
    child: Record, relationship: str
) -> None:
    id_, who = child.deposited(ANNE), somebody()
    assert everything_of(child, who) == {403} and child.read(who, id_).status == 404
    relative(child, who, relationship)
    assert child.sees(who, id_) and everything_of(child, who) == {200}
    assert child.house.get(f"Patient/{child.id}", who).status == 200
    assert "R050" in child.rules(who)


@pytest.mark.parametrize("relationship", ["MTH", "NBOR", "C"])
def test_r050_a_relative_is_no_representative(child: Record, relationship: str) -> None:
    id_, who = child.deposited(ANNE), somebody()
    relative(child, who, relationship)
    assert child.find(who).status == 403 and child.read(who, id_).status == 404


def test_r050_for_as_long_as_the_relation_says(child: Record) -> None:
    id_, before, after = child.deposited(ANNE), somebody(), somebody()
    relative(child, before, "GUARD", period={"end": "2026-11-23"})
    relative(child, after, "GUARD", period={"start": "2026-11-24"})
    assert not child.sees(before, id_) and child.sees(after, id_)


def test_r050_a_relation_that_is_taken_back_ends_at_once(child: Record, mother: Person) -> None:
    id_ = child.deposited(ANNE)
    assert child.sees(mother, id_)
    (related,) = child.find(CNAM, type_="RelatedPerson").entries
    over = related | {"active": False}
    assert child.house.call("PUT", f"RelatedPerson/{related['id']}", CNAM, over).status == 200
    assert not child.sees(mother, id_)


def test_r050_the_token_of_a_representative_is_no_holders(child: Record, mother: Person) -> None:
    child.deposited(ANNE)
    as_holder = Person("holder", mother.sub)
    assert child.find(as_holder).status == 403


def test_r050_he_does_what_the_holder_may(child: Record, mother: Person) -> None:
    id_ = child.deposited(ANNE)
    assert child.mask(mother, id_).status == 200 and not child.sees(NINA, id_)
    assert child.label(mother, id_).status == 200 and child.sees(NINA, id_)
    assert child.consent(mother, "dmp-pro-access", OTTO).status == 201
    assert child.sees(OTTO, id_)
    assert child.consent(mother, "dmp-pro-block", NINA).status == 201
    assert not child.sees(NINA, id_)
    theirs = {"type": {"coding": [{"system": "http://loinc.org", "code": "74465-6"}]}}
    own = child.deposited(mother, **theirs)
    assert child.house.call("DELETE", f"DocumentReference/{own}", mother).status in (200, 204)


def test_r050_he_may_no_more_than_the_holder(child: Record, mother: Person) -> None:
    id_ = child.deposited(ANNE)
    assert child.deposit(mother).status == 403
    assert child.house.call("DELETE", f"DocumentReference/{id_}", mother).status == 403
    assert "R035" in child.rules(mother)
    assert child.label(mother, id_, SECRET).status == 403


@pytest.mark.parametrize("flag", [MASKED, VEILED, SECRET])
def test_r050_r051_what_the_flags_hide_from_him(child: Record, mother: Person, flag: str) -> None:
    id_ = child.deposited(ANNE, flag)
    assert child.sees(mother, id_) == (flag == MASKED)


def test_r050_what_is_veiled_is_released_to_him_too(child: Record, mother: Person) -> None:
    id_ = child.deposited(ANNE, VEILED)
    wait(child.house, months=1, days=1)
    assert child.sees(mother, id_)


def test_r051_care_that_the_minor_keeps_secret_does_not_exist_for_him(
    child: Record, mother: Person
) -> None:
    id_ = child.deposited(ANNE, SECRET)
    hidden, never = child.read(mother, id_), child.read(mother, "never")
    assert (hidden.status, hidden.body.replace(id_.encode(), b"never")) == (404, never.body)
    assert child.found(mother) == set()
    assert child.mask(mother, id_).status == 404
    assert child.house.get(f"Patient/{child.id}/$everything?_count=500", mother).status == 200
    assert child.sees(PAUL, id_) and child.sees(NINA, id_)


def test_r052_the_traces_of_a_secret_connection_are_hidden_from_him(
    child: Record, mother: Person
) -> None:
    child.find(NINA.but(secret=True))
    child.find(PAUL)
    assert {NINA.sub, PAUL.sub} <= {user(trace) for trace in child.traces(CNAM)}
    users = {user(trace) for trace in child.traces(mother)}
    assert PAUL.sub in users and NINA.sub not in users
    hidden = next(trace for trace in child.traces(CNAM) if user(trace) == NINA.sub)
    answer = child.house.get(f"AuditEvent/{hidden['id']}", mother)
    assert answer.status == 404


def test_r051_the_traces_of_what_is_kept_secret_are_hidden_from_him(
    child: Record, mother: Person
) -> None:
    plain, secret = child.deposited(ANNE), child.deposited(ANNE, SECRET)
    for id_ in (plain, secret):
        child.read(PAUL, id_)
    whole, shown = str(child.traces(PAUL)), child.traces(mother)
    assert plain in whole and secret in whole
    assert plain in str(shown) and secret not in str(shown)
    of_paul = [trace for trace in shown if user(trace) == PAUL.sub and "R060" in str(trace)]
    assert len(of_paul) == 1  # not even an access to something


def test_r051_what_becomes_secret_leaves_his_log_with_what_he_asks_of_it(
    child: Record, mother: Person
) -> None:
    id_ = child.deposited(ANNE)
    assert child.read(mother, id_).status == 200 and id_ in str(child.traces(mother))
    assert child.label(ANNE, id_, SECRET).status == 200
    before = len(child.traces(mother))
    assert child.read(mother, id_).status == 404
    log = str(child.traces(mother))
    assert id_ not in log and "R051" not in log
    assert len(child.traces(mother)) == before + 2  # of his two looks at the log
    assert "R051" in str(child.traces(PAUL))


def test_r053_at_eighteen_the_rights_move_to_the_holder(house: House) -> None:
    birth = civil_date(after(house.clock(), months=-216, days=2))
    child = made(house, [], doctor=PAUL, birthDate=birth)
    id_, mother = child.deposited(ANNE), somebody()
    relative(child, mother, "PRN")
    assert child.sees(mother, id_) and child.read(child.holder, id_).status == 403
    wait(child.house, days=3)
    assert child.read(mother, id_).status == 404 and child.find(mother).status == 403
    assert child.sees(child.holder, id_)
    assert "R053" in child.rules(mother)


def test_r054_who_represents_an_adult_acts_for_him(record: Record) -> None:
    id_, who = record.deposited(ANNE), of_adult(record, "representation")
    assert record.sees(who, id_) and everything_of(record, who) == {200}
    assert record.rules(who) == {"R054"}
    assert record.mask(who, id_).status == 200 and not record.sees(NINA, id_)
    assert record.consent(who, "dmp-emergency-opposition").status == 201
    for flag in (VEILED, SECRET):
        assert not record.sees(who, record.deposited(ANNE, flag))


def test_r054_the_measure_of_an_adult_gives_nothing_for_a_child(child: Record) -> None:
    child.deposited(ANNE)
    assert child.find(of_adult(child, "representation")).status == 403


def test_r053_parental_authority_gives_nothing_for_an_adult(record: Record) -> None:
    record.deposited(ANNE)
    for relationship in ("PRN", "GUARD"):
        assert record.find(of_adult(record, relationship)).status == 403


def test_r055_assistance_alone_gives_nothing_and_with_consent_reading(record: Record) -> None:
    id_, who = record.deposited(ANNE), somebody()
    related = relative(record, who, "assistance")
    assert record.find(who).status == 403
    by_reference: dict[str, Any] = {
        "role": {"coding": [{"code": "IRCP"}]},
        "reference": {"reference": f"RelatedPerson/{related}"},
    }
    stored(record.consent(record.holder, "dmp-pro-access", actor=[by_reference]))
    assert record.sees(who, id_) and record.rules(who) == {"R055", "no-rule-permits"}
    assert record.mask(who, id_).status == 403
    assert record.consent(who, "dmp-pro-access", OTTO).status == 403


def test_r055_consent_makes_no_representative_of_somebody_else(record: Record) -> None:
    record.deposited(ANNE)
    who = somebody()
    stored(record.consent(record.holder, "dmp-pro-access", who))
    assert record.find(who).status == 403


def test_r015_a_representative_closes_and_reopens(child: Record, mother: Person) -> None:
    id_ = child.deposited(ANNE)
    child.closed(mother)
    assert child.sees(mother, id_) and child.find(NINA).status == 403
    assert child.mask(mother, id_).status == 403
    answer = child.patch(mother, child.id, ("/active", True), type_="Patient")
    assert answer.status == 200 and child.sees(NINA, id_)


def test_nobody_but_the_operator_makes_a_representative(child: Record, mother: Person) -> None:
    for who in (child.holder, mother, NINA, PAUL):
        body = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{child.id}"}}
        assert child.house.post("RelatedPerson", who, body).status == 403


def test_a_representative_has_no_right_in_another_record(child: Record, mother: Person) -> None:
    other = made(child.house, [], doctor=PAUL, **CHILD)
    there = other.deposited(ANNE)
    assert other.find(mother).status == 403 and other.read(mother, there).status == 404
    assert child.house.post("DocumentReference", mother, document(other.id)).status == 403
