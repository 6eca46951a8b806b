"""The story of the first house, from outside: deposit, find, mask, refuse, consent, read the log.

IHE MHD, https://profiles.ihe.net/ITI/MHD/: ITI-65, ITI-66, ITI-67, ITI-68, ITI-105.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fhir_server.fhir.dates import instant
from fhir_server.policy.labels import VISIBILITY
from tests.documents import LUCIEN as LUCIEN_NUMBER
from tests.documents import cda
from tests.house import (
    ANNE,
    BASE,
    BRUNO,
    CLAIRE,
    CLAIRE_INS,
    CNAM,
    INS,
    INSURER,
    LUCIEN,
    LUCIEN_INS,
    NINA,
    OTTO,
    PAUL,
    Answer,
    House,
    Person,
)
from tests.journeys.over_http import served
from tests.people import consent, opened, stored

FIRST, SECOND = cda(patient_ins=LUCIEN_NUMBER), cda(patient_ins=LUCIEN_NUMBER)
URI = "urn:ietf:rfc:3986"
MHD = "https://profiles.ihe.net/ITI/MHD"
# What differs between equal answers.
UNEQUAL = re.compile(rb'"(id|lastUpdated)":"[^"]*"')

# One line of a log: who, what he did, to what, and whether he was refused.
Line = tuple[str, str, str, bool]


def of(ins: str) -> str:
    return f"patient.identifier={INS}%7C{ins}"


def iti105(data: bytes) -> dict[str, Any]:
    attachment = {"contentType": "text/xml", "data": b64encode(data).decode()}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": attachment}],
    }


def iti65(data: bytes, patient: str) -> dict[str, Any]:
    """A submission set, the metadata that a CDA header does not complete, and the bytes."""
    set_, document, binary = (f"urn:uuid:{n}0000000-0000-4000-8000-000000000000" for n in "123")
    listed = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "extension": [
            {"url": f"{MHD}/StructureDefinition/ihe-sourceId", "valueIdentifier": {
                "system": URI, "value": "urn:oid:1.2.250.1.999.1"}},
        ],
        "code": {"coding": [{"system": f"{MHD}/CodeSystem/MHDlistTypes", "code": "submissionset"}]},
        "identifier": [{"use": "official", "system": URI, "value": set_}],
        "subject": {"reference": patient},
        "date": "2026-11-24T12:00:00Z",
        "entry": [{"item": {"reference": document}}],
    }  # fmt: skip
    metadata = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": patient},
        "content": [{"attachment": {"contentType": "text/xml", "url": binary}}],
    }
    content = {
        "resourceType": "Binary", "contentType": "text/xml", "data": b64encode(data).decode(),
    }  # fmt: skip
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": url, "resource": resource,
             "request": {"method": "POST", "url": resource["resourceType"]}}
            for url, resource in ((set_, listed), (document, metadata), (binary, content))
        ],
    }  # fmt: skip


class Story:
    """A house, and a list of what was asked in Lucien's record, for comparison with his log."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.lines: list[Line] = []
        self.patient = ""

    def note(self, who: Person, did: str, what: str, *, refused: bool = False) -> None:
        """What Lucien will read of it: of others' requests the record, not their words."""
        told = what if who is LUCIEN or not what.startswith("GET ") else self.patient
        self.lines.append((who.sub.split("|")[1], did, told, refused))

    def search(self, who: Person, *, status: int = 200) -> Answer:
        asked = f"DocumentReference?{of(LUCIEN_INS)}&status=current"
        answer = self.house.get(asked, who)
        assert answer.status == status, answer.body
        self.note(who, "search-type", f"GET {asked}", refused=status >= 400)
        return answer

    def found(self, who: Person) -> set[str]:
        """The ids that the search gives, and their number by its total."""
        answer = self.search(who)
        ids = {one["id"] for one in answer.entries}
        assert answer.json["total"] == len(answer.entries) == len(ids)
        return ids

    def read(self, who: Person, address: str, *, status: int = 200) -> Answer:
        answer = self.house.get(address, who)
        assert answer.status == status, answer.body
        refused = status >= 400
        self.note(who, "read", f"GET {address}" if refused else address, refused=refused)
        return answer

    def bytes_of(self, who: Person, document: str) -> tuple[str, bytes]:
        """The address of the document's bytes, as its metadata say, and what is there."""
        url = self.read(who, document).json["content"][0]["attachment"]["url"]
        address = "/".join(urlsplit(url).path.split("/")[-2:])
        answer = self.read(who, address)
        assert answer.headers["Content-Type"] == "text/xml"
        return address, answer.body


