"""Create, update and delete by address: https://hl7.org/fhir/R4/http.html#create, #update, #delete;
`Prefer`: #ops; https://hl7.org/fhir/R4/provenance.html#header.
"""

import json
from functools import partial
from typing import Any

import pytest

from tests.house import ANNE, BASE, CNAM, INS, NINA, Answer, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored
from tests.stores import at_once

PATIENT: dict[str, Any] = {"resourceType": "Patient", "gender": "male"}


def basic(reference: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": reference},
    } | more  # fmt: skip


def code(answer: Answer) -> str:
    found: str = answer.json["issue"][0]["code"]
    return found


# Create.


def test_I12_a_created_resource_has_location_etag_and_last_modified(plain: House) -> None:
    answer = plain.post("Patient", None, PATIENT)
    assert answer.status == 201
    assert answer.headers["Location"] == f"{BASE}/Patient/{answer.id}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"].endswith(" GMT")


def test_I12_id_and_version_of_the_body_are_ignored(plain: House) -> None:
    meta = {"versionId": "9", "lastUpdated": "2000-01-01T00:00:00Z"}
    answer = plain.post("Patient", None, PATIENT | {"id": "mine", "meta": meta})
    assert answer.id != "mine"
    assert answer.json["id"] == answer.id
    assert answer.json["meta"]["versionId"] == "1"
    assert answer.json["meta"]["lastUpdated"].startswith("2026-")


def test_I12_another_type_than_the_address_is_refused(plain: House) -> None:
    answer = plain.post("Observation", None, PATIENT)
    assert (answer.status, code(answer)) == (400, "invalid")


# Update.


def test_I05_an_update_is_the_next_version(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    answer = plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_, "gender": "other"})
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    assert "Last-Modified" in answer.headers
    assert plain.get(f"Patient/{id_}").json["gender"] == "other"


@pytest.mark.parametrize("id_", [None, "other"])
def test_I05_the_id_of_the_body_is_that_of_the_address(plain: House, id_: str | None) -> None:
    kept = stored(plain.post("Patient", None, PATIENT))
    body = PATIENT if id_ is None else PATIENT | {"id": id_}
    answer = plain.call("PUT", f"Patient/{kept}", None, body)
    assert (answer.status, answer.json["issue"][0]["expression"]) == (400, ["Patient.id"])


def test_I05_an_unknown_id_is_created(plain: House) -> None:
    answer = plain.call("PUT", "Patient/I05-new", None, PATIENT | {"id": "I05-new"})
    assert answer.status == 201
    assert answer.headers["Location"] == f"{BASE}/Patient/I05-new/_history/1"


def test_I05_what_was_deleted_comes_back_as_the_next_version(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    plain.call("DELETE", f"Patient/{id_}")
    answer = plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_})
    assert (answer.status, answer.headers["ETag"]) == (201, 'W/"3"')
    assert plain.get(f"Patient/{id_}").status == 200


def test_I05_with_the_policy_on_the_server_gives_ids(house: House) -> None:
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    body = {"resourceType": "Observation", "id": "mine", "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{record}"}}  # fmt: skip
    answer = house.call("PUT", "Observation/mine", NINA, body)
    assert (answer.status, code(answer)) == (405, "not-supported")
    assert "PUT" not in answer.headers["Allow"]


@pytest.mark.parametrize("sent", ['W/"1"', '"1"', "1", '"7", W/"1"', "*"])
def test_I06_who_names_the_version_may_change_it(plain: House, sent: str) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    answer = plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_}, if_match=sent)
    assert answer.status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_I06_who_names_another_version_changes_nothing(plain: House, method: str) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    patch = json.dumps([{"op": "remove", "path": "/gender"}]).encode()
    body = {"PUT": PATIENT | {"id": id_}, "PATCH": patch, "DELETE": None}[method]
    more = {"content_type": "application/json-patch+json"} if method == "PATCH" else {}
    answer = plain.call(method, f"Patient/{id_}", None, body, if_match='W/"2"', **more)
    assert (answer.status, code(answer)) == (412, "conflict")
    assert plain.get(f"Patient/{id_}").headers["ETag"] == 'W/"1"'


