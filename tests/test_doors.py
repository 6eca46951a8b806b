"""Doors × checks: no door by which a document comes in or changes is missing a check.

Each cell is what is tried there, and how it must end, or why there is nothing to try. A cell that
is missing fails. The kinds behind a check (encodings, spellings, media types) have tables of their
own: `law/test_contents.py`, `law/test_replacement.py`, `law/test_scopes_of_deposits.py`.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fhir_server.load import load_files
from fhir_server.policy.labels import MASKED, VEILED
from tests.documents import cda
from tests.house import ANNE, CNAM, NINA, OTTO, PAUL, PS, STRUCTURE, Answer, House, Person
from tests.interactions.shared import house, new_ins, shared_url
from tests.law.test_replacement import apart
from tests.people import logical
from tests.policy.record import PATCH, Record, bytes_of, labelled, made, user
from tests.rest.bundles import entry

__all__ = ["house", "shared_url"]

DOORS = (
    "ITI-65", "ITI-105", "load", "PUT", "PATCH", "transaction", "batch",
    "PUT in a transaction", "PUT in a batch", "PATCH in a transaction", "PATCH in a batch",
)  # fmt: skip
CHECKS = (
    "recognise", "patient", "label", "replace", "author", "hash", "size", "media type", "scope",
    "trace",
)  # fmt: skip
STRANGE = Person(
    "secretary", f"{PS}|810000000190", "Secretaire d'ailleurs", f"{STRUCTURE}|1750109991"
)


@dataclass(frozen=True)
class Ended:
    """How it ended: a status (of what is loaded 201 or 422), and the document it made or was about.
    """

    status: int
    id_: str = ""

    @property
    def refused(self) -> bool:
        return 400 <= self.status < 500


@dataclass
class World:
    """A record whose care team has Nina and whose attending doctor is Paul; Anne deposits."""

    record: Record
    folder: Path

    @property
    def house(self) -> House:
        return self.record.house

    @property
    def ins(self) -> str:
        return self.record.holder.sub.split("|")[1]

    def documents(self) -> list[str]:
        """The ids of all that lie in the record, whoever sees them."""
        text = (
            "SELECT d.id FROM resource d JOIN record k ON k.number = d.record WHERE k.patient ="
            " :patient AND d.type = 'DocumentReference' ORDER BY d.pk"
        )
        rows = self.house.database.session().rows(text, {"patient": self.record.id})
        return [row[0] for row in rows]

    def document(self, id_: str) -> Any:
        """What lies there, as the database has it."""
        text = "SELECT body FROM resource WHERE type = 'DocumentReference' AND id = :id"
        return json.loads(bytes(self.house.database.session().rows(text, {"id": id_})[0][0]))

    def refusals(self, who: Person) -> int:
        found = [one for one in self.record.traces(CNAM) if user(one) == who.sub]
        return len([one for one in found if one["outcome"] != "0"])

    def writes(self, who: str) -> int:
        """The traces of what somebody, by name, made or changed here."""
        found = [one for one in self.record.traces(PAUL) if one["agent"][2].get("name") == who]
        return len([one for one in found if one["action"] in "CU" and one["outcome"] == "0"])


@pytest.fixture
def world(house: House, tmp_path: Path) -> World:
    house.renew()
    return World(made(house, [NINA], doctor=PAUL), tmp_path)


def metadata(w: World, data: bytes, media: str, **more: Any) -> dict[str, Any]:
    attachment = {"contentType": media, "data": b64encode(data).decode()}
    attachment |= more.pop("attachment", {})
    return {
        "resourceType": "DocumentReference", "status": "current",
        "subject": {"reference": f"Patient/{w.record.id}"},
        "content": [{"attachment": attachment}],
    } | more  # fmt: skip


# The doors by which a document comes in.


def ended(w: World, answer: Answer, before: list[str]) -> Ended:
    made_ = [id_ for id_ in w.documents() if id_ not in before]
    status = answer.status
    if status == 200 and answer.json["resourceType"] == "Bundle":
        status = int(answer.json["entry"][0]["response"]["status"][:3])
    return Ended(status, made_[0] if made_ else "")


def iti105(w: World, who: Person, body: dict[str, Any]) -> Ended:
    before = w.documents()
    return ended(w, w.house.post("DocumentReference", who, body), before)


def bundled(kind: str, *, in_parts: bool) -> Callable[[World, Person, dict[str, Any]], Ended]:
    def send(w: World, who: Person, body: dict[str, Any]) -> Ended:
        before = w.documents()
        entries = apart(body) if in_parts else (entry("POST", "DocumentReference", body),)
        bundle = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
        return ended(w, w.house.post("", who, bundle), before)

    return send


def load(w: World, _: Person, body: dict[str, Any]) -> Ended:
    before, file = w.documents(), w.folder / "a.json"
    file.write_text(json.dumps(body))
    refused = load_files([file], w.house.services, lambda line: None)
    after = [id_ for id_ in w.documents() if id_ not in before]
    return Ended(422 if refused else 201, after[0] if after else "")


DEPOSITS = {
    "ITI-65": bundled("transaction", in_parts=True), "ITI-105": iti105, "load": load,
    "transaction": bundled("transaction", in_parts=False),
    "batch": bundled("batch", in_parts=False),
}  # fmt: skip

# And those by which one changes.


def put(w: World, who: Person, id_: str, change: dict[str, Any]) -> Ended:
    body = w.record.read(ANNE, id_).json | change
    return Ended(w.house.call("PUT", f"DocumentReference/{id_}", who, body).status, id_)


def patch(w: World, who: Person, id_: str, change: dict[str, Any]) -> Ended:
    parts = [{"op": "add", "path": f"/{name}", "value": value} for name, value in change.items()]
    answer = w.house.call(
        "PATCH", f"DocumentReference/{id_}", who, json.dumps(parts).encode(), content_type=PATCH
    )
    return Ended(answer.status, id_)


def entered(kind: str, method: str) -> Callable[[World, Person, str, dict[str, Any]], Ended]:
    """The same as an entry of a Bundle."""

    def change_(w: World, who: Person, id_: str, change: dict[str, Any]) -> Ended:
        parts = [{"op": "add", "path": f"/{name}", "value": v} for name, v in change.items()]
        data = b64encode(json.dumps(parts).encode()).decode()
        sent = {"resourceType": "Binary", "contentType": PATCH, "data": data}
        if method == "PUT":
            sent = w.record.read(ANNE, id_).json | change
        bundle = {"resourceType": "Bundle", "type": kind,
                  "entry": [entry(method, f"DocumentReference/{id_}", sent)]}  # fmt: skip
        answer = w.house.post("", who, bundle)
        if answer.status != 200:
            return Ended(answer.status, id_)
        return Ended(int(answer.json["entry"][0]["response"]["status"][:3]), id_)

    return change_


CHANGES = {
    "PUT": put, "PATCH": patch,
    **{
        f"{method} in a {kind}": entered(kind, method)
        for method in ("PUT", "PATCH")
        for kind in ("transaction", "batch")
    },
}  # fmt: skip


# What is tried. Of a deposit:


def is_masked(w: World, id_: str) -> None:
    """From the nurse, whole: metadata and bytes; its author has both."""
    read = w.record.read(ANNE, id_)
    assert read.status == 200 and w.record.read(NINA, id_).status == 404
    assert bytes_of(w.house, read, NINA) is False and bytes_of(w.house, read, ANNE) is True


def refused(w: World, end: Ended) -> None:
    """And nothing of it stays."""
    assert end.refused and end.id_ == "", end


def recognise(w: World, door: str) -> None:
    """A mask in a header that a guess would miss holds; what cannot be read goes nowhere."""
    text = cda(patient_ins=w.ins, confidentiality=("N", MASKED)).decode()
    data = text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")
    end = DEPOSITS[door](w, ANNE, metadata(w, data, "text/plain", securityLabel=labelled()))
    assert end.status == 201
    is_masked(w, end.id_)
    broken = metadata(w, text[:900].encode(), "text/xml")
    refused(w, DEPOSITS[door](w, ANNE, broken))


def patient(w: World, door: str) -> None:
    """Another patient in the content, and two in the metadata."""
    other = made(w.house, [NINA])
    theirs = cda(patient_ins=other.holder.sub.split("|")[1])
    refused(w, DEPOSITS[door](w, ANNE, metadata(w, theirs, "text/xml")))
    system, value = other.holder.sub.split("|")
    both = {"reference": f"Patient/{w.record.id}", "identifier": {"system": system, "value": value}}
    refused(w, DEPOSITS[door](w, ANNE, metadata(w, b"hello", "text/plain", subject=both)))
    assert not other.found(other.holder)


def label(w: World, door: str) -> None:
    """The stricter one counts; one where it would hide nothing is refused."""
    data = cda(patient_ins=w.ins, confidentiality=("R",))
    end = DEPOSITS[door](w, ANNE, metadata(w, data, "text/xml", securityLabel=labelled(MASKED)))
    assert end.status == 201
    is_masked(w, end.id_)
    codes = [c["code"] for one in w.document(end.id_)["securityLabel"] for c in one["coding"]]
    assert sorted(codes) == [MASKED, "R"]
    nowhere = {"security": labelled(MASKED)[1]["coding"]}
    refused(w, DEPOSITS[door](w, ANNE, metadata(w, b"hello", "text/plain", meta=nowhere)))


def replace(w: World, door: str) -> None:
    """The mask goes with the chain, however the old one is named; only its author replaces."""
    old = w.record.deposited(ANNE, identifier=[{"system": "urn:x", "value": new_ins()}])
    name = w.document(old)["identifier"][0]
    assert w.record.mask(w.record.holder, old).status == 200
    relation = [{"code": "replaces", "target": {"identifier": name}}]
    body = metadata(
        w, b"new", "text/plain", relatesTo=relation, author=[logical(ANNE)],
        securityLabel=labelled(),
    )  # fmt: skip
    if door != "load":  # who may do all
        refused(w, DEPOSITS[door](w, PAUL, body))
        assert w.document(old)["status"] == "current"
    end = DEPOSITS[door](w, ANNE, body)
    assert end.status == 201
    is_masked(w, end.id_)
    assert w.document(old)["status"] == "superseded"
    refused(w, DEPOSITS[door](w, ANNE, body))


def author(w: World, door: str) -> None:
    """A secretary deposits for authors of her house alone; what is loaded is its author's."""
    body = metadata(
        w, b"hello", "text/plain", author=[logical(OTTO)], securityLabel=labelled(MASKED)
    )
    if door != "load":
        refused(w, DEPOSITS[door](w, STRANGE, body))
        return
    end = DEPOSITS[door](w, ANNE, body)
    assert end.status == 201
    assert w.record.read(OTTO, end.id_).status == 200
    assert w.record.read(CNAM, end.id_).status == w.record.read(NINA, end.id_).status == 404


