"""What the rules of DMP 2022 say, case by case: the read matrix of the design's `domain.md` 1.5."""

from collections.abc import Iterable

import pytest

from fhir_server.policy.condition import ALWAYS, Is
from fhir_server.policy.decide import Decision, decide
from fhir_server.policy.facts import RowFacts
from fhir_server.policy.rules import ACTIONS, DENY, DMP_2022, PERMIT, REFUSE, REPORT, Rule
from tests.policy.asking import caller, decision, facts

PLAIN = RowFacts("document")
MASKED = RowFacts("document", masked=True)
VEILED = RowFacts("document", veiled_holder=True)
SECRET = RowFacts("document", veiled_representatives=True)
OWN = RowFacts("document", own=True)
OWN_MASKED = RowFacts("document", own=True, masked=True)
OWN_CONSENT = RowFacts("consent", own=True)
TRACE, OWN_TRACE = RowFacts("trace"), RowFacts("trace", own=True)

READS = [
    ("holder", ["holder"], PLAIN, "R030", True),
    ("holder", ["holder"], MASKED, "R030", True),
    ("holder", ["holder"], VEILED, "R031", False),
    ("holder", ["holder"], SECRET, "R030", True),
    ("holder", [], PLAIN, "no-rule-permits", False),
    ("holder", ["holder"], TRACE, "R046", True),
    ("professional", [], PLAIN, "R092", False),
    ("professional", ["care_team"], PLAIN, "R080", True),
    ("professional", ["care_team"], MASKED, "R081", False),
    ("professional", ["care_team"], VEILED, "R080", True),
    ("professional", ["care_team"], SECRET, "R080", True),
    ("professional", ["care_team", "author"], OWN_MASKED, "R070", True),
    ("professional", ["consented"], PLAIN, "R090", True),
    ("professional", ["consented"], MASKED, "R081", False),
    ("professional", ["attending"], PLAIN, "R060", True),
    ("professional", ["attending"], MASKED, "R060", True),
    ("professional", ["attending"], VEILED, "R060", True),
    ("professional", ["equivalent"], MASKED, "R063", True),
    ("professional", ["author"], OWN, "R070", True),
    ("professional", ["author"], PLAIN, "R092", False),
    ("professional", ["blocked", "care_team"], PLAIN, "R100", False),
    ("professional", ["blocked", "consented"], PLAIN, "R100", False),
    ("professional", ["blocked", "author"], OWN, "R100", False),
    ("professional", ["blocked", "attending"], PLAIN, "R060", True),
    ("professional", ["opposed", "care_team"], PLAIN, "R085", False),
    ("professional", ["opposed", "attending"], PLAIN, "R060", True),
    ("professional", ["attending"], TRACE, "R062", True),
    ("professional", ["care_team"], TRACE, "R096", False),
    ("professional", [], OWN_TRACE, "R095", True),
    ("operator", [], TRACE, "R163", True),
    ("operator", [], PLAIN, "R161", False),
    ("operator", [], RowFacts("consent"), "K03", True),
    ("operator", [], RowFacts("patient"), "K03", True),
    ("secretary", ["care_team"], PLAIN, "R150", False),
    ("system", ["care_team"], PLAIN, "R150", False),
    ("insurer", ["consented", "care_team"], PLAIN, "R002", False),
    ("employer", ["consented"], PLAIN, "R003", False),
    ("trusted-person", ["consented"], PLAIN, "R004", False),
    ("host", ["consented"], PLAIN, "R005", False),
    ("insurer", [], RowFacts("shared"), "R002", False),
    ("heir", [], PLAIN, "no-rule-permits", False),
    ("expert", [], PLAIN, "no-rule-permits", False),
    ("eu-professional", ["care_team"], PLAIN, "no-rule-permits", False),
    ("representative", ["representative"], RowFacts("shared"), "K01", True),
]


@pytest.mark.parametrize(
    ("actor", "relations", "row", "reason", "permitted"), READS, ids=lambda value: str(value)[:60]
)
def test_who_reads_what(
    actor: str, relations: Iterable[str], row: RowFacts, reason: str, permitted: bool
) -> None:
    found = decision(actor, *relations, row=row)
    assert found.permitted == permitted
    assert reason in found.reasons