def test_I06_of_fifty_writers_of_one_version_one_wins(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    body = PATIENT | {"id": id_}
    work = partial(plain.call, "PUT", f"Patient/{id_}", None, body, if_match='W/"1"')
    found = [answer.status for answer in at_once([work] * 50, plain.database)]
    assert found.count(200) == 1
    assert set(found) <= {200, 409, 412}
    assert plain.get(f"Patient/{id_}").headers["ETag"] == 'W/"2"'


def test_I05_what_must_be_new_is_not_overwritten(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    body = PATIENT | {"id": id_}
    assert plain.call("PUT", f"Patient/{id_}", None, body, if_none_match="*").status == 412


# Delete.


def test_I10_a_deletion_is_kept_and_repeated(plain: House) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    statuses = [plain.call("DELETE", f"Patient/{id_}").status for _ in range(2)]
    assert statuses == [204, 204]
    assert plain.get(f"Patient/{id_}").status == 410
    assert plain.get(f"Patient?_id={id_}").json["total"] == 0
    assert plain.get(f"Patient/{id_}/_history").json["total"] == 2


def test_I10_what_was_never_there_is_deleted(plain: House) -> None:
    assert plain.call("DELETE", "Patient/I10-never").status == 204


def test_I10_with_the_policy_on_a_mistaken_deletion_is_told(house: House) -> None:
    assert house.call("DELETE", "DocumentReference/I10-never", ANNE).status == 404


@pytest.mark.parametrize(
    "place",
    [
        {"subject": True},  # a search parameter speaks of it
        {"extension": True},  # none does
        {"contained": True},
        {"absolute": True},
        {"version": True},
    ],
    ids=lambda place: next(iter(place)),
)
def test_I10_what_is_referred_to_is_not_deleted(plain: House, place: dict[str, bool]) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    to = {"reference": f"Patient/{id_}"}
    inner = basic(f"Patient/{id_}", id="b")
    body = {
        "subject": basic(f"Patient/{id_}"),
        "absolute": basic(f"{BASE}/Patient/{id_}"),
        "version": basic(f"Patient/{id_}/_history/1"),
        "extension": {"resourceType": "Basic", "code": {"text": "x"}, "extension": [
            {"url": "http://a.example", "valueReference": to}]},
        "contained": {"resourceType": "Basic", "code": {"text": "x"}, "contained": [inner],
                      "subject": {"reference": "#b"}},
    }[next(iter(place))]  # fmt: skip
    other = stored(plain.post("Basic", None, body))
    answer = plain.call("DELETE", f"Patient/{id_}")
    assert (answer.status, code(answer)) == (409, "conflict")
    assert f"Basic/{other}" in answer.diagnostics
    assert plain.get(f"Patient/{id_}").status == 200
    plain.call("DELETE", f"Basic/{other}")
    assert plain.call("DELETE", f"Patient/{id_}").status == 204


def test_I10_what_refers_to_itself_alone_is_deleted(plain: House) -> None:
    body = PATIENT | {"id": "I10-self", "link": [
        {"other": {"reference": "Patient/I10-self"}, "type": "seealso"}]}  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": body, "request": {"method": "PUT", "url": "Patient/I10-self"}}]}  # fmt: skip
    assert plain.post("", None, bundle).status == 200
    assert plain.call("DELETE", "Patient/I10-self").status == 204


def test_I10_references_that_are_not_checked_hold_nothing(shared_url: str) -> None:
    loose = House(shared_url, auth="off", policy="off", references="off")
    id_ = stored(loose.post("Patient", None, PATIENT))
    stored(loose.post("Basic", None, basic(f"Patient/{id_}")))
    stored(loose.post("Basic", None, basic("Patient/nobody-at-all")))
    assert loose.call("DELETE", f"Patient/{id_}").status == 204
    loose.close()


def test_I10_what_a_hidden_document_refers_to_is_deleted_in_silence(house: House) -> None:
    """The operator sees no document: that one names an Organization is not told by a refusal."""
    organization = {"resourceType": "Organization", "name": "Maison"}
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    ids = [stored(house.post("Organization", CNAM, organization)) for _ in range(2)]
    stored(house.post("DocumentReference", ANNE, {
        "resourceType": "DocumentReference", "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{record}"},
        "subject": {"reference": f"Patient/{record}"},
        "custodian": {"reference": f"Organization/{ids[0]}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    }))  # fmt: skip
    named, free = (house.call("DELETE", f"Organization/{id_}", CNAM) for id_ in ids)
    assert (named.status, named.body) == (free.status, free.body) == (204, b"")


# Prefer.


def asked(plain: House, how: str, prefer: str) -> Answer:
    id_ = stored(plain.post("Patient", None, PATIENT))
    patch = json.dumps([{"op": "replace", "path": "/gender", "value": "other"}]).encode()
    ways = {
        "create": partial(plain.post, "Patient", None, PATIENT),
        "update": partial(plain.call, "PUT", f"Patient/{id_}", None, PATIENT | {"id": id_}),
        "patch": partial(plain.call, "PATCH", f"Patient/{id_}", None, patch,
                         content_type="application/json-patch+json"),
    }  # fmt: skip
    answer: Answer = ways[how](prefer=prefer)
    return answer


@pytest.mark.parametrize("how", ["create", "update", "patch"])
@pytest.mark.parametrize(
    ("prefer", "has"),
    [
        ("return=minimal", ""),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "OperationOutcome"),
        ("", "Patient"),
        ("return=something", "Patient"),
    ],
)
def test_G13_an_answer_holds_what_was_preferred(
    plain: House, how: str, prefer: str, has: str
) -> None:
    answer = asked(plain, how, prefer)
    assert answer.status in (200, 201)
    assert (answer.json["resourceType"] if answer.body else "") == has
    assert answer.headers["ETag"]


@pytest.mark.parametrize(
    ("prefer", "where"),
    [
        ("return=minimal", None),
        ("return=representation", "resource"),
        ("return=OperationOutcome", "outcome"),
    ],
)
def test_G13_entries_of_a_transaction_hold_what_was_preferred(
    plain: House, prefer: str, where: str | None
) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}]}  # fmt: skip
    entry = plain.post("", None, bundle, prefer=prefer).json["entry"][0]
    assert ("resource" in entry) == (where == "resource")
    assert ("outcome" in entry["response"]) == (where == "outcome")


@pytest.mark.parametrize(("prefer", "status"), [("return=OperationOutcome", 200), ("", 204)])
def test_G13_a_deletion_answers_what_was_preferred(
    plain: House, prefer: str, status: int
) -> None:
    id_ = stored(plain.post("Patient", None, PATIENT))
    answer = plain.call("DELETE", f"Patient/{id_}", prefer=prefer)
    assert (answer.status, bool(answer.body)) == (status, status == 200)


@pytest.mark.parametrize("how", ["return=minimal", "return=representation"])
def test_G13_a_failure_is_told_whatever_was_preferred(plain: House, how: str) -> None:
    answer = plain.post("Patient", None, PATIENT | {"gender": "x"}, prefer=how)
    assert (answer.status, answer.json["resourceType"]) == (400, "OperationOutcome")


# X-Provenance.

PROVENANCE: dict[str, Any] = {
    "resourceType": "Provenance",
    "recorded": "2026-11-24T12:00:00Z",
    "agent": [{"who": {"display": "Dr Anne Exemple"}}],
}


@pytest.mark.parametrize("how", ["create", "update"])
def test_G17_a_provenance_is_kept_about_the_version_written(plain: House, how: str) -> None:
    header = json.dumps(PROVENANCE)
    id_ = "" if how == "create" else stored(plain.post("Patient", None, PATIENT))
    if how == "create":
        id_ = stored(plain.post("Patient", None, PATIENT, x_provenance=header))
    else:
        body = PATIENT | {"id": id_}
        plain.call("PUT", f"Patient/{id_}", None, body, x_provenance=header)
    found = plain.get(f"Provenance?target=Patient/{id_}").entries
    version = 1 if how == "create" else 2
    assert [one["target"] for one in found] == [
        [{"reference": f"Patient/{id_}/_history/{version}"}]
    ]
    assert found[0]["agent"] == PROVENANCE["agent"]


@pytest.mark.parametrize(
    "header",
    [
        "x",
        json.dumps(PATIENT),
        json.dumps(PROVENANCE | {"target": [{"reference": "Patient/1"}]}),
        json.dumps({"resourceType": "Provenance"}),
    ],
)
def test_G17_a_provenance_that_is_none_stores_nothing(plain: House, header: str) -> None:
    before = rows(plain, "resource")
    answer = plain.post("Patient", None, PATIENT, x_provenance=header)
    assert answer.status == 400
    assert rows(plain, "resource") == before


def test_G17_a_provenance_lies_in_the_record_it_speaks_of(house: House) -> None:
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                   "subject": {"reference": f"Patient/{record}"}}  # fmt: skip
    header = json.dumps(PROVENANCE)
    id_ = stored(house.post("Observation", NINA, observation, x_provenance=header))
    found = house.get(f"Provenance?target=Observation/{id_}", NINA)
    assert found.json["total"] == 1
    assert house.get(f"Provenance/{found.entries[0]['id']}", ANNE).status == 404
