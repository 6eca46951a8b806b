"""fhirclient (SMART), as it comes from PyPI, against the running server:
https://github.com/smart-on-fhir/client-py
"""

from collections.abc import Iterator

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.documentreference import DocumentReference
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import (
    FHIRNotFoundException,
    FHIRPermissionDeniedException,
    FHIRServer,
    FHIRUnauthorizedException,
)

from tests.clients.resources import FAMILIES, SYSTEM, TEXT, admission, number, patient
from tests.house import ANNE, INSURER, Person
from tests.interactions.shared import new_ins
from tests.journeys.over_http import OverHttp
from tests.people import opened
from tests.web.valid import bundle


@pytest.fixture
def server(base: str) -> Iterator[FHIRServer]:
    client = FHIRClient(settings={"app_id": "tests", "api_base": base})
    assert client.prepare()  # reads the CapabilityStatement
    yield client.server
    client.server.session.close()


def created(server: FHIRServer, family: str = "Essai", value: str = "") -> Patient:
    """A Patient as the server has stored it."""
    return Patient(Patient(patient(value or number(), family)).create(server))


def test_it_understands_what_the_server_offers(server: FHIRServer) -> None:
    (rest,) = server.capabilityStatement.rest
    offered = {one.type: {i.code for i in one.interaction} for one in rest.resource}
    assert {"read", "create", "update", "delete", "search-type"} <= offered["Patient"]


def test_what_it_creates_it_reads(server: FHIRServer) -> None:
    stored = created(server)
    read = Patient.read(stored.id, server)
    assert (read.meta.versionId, read.name[0].family) == ("1", "Essai")
    assert read.as_json() == stored.as_json()


def test_what_it_updates_has_a_new_version(server: FHIRServer) -> None:
    resource = Patient.read(created(server).id, server)
    resource.name[0].family = "Bernard"
    assert resource.update()["meta"]["versionId"] == "2"
    assert Patient.read(resource.id, server).name[0].family == "Bernard"


def test_what_it_deletes_is_gone(server: FHIRServer) -> None:
    resource = Patient.read(created(server).id, server)
    resource.delete()
    with pytest.raises(requests.HTTPError, match="410"):
        Patient.read(resource.id, server)
    with pytest.raises(FHIRNotFoundException):
        Patient.read("never-stored", server)


def test_it_reads_all_pages_of_a_search(server: FHIRServer) -> None:
    value = number()
    for family in FAMILIES:
        created(server, family, value)
    search = Patient.where({"identifier": f"{SYSTEM}|{value}", "_sort": "family", "_count": "2"})
    pages = [len(page.entry) for page in search.perform_iter(server)]
    assert pages == [2, 2, 1]
    assert [one.name[0].family for one in search.perform_resources_iter(server)] == list(FAMILIES)


def test_its_transaction_binds_what_its_entries_name(server: FHIRServer) -> None:
    answer = Bundle(Bundle(admission(number())).create(server))
    assert [one.response.status[:3] for one in answer.entry] == ["201", "201"]
    patient_id, observation_id = (one.response.location.split("/")[-3] for one in answer.entry)
    observation = Observation.read(observation_id, server)
    assert observation.subject.reference == f"Patient/{patient_id}"
    assert (observation.code.text, observation.valueQuantity.value) == (TEXT, 36.6)


def as_(person: Person, house: OverHttp) -> FHIRServer:
    """With a token that it has already got, as an application keeps it in its state."""
    auth = {"app_id": "tests", "access_token": house.token(person)}
    state = {"base_uri": f"{house.base}/", "auth_type": "oauth2", "auth": auth}
    return FHIRClient(state={"app_id": "tests", "server": state}).server


@pytest.fixture
def anne(guarded: OverHttp) -> Iterator[FHIRServer]:
    server = as_(ANNE, guarded)
    yield server
    server.session.close()


def test_with_a_token_it_deposits_and_finds_a_document(guarded: OverHttp, anne: FHIRServer) -> None:
    patient_id = opened(guarded, ANNE, ins=new_ins())
    Bundle(bundle(patient_id)).create(anne)
    (found,) = DocumentReference.where({"patient": patient_id}).perform_resources_iter(anne)
    assert found.subject.reference == f"Patient/{patient_id}"


def test_without_a_right_it_is_told_so(guarded: OverHttp) -> None:
    nobody, insurer = FHIRServer(None, f"{guarded.base}/"), as_(INSURER, guarded)
    with nobody.session, insurer.session:
        with pytest.raises(FHIRUnauthorizedException):
            Patient.read("a", nobody)
        with pytest.raises(FHIRPermissionDeniedException):
            Patient.read("a", insurer)
