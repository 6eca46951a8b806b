"""`kill -9` amid deposits: all that was acknowledged is there, whole and traced.

IHE MHD, Simplified Publish: https://profiles.ihe.net/ITI/MHD/ITI-105.html
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

from fhir_server.audit.note import read as read_note
from fhir_server.storage.content import content_of
from fhir_server.storage.engine import Database
from tests.bench.servers import free_port
from tests.documents import LUCIEN as LUCIEN_NUMBER
from tests.documents import cda
from tests.house import ANNE, LUCIEN, LUCIEN_INS, House
from tests.journeys.over_http import OverHttp, served
from tests.journeys.test_story import iti105, of
from tests.people import opened

WRITERS = 6
ENOUGH = 40  # acknowledged deposits, before the blow


class Load:
    """Deposits without end by several threads, until the server answers no more."""

    def __init__(self, house: OverHttp) -> None:
        self.house = house
        self.acknowledged: dict[str, bytes] = {}
        self.cut_off = 0  # requests to which no answer came any more
        self.enough = Event()

    def deposit(self, _: int) -> None:
        while True:
            data = cda(patient_ins=LUCIEN_NUMBER)
            try:
                answer = self.house.post("DocumentReference", ANNE, iti105(data))
            except ConnectionRefusedError:
                return
            except (OSError, HTTPException):
                self.cut_off += 1
                return
            assert answer.status == 201, answer.body
            self.acknowledged[answer.id] = data
            if len(self.acknowledged) >= ENOUGH:
                self.enough.set()

    def run(self) -> None:
        with ThreadPoolExecutor(WRITERS) as pool:
            done = pool.map(self.deposit, range(WRITERS))
            came = self.enough.wait(60)
            self.house.kill()
            list(done)  # raises what a thread raised
        assert came, f"only {len(self.acknowledged)} deposits in a minute"


def test_after_kill_9_every_acknowledged_document_is_there_with_its_trace(
    database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    with served(database_url, tmp_path, port) as house:
        opened(house, ANNE)
        load = Load(house)
        load.run()
    assert load.cut_off, "nothing was under way when the blow came"
    with served(database_url, tmp_path, port) as house:
        lost = {
            id_ for id_, data in load.acknowledged.items() if bytes_of(house, id_) != data
        }  # fmt: skip
        assert lost == set()
        assert set(load.acknowledged) <= created(house)
    check_whole(database_url)


def bytes_of(house: House, id_: str) -> bytes | None:
    answer = house.get(f"DocumentReference/{id_}", ANNE)
    if answer.status != 200:
        return None
    url = answer.json["content"][0]["attachment"]["url"]
    content = house.get(f"Binary/{urlsplit(url).path.split('/')[-1]}", ANNE)
    return content.body if content.status == 200 else None


def created(house: House) -> set[str]:
    """The documents whose deposit is in the holder's log."""
    found = set[str]()
    asked = f"AuditEvent?{of(LUCIEN_INS)}&subtype=create&_count=500"
    while asked:
        answer = house.get(asked, LUCIEN)
        for event in answer.entries:
            named = [one["what"].get("reference", "") for one in event["entity"] if "what" in one]
            found |= {name.split("/")[1] for name in named if name.startswith("DocumentReference/")}
        links = {one["relation"]: one["url"] for one in answer.json["link"]}
        asked = links.get("next", "").partition("/fhir/")[2]
    return found


def check_whole(database_url: str) -> None:
    """No document without its bytes and its set, no bytes without document, nothing untraced."""
    database = Database(database_url)
    rows = database.session().rows("SELECT type, id, body FROM resource", {})
    notes = database.session().rows("SELECT note FROM trail", {})
    database.close()
    by_type: dict[str, dict[str, bytes]] = {}
    for type_, id_, body in rows:
        by_type.setdefault(type_, {})[id_] = body
    documents = {id_: content_of(body) for id_, body in by_type["DocumentReference"].items()}
    urls = [one["content"][0]["attachment"]["url"] for one in documents.values()]
    assert sorted(url.split("/")[-1] for url in urls) == sorted(by_type["Binary"])
    sets = [content_of(body)["entry"] for body in by_type["List"].values()]
    assert sorted(one["item"]["reference"] for (one,) in sets) == sorted(
        f"DocumentReference/{id_}" for id_ in documents
    )
    check_traced(by_type, [bytes(row[0]) for row in notes])


def check_traced(by_type: Mapping[str, Mapping[str, bytes]], notes: list[bytes]) -> None:
    """Bytes and submission sets of ITI-105 go with their document, whose trace is theirs."""
    traced = {(n.type_, n.id_) for n in map(read_note, notes) if n.interaction == "create"}
    with_document = ("Binary", "List", "AuditEvent")
    there = {(t, id_) for t, ids in by_type.items() if t not in with_document for id_ in ids}
    assert there == traced
