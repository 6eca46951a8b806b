"""What a write does, in the words of the rules: the design's `domain.md` 4.6."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import NotAllowed, Unprocessable
from fhir_server.policy.labels import ARCHIVED, MASKED, SECRET, VEILED, VISIBILITY
from fhir_server.policy.relations import CLOSING
from fhir_server.policy.writes import Act, change, creation, removal
from tests.house import ANNE, NINA, PAUL
from tests.people import consent, patient, team
from tests.policy.asking import caller

LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ARCHIVE = {"url": ARCHIVED, "valueBoolean": True}


def document(*flags: str, level: str = "N", **more: Any) -> dict[str, Any]:
    labels = [{"coding": [{"system": LEVELS, "code": level}]}]
    labels += [{"coding": [{"system": VISIBILITY, "code": flag}]} for flag in flags]
    return {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "securityLabel": labels,
        "content": [{"attachment": {"url": "Binary/1"}}],
    } | more


@pytest.mark.parametrize(
    ("old", "new", "acts"),
    [
        (document(), document(), ()),
        (document(), document(MASKED), ("mask",)),
        (document(MASKED), document(), ("unmask",)),
        (document(VEILED), document(), ("reveal",)),
        (document(), document(SECRET), ("secrecy",)),
        (document(SECRET), document(), ("secrecy",)),
        (document(), document(level="V"), ("relabel",)),
        (document(VEILED), document(MASKED, level="R"), ("mask", "reveal", "relabel")),
        (document(), document(extension=[ARCHIVE]), ("archive",)),
        (
            document(extension=[ARCHIVE]),
            document(extension=[ARCHIVE | {"valueBoolean": False}]),
            ("archive",),
        ),
        (document(extension=[ARCHIVE]), document(), ("archive",)),
        (document(), document(status="superseded"), ("supersede",)),
        (document(), document(status="entered-in-error"), ("remove",)),
        (
            document(),
            document(MASKED, status="superseded", extension=[ARCHIVE]),
            ("archive", "supersede", "mask"),
        ),
        (document(meta={"versionId": "1"}), document(MASKED, meta={"versionId": "9"}), ("mask",)),
    ],
)
def test_a_change_of_a_document_is_the_acts_it_consists_of(
    old: dict[str, Any], new: dict[str, Any], acts: tuple[str, ...]
) -> None:
    assert change(old, new) == tuple(Act(act) for act in acts)


@pytest.mark.parametrize(
    "more",
    [
        {"description": "x"},
        {"content": [{"attachment": {"url": "Binary/2"}}]},
        {"author": [{"display": "x"}]},
        {"subject": {"reference": "Patient/2"}},
        {"masterIdentifier": {"value": "x"}},
        {"relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1"}}]},
        {"extension": [{"url": "http://a.example", "valueBoolean": True}]},
        {"extension": [ARCHIVE, {"url": "http://a.example", "valueBoolean": True}]},
        {"_status": {"extension": [{"url": "http://a.example", "valueString": "x"}]}},
        {"implicitRules": "http://a.example"},
        {"text": {"status": "generated", "div": "<div>x</div>"}},
        {"meta": {"tag": [{"code": "x"}]}},
    ],
    ids=lambda value: next(iter(value)),
)
def test_nothing_else_of_a_document_can_be_changed(more: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed) as refusal:
        change(document(), document(**more))
    assert refusal.value.status == 405
    for name in more.keys() - {"meta"}:  # a client that sends none changes none
        with pytest.raises(NotAllowed):
            change(document(**{name: more[name]}), document())


def test_a_document_that_lies_there_is_not_veiled_any_more() -> None:
    with pytest.raises(Unprocessable) as refusal:
        change(document(MASKED), document(MASKED, VEILED))
    assert (refusal.value.status, refusal.value.code) == (422, "business-rule")
    assert f"`{VEILED}`" in refusal.value.text


@pytest.mark.parametrize(
    ("resource", "actor", "act"),
    [
        ({"resourceType": "Organization"}, "operator", Act("publish")),
        (patient(), "operator", Act("administer")),
        ({"resourceType": "RelatedPerson"}, "operator", Act("administer")),
        (team("p", NINA), "professional", Act("team", "write")),
        (consent("p", "dmp-pro-block"), "holder", Act("declare", "dmp-pro-block")),
        (consent("p", ""), "holder", Act("declare", "unknown")),
        (document(), "professional", Act("deposit", "other")),
        (
            document(type={"coding": [{"code": "REMB"}]}),
            "operator",
            Act("deposit", "reimbursement"),
        ),
        (
            document(type={"coding": [{"code": "DOCPAT01"}]}),
            "holder",
            Act("deposit", "patient-document"),
        ),
        (document(type={"coding": [{"code": "DOCPAT10"}]}), "holder", Act("deposit", "other")),
        (
            document(type={"coding": [{"code": "DOCPAT01"}, {"code": "11488-4"}]}),
            "holder",
            Act("deposit", "other"),
        ),
        (
            document(type={"coding": [{"code": "DOCPAT01"}]}),
            "professional",
            Act("deposit", "other"),
        ),
        (document(), "holder", Act("deposit", "other")),
        ({"resourceType": "Observation"}, "professional", Act("deposit")),
        ({"resourceType": "List"}, "professional", Act("deposit")),
    ],
)
def test_what_creating_is(resource: dict[str, Any], actor: str, act: Act) -> None:
    assert creation(resource, caller(actor)) == (act,)


def test_nobody_writes_traces() -> None:
    event = {"resourceType": "AuditEvent"}
    with pytest.raises(NotAllowed):
        creation(event, caller("operator"))
    with pytest.raises(NotAllowed):
        change(event, event)
    with pytest.raises(NotAllowed):
        removal(event)


@pytest.mark.parametrize(("code", "label"), [("dmp-mask", MASKED), ("dmp-minor-secret", SECRET)])
def test_views_of_labels_are_no_consents(code: str, label: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        creation(consent("p", code), caller("holder"))
    assert refusal.value.status == 422
    assert f"`{label}`" in refusal.value.text and refusal.value.expression == "Consent.category"


CLOSED = [{"url": CLOSING, "extension": [{"url": "dateFermeture", "valueDate": "2026-11-24"}]}]


@pytest.mark.parametrize(
    ("more", "asks"),
    [
        ({"active": False}, "closing"),
        ({"active": False, "extension": CLOSED}, "closing"),
        ({"extension": CLOSED}, "closing"),
        ({"active": False, "gender": "female"}, "other"),
        ({"active": False, "extension": [*CLOSED, {"url": "http://a.example"}]}, "other"),
        ({"active": False, "identifier": []}, "other"),
        ({"deceasedBoolean": True}, "other"),
        ({"active": False, "meta": {"tag": [{"code": "x"}]}}, "other"),
    ],
)
def test_closing_a_record_is_less_than_changing_its_patient(
    more: dict[str, Any], asks: str
) -> None:
    assert change(patient(), patient(**more)) == (Act("administer", asks),)


@pytest.mark.parametrize(
    ("new", "asks"),
    [
        (team("p", NINA, PAUL, ANNE), "add-member"),
        (team("p", NINA), "remove-member"),
        (team("p", NINA, PAUL, status="inactive"), "remove-member"),
        (team("p", NINA, status="inactive"), "remove-member"),
        (team("p", NINA, ANNE), "add-member remove-member"),
        (team("p", NINA, PAUL, ANNE, status="inactive"), "add-member remove-member"),
        (team("p", PAUL, NINA), "write"),
        (team("p", NINA, PAUL), ""),
        (team("p", NINA, PAUL, ANNE, name="x"), "write"),
        (team("p", NINA, PAUL, status="suspended"), "write"),
        (team("p", NINA, PAUL, period={"end": "2030"}), "write"),
        (team("q", NINA), "write"),
    ],
)
def test_what_changing_a_team_is(new: dict[str, Any], asks: str) -> None:
    acts = tuple(Act("team", one) for one in asks.split())
    assert change(team("p", NINA, PAUL), new) == acts


def test_a_consent_keeps_its_type_and_its_patient() -> None:
    old = consent("p", "dmp-pro-access", ANNE)
    assert change(old, old | {"status": "inactive"}) == (Act("declare", "dmp-pro-access"),)
    for new in (consent("p", "dmp-pro-block", ANNE), consent("q", "dmp-pro-access", ANNE)):
        with pytest.raises(Unprocessable):
            change(old, new)


@pytest.mark.parametrize("type_", ["Binary", "List", "DocumentManifest"])
def test_lists_and_bytes_lie_as_they_are(type_: str) -> None:
    resource = {"resourceType": type_}
    with pytest.raises(NotAllowed):
        change(resource, resource | {"x": 1})
    with pytest.raises(NotAllowed):
        removal(resource)


@pytest.mark.parametrize(
    ("resource", "act"),
    [
        (document(), Act("remove")),
        ({"resourceType": "Observation"}, Act("remove")),
        ({"resourceType": "Organization"}, Act("publish")),
        ({"resourceType": "RelatedPerson"}, Act("administer")),
        (team("p", NINA), Act("team", "write")),
        (consent("p", "dmp-pro-access"), Act("declare", "dmp-pro-access")),
    ],
)
def test_what_deleting_is(resource: dict[str, Any], act: Act) -> None:
    assert removal(resource) == (act,)


def test_a_patient_is_not_deleted() -> None:
    with pytest.raises(NotAllowed):
        removal(patient())