def attached(name: str, wrong: Any) -> Callable[[World, str], None]:
    def check(w: World, door: str) -> None:
        """What the metadata say of the bytes is what they are."""
        body = metadata(w, b"hello", "text/plain", attachment={name: wrong})
        refused(w, DEPOSITS[door](w, ANNE, body))

    return check


def media_type(w: World, door: str) -> None:
    """Of the form of one, and that of the content."""
    for data, media in ((b"hello", "a/b/c"), (b"hello", "text/xml"), (b"%PDF-1.4", "text/xml")):
        refused(w, DEPOSITS[door](w, ANNE, metadata(w, data, media)))


def scope(w: World, door: str) -> None:
    body = metadata(w, b"hello", "text/plain")
    for scopes in ("user/DocumentReference.c", "user/Binary.c", "user/*.ruds"):
        refused(w, DEPOSITS[door](w, ANNE.but(scope=scopes), body))


def trace(w: World, door: str) -> None:
    """Of what is stored and of what is refused."""
    who = "fhir-server load" if door == "load" else ANNE.name
    before = w.writes(who)
    assert DEPOSITS[door](w, ANNE, metadata(w, b"hello", "text/plain")).status == 201
    assert w.writes(who) == before + 1
    if door == "load":  # what is refused is told to who loads
        return
    told = w.refusals(ANNE)
    wrong = metadata(w, b"hello", "text/plain", attachment={"size": 7})
    refused(w, DEPOSITS[door](w, ANNE, wrong))
    assert w.refusals(ANNE) == told + 1


