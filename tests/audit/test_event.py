"""A note as an AuditEvent: valid, and in the shape of https://profiles.ihe.net/ITI/BALP/"""

from base64 import b64decode
from typing import Any

import pytest

from fhir_server.audit.event import BALP, RULE, SHAPES, audit_event
from fhir_server.audit.note import Note, note_of
from fhir_server.policy.subject import Coded, Subject
from profiles.validate import validate
from tests.house import BASE

AT = 1_795_521_600_123  # 2026-11-24T12:00:00.123Z
NINA = Subject(
    "professional",
    "urn:oid:1.2.250.1.71.4.2.1|810000000025",
    "Nina Infirmiere",
    roles=(Coded("urn:oid:1.2.250.1.71.1.2.7", "60"),),
    client="lps-demo",
    token_id="jti-1",
)
ACTIONS = {
    "create": "C",
    "transaction": "C",
    "batch": "E",
    "read": "R",
    "vread": "R",
    "history-instance": "R",
    "history-type": "E",
    "history-system": "E",
    "update": "U",
    "patch": "U",
    "delete": "D",
    "search-type": "E",
    "search-system": "E",
    "operation": "E",
}
PROFILES = {
    "create": "Create",
    "read": "Read",
    "vread": "Read",
    "update": "Update",
    "patch": "Update",
    "delete": "Delete",
    "search-type": "Query",
    "search-system": "Query",
}


def noted(interaction: str = "read", subject: Subject = NINA, **more: Any) -> Note:
    known: dict[str, Any] = {
        "type_": "DocumentReference",
        "id_": "d",
        "status": 200,
        "request_id": "req-1",
        "asked": "GET X",
        "address": "192.0.2.7",
    }
    return note_of(subject, interaction=interaction, **known | more)


def event(note: Note, patient: str = "p", rules: str = "R080 ") -> dict[str, Any]:
    made = audit_event(note, id_="e", at=AT, patient=patient, rules=rules, base=BASE)
    assert validate(made) == []
    return made


@pytest.mark.parametrize("interaction", ACTIONS)
def test_each_interaction_has_its_action_and_profile(interaction: str) -> None:
    found = event(noted(interaction))
    assert found["action"] == ACTIONS[interaction]
    assert found["subtype"] == [
        {"system": "http://hl7.org/fhir/restful-interaction", "code": interaction}
    ]
    wanted = [f"{BALP}Patient{PROFILES[interaction]}"] if interaction in PROFILES else None
    assert found["meta"].get("profile") == wanted


def test_there_is_a_shape_for_every_interaction() -> None:
    assert set(SHAPES) == set(ACTIONS)
    assert event(noted("unheard-of"))["action"] == "E"


def test_outside_a_record_it_is_no_patients() -> None:
    found = event(noted("read", type_="Organization"), patient="")
    assert found["meta"]["profile"] == [f"{BALP}Read"]
    assert [entity["what"] for entity in found["entity"]] == [
        {"reference": "Organization/d"},
        {"identifier": {"value": "req-1"}},
    ]


def test_it_says_when_and_how_it_ended() -> None:
    found = event(noted())
    assert found["recorded"] == found["period"]["start"] == "2026-11-24T12:00:00.123Z"
    assert found["outcome"] == "0" and "outcomeDesc" not in found


def test_it_says_who_by_what_client_and_by_which_rules() -> None:
    client, server, user = event(noted(), rules="R080 R070 ")["agent"]
    assert client["who"] == {"identifier": {"value": "lps-demo"}}
    assert [agent["requestor"] for agent in (client, server, user)] == [False, False, True]
    system, value = NINA.identifier.split("|")
    assert user["who"] == {
        "identifier": {"system": system, "value": value},
        "display": "Nina Infirmiere",
    }
    assert user["role"] == [{"coding": [{"system": "urn:oid:1.2.250.1.71.1.2.7", "code": "60"}]}]
    assert user["policy"] == [f"{RULE}R070", f"{RULE}R080", "urn:ietf:params:oauth:jti:jti-1"]


@pytest.mark.parametrize(
    ("interaction", "client"),
    [("read", "110152"), ("search-type", "110153"), ("create", "110153"), ("delete", "110150")],
)
def test_who_sends_and_who_receives(interaction: str, client: str) -> None:
    found = event(noted(interaction))["agent"]
    assert found[0]["type"]["coding"][0]["code"] == client
    assert found[1]["type"]["coding"][0]["code"] != client


@pytest.mark.parametrize(
    ("purpose", "code"),
    [
        ("normal", "TREAT"),
        ("bris_de_glace", "BTG"),
        ("centre_15", "ETREAT"),
        ("cause-of-death", "FAMRQT"),
        ("legal-expertise", "PATADMIN"),
        ("unheard-of", "TREAT"),
    ],
)
def test_it_says_for_what(purpose: str, code: str) -> None:
    subject = Subject("professional", NINA.identifier, purpose=purpose)
    (found,) = event(noted(subject=subject))["agent"][2]["purposeOfUse"]
    assert found["coding"][0]["code"] == code


def test_it_says_what_was_read_in_whose_record() -> None:
    found = event(noted())["entity"]
    assert [entity["what"].get("reference") for entity in found[:2]] == [
        "Patient/p",
        "DocumentReference/d",
    ]
    assert [entity["type"]["code"] for entity in found] == ["1", "2", "XrequestId"]


def test_of_a_search_it_says_what_was_asked() -> None:
    asked = "GET DocumentReference?patient=p&title=é"
    found = event(noted("search-type", id_="", asked=asked))["entity"][1]
    assert b64decode(found["query"]).decode() == asked
    assert found["role"]["code"] == "24" and "what" not in found


def test_of_a_change_of_labels_it_says_which() -> None:
    note = noted("patch", detail=(("old-labels", ""), ("new-labels", "MASQUE_PS")))
    assert event(note)["entity"][1]["detail"] == [
        {"type": "old-labels", "valueString": "none"},
        {"type": "new-labels", "valueString": "MASQUE_PS"},
    ]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "4"), (403, "4"), (404, "4"), (412, "4"), (422, "4"), (500, "8"), (503, "8")],
)
def test_of_a_refusal_nothing_is_told_but_what_was_asked(status: int, outcome: str) -> None:
    asked = "GET DocumentReference/d"
    found = event(noted(status=status, asked=asked), patient="", rules="")
    assert (found["outcome"], found["outcomeDesc"]) == (outcome, f"refused: {status}")
    assert found["type"]["code"] == "110113"
    assert "profile" not in found["meta"]
    (entity,) = found["entity"]
    assert entity["type"]["code"] == "XrequestId"
    assert b64decode(entity["query"]).decode() == asked


def test_a_refusal_looks_the_same_whether_there_was_something_or_not() -> None:
    hidden, never = (
        event(noted(status=404, id_=i, asked="GET X/1"), patient="", rules="") for i in ("d", "")
    )
    assert hidden == never


@pytest.mark.parametrize(
    "subject",
    [
        Subject("operator", ""),
        Subject("holder", "urn:oid:1.2|1"),
        Subject(
            "professional", NINA.identifier, 'Dr "Anne" <é>\n', client="a b", token_id="a b\tc|é"
        ),
        Subject(
            "professional",
            NINA.identifier,
            organization="urn:oid:1|2",
            organization_name="x" * 5000,
        ),
    ],
    ids=lambda subject: subject.actor,
)
@pytest.mark.parametrize("status", [200, 404])
def test_whoever_it_is_about_it_is_valid(subject: Subject, status: int) -> None:
    event(noted(subject=subject, status=status, asked="GET X", request_id=""), rules="")
