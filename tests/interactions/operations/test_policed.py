"""Operations under the rules: permissions, scopes, traces, and nothing told of what is hidden.

`contract.md` sections 5 and 7.
"""

from typing import Any

import pytest

from tests.house import ANNE, CNAM, INS, NINA, OTTO, PAUL, Answer, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored
from tests.rest.operations import TAG, parameters, post, the_meta

SECRET_TAG = {"system": "http://a.example/tags", "code": "of-the-masked"}


def record_of(house: House) -> str:
    return opened(house, NINA, ANNE, doctor=PAUL, identifier=[{"system": INS, "value": new_ins()}])


def observation(record: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "pulse"},
        "subject": {"reference": f"Patient/{record}"},
    } | more


def meta_of(tag: dict[str, str]) -> dict[str, Any]:
    return parameters(meta=("valueMeta", {"tag": [tag]}))


def told(answer: Answer) -> tuple[int, Any, Any]:
    """An answer without what differs from request to request."""
    headers = {n: v for n, v in answer.headers.items() if n != "X-Request-Id"}
    return answer.status, headers, answer.body


def trail(house: House, record: str) -> list[dict[str, Any]]:
    found = house.get(f"AuditEvent?patient=Patient/{record}&_count=200", CNAM).entries
    return [event for event in found if event["subtype"][0]["code"] == "operation"]


@pytest.mark.parametrize("version", ["", "/_history/1"])
def test_meta_of_what_is_hidden_is_as_of_what_is_absent(house: House, version: str) -> None:
    id_ = stored(house.post("Observation", NINA, observation(record_of(house))))
    hidden = told(house.get(f"Observation/{id_}{version}/$meta", OTTO))
    status, headers, body = told(house.get(f"Observation/{'a' * 36}{version}/$meta", OTTO))
    assert hidden == (status, headers, body.replace(b"a" * 36, id_.encode()))


def test_the_tags_of_a_type_are_those_of_what_is_seen(house: House) -> None:
    record = record_of(house)
    stored(house.post("Observation", NINA, observation(record, meta={"tag": [SECRET_TAG]})))
    assert SECRET_TAG in the_meta(house.get("Observation/$meta", PAUL))["tag"]
    assert SECRET_TAG in the_meta(house.get("$meta", PAUL))["tag"]
    for path in ("Observation/$meta", "$meta"):
        assert SECRET_TAG not in the_meta(house.get(path, OTTO)).get("tag", [])


def test_who_may_not_update_changes_no_meta(house: House) -> None:
    record = record_of(house)
    id_ = stored(house.post("Observation", NINA, observation(record)))
    path = f"Observation/{id_}/$meta-add"
    assert house.post(path, OTTO, meta_of(TAG)).status == 404
    assert house.post(f"Patient/{record}/$meta-add", NINA, meta_of(TAG)).status == 403
    assert house.post(f"Patient/{record}/$meta-add", OTTO, meta_of(TAG)).status == 403
    assert house.get(f"Observation/{id_}", NINA).headers["ETag"] == 'W/"1"'


def test_who_may_update_changes_meta_and_leaves_a_trace(house: House) -> None:
    record = record_of(house)
    id_ = stored(house.post("Observation", NINA, observation(record)))
    assert TAG in the_meta(house.post(f"Observation/{id_}/$meta-add", NINA, meta_of(TAG)))["tag"]
    [event] = trail(house, record)
    assert "$meta-add" in str(event["entity"])
    assert f"Observation/{id_}" in str(event["entity"])


def test_the_labels_of_a_document_are_not_changed_by_meta(house: House) -> None:
    record = record_of(house)
    content = [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}]
    document = {"resourceType": "DocumentReference", "status": "current", "content": content,
                "subject": {"reference": f"Patient/{record}"}}  # fmt: skip
    id_ = stored(house.post("DocumentReference", ANNE, document))
    for code in ("meta-add", "meta-delete"):
        answer = house.post(f"DocumentReference/{id_}/${code}", ANNE, meta_of(TAG))
        assert answer.status == (405 if code == "meta-add" else 200)
    assert house.get(f"DocumentReference/{id_}", ANNE).headers["ETag"] == 'W/"1"'