# Of a change:


def unchangeable(change: Callable[[World], dict[str, Any]]) -> Callable[[World, str], None]:
    """Neither its author nor the attending doctor changes this of a stored document."""

    def check(w: World, door: str) -> None:
        id_ = w.record.deposited(ANNE)
        for who in (ANNE, PAUL, w.record.holder):
            assert CHANGES[door](w, who, id_, change(w)).refused
        assert w.document(id_)["meta"]["versionId"] == "1"

    return check


def content(**attachment: Any) -> Callable[[World], dict[str, Any]]:
    def change(w: World) -> dict[str, Any]:
        last = w.document(w.documents()[-1])["content"][0]
        return {"content": [last | {"attachment": last["attachment"] | attachment}]}

    return change


def of_another(w: World) -> dict[str, Any]:
    return {"subject": {"reference": f"Patient/{made(w.house, [NINA]).id}"}}


def replacing(w: World) -> dict[str, Any]:
    target = {"reference": f"DocumentReference/{w.record.deposited(ANNE)}"}
    return {"relatesTo": [{"code": "replaces", "target": target}]}


def changed_label(w: World, door: str) -> None:
    """Who sees it masks, and hides it with its bytes; who may not does not unmask; and nobody hides
    a stored document from its holder.
    """
    id_, change = w.record.deposited(ANNE), CHANGES[door]
    assert change(w, ANNE, id_, {"securityLabel": labelled(VEILED)}).status == 422
    assert change(w, NINA, id_, {"securityLabel": labelled(MASKED)}).status == 200
    is_masked(w, id_)
    assert change(w, NINA, id_, {"securityLabel": labelled()}).refused
    is_masked(w, id_)
    assert change(w, PAUL, id_, {"securityLabel": labelled()}).status == 200
    assert w.record.sees(NINA, id_)


