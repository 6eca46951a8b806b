"""A record of its own for each test, and what people do in it over HTTP."""

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fhir_server.policy.labels import ARCHIVED, MASKED, VISIBILITY
from tests.house import ANNE, CNAM, INS, Answer, House, Person
from tests.interactions.shared import new_ins
from tests.people import consent, opened, stored

LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
RULE = "https://fhir-server.example/fhir/rule/"
PATCH = "application/json-patch+json"
ARCHIVE = {"url": ARCHIVED, "valueBoolean": True}


def labelled(*flags: str, level: str = "N") -> list[dict[str, Any]]:
    codes = [(LEVELS, level), *((VISIBILITY, flag) for flag in flags)]
    return [{"coding": [{"system": system, "code": code}]} for system, code in codes]


def document(patient_id: str, *flags: str, **more: Any) -> dict[str, Any]:
    """A DocumentReference with its bytes inside, as ITI-105 takes it."""
    attachment = {"contentType": "text/plain", "data": b64encode(b"hello").decode()}
    return {
        "resourceType": "DocumentReference", "status": "current",
        "subject": {"reference": f"Patient/{patient_id}"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "securityLabel": labelled(*flags), "content": [{"attachment": attachment}],
    } | more  # fmt: skip


def replacing(patient_id: str, *ids: str, **more: Any) -> dict[str, Any]:
    targets = [{"reference": f"DocumentReference/{id_}"} for id_ in ids]
    return document(
        patient_id, relatesTo=[{"code": "replaces", "target": t} for t in targets], **more
    )


@dataclass
class Record:
    """`id` is the Patient's; `holder` has a token."""

    house: House
    id: str
    holder: Person

    def deposited(self, who: Person, *flags: str, **more: Any) -> str:
        """The id of a new document."""
        return stored(self.deposit(who, *flags, **more))

    def deposit(self, who: Person, *flags: str, **more: Any) -> Answer:
        return self.house.post("DocumentReference", who, document(self.id, *flags, **more))

    def read(self, who: Person, id_: str, rest: str = "") -> Answer:
        return self.house.get(f"DocumentReference/{id_}{rest}", who)

    def find(self, who: Person, query: str = "", type_: str = "DocumentReference") -> Answer:
        return self.house.get(f"{type_}?patient={self.id}{query}", who)

    def found(self, who: Person, query: str = "", type_: str = "DocumentReference") -> set[str]:
        """The ids found; the total must be their number."""
        answer = self.find(who, query + "&_count=500", type_)
        assert answer.status == 200, answer.body
        assert answer.json["total"] == len(answer.entries)
        return {entry["id"] for entry in answer.entries}

    def sees(self, who: Person, id_: str) -> bool:
        """Whether it is read, found and fetched; all three must say the same."""
        read = self.read(who, id_)
        searched = self.find(who)
        found = searched.status == 200 and id_ in {entry["id"] for entry in searched.entries}
        fetched = bytes_of(self.house, self.read(ANNE, id_), who)
        assert (read.status == 200) == found and fetched in (None, found)
        assert read.status in (200, 404, 410)
        return found

    def patch(
        self, who: Person, id_: str, *operations: tuple[str, Any], type_: str = "DocumentReference"
    ) -> Answer:
        """`operations`: JSON pointers and what is put there (None: nothing more)."""
        changes = [
            {"op": "remove", "path": path}
            if value is None
            else {"op": "add", "path": path, "value": value}
            for path, value in operations
        ]
        return self.house.call(
            "PATCH", f"{type_}/{id_}", who, json.dumps(changes).encode(), content_type=PATCH
        )

    def label(self, who: Person, id_: str, *flags: str, level: str = "N") -> Answer:
        return self.patch(who, id_, ("/securityLabel", labelled(*flags, level=level)))

    def mask(self, who: Person, id_: str) -> Answer:
        return self.label(who, id_, MASKED)

    def consent(self, who: Person, code: str, *people: Person, **more: Any) -> Answer:
        deny = code == "dmp-pro-block" or code.endswith("-opposition")
        return self.house.post("Consent", who, consent(self.id, code, *people, deny=deny, **more))

    def team(self) -> dict[str, Any]:
        """The first care team."""
        found: dict[str, Any] = self.find(CNAM, type_="CareTeam").entries[0]
        return found

    def closed(self, who: Person | None = None) -> None:
        assert (
            self.patch(who or self.holder, self.id, ("/active", False), type_="Patient").status
            == 200
        )

    def traces(self, who: Person, query: str = "") -> list[dict[str, Any]]:
        """What `who` reads of the record's log, newest first."""
        answer = self.find(who, query + "&_count=500&_sort=-_lastUpdated", "AuditEvent")
        assert answer.status == 200, answer.body
        return answer.entries

    def rules(self, of: Person, query: str = "") -> set[str]:
        """The rules that stand in the log of this record for what somebody did there."""
        found = [event for event in self.traces(CNAM, query) if user(event) == of.sub]
        policies = [policy for event in found for policy in event["agent"][2].get("policy", ())]
        return {policy.removeprefix(RULE) for policy in policies if policy.startswith(RULE)}


def user(event: dict[str, Any]) -> str:
    """`system|value` of who asked."""
    identifier = event["agent"][2]["who"].get("identifier", {})
    return f"{identifier.get('system')}|{identifier.get('value')}"


def bytes_of(house: House, read: Answer, who: Person) -> bool | None:
    """Whether `who` gets the bytes of a document somebody has read; None when nobody has."""
    if read.status != 200:
        return None
    url = read.json["content"][0]["attachment"]["url"].removeprefix(house.settings.base_url + "/")
    answer = house.get(url, who)
    assert answer.status in (200, 404)
    return answer.status == 200


def made(
    house: House, members: Iterable[Person], doctor: Person | None = None, **more: Any
) -> Record:
    """A record with its own INS, opened by the operator."""
    ins = new_ins()
    patient_id = opened(house, *members, doctor=doctor, ins=ins, **more)
    return Record(house, patient_id, Person("holder", f"{INS}|{ins}", "Claire Essai"))