def test_each_meta_leaves_a_trace(house: House) -> None:
    record = record_of(house)
    id_ = stored(house.post("Observation", NINA, observation(record, meta={"tag": [TAG]})))
    for path in (f"Observation/{id_}/$meta", "Observation/$meta", "$meta"):
        the_meta(house.get(path, NINA))
    assert len(trail(house, record)) == 3


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("user/Observation.s", "Observation/$meta", 200),
        ("user/Observation.r", "Observation/$meta", 403),
        ("user/Observation.s", "$meta", 403),
        ("user/*.s", "$meta", 200),
        ("user/Observation.s", "Observation/{id}/$meta", 403),
        ("user/Observation.r", "Observation/{id}/$meta", 200),
    ],
)
def test_the_scopes_of_a_token_limit_operations(
    house: House, scope: str, path: str, status: int
) -> None:
    record = record_of(house)
    id_ = stored(house.post("Observation", NINA, observation(record)))
    assert house.get(path.format(id=id_), NINA.but(scope=scope)).status == status


def test_meta_is_changed_with_the_scope_of_an_update_alone(house: House) -> None:
    id_ = stored(house.post("Observation", NINA, observation(record_of(house))))
    path = f"Observation/{id_}/$meta-add"
    assert house.post(path, NINA.but(scope="user/*.crds"), meta_of(TAG)).status == 403
    assert house.post(path, NINA.but(scope="user/*.u"), meta_of(TAG)).status == 200


def test_who_consults_indirectly_gets_no_meta(house: House) -> None:
    id_ = stored(house.post("Observation", NINA, observation(record_of(house))))
    indirectly = NINA.but(auth_mode="INDIRECTE")
    assert house.get(f"Observation/{id_}/$meta", indirectly).status == 403
    assert house.post("Observation/$validate", indirectly, {"resourceType": "X"}).status == 200


# $validate


def severities(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [issue["severity"] for issue in answer.json["issue"]]


def test_a_try_stores_nothing_but_its_trace(house: House) -> None:
    record = record_of(house)
    tables = ("resource", "relation", "record", "history")
    before = rows(house, *tables)
    path = "Observation/$validate?mode=create"
    assert severities(post(house, path, NINA, observation(record))) == ["information"]
    assert rows(house, *tables) == before


def test_a_try_is_refused_as_the_write_would_be(house: House) -> None:
    record = record_of(house)
    answer = post(house, "CareTeam/$validate?mode=create", OTTO, {
        "resourceType": "CareTeam", "subject": {"reference": f"Patient/{record}"}})  # fmt: skip
    assert (severities(answer), answer.json["issue"][0]["code"]) == (["error"], "forbidden")
    refused = [e for e in house.get(f"AuditEvent?patient=Patient/{record}", CNAM).entries
               if e["outcome"] == "4"]  # fmt: skip
    assert OTTO.name in str(refused[0]["agent"])


@pytest.mark.parametrize("mode", ["create", "update", "delete"])
def test_a_try_tells_nothing_of_what_is_hidden(house: House, mode: str) -> None:
    record = record_of(house)
    id_ = stored(house.post("Observation", NINA, observation(record)))
    answers = []
    for named in (id_, "nobody"):
        place = "Observation" if mode == "create" else f"Observation/{named}"
        body = observation(record_of(house)) | {"id": named}
        body["derivedFrom"] = [{"reference": f"Observation/{named}"}]
        answer = post(house, f"{place}/$validate?mode={mode}", OTTO, body)
        answers.append((answer.status, answer.body.replace(named.encode(), b"")))
    assert answers[0] == answers[1]


def test_an_ins_that_is_none_is_a_fault(house: House) -> None:
    wrong = {"resourceType": "Patient", "identifier": [{"system": INS, "value": "185047512500100"}]}
    assert severities(house.post("Patient/$validate", CNAM, wrong)) == ["error"]


def test_a_try_of_a_deletion_needs_its_scope(house: House) -> None:
    id_ = stored(house.post("Observation", NINA, observation(record_of(house))))
    path = f"Observation/{id_}/$validate?mode=delete"
    assert house.get(path, NINA.but(scope="user/*.u")).status == 403
    assert house.get(path, NINA.but(scope="user/*.ud")).status == 200
