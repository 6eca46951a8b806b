"""Consents of IHE PCF, basic and intermediate: what the rules can say is done, the rest refused
with its reason. https://profiles.ihe.net/ITI/PCF/content.html
"""

import json
from typing import Any

import pytest

from tests.corpus import corpus_files, needs_corpus
from tests.house import ANNE, NINA, OTTO, PAUL, Answer, Person
from tests.law.people import breaking_glass, regulating
from tests.people import PARTICIPATION, logical, stored
from tests.policy.record import Record

PROFILE = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
# What a basic consent is about: treatment, payment, operations.
BASIC = ("TREAT", "HPAYMT", "HOPERAT")


def purposes(*codes: str) -> dict[str, Any]:
    return {"purpose": [{"system": REASONS, "code": code} for code in codes]} if codes else {}


def actors(*people: Person, role: str = "IRCP") -> dict[str, Any]:
    coded = {"coding": [{"system": PARTICIPATION, "code": role}]}
    return {"actor": [{"role": coded, "reference": logical(who)} for who in people]}


def pcf(record: Record, type_: str, *parts: dict[str, Any], kind: str = "Basic") -> dict[str, Any]:
    """A consent of PCF whose provision is made of `parts`."""
    provision: dict[str, Any] = {"type": type_}
    for part in parts:
        provision |= part
    named = {"reference": f"Patient/{record.id}"}
    return {
        "resourceType": "Consent", "status": "active", "patient": named, "performer": [named],
        "meta": {"profile": [PROFILE + kind]}, "dateTime": "2026-11-24",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal"}],
        "provision": provision,
    }  # fmt: skip


def post(record: Record, *parts: Any, who: Person | None = None) -> Answer:
    return record.house.post("Consent", who or record.holder, pcf(record, *parts))


def refused(answer: Answer) -> str:
    """Where and why."""
    assert (answer.status, answer.json["issue"][0]["code"]) == (422, "business-rule"), answer.body
    return f"{answer.json['issue'][0]['expression'][0]}: {answer.diagnostics}"