def alike(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """What must not differ: all but ids, instants and request ids."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    kept = {n: v for n, v in headers.items() if n not in ("x-request-id", "date")}
    return answer.status, UNEQUAL.sub(b"", answer.body), kept


def log_of(house: House, who: Person, ins: str) -> list[Line]:
    answer = house.get(f"AuditEvent?{of(ins)}&_count=200", who)
    assert answer.status == 200, answer.body
    return [line_of(event) for event in answer.entries]


def line_of(event: dict[str, Any]) -> Line:
    (user,) = [agent for agent in event["agent"] if agent["requestor"]]
    queries = [b64decode(one["query"]).decode() for one in event["entity"] if "query" in one]
    named = [one["what"].get("reference", "") for one in event["entity"] if "what" in one]
    data = [one for one in named if one and not one.startswith("Patient/")]
    what = (*data, *queries, *(one for one in named if one.startswith("Patient/")))[0]
    refused = event["outcome"] != "0"
    return user["who"]["identifier"]["value"], event["subtype"][0]["code"], what, refused


def tell(house: House) -> None:
    """The five points, each step with its status and content."""
    story = Story(house)
    begin = house.clock()
    patient = opened(house, NINA, doctor=PAUL)
    story.patient = f"Patient/{patient}"
    story.note(CNAM, "create", f"Patient/{patient}")
    block = consent(patient, "dmp-pro-block", BRUNO, deny=True)
    story.note(LUCIEN, "create", f"Consent/{stored(house.post('Consent', LUCIEN, block))}")
    nothing = story.search(NINA)
    assert nothing.json["total"] == 0

    first = deposit_and_find(story, patient)
    mask(story, first, nothing)
    second = deposit_alone(story)
    refuse_and_consent(story, patient, second)
    read_the_log(story, begin)


def deposit_and_find(story: Story, patient: str) -> str:
    """ITI-65 by Anne; Nina finds the document by the INS, reads it, gets its bytes."""
    answer = story.house.post("", ANNE, iti65(FIRST, f"Patient/{patient}"))
    assert answer.status == 200, answer.body
    assert [one["response"]["status"] for one in answer.json["entry"]] == ["201 Created"] * 3
    places = [one["response"]["location"] for one in answer.json["entry"]]
    set_, document, _ = ("/".join(urlsplit(url).path.split("/")[2:4]) for url in places)
    story.note(ANNE, "create", set_)
    story.note(ANNE, "create", document)
    assert story.found(NINA) == {document.split("/")[1]}
    address, data = story.bytes_of(NINA, document)
    assert (address.split("/")[0], data) == ("Binary", FIRST)
    listed = story.read(NINA, set_).json
    assert listed["entry"][0]["item"]["reference"] == document
    return document


def mask(story: Story, document: str, nothing: Answer) -> None:
    """Lucien masks; for Nina nothing has ever been deposited, for Anne and Paul it has."""
    house = story.house
    binary, _ = story.bytes_of(ANNE, document)
    label = {"coding": [{"system": VISIBILITY, "code": "MASQUE_PS"}]}
    change = [{"op": "add", "path": "/securityLabel/-", "value": label}]
    media = "application/json-patch+json"
    answer = house.call("PATCH", document, LUCIEN, change, content_type=media)
    assert answer.status == 200, answer.body
    assert label in answer.json["securityLabel"]
    story.note(LUCIEN, "patch", document)

    assert alike(story.search(NINA)) == alike(nothing)
    for address in (document, binary):
        unknown = f"{address.split('/')[0]}/11111111-2222-4333-8444-555555555555"
        hidden, absent = story.read(NINA, address, status=404), house.get(unknown, NINA)
        assert hidden.body.replace(address.encode(), unknown.encode()) == absent.body
        assert alike(hidden)[2] == alike(absent)[2]
    for who in (ANNE, PAUL, LUCIEN):
        assert story.found(who) == {document.split("/")[1]}
        assert story.bytes_of(who, document) == (binary, FIRST)


def deposit_alone(story: Story) -> str:
    """ITI-105 by Anne, metadata from the header; Nina finds this one, not the masked one."""
    answer = story.house.post("DocumentReference", ANNE, iti105(SECOND))
    document = f"DocumentReference/{stored(answer)}"
    story.note(ANNE, "create", document)
    assert answer.json["author"] and answer.json["type"]["coding"][0]["code"] == "11488-4"
    assert story.found(NINA) == {document.split("/")[1]}
    assert story.bytes_of(NINA, document)[1] == SECOND
    return document


def refuse_and_consent(story: Story, patient: str, document: str) -> None:
    """No consent, blocked, insurer: 403; with Lucien's consent the first sees what Nina sees."""
    house = story.house
    refusals = [story.search(who, status=403) for who in (OTTO, BRUNO, INSURER)]
    assert refusals[0].body == refusals[1].body, "no consent and blocked have one text"
    for who in (OTTO, BRUNO):
        story.read(who, document, status=404)
    story.read(INSURER, document, status=403)
    given = stored(house.post("Consent", LUCIEN, consent(patient, "dmp-pro-access", OTTO)))
    story.note(LUCIEN, "create", f"Consent/{given}")
    assert story.found(OTTO) == {document.split("/")[1]}
    assert story.bytes_of(OTTO, document)[1] == SECOND
    story.search(BRUNO, status=403)


def read_the_log(story: Story, begin: int) -> None:
    """Lucien's log holds exactly what was asked in his record; what is Claire's is not in it."""
    house = story.house
    opened(house, doctor=PAUL, identifier=[{"system": INS, "value": CLAIRE_INS}])
    assert house.get(f"DocumentReference?{of(CLAIRE_INS)}", NINA).status == 403
    assert house.get("metadata").status == 200
    log = log_of(house, LUCIEN, LUCIEN_INS)
    (team,) = [what for _, _, what, _ in log if what.startswith("CareTeam/")]
    story.note(CNAM, "create", team)
    story.note(LUCIEN, "search-type", f"GET AuditEvent?{of(LUCIEN_INS)}&_count=200")
    events = house.get(f"AuditEvent?{of(LUCIEN_INS)}&_count=200", LUCIEN).entries
    assert sorted(map(line_of, events)) == sorted(story.lines)
    times = [event["recorded"] for event in events]
    assert times == sorted(times, reverse=True)
    assert instant(begin) <= times[-1] and times[0] <= instant(house.clock())
    assert house.get(f"AuditEvent?{of(LUCIEN_INS)}", CLAIRE).status == 403
    assert len(log_of(house, CLAIRE, CLAIRE_INS)) == 2  # opened, and Nina refused


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    house = House(database_url)
    yield house
    house.close()


def test_the_story_in_process(house: House) -> None:
    tell(house)


def test_the_story_over_http(database_url: str, tmp_path: Path) -> None:
    with served(database_url, tmp_path) as house:
        tell(house)
        metadata = house.get("metadata").json
        assert metadata["implementation"]["url"] == house.base != BASE
