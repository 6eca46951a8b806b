"""Who is what to a record, as stored resources say it: the design's `contract.md` section 4."""

from collections.abc import Mapping
from typing import Any

import pytest

from fhir_server.fhir.dates import EARLIEST, LATEST
from fhir_server.policy.consents import consent_type
from fhir_server.policy.relation import Relation
from fhir_server.policy.people import holders, identifier_text, national_identifiers
from fhir_server.policy.relations import CLOSING, record_state, relations_of
from tests.house import ANNE, INS, LUCIEN_INS, NINA, PAUL, PS, STRUCTURE
from tests.people import consent, logical, patient, team

HOUR, DAY = 3_600_000, 86_400_000
NOV_24 = 1_795_478_400_000  # 2026-11-24T00:00:00Z


def who(reference: Mapping[str, Any]) -> tuple[str, ...]:
    """References name people by their identifiers alone here."""
    text = identifier_text(reference.get("identifier", {}))
    return (text,) if text else ()


def said(resource: Mapping[str, Any]) -> set[Relation]:
    return set(relations_of(resource, who))


def pairs(resource: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(relation.actor, relation.kind) for relation in said(resource)}


def test_a_patient_names_holder_and_attending_doctor() -> None:
    assert pairs(patient(generalPractitioner=[logical(PAUL)])) == {
        (f"{INS}|{LUCIEN_INS}", "holder"),
        (PAUL.sub, "attending"),
    }


