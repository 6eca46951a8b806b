"""fhirpy, as it comes from PyPI, against the running server:
https://github.com/beda-software/fhir-py
"""

from typing import Any

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import (
    AuthorizationError,
    ForbiddenError,
    MultipleResourcesFound,
    OperationOutcome,
    ResourceNotFound,
)

from tests.clients.resources import FAMILIES, SYSTEM, admission, number, patient
from tests.house import ANNE, INSURER
from tests.interactions.shared import new_ins
from tests.journeys.over_http import OverHttp
from tests.people import opened
from tests.web.valid import bundle


@pytest.fixture
def client(base: str) -> SyncFHIRClient:
    return SyncFHIRClient(base)


def made(client: SyncFHIRClient, content: dict[str, Any]) -> Any:
    """A resource of the client's own kind, not stored yet."""
    return client.resource(content["resourceType"], **content)


def test_what_it_creates_it_reads(client: SyncFHIRClient) -> None:
    created = made(client, patient(number())).save()
    read = client.get("Patient", created.id)
    assert (read["meta"]["versionId"], read["name"][0]["family"]) == ("1", "Essai")
    assert read == created.serialize()


def test_what_it_updates_has_a_new_version(client: SyncFHIRClient) -> None:
    resource = made(client, patient(number())).save()
    resource["name"][0]["family"] = "Bernard"
    resource.save()
    assert resource["meta"]["versionId"] == "2"
    assert client.get("Patient", resource.id)["name"][0]["family"] == "Bernard"


def test_what_it_has_and_is_unchanged_it_need_not_read_again(client: SyncFHIRClient) -> None:
    mine = made(client, patient(number())).save()
    before = mine.serialize()
    assert mine.refresh().serialize() == before  # a 304
    other = client.get("Patient", mine.id)
    made(client, other | {"gender": "male"}).save()
    assert mine.refresh()["gender"] == "male"


def test_what_it_deletes_is_gone(client: SyncFHIRClient) -> None:
    resource = made(client, patient(number())).save()
    resource.delete()
    with pytest.raises(ResourceNotFound, match="deleted"):
        client.get("Patient", resource.id)
    assert client.resources("Patient").search(_id=resource.id).fetch() == []


def test_it_reads_all_pages_of_a_search_in_order(client: SyncFHIRClient) -> None:
    value = number()
    for family in FAMILIES:
        made(client, patient(value, family)).save()
    search = client.resources("Patient").search(identifier=f"{SYSTEM}|{value}")
    assert search.count() == len(FAMILIES)
    paged = search.sort("-family").limit(2).fetch_all()
    assert [one["name"][0]["family"] for one in paged] == sorted(FAMILIES, reverse=True)
    assert search.search(name__contains="upon").get()["name"][0]["family"] == "Dupont"
    with pytest.raises(MultipleResourcesFound):
        search.get()


def test_it_updates_what_a_search_finds_or_creates_it(client: SyncFHIRClient) -> None:
    value = number()
    search = client.resources("Patient").search(identifier=f"{SYSTEM}|{value}")
    first, created = search.update(made(client, patient(value)))
    assert created
    second, created = search.update(made(client, patient(value, "Bernard")))
    assert (second.id, created) == (first.id, False)
    search.delete()
    assert search.fetch() == []


def test_its_transaction_binds_what_its_entries_name(client: SyncFHIRClient) -> None:
    answer = made(client, admission(number())).save()
    assert [one["response"]["status"][:3] for one in answer["entry"]] == ["201", "201"]
    patient_id, observation_id = (
        one["response"]["location"].split("/")[-3] for one in answer["entry"]
    )
    observation = client.reference("Observation", observation_id).to_resource()
    assert observation["subject"].reference == f"Patient/{patient_id}"
    assert observation["subject"].to_resource().id == patient_id


def test_it_has_a_resource_validated(client: SyncFHIRClient) -> None:
    resource = made(client, patient(number()))
    assert resource.is_valid()
    resource["gender"] = "x"
    assert not resource.is_valid()


def test_a_refusal_reaches_its_user_as_an_operation_outcome(client: SyncFHIRClient) -> None:
    with pytest.raises(OperationOutcome) as refusal:
        client.resource("Patient", gender="x").save()
    issue = refusal.value.resource["issue"][0]
    assert issue["expression"] == ["Patient.gender"] and "`x`" in issue["diagnostics"]


def test_its_patch_which_is_none_of_the_standard_s_is_refused(client: SyncFHIRClient) -> None:
    resource = made(client, patient(number())).save()
    with pytest.raises(OperationOutcome):
        client.patch("Patient", resource.id, gender="male")  # a bare object, as Aidbox takes it
    assert "gender" not in client.get("Patient", resource.id)


def test_with_a_token_it_deposits_and_finds_a_document(guarded: OverHttp) -> None:
    patient_id = opened(guarded, ANNE, ins=new_ins())
    client = SyncFHIRClient(guarded.base, authorization=f"Bearer {guarded.token(ANNE)}")
    made(client, bundle(patient_id)).save()
    (found,) = client.resources("DocumentReference").search(patient=patient_id).fetch_all()
    assert found["subject"].id == patient_id


def test_without_a_right_it_is_told_so(guarded: OverHttp) -> None:
    with pytest.raises(AuthorizationError):
        SyncFHIRClient(guarded.base).get("Patient", "a")
    insurer = SyncFHIRClient(guarded.base, authorization=f"Bearer {guarded.token(INSURER)}")
    with pytest.raises(ForbiddenError):
        insurer.get("Patient", "a")