@pytest.mark.parametrize(
    ("state", "reason"),
    [("closed", "R021"), ("before", "no-rule-permits"), ("deceased", "R175")],
)
@pytest.mark.parametrize(
    "relation", ["attending", "equivalent", "care_team", "consented", "author"]
)
@pytest.mark.parametrize("action", ["read", "deposit", "mask", "unmask", "remove", "archive"])
def test_r021_r175_in_a_record_that_is_not_open_no_professional_has_any_right(
    state: str, reason: str, relation: str, action: str
) -> None:
    found = decision("professional", relation, state=state, action=action, row=OWN)
    assert found == Decision(False, (reason,))


@pytest.mark.parametrize(
    ("state", "permitted"),
    [("open", True), ("closed", True), ("before", False), ("deceased", False)],
)
def test_r019_the_holder_reads_his_record_closed_too(state: str, permitted: bool) -> None:
    assert decision("holder", "holder", state=state).permitted == permitted


ACTS = [
    ("holder", ["holder"], "mask", "other", PLAIN, True),
    ("holder", ["holder"], "unmask", "other", MASKED, True),
    ("holder", ["holder"], "remove", "other", PLAIN, False),
    ("holder", ["holder"], "remove", "other", OWN, True),
    ("holder", ["holder"], "reveal", "other", VEILED, False),
    ("holder", ["holder"], "deposit", "patient-document", PLAIN, True),
    ("holder", ["holder"], "deposit", "other", PLAIN, False),
    ("holder", ["holder"], "declare", "dmp-pro-block", RowFacts("consent"), True),
    ("holder", ["holder"], "declare", "unknown", RowFacts("consent"), True),
    ("holder", ["holder"], "team", "remove-member", RowFacts("team"), True),
    ("holder", ["holder"], "team", "add-member", RowFacts("team"), True),
    ("holder", ["holder"], "team", "write", RowFacts("team"), False),
    ("holder", ["holder"], "administer", "closing", RowFacts("patient"), True),
    ("holder", ["holder"], "administer", "other", RowFacts("patient"), False),
    ("professional", [], "deposit", "other", PLAIN, True),
    ("professional", ["care_team"], "deposit", "other", PLAIN, True),
    ("professional", ["blocked"], "deposit", "other", PLAIN, False),
    ("professional", ["opposed"], "deposit", "other", PLAIN, False),
    ("professional", ["care_team"], "mask", "other", PLAIN, True),
    ("professional", ["care_team"], "mask", "other", MASKED, False),
    ("professional", [], "mask", "other", PLAIN, False),
    ("professional", ["care_team"], "unmask", "other", MASKED, False),
    ("professional", ["attending"], "unmask", "other", MASKED, True),
    ("professional", ["equivalent"], "unmask", "other", MASKED, True),
    ("professional", ["author"], "unmask", "other", OWN_MASKED, True),
    ("professional", ["author"], "remove", "other", OWN, True),
    ("professional", ["attending"], "remove", "other", PLAIN, False),
    ("professional", ["author"], "archive", "other", OWN, True),
    ("professional", ["care_team"], "archive", "other", PLAIN, False),
    ("professional", ["author"], "supersede", "other", OWN, True),
    ("professional", ["care_team"], "supersede", "other", PLAIN, False),
    ("professional", ["author"], "reveal", "other", OWN, True),
    ("professional", ["attending"], "reveal", "other", VEILED, False),
    ("professional", ["attending"], "team", "write", RowFacts("team"), True),
    ("professional", ["care_team"], "team", "add-member", RowFacts("team"), True),
    ("professional", ["care_team"], "team", "write", RowFacts("team"), False),
    ("professional", ["care_team"], "team", "remove-member", RowFacts("team"), False),
    ("professional", [], "declare", "dmp-pro-access", OWN_CONSENT, True),
    ("professional", [], "declare", "dmp-pro-access", RowFacts("consent"), False),
    ("professional", ["care_team"], "declare", "dmp-pro-block", OWN_CONSENT, False),
    ("professional", ["attending"], "administer", "closing", RowFacts("patient"), False),
    ("professional", [], "publish", "other", RowFacts("shared"), False),
    ("operator", [], "publish", "other", RowFacts("shared"), True),
    ("operator", [], "deposit", "reimbursement", PLAIN, True),
    ("operator", [], "deposit", "other", PLAIN, False),
    ("operator", [], "mask", "other", PLAIN, False),
    ("secretary", ["author"], "deposit", "other", OWN, True),
    ("secretary", [], "deposit", "other", PLAIN, False),
    ("secretary", ["blocked"], "deposit", "other", OWN, False),
    ("secretary", ["opposed"], "deposit", "other", OWN, False),
    ("system", ["blocked"], "deposit", "other", PLAIN, False),
    ("system", ["opposed"], "deposit", "other", PLAIN, False),
    ("system", [], "deposit", "other", PLAIN, True),
    ("insurer", [], "deposit", "other", OWN, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("actor", "relations", "action", "asks", "row", "permitted"),
    ACTS,
    ids=lambda value: str(value)[:40],
)
def test_who_does_what(
    actor: str, relations: Iterable[str], action: str, asks: str, row: RowFacts, permitted: bool
) -> None:
    assert decision(actor, *relations, action=action, asks=asks, row=row).permitted == permitted


@pytest.mark.parametrize("relations", [(), ("care_team",), ("attending",), ("author",)])
@pytest.mark.parametrize("purpose", ["bris_de_glace", "centre_15"])
def test_break_glass_and_centre_15_without_a_named_patient_open_nothing(
    purpose: str, relations: tuple[str, ...]
) -> None:
    for action in ("read", "deposit", "mask"):
        for row in (PLAIN, OWN, OWN_TRACE):
            found = decision(
                "professional", *relations, action=action, row=row, purpose=purpose, reason="why"
            )
            assert (found.permitted, "K15" in found.reasons) == (False, True)


@pytest.mark.parametrize(
    ("sector", "rule"),
    [("SA23", "R002"), ("SA44", "R003"), ("SA45", "R003"), ("SA48", "R003"), ("SA13", "R133")],
)
def test_some_sectors_shut_everything(sector: str, rule: str) -> None:
    for relation in ("care_team", "consented", "attending"):
        assert rule in decision("professional", relation, sector=sector).reasons
        assert not decision("professional", relation, sector=sector).permitted


def test_an_indirect_authentication_reads_its_own_documents_by_identifier_alone() -> None:
    def asked(asks: str, row: RowFacts) -> bool:
        return decision(
            "professional", "author", "care_team", asks=asks, row=row, auth_mode="INDIRECTE"
        ).permitted

    assert [asked("identifier", OWN), asked("identifier", PLAIN), asked("other", OWN)] == [
        True,
        False,
        False,
    ]


def test_a_minor_does_nothing_himself() -> None:
    for action in sorted(ACTIONS):
        for row in (PLAIN, TRACE, RowFacts("patient")):
            found = decision("holder", "holder", action=action, of_age=False, row=row)
            assert (found.permitted, "K53" in found.reasons) == (False, True)


SAYS = Rule("S", REPORT, ACTIONS, ALWAYS, "", "")
WHY = Rule("W", REFUSE, ACTIONS, ALWAYS, "", "")
YES, NO_ = Rule("Y", PERMIT, ACTIONS, ALWAYS, "", ""), Rule("N", DENY, ACTIONS, ALWAYS, "", "")


def test_a_denial_wins_whatever_the_order() -> None:
    asked = facts(caller())
    assert decide([YES, NO_], asked) == decide([NO_, YES], asked) == Decision(False, ("N",))
    assert decide([YES], asked) == Decision(True, ("Y",))
    assert decide([], asked) == Decision(False, ("no-rule-permits",))


def test_a_rule_that_reports_is_named_and_permits_nothing() -> None:
    asked = facts(caller())
    assert decide([SAYS], asked) == Decision(False, ("no-rule-permits",))
    assert decide([YES, SAYS], asked) == Decision(True, ("Y", "S"))
    assert decide([NO_, YES, SAYS], asked) == Decision(False, ("N",))


def test_a_rule_that_refuses_names_what_nobody_permits_and_takes_nothing_away() -> None:
    asked = facts(caller())
    assert decide([WHY], asked) == Decision(False, ("W",))
    assert decide([YES, WHY], asked) == Decision(True, ("Y",))
    assert decide([NO_, WHY], asked) == Decision(False, ("N",))


def test_a_rule_that_asks_what_nobody_knows_refuses() -> None:
    odd = Rule("O", PERMIT, ACTIONS, Is("weather", "fine"), "", "")
    assert decide([YES, odd], facts(caller())) == Decision(False, ("missing-fact weather",))


def test_each_rule_has_a_name_of_its_own_a_sentence_and_a_source() -> None:
    names = [rule.name for rule in DMP_2022.rules]
    assert len(set(names)) == len(names)
    for rule in DMP_2022.rules:
        assert rule.says and rule.dit and rule.source and rule.status and rule.actions <= ACTIONS
