"""What a PUT of a document changes is judged as the PATCH that changes it.

`contract.md` section 7, Documents, PUT: elements other than the three: 405; those three by someone
who sees the document and may not change them: 403.
"""

import json
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED, VISIBILITY
from tests.house import ANNE, NINA, OTTO, PAUL, Person
from tests.policy.record import ARCHIVE, LEVELS, PATCH, Record, labelled

# What is changed → how it ends for the nurse, the attending doctor, the holder, the author.
CHANGES: dict[str, tuple[dict[str, Any], tuple[int, int, int, int]]] = {
    "superseded": ({"status": "superseded"}, (403, 403, 403, 200)),
    "deleted": ({"status": "entered-in-error"}, (403, 403, 403, 200)),
    "masked": ({"securityLabel": labelled(MASKED)}, (200, 200, 200, 200)),
    "secret": ({"securityLabel": labelled(SECRET)}, (403, 403, 200, 200)),
    "veiled": ({"securityLabel": labelled(VEILED)}, (422, 422, 422, 422)),
    "level": ({"securityLabel": labelled(level="R")}, (403, 403, 403, 200)),
    "archived": ({"extension": [ARCHIVE]}, (403, 403, 403, 200)),
    "described": ({"description": "x"}, (405, 405, 405, 405)),
    "both": ({"description": "x", "status": "superseded"}, (405, 405, 405, 405)),
    "nothing": ({}, (200, 200, 200, 200)),
}
CALLERS = ("nurse", "attending", "holder", "author")
WAYS = ("PUT", "PUT by condition", "transaction", "batch", "PATCH")


def status_of(record: Record, who: Person, id_: str, change: dict[str, Any], way: str) -> int:
    path, house = f"DocumentReference/{id_}", record.house
    if way == "PATCH":
        changes = [{"op": "add", "path": f"/{name}", "value": v} for name, v in change.items()]
        body = json.dumps(changes).encode()
        return house.call("PATCH", path, who, body, content_type=PATCH).status
    body_ = record.read(who, id_).json | change
    if way == "PUT":
        return house.call("PUT", path, who, body_).status
    if way == "PUT by condition":
        return house.call("PUT", "DocumentReference", who, body_, query=f"_id={id_}").status
    entry = {"resource": body_, "request": {"method": "PUT", "url": path}}
    answer = house.post("", who, {"resourceType": "Bundle", "type": way, "entry": [entry]})
    if way == "batch":
        return int(answer.json["entry"][0]["response"]["status"][:3])
    return answer.status


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_put_ends_as_the_patch_of_the_same(record: Record, name: str, way: str) -> None:
    change, ends = CHANGES[name]
    for who, status in zip((NINA, PAUL, record.holder, ANNE), ends, strict=True):
        id_ = record.deposited(ANNE)
        assert status_of(record, who, id_, change, way) == status, who.name
        left = record.read(ANNE, id_)
        if status != 200:
            assert left.json["meta"]["versionId"] == "1"
        else:
            assert left.status == (410 if name == "deleted" else 200)


@pytest.mark.parametrize("way", ["PUT", "transaction", "batch"])
def test_a_put_on_what_one_does_not_see_is_405_whatever_it_changes(
    record: Record, way: str
) -> None:
    masked, absent = record.deposited(ANNE, MASKED), "absent"
    for change, _ in CHANGES.values():
        for who, id_ in ((NINA, masked), (OTTO, masked), (NINA, absent)):
            body = record.read(ANNE, masked).json | {"id": id_} | change
            path = f"DocumentReference/{id_}"
            if way == "PUT":
                assert record.house.call("PUT", path, who, body).status == 405
                continue
            entry = {"resource": body, "request": {"method": "PUT", "url": path}}
            bundle = {"resourceType": "Bundle", "type": way, "entry": [entry]}
            answer = record.house.post("", who, bundle)
            status = answer.json["entry"][0]["response"]["status"] if way == "batch" else ""
            assert answer.status == 405 or status[:3] == "405"


UNKNOWN_LABELS = {
    "no system": {"code": MASKED},
    "another system": {"system": "http://example.org", "code": MASKED},
    "http": {"system": VISIBILITY.replace("https", "http"), "code": MASKED},
    "a version": {"system": f"{VISIBILITY}|1.0", "code": MASKED},
    "small letters": {"system": VISIBILITY, "code": MASKED.lower()},
    "no code": {"system": VISIBILITY, "display": "Masqué aux professionnels de santé"},
    "another confidentiality": {"system": LEVELS, "code": "M"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", UNKNOWN_LABELS)
def test_a_label_that_would_mean_nothing_is_refused_by_every_door(
    record: Record, name: str, way: str
) -> None:
    id_ = record.deposited(ANNE)
    for who in (record.holder, ANNE, PAUL, NINA):
        change = {"securityLabel": [*labelled(), {"coding": [UNKNOWN_LABELS[name]]}]}
        assert status_of(record, who, id_, change, way) == 422
    assert record.read(ANNE, id_).json["securityLabel"] == labelled()