def test_only_an_ins_makes_a_holder() -> None:
    identifiers = [
        {"system": "urn:oid:1.2.3", "value": "1"},
        {"system": INS},
        {"value": LUCIEN_INS},
        {"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "2"},
    ]
    assert holders({"identifier": identifiers}) == ("urn:oid:1.2.250.1.213.1.4.8|2",)


def test_a_team_names_its_members_for_as_long_as_it_says() -> None:
    period = {"start": "2026-11-24", "end": "2026-11-25"}
    member = {"member": logical(NINA), "period": {"end": "2026-11-24"}}
    found = team("p", PAUL, period=period)
    found["participant"].append(member)
    assert said(found) == {
        Relation(PAUL.sub, "care_team", NOV_24 - HOUR, NOV_24 + 2 * DAY - HOUR),
        Relation(NINA.sub, "care_team", NOV_24 - HOUR, NOV_24 + DAY - HOUR),
    }


@pytest.mark.parametrize("status", ["inactive", "proposed", "suspended", "entered-in-error"])
def test_a_team_that_is_not_active_names_nobody(status: str) -> None:
    assert said(team("p", PAUL, status=status)) == set()


def test_a_team_without_a_status_is_active() -> None:
    found = {name: value for name, value in team("p", PAUL).items() if name != "status"}
    assert pairs(found) == {(PAUL.sub, "care_team")}


@pytest.mark.parametrize(
    ("code", "kind", "deny"),
    [
        ("dmp-pro-access", "consented", False),
        ("dmp-pro-access-collected-by", "consented", False),
        ("dmp-attending-equivalent", "equivalent", False),
        ("dmp-pro-block", "blocked", True),
        ("dmp-team-opposition", "opposed", True),
    ],
)
def test_a_consent_relates_those_it_names(code: str, kind: str, deny: bool) -> None:
    assert pairs(consent("p", code, ANNE, NINA, deny=deny)) == {(ANNE.sub, kind), (NINA.sub, kind)}
    # The other way round it says nothing: a permission never blocks, a denial never opens.
    assert said(consent("p", code, ANNE, deny=not deny)) == set()


@pytest.mark.parametrize(
    "code",
    [
        "",
        "dmp-existence",
        "dmp-mask",
        "dmp-unheard-of",
        "dmp-emergency-opposition",
        "DMP-PRO-ACCESS",
    ],
)
def test_a_consent_of_another_type_relates_nobody(code: str) -> None:
    assert said(consent("p", code, ANNE)) == set()


@pytest.mark.parametrize(
    "status", ["draft", "proposed", "rejected", "inactive", "entered-in-error"]
)
def test_a_consent_that_is_not_active_relates_nobody(status: str) -> None:
    assert said(consent("p", "dmp-pro-access", ANNE) | {"status": status}) == set()


@pytest.mark.parametrize(
    "narrower",
    [
        {"provision": [{"type": "deny"}]},
        {"data": [{"meaning": "instance", "reference": {"reference": "DocumentReference/1"}}]},
        {"class": [{"system": "a", "code": "b"}]},
        {"securityLabel": [{"system": "a", "code": "b"}]},
        {"dataPeriod": {"start": "2020"}},
        {"action": [{"coding": [{"code": "collect"}]}]},
        {"purpose": [{"code": "HRESCH"}]},
        {"modifierExtension": [{"url": "http://a.example", "valueBoolean": True}]},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_permission_narrower_than_can_be_honoured_opens_nothing(narrower: dict[str, Any]) -> None:
    assert said(consent("p", "dmp-pro-access", ANNE, **narrower)) == set()


@pytest.mark.parametrize(
    "same",
    [
        {"action": [{"coding": [{"code": "access"}]}, {"coding": [{"code": "collect"}]}]},
        {
            "purpose": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}
            ]
        },
        {"period": {"start": "2020"}},
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_is_honoured_does_not_stand_in_the_way(same: dict[str, Any]) -> None:
    assert pairs(consent("p", "dmp-pro-access", ANNE, **same)) == {(ANNE.sub, "consented")}


MODIFIER = {"modifierExtension": [{"url": "http://a.example/not", "valueBoolean": True}]}


def test_what_is_modified_in_an_unknown_way_opens_nothing() -> None:
    whole = consent("p", "dmp-pro-access", ANNE) | MODIFIER
    inside = consent("p", "dmp-pro-access", ANNE)
    inside["provision"]["actor"][0] |= MODIFIER
    assert said(whole) == said(inside) == said(team("p", ANNE) | MODIFIER) == set()
    assert pairs(consent("p", "dmp-pro-block", ANNE, deny=True) | MODIFIER) == {
        (ANNE.sub, "blocked")
    }


def test_a_denial_with_more_than_is_understood_still_denies() -> None:
    found = consent("p", "dmp-pro-block", ANNE, deny=True, **{"class": [{"code": "x"}]})
    assert pairs(found) == {(ANNE.sub, "blocked")}


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        (None, EARLIEST, LATEST),
        ({"start": "2026-11-24"}, NOV_24 - HOUR, LATEST),
        ({"end": "2026-11-24"}, EARLIEST, NOV_24 + DAY - HOUR),
        ({"end": "2026-11"}, EARLIEST, NOV_24 + 7 * DAY - HOUR),
        (
            {"start": "2026-11-24T00:00:00.250Z", "end": "2026-11-24T00:00:00.999Z"},
            NOV_24 + 250,
            NOV_24 + 1000,
        ),
        (
            {"start": "2026-11-24T01:00:00+01:00", "end": "2026-11-24T23:59:59Z"},
            NOV_24,
            NOV_24 + DAY,
        ),
        ({"start": "2026-11-24", "end": "2026-11-24"}, NOV_24 - HOUR, NOV_24 + DAY - HOUR),
    ],
)
def test_a_consent_is_in_force_to_the_millisecond(
    period: dict[str, str] | None, since: int, until: int
) -> None:
    more: dict[str, Any] = {} if period is None else {"period": period}
    assert said(consent("p", "dmp-pro-access", ANNE, **more)) == {
        Relation(ANNE.sub, "consented", since, until)
    }


@pytest.mark.parametrize(
    "period",
    [
        {"start": "2026-11-25", "end": "2026-11-24"},
        {"start": "2026-11-24", "end": "2026-11-23T22:59:59Z"},
    ],
)
def test_an_impossible_period_is_never_in_force(period: dict[str, str]) -> None:
    assert said(consent("p", "dmp-pro-access", ANNE, period=period)) == set()


def test_somebody_nobody_knows_is_related_to_nothing() -> None:
    unknown = consent("p", "dmp-pro-access")
    unknown["provision"]["actor"] = [{"reference": {"display": "Dr Anne"}}, {"role": {"text": "x"}}]
    assert said(unknown) == set()


def test_the_first_code_of_ours_is_the_type() -> None:
    assert consent_type(consent("p", "dmp-pro-block")) == "dmp-pro-block"
    assert (
        consent_type({"category": [{"coding": [{"system": "a", "code": "dmp-pro-access"}]}]}) == ""
    )
    assert consent_type({"category": [{"text": "dmp-pro-access"}]}) == ""


def test_other_types_say_nothing() -> None:
    assert said({"resourceType": "Observation", "performer": [logical(ANNE)]}) == set()


def test_professionals_and_houses_are_known_by_their_national_identifiers() -> None:
    identifiers = [
        {"system": PS, "value": "1"},
        {"system": STRUCTURE, "value": "2"},
        {"system": PS},
        {"system": "urn:oid:1.2.250.1.71.4.2.10", "value": "3"},
    ]
    assert national_identifiers({"identifier": identifiers}) == (f"{PS}|1", f"{STRUCTURE}|2")


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "open"),
        ({"active": True}, "open"),
        ({"deceasedBoolean": False}, "open"),
        ({"active": False}, "before"),
        ({"active": False, "extension": [{"url": "http://a.example"}]}, "before"),
        ({"active": False, "extension": [{"url": CLOSING}]}, "closed"),
        ({"active": True, "extension": [{"url": CLOSING}]}, "open"),
        ({"deceasedBoolean": True}, "deceased"),
        ({"deceasedDateTime": "2026"}, "deceased"),
        ({"active": False, "deceasedBoolean": True}, "deceased"),
    ],
)
def test_the_state_of_a_record(more: dict[str, Any], state: str) -> None:
    assert record_state({"resourceType": "Patient"} | more) == state
