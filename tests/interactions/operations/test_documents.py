"""$document and $docref under the rules: who gets them, and nothing told of what is hidden.

`contract.md` sections 5 and 7.
"""

from typing import Any

import pytest

from tests.house import ANNE, CLAIRE, CNAM, INS, LUCIEN, NINA, OTTO, PAUL, Answer, House, Person
from tests.interactions.operations.test_everything import MASK, deposit
from tests.interactions.shared import new_ins
from tests.people import opened, stored
from tests.rest.operations import parameters, post


@pytest.fixture(scope="module")
def ins() -> str:
    return new_ins()


@pytest.fixture(scope="module")
def record(house: House, ins: str) -> str:
    return opened(house, NINA, ANNE, doctor=PAUL, identifier=[{"system": INS, "value": ins}])


def composition(house: House, record: str, *entries: str) -> str:
    words = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'}
    section: dict[str, Any] = {"title": "a", "text": words}
    if entries:
        section["entry"] = [{"reference": entry} for entry in entries]
    body = {
        "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "title": "a",
        "subject": {"reference": f"Patient/{record}"}, "date": "2026-01-01",
        "author": [{"display": "nobody"}], "section": [section],
    }  # fmt: skip
    return stored(house.post("Composition", PAUL, body))


def document(house: House, id_: str, who: Person) -> Answer:
    return house.get(f"Composition/{id_}/$document", who)


def inside(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [entry["id"] for entry in answer.entries]


def still(answer: Answer) -> Any:
    """An answer without what differs from request to request."""
    made = {"id", "meta", "identifier", "timestamp"}
    return answer.status, {n: v for n, v in answer.json.items() if n not in made}


def test_what_is_hidden_is_not_in_a_document(house: House, record: str) -> None:
    open_, masked = deposit(house, record, ANNE), deposit(house, record, ANNE, MASK)
    id_ = composition(house, record, *(f"DocumentReference/{d}" for d in (open_, masked)))
    assert set(inside(document(house, id_, PAUL))) == {id_, open_, masked, record}
    assert set(inside(document(house, id_, NINA))) == {id_, open_, record}


def test_a_hidden_part_of_a_document_is_like_one_that_is_gone(house: House, record: str) -> None:
    masked = deposit(house, record, ANNE, MASK)
    id_ = composition(house, record, f"DocumentReference/{masked}")
    hidden = still(document(house, id_, NINA))
    assert house.call("DELETE", f"DocumentReference/{masked}", ANNE).status == 204
    assert still(document(house, id_, NINA)) == hidden


def test_a_document_of_a_hidden_composition_is_as_of_none(house: House, record: str) -> None:
    id_ = composition(house, record)
    for path in ("Composition/{}/$document", "Composition/$document?id={}"):
        hidden, absent = (house.get(path.format(one), OTTO) for one in (id_, "a" * 36))
        assert hidden.status == absent.status == 404
        assert hidden.body.replace(id_.encode(), b"a" * 36) == absent.body


def test_a_document_leaves_its_trace(house: House) -> None:
    record = opened(house, NINA, doctor=PAUL, identifier=[{"system": INS, "value": new_ins()}])
    id_ = composition(house, record)
    document(house, id_, NINA)
    document(house, id_, OTTO)
    events = house.get(f"AuditEvent?patient=Patient/{record}", CNAM).entries
    did = [e for e in events if e["subtype"][0]["code"] == "operation"]
    assert sorted(event["outcome"] for event in did) == ["0", "4"]
    permitted = next(event for event in did if event["outcome"] == "0")
    assert f"Composition/{id_}" in str(permitted["entity"])


def test_a_document_holds_the_types_that_the_token_covers(house: House, record: str) -> None:
    id_ = composition(house, record, f"DocumentReference/{deposit(house, record, ANNE)}")
    some = NINA.but(scope="user/Composition.r user/Patient.r")
    assert inside(document(house, id_, some)) == [id_, record]
    assert document(house, id_, NINA.but(scope="user/Patient.r")).status == 403


def test_a_document_is_not_kept_in_a_record(house: House, record: str) -> None:
    path = f"Composition/{composition(house, record)}/$document"
    answer = house.post(path, NINA, parameters(persist=("valueBoolean", True)))
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")


# $docref


def docref(house: House, record: str, who: Person, query: str = "start=2020-01-01") -> Answer:
    return house.get(f"DocumentReference/$docref?patient={record}&{query}", who)


def test_docref_finds_what_is_seen(house: House) -> None:
    record = opened(house, NINA, doctor=PAUL, identifier=[{"system": INS, "value": new_ins()}])
    open_, masked = deposit(house, record, ANNE), deposit(house, record, ANNE, MASK)
    assert inside(docref(house, record, NINA)) == [open_]
    assert set(inside(docref(house, record, PAUL))) == {open_, masked}
    assert inside(docref(house, record, NINA, "")) == [open_]


def test_docref_names_a_patient_as_a_search_does(house: House, record: str) -> None:
    deposit(house, record, ANNE)
    for who in (OTTO, CLAIRE, LUCIEN):
        answer = docref(house, record, who)
        assert (answer.status, answer.diagnostics) == (403, "no access to this record")
    unknown = docref(house, "nobody", OTTO)
    assert (unknown.status, unknown.json["total"]) == (200, 0)
    assert docref(house, "nobody", CLAIRE).status == 403


def test_docref_leaves_its_trace_and_its_refusal(house: House) -> None:
    record = opened(house, NINA, doctor=PAUL, identifier=[{"system": INS, "value": new_ins()}])
    for query in ("", "start=2020-01-01"):
        docref(house, record, NINA, query)
    docref(house, record, OTTO)
    body = parameters(patient=("valueId", record))
    assert post(house, "DocumentReference/$docref", OTTO, body).status == 403
    events = house.get(f"AuditEvent?patient=Patient/{record}", CNAM).entries
    did = [e for e in events if e["subtype"][0]["code"] == "operation"]
    assert sorted(event["outcome"] for event in did) == ["0", "0", "4", "4"]


@pytest.mark.parametrize(
    ("more", "status"),
    [({"scope": "user/DocumentReference.s"}, 200), ({"scope": "user/DocumentReference.r"}, 403),
     ({"auth_mode": "INDIRECTE"}, 403)],
    ids=["search", "read", "indirectly"],
)  # fmt: skip
def test_docref_is_a_search_for_scopes_and_indirect_authentication(
    house: House, record: str, more: dict[str, str], status: int
) -> None:
    assert docref(house, record, NINA.but(**more)).status == status