def changed_scope(w: World, door: str) -> None:
    id_ = w.record.deposited(ANNE)
    for scopes in ("user/DocumentReference.crds", "user/Binary.u", "user/List.cruds"):
        who = ANNE.but(scope=scopes)
        end = CHANGES[door](w, who, id_, {"securityLabel": labelled(MASKED)})
        assert end.status == 403, scopes
    assert w.record.sees(NINA, id_)


def changed_trace(w: World, door: str) -> None:
    id_ = w.record.deposited(ANNE)
    before, told = w.writes(ANNE.name), w.refusals(ANNE)
    end = CHANGES[door](w, ANNE, id_, {"securityLabel": labelled(MASKED)})
    assert end.status == 200 and w.writes(ANNE.name) == before + 1
    assert CHANGES[door](w, ANNE, id_, {"author": [logical(OTTO)]}).refused
    assert w.refusals(ANNE) == told + 1


Cell = Callable[[World, str], None]
OF_DEPOSITS: dict[str, Cell] = {
    "recognise": recognise, "patient": patient, "label": label, "replace": replace,
    "author": author, "hash": attached("hash", "YQ=="), "size": attached("size", 6),
    "media type": media_type, "scope": scope, "trace": trace,
}  # fmt: skip
OF_CHANGES: dict[str, Cell] = {
    "recognise": unchangeable(content(data=b64encode(b"other").decode())),
    "patient": unchangeable(of_another), "label": changed_label,
    "replace": unchangeable(replacing),
    "author": unchangeable(lambda w: {"author": [logical(OTTO)]}),
    "hash": unchangeable(content(hash="YQ==")), "size": unchangeable(content(size=6)),
    "media type": unchangeable(content(contentType="application/pdf")),
    "scope": changed_scope, "trace": changed_trace,
}  # fmt: skip
# Cells in which there is nothing to try, and why.
NOTHING = {
    ("scope", "load"): "no token: who loads administers the server (contract 1)",
}
CELLS: dict[tuple[str, str], Cell | str] = {
    **{(check, door): cell for check, cell in OF_DEPOSITS.items() for door in DEPOSITS},
    **{(check, door): cell for check, cell in OF_CHANGES.items() for door in CHANGES},
    **NOTHING,
}


def test_no_cell_is_missing() -> None:
    assert set(CELLS) == set(product(CHECKS, DOORS))
    assert all(len(reason) > 20 for reason in NOTHING.values())


TRIED = [(check, door, cell) for (check, door), cell in CELLS.items() if callable(cell)]


@pytest.mark.parametrize(
    ("check", "door", "cell"), TRIED, ids=[f"{door}: {check}" for check, door, _ in TRIED]
)
def test_each_door_makes_each_check(world: World, check: str, door: str, cell: Cell) -> None:
    cell(world, door)
