"""The scope of a caller permits what `decide` permits, and says when no record need be asked."""

from itertools import product

import pytest

from fhir_server.policy.condition import ALWAYS, NEVER, holds
from fhir_server.policy.decide import decide
from fhir_server.policy.facts import NATURES, NO, RELATIONS, YES, RowFacts, subject_facts
from fhir_server.policy.rules import DMP_2022
from fhir_server.policy.scope import Scope, is_own
from fhir_server.policy.subject import ACTORS
from tests.policy.asking import HOUSE, PS, caller, facts

TYPES = {
    "document": "DocumentReference",
    "list": "List",
    "patient": "Patient",
    "consent": "Consent",
    "team": "CareTeam",
    "relative": "RelatedPerson",
    "trace": "AuditEvent",
    "clinical": "Observation",
    "shared": "Organization",
}
FILED = ("document", "list", "clinical")
CALLERS: list[tuple[dict[str, str], str]] = [
    ({}, "other"),
    ({"auth_mode": "INDIRECTE"}, "other"),
    ({"auth_mode": "INDIRECTE"}, "identifier"),
    ({"purpose": "bris_de_glace"}, "other"),
    ({"sector": "SA23"}, "identifier"),
]


def scope_of(actor: str = "professional", asks: str = "other", **who: str) -> Scope:
    subject = caller(actor, **who)
    return Scope.of(subject, DMP_2022, subject_facts(subject, action="read", asks=asks))


def standings(nature: str) -> list[tuple[str, tuple[str, ...]]]:
    if nature == "shared":
        return [("shared", ())]
    relations = [
        (),
        *((one,) for one in RELATIONS),
        ("blocked", "care_team"),
        ("blocked", "attending"),
    ]
    return list(product(("open", "closed", "before", "deceased"), relations))


def rows(nature: str) -> list[RowFacts]:
    flags = [(False, False, False), (True, True, True)] if nature in FILED else [(False,) * 3]
    if nature == "document":
        flags = [(a, b, c) for a, b, c in product((False, True), repeat=3)]
    owns = (False,) if nature == "shared" else (False, True)
    return [RowFacts(nature, own, *found) for own in owns for found in flags]


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("nature", NATURES)
def test_what_is_visible_is_what_would_be_permitted(actor: str, nature: str) -> None:
    for who, asks in CALLERS:
        condition = scope_of(actor, asks, **who).of_nature(nature)
        for (state, relations), row in product(standings(nature), rows(nature)):
            asked = facts(
                caller(actor, **who), asks=asks, relations=relations, state=state, row=row
            )
            assert holds(condition, asked) == decide(DMP_2022.rules, asked).permitted


@pytest.mark.parametrize("actor", ["insurer", "employer", "trusted-person", "host"])
def test_the_banned_see_nothing_of_any_kind(actor: str) -> None:
    assert scope_of(actor).sees_nothing
    assert all(scope_of(actor).of_nature(nature) == NEVER for nature in NATURES)


@pytest.mark.parametrize(
    "actor", ["holder", "representative", "professional", "secretary", "system", "operator"]
)
def test_the_others_see_something(actor: str) -> None:
    assert not scope_of(actor).sees_nothing


def test_without_rules_everything_is_seen_and_a_reason_is_given() -> None:
    scope = Scope.all_rows(because="a test")
    assert scope.because == "a test"
    assert {scope.of_nature(nature) for nature in NATURES} == {ALWAYS}
    assert not scope.sees_nothing and scope.permits("Patient") == ()


@pytest.mark.parametrize(
    ("actor", "type_", "needs"),
    [
        ("professional", "DocumentReference", True),
        ("professional", "Patient", True),
        ("professional", "AuditEvent", False),
        ("professional", "Organization", False),
        ("holder", "DocumentReference", True),
        ("operator", "Consent", False),
        ("operator", "AuditEvent", False),
        ("holder", "AuditEvent", True),
    ],
)
def test_whether_a_relation_is_needed(actor: str, type_: str, needs: bool) -> None:
    assert scope_of(actor).needs_relation(type_) == needs


def access(actor: str, type_: str, *relations: str, state: str = "open", **who: str) -> bool:
    """Whether the caller has any right in the record, as `access` says."""
    known = (
        dict.fromkeys(RELATIONS, NO)
        | dict.fromkeys(relations, YES)
        | {"state": state, "of_age": YES}
    )
    return holds(scope_of(actor, **who).access(type_), known)


@pytest.mark.parametrize(
    ("actor", "relations", "type_", "wanted"),
    [
        ("professional", (), "DocumentReference", False),
        ("professional", ("care_team",), "DocumentReference", True),
        ("professional", ("author",), "DocumentReference", True),
        ("professional", ("care_team", "blocked"), "DocumentReference", False),
        ("professional", ("care_team", "opposed"), "Patient", False),
        ("professional", ("attending", "blocked"), "DocumentReference", True),
        ("professional", ("consented",), "AuditEvent", True),
        ("holder", ("holder",), "DocumentReference", True),
        ("holder", (), "DocumentReference", False),
        ("operator", (), "DocumentReference", False),
        ("operator", (), "Consent", True),
        ("operator", (), "AuditEvent", True),
        ("insurer", ("consented",), "DocumentReference", False),
    ],
)
def test_whether_there_is_any_right_in_a_record(
    actor: str, relations: tuple[str, ...], type_: str, wanted: bool
) -> None:
    assert access(actor, type_, *relations) == wanted


def test_there_is_no_right_in_a_record_that_is_not_open() -> None:
    for state in ("closed", "before", "deceased"):
        assert not access("professional", "DocumentReference", "care_team", state=state)
    assert access("holder", "DocumentReference", "holder", state="closed")


def test_the_rules_that_may_have_opened_it_are_named() -> None:
    assert {left.name for left in scope_of().permits("DocumentReference")} >= {
        "R060",
        "R070",
        "R080",
        "R090",
    }
    of_holder = scope_of("holder").permits("DocumentReference")
    assert {left.name for left in of_holder} == {"R019", "R030"}
    assert {left.name for left in scope_of().permits("Organization")} == {"K01"}


@pytest.mark.parametrize(
    ("nature", "owners", "wanted"),
    [
        ("document", f"\n{PS}\n", True),
        ("document", f"\na|b\n{HOUSE}\n", True),
        ("document", "", False),
        ("document", f"\n{PS}1\n", False),
        ("document", f"\nx{PS}\n", False),
        ("trace", f"\n{PS}\n", True),
        ("trace", f"\n{HOUSE}\n", False),
        ("trace", f"\n{PS}\n{HOUSE}\n", False),
    ],
)
def test_whose_a_row_is(nature: str, owners: str, wanted: bool) -> None:
    assert is_own(nature, owners, caller(organization=HOUSE).me) == wanted


def test_nothing_is_own_to_somebody_without_a_name() -> None:
    assert not is_own("trace", "\n\n", ()) and not is_own("document", "\n\n", ())