def excepted(type_: str, *parts: dict[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = {"type": type_}
    for part in parts:
        one |= part
    return {"provision": [one]}


# Permissions.


def test_a_permission_for_treatment_opens_to_whom_it_names(record: Record) -> None:
    document = record.deposited(PAUL)
    answer = post(record, "permit", purposes("TREAT"), actors(OTTO))
    assert stored(answer) and "Warning" not in answer.headers
    assert record.sees(OTTO, document) and record.find(ANNE).status == 403
    assert "R090" in record.rules(OTTO)


def test_a_permission_of_nobody_by_name_opens_nothing_beyond_the_law(record: Record) -> None:
    document = record.deposited(PAUL)
    answer = post(record, "permit", purposes(*BASIC))
    assert answer.status == 201 and "beyond what the law opens" in answer.headers["Warning"]
    assert "`HPAYMT`" in answer.headers["Warning"] and "`TREAT`" not in answer.headers["Warning"]
    assert record.find(OTTO).status == 403 and record.sees(NINA, document)


def test_it_ends_with_its_period(record: Record) -> None:
    over = {"period": {"start": "2020-01-01", "end": "2020-12-31"}}
    stored(post(record, "permit", purposes("TREAT"), actors(OTTO), over))
    assert record.find(OTTO).status == 403


def test_a_withdrawn_one_says_nothing(record: Record) -> None:
    body = pcf(record, "permit", purposes("TREAT"), actors(OTTO)) | {"status": "inactive"}
    stored(record.house.post("Consent", record.holder, body))
    assert record.find(OTTO).status == 403


DATA = {"data": [{"meaning": "instance", "reference": {"reference": "DocumentReference/1"}}]}
AUTHORED = {"data": [{"meaning": "authoredby", "reference": {"display": "Dr Paul"}}]}

# What the rules cannot say, and where the reason stands.
UNSAID: dict[str, tuple[tuple[Any, ...], str]] = {
    "single documents": (("permit", DATA), "Consent.provision.data: "),
    "by author": (("permit", AUTHORED), "Consent.provision.data: "),
    "labels": (("permit", {"securityLabel": [{"code": "N"}]}), "Consent.provision.securityLabel"),
    "dates of data": (
        ("permit", {"dataPeriod": {"start": "2020"}}), "Consent.provision.dataPeriod",
    ),
    "classes": (("permit", {"class": [{"code": "x"}]}), "Consent.provision.class"),
    "codes": (("permit", {"code": [{"text": "x"}]}), "Consent.provision.code"),
    "actions": (("permit", {"action": [{"text": "x"}]}), "Consent.provision.action"),
    "research": (("permit", purposes("HRESCH")), "Consent.provision.purpose: no rule opens"),
    "another role": (
        ("permit", purposes("TREAT"), actors(OTTO, role="CST")), "Consent.provision.actor[0]",
    ),
    "nobody known": (
        ("permit", {"actor": [{"role": {"text": "x"}, "reference": {"display": "Dr Otto"}}]}),
        "Consent.provision.actor[0]",
    ),
    "denied to everybody": (("deny", purposes(*BASIC)), "Consent.provision: "),
    "denied for all purposes": (("deny",), "Consent.provision: "),
    "the holder's own requests": (("deny", purposes("PATRQT")), "Consent.provision.purpose"),
    "not a document": (
        ("permit", excepted("deny", DATA)), "Consent.provision.provision[0].data: ",
    ),
    "not an encounter": (
        ("permit", excepted("deny", {"data": [
            {"meaning": "related", "reference": {"display": "a stay"}},
        ]})),
        "Consent.provision.provision[0].data: ",
    ),
    "an exception of the same type": (
        ("permit", excepted("permit", actors(OTTO))), "Consent.provision.provision[0]: ",
    ),
    "an exception from an exception": (
        ("permit", excepted("deny", actors(OTTO), excepted("permit"))),
        "Consent.provision.provision[0]: ",
    ),
    "all but break-glass by some": (
        ("deny", excepted("permit", purposes("BTG"), actors(OTTO))),
        "Consent.provision.provision[0]: ",
    ),
    "all but break-glass": (("deny", excepted("permit", purposes("BTG"))), "Consent.provision: "),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAID)
def test_what_the_rules_cannot_say_is_refused_with_its_reason(record: Record, name: str) -> None:
    parts, place = UNSAID[name]
    assert refused(post(record, *parts)).startswith(place)
    assert record.found(record.holder, type_="Consent") == set()


def test_of_a_single_document_the_reason_names_the_label(record: Record) -> None:
    assert "`MASQUE_PS`" in refused(post(record, "permit", excepted("deny", DATA)))


def test_a_consent_is_not_changed_into_one_that_cannot_be_honoured(record: Record) -> None:
    body = pcf(record, "permit", purposes("TREAT"), actors(OTTO))
    id_ = stored(record.house.post("Consent", record.holder, body))
    worse = body | {"id": id_, "provision": body["provision"] | DATA}
    assert record.house.call("PUT", f"Consent/{id_}", record.holder, worse).status == 422


# Denials.


@pytest.mark.parametrize("reasons", [(), ("TREAT",), BASIC], ids=len)
def test_a_denial_shuts_out_whom_it_names(record: Record, reasons: tuple[str, ...]) -> None:
    document = record.deposited(PAUL)
    stored(post(record, "deny", purposes(*reasons), actors(NINA)))
    assert not record.sees(NINA, document) and record.sees(PAUL, document)


def test_without_a_purpose_in_emergencies_too_and_for_treatment_not(record: Record) -> None:
    stored(post(record, "deny", purposes("TREAT"), actors(OTTO)))
    stored(post(record, "deny", actors(ANNE)))
    found = {
        who.name: (
            record.find(breaking_glass(record, who)).status,
            record.find(regulating(record, who)).status,
        )
        for who in (OTTO, ANNE)
    }
    assert found == {OTTO.name: (200, 200), ANNE.name: (403, 403)}


@pytest.mark.parametrize(
    ("reasons", "broken", "regulated"),
    [(("BTG",), 403, 200), (("ETREAT",), 403, 403), (("centre_15",), 200, 403)],
)
def test_emergencies_can_be_denied_to_everybody(
    record: Record, reasons: tuple[str, ...], broken: int, regulated: int
) -> None:
    stored(post(record, "deny", purposes(*reasons)))
    assert record.find(breaking_glass(record)).status == broken
    assert record.find(regulating(record)).status == regulated
    assert record.find(NINA).status == 200


def test_who_is_denied_all_but_break_glass_may_break_the_glass(record: Record) -> None:
    stored(post(record, "deny", actors(NINA), excepted("permit", purposes("BTG"))))
    assert record.find(NINA).status == 403
    assert record.find(breaking_glass(record, NINA)).status == 200
    assert record.find(regulating(record, NINA)).status == 403


def test_r041_the_attending_doctor_is_not_denied(record: Record) -> None:
    assert "attending" in refused(post(record, "deny", purposes("TREAT"), actors(PAUL)))
    assert "attending" in refused(post(record, "permit", excepted("deny", actors(PAUL))))


def test_a_permission_of_a_house_leaves_out_whom_it_denies(record: Record) -> None:
    document = record.deposited(PAUL)
    clinic = Person("system", OTTO.organization, "Clinique")
    colleague = Person("professional", ANNE.sub, "Une collegue", OTTO.organization)
    house = purposes("TREAT"), actors(clinic)
    stored(post(record, "permit", *house, excepted("deny", actors(OTTO))))
    assert record.sees(colleague, document) and not record.sees(OTTO, document)


def test_a_permission_for_all_leaves_out_whom_it_denies_for_as_long(record: Record) -> None:
    document = record.deposited(PAUL)
    denied = excepted("deny", actors(NINA), {"period": {"end": "2020"}})
    stored(post(record, "permit", denied))
    assert record.sees(NINA, document)
    stored(post(record, "permit", excepted("deny", actors(NINA))))
    assert not record.sees(NINA, document)


# Who declares them, and who learns of it.


def test_the_holder_and_the_operator_declare_them_and_no_professional(record: Record) -> None:
    for who in (OTTO, NINA, PAUL):
        assert post(record, "permit", purposes("TREAT"), actors(who), who=who).status == 403


def test_whom_it_denies_is_answered_as_one_it_does_not_know(record: Record) -> None:
    before = record.find(OTTO)
    id_ = stored(post(record, "deny", actors(OTTO)))
    after, read = record.find(OTTO), record.house.get(f"Consent/{id_}", OTTO)
    assert (after.status, after.body) == (before.status, before.body)
    never = record.house.get("Consent/never", OTTO)
    assert (read.status, read.body.replace(id_.encode(), b"never")) == (404, never.body)


def test_a_consent_of_a_type_of_ours_is_read_as_that_whatever_its_profile(record: Record) -> None:
    given = record.consent(record.holder, "dmp-pro-access", OTTO).json
    ours = {name: value for name, value in given.items() if name not in ("id", "meta")}
    ours["meta"] = {"profile": [PROFILE + "Basic"]}
    ours["provision"] |= {"class": [{"code": "x"}]}
    assert record.house.post("Consent", record.holder, ours).status == 201


# What becomes of the guide's own examples: stored, or refused for what stands there.
EXAMPLES = {
    "basic-ink": "", "basic-treat": "", "basic-treat-infant": "", "expired-treat": "",
    "basic-reject": "Consent.provision", "basic-research": "Consent.provision.purpose",
    "intermediate-authoredby": "Consent.provision.data",
    "intermediate-data": "Consent.provision.data",
    "intermediate-not-data": "Consent.provision.provision[0].data",
    "intermediate-not-encounter": "Consent.provision.provision[0].data",
    "dissent-intermediate-break-glass": "Consent.provision.provision[0]",
    "advanced-normal": "Consent.provision.securityLabel",
    "advanced-normal-restricted": "Consent.provision.securityLabel",
    "advanced-normal-focused-psy-or-sdv": "Consent.provision.securityLabel",
}  # fmt: skip


@needs_corpus
def test_each_example_of_the_guide_is_stored_or_refused_for_a_reason(record: Record) -> None:
    found = {}
    for path in corpus_files("igs/ITI.PCF/Consent-ex-*.json"):
        body = json.loads(path.read_text())
        body |= {"patient": {"reference": f"Patient/{record.id}"}}
        for name in ("id", "performer", "organization", "sourceReference"):
            body.pop(name, None)  # these lead to what is not stored here
        answer = record.house.post("Consent", record.holder, body)
        name = path.stem.removeprefix("Consent-ex-").removeprefix("consent-")
        found[name] = "" if answer.status == 201 else refused(answer).partition(": ")[0]
    assert found == EXAMPLES
