"""fhir-kit-client, as it comes from npm, against the running server:
https://github.com/Vermonster/fhir-kit-client
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.node import HERE, Kit, Refused, kit
from tests.clients.resources import FAMILIES, SYSTEM, TEXT, admission, number, patient
from tests.house import ANNE, INSURER
from tests.interactions.shared import new_ins
from tests.journeys.over_http import OverHttp
from tests.people import opened
from tests.web.valid import bundle


@pytest.fixture(scope="module")
def client(base: str) -> Iterator[Kit]:
    with kit(base) as found:
        yield found


def created(client: Kit, **more: Any) -> Any:
    """A Patient as the server has stored it."""
    return client.create(resourceType="Patient", body=patient(number()) | more)


def test_its_packages_are_pinned_by_hash_and_by_no_address() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = [one for name, one in lock["packages"].items() if name]
    assert packages and all(one["integrity"].startswith("sha512-") for one in packages)
    assert not any("resolved" in one for one in packages)


def test_what_it_creates_it_reads(client: Kit) -> None:
    stored = created(client)
    assert client.read(resourceType="Patient", id=stored["id"]) == stored
    assert stored["meta"]["versionId"] == "1"


def test_a_conditional_create_finds_what_is_there(client: Kit) -> None:
    value = number()
    once = {"headers": {"If-None-Exist": f"identifier={SYSTEM}|{value}"}}
    first = client.create(resourceType="Patient", body=patient(value), options=once)
    client.create(resourceType="Patient", body=patient(value), options=once)
    found = client.search(resourceType="Patient", searchParams={"identifier": value})
    assert [one["resource"]["id"] for one in found["entry"]] == [first["id"]]


def test_what_it_updates_has_a_history(client: Kit) -> None:
    id_ = created(client)["id"]
    changed = patient(number(), "Bernard") | {"id": id_}
    assert client.update(resourceType="Patient", id=id_, body=changed)["meta"]["versionId"] == "2"
    old = client.vread(resourceType="Patient", id=id_, version="1")
    history = client.history(resourceType="Patient", id=id_)
    assert old["name"][0]["family"] == "Essai"
    assert [one["resource"]["name"][0]["family"] for one in history["entry"]] == [
        "Bernard",
        "Essai",
    ]


def test_an_update_of_an_old_version_is_refused(client: Kit) -> None:
    stored = created(client)
    asked = {
        "resourceType": "Patient",
        "id": stored["id"],
        "body": stored | {"gender": "male"},
        "options": {"headers": {"If-Match": 'W/"1"'}},
    }
    client.update(**asked)
    with pytest.raises(Refused) as refusal:
        client.update(**asked)
    assert refusal.value.status == 412


def test_it_updates_what_a_search_finds(client: Kit) -> None:
    value = number()
    asked = {"resourceType": "Patient", "searchParams": {"identifier": value}}
    first = client.update(**asked, body=patient(value))
    second = client.update(**asked, body=patient(value, "Bernard"))
    assert (second["id"], second["meta"]["versionId"]) == (first["id"], "2")


def test_what_it_patches_is_changed(client: Kit) -> None:
    id_ = created(client)["id"]
    patch = [
        {"op": "test", "path": "/name/0/family", "value": "Essai"},
        {"op": "replace", "path": "/name/0/family", "value": "Bernard"},
    ]
    patched = client.patch(resourceType="Patient", id=id_, jsonPatch=patch)
    assert patched["name"][0]["family"] == "Bernard"
    with pytest.raises(Refused) as refusal:
        client.patch(resourceType="Patient", id=id_, jsonPatch=patch)
    assert refusal.value.status == 422


def test_what_it_deletes_is_gone(client: Kit) -> None:
    id_ = created(client)["id"]
    client.delete(resourceType="Patient", id=id_)
    with pytest.raises(Refused) as refusal:
        client.read(resourceType="Patient", id=id_)
    assert refusal.value.status == 410
    assert refusal.value.outcome["issue"][0]["code"] == "deleted"


@pytest.mark.parametrize("options", [{}, {"postSearch": True}], ids=["get", "post"])
def test_it_turns_the_pages_of_a_search(client: Kit, options: dict[str, bool]) -> None:
    value = number()
    for family in FAMILIES:
        client.create(resourceType="Patient", body=patient(value, family))
    asked = {"identifier": f"{SYSTEM}|{value}", "_sort": "family", "_count": 2}
    page = client.search(resourceType="Patient", searchParams=asked, options=options)
    found = []
    while page:
        found += [one["resource"]["name"][0]["family"] for one in page["entry"]]
        page = client.nextPage(bundle=page)
    assert found == list(FAMILIES)


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_its_bundles_are_done_entry_by_entry(client: Kit, kind: str) -> None:
    body = admission(number(), kind)
    if kind == "batch":  # whose entries know nothing of each other
        del body["entry"][1]["resource"]["subject"]
    answer = getattr(client, kind)(body=body)
    assert answer["type"] == f"{kind}-response"
    patient_id, observation_id = (
        one["response"]["location"].split("/")[-3] for one in answer["entry"]
    )
    observation = client.read(resourceType="Observation", id=observation_id)
    assert observation["code"]["text"] == TEXT
    if kind == "transaction":
        resolved = client.resolve(reference=observation["subject"]["reference"])
        assert resolved["id"] == patient_id


def test_it_calls_an_operation(client: Kit) -> None:
    asked = {"name": "validate", "resourceType": "Patient", "input": patient(number())}
    assert client.operation(**asked)["resourceType"] == "OperationOutcome"


def test_a_refusal_reaches_its_user_as_an_operation_outcome(client: Kit) -> None:
    with pytest.raises(Refused) as refusal:
        created(client, gender="x")
    issue = refusal.value.outcome["issue"][0]
    assert issue["expression"] == ["Patient.gender"] and "`x`" in issue["diagnostics"]


def test_with_a_token_it_deposits_and_finds_a_document(guarded: OverHttp) -> None:
    patient_id = opened(guarded, ANNE, ins=new_ins())
    with kit(guarded.base, guarded.token(ANNE)) as client:
        client.transaction(body=bundle(patient_id))
        found = client.search(
            resourceType="DocumentReference", searchParams={"patient": patient_id}
        )
    assert len(found["entry"]) == 1


@pytest.mark.parametrize(("person", "status"), [(None, 401), (INSURER, 403)], ids=["none", "no"])
def test_without_a_right_it_is_told_so(guarded: OverHttp, person: Any, status: int) -> None:
    token = guarded.token(person) if person else ""
    with kit(guarded.base, token) as client, pytest.raises(Refused) as refusal:
        client.read(resourceType="Patient", id="a")
    assert refusal.value.status == status
