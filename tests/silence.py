"""Generated records as a script of requests, and the questions a caller may ask of them.

Design, `models.md` section 5: an answer is the same as if what is hidden had never been stored. The
time and all ids are those of the script, so that answers can be compared byte by byte.
"""

import base64
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

from fhir_server.policy.labels import CONFIDENTIALITY, MASKED, SECRET, VEILED, VISIBILITY
from tests.house import (
    ANNE,
    BRUNO,
    CLAIRE,
    CLAIRE_INS,
    CNAM,
    LUCIEN,
    NINA,
    NOON,
    OTTO,
    PAUL,
    House,
    Person,
)
from tests.people import consent, logical, patient, team

Json = dict[str, Any]

LEVEL, URI = min(CONFIDENTIALITY), "urn:ietf:rfc:3986"
KINDS = ("11488-4", "11490-0", "EXPPAT_1")
WORDS = ("bilan", "lettre", "suivi")
PARAMETERS = (
    ("holder", "reference", "DocumentReference.subject | List.subject"),
    ("label", "token", "DocumentReference.securityLabel"),
    ("master", "token", "DocumentReference.masterIdentifier"),
    ("said", "string", "DocumentReference.description"),
    ("listed", "reference", "List.entry.item"),
)


def ident(step: int, n: int) -> str:
    return f"{step:08x}-{n:04x}-4000-8000-000000000000"


@dataclass(frozen=True)
class Step:
    """One request; `ids` are given, in order, to what it creates."""

    number: int
    who: Person
    method: str
    path: str
    body: Any
    ids: tuple[str, ...] = ()
    media: str = "application/fhir+json"

    def without(self, hidden: frozenset[str]) -> "Step | None":
        """The same request of a world where nothing has one of these ids; None for no request."""
        if isinstance(self.body, dict) and self.body["resourceType"] == "Bundle":
            return self._bundle(hidden)
        if self.path.split("/")[-1] in hidden or self.ids[0] in hidden:
            return None
        if not isinstance(self.body, dict):
            return self
        body = _pruned(self.body, hidden)
        return None if body is None else replace(self, body=body)

    def _bundle(self, hidden: frozenset[str]) -> "Step | None":
        kept = [
            (id_, entry | {"resource": resource})
            for id_, entry in zip(self.ids, self.body["entry"], strict=True)
            if id_ not in hidden and (resource := _pruned(entry["resource"], hidden)) is not None
        ]
        body = self.body | {"entry": [entry for _, entry in kept]}
        return replace(self, body=body, ids=tuple(id_ for id_, _ in kept)) if kept else None


def _leads_to(item: Json, hidden: frozenset[str]) -> bool:
    for name in ("item", "target", "reference"):
        text = item.get(name, {}).get("reference", "")
        if text.removeprefix("urn:uuid:").split("/")[-1] in hidden:
            return True
    return False


def _pruned(resource: Json, hidden: frozenset[str]) -> Json | None:
    """Without what leads to something hidden; None for a List that led to nothing else."""
    made = dict(resource)
    for name in ("entry", "relatesTo"):
        if name in made:
            made[name] = [item for item in made[name] if not _leads_to(item, hidden)]
            if not made[name]:
                del made[name]
    if "data" in made.get("provision", {}):
        data = [item for item in made["provision"]["data"] if not _leads_to(item, hidden)]
        rest = {name: value for name, value in made["provision"].items() if name != "data"}
        made["provision"] = rest | ({"data": data} if data else {})
    emptied = "entry" in resource and "entry" not in made
    return None if emptied and made["resourceType"] == "List" else made


@dataclass
class Document:
    """What the questions need to know of a document."""

    id_: str
    binary: str
    patient: str
    author: Person
    unique: str
    flags: frozenset[str]  # once all is done that changes those of the documents it replaced
    current: bool = True
    there: bool = True


@dataclass
class Script:
    """The requests that make two records, with documents in every state; `random` decides."""

    random: Random
    steps: list[Step] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    consents: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = [self.record(patient(), LUCIEN), self.record(patient(CLAIRE_INS), CLAIRE)]
        self.practitioner = self.add(CNAM, "Practitioner", {
            "resourceType": "Practitioner", "identifier": [logical(ANNE)["identifier"]],
        })
        self.parameters()
        for n in range(self.random.randrange(7, 10)):
            self.random.choice((self.publish, self.publish, self.submit))(n)
        for document in list(self.documents):
            self.change(document)
        for _ in range(3):
            self.folder()
        self.agree()

    def parameters(self) -> None:
        """Search parameters of the operator's, of which the last would tell and is refused."""
        for code, type_, expression in PARAMETERS:
            bases = [part.split(".")[0] for part in expression.split(" | ")]
            self.add(CNAM, "SearchParameter", {
                "resourceType": "SearchParameter", "url": f"http://a.example/{code}", "name": code,
                "status": "active", "description": code, "code": code, "type": type_,
                "base": bases, "expression": expression,
            })  # fmt: skip
        self.add(CNAM, "$reindex", None)

    def add(self, who: Person, path: str, body: Any, *more: str, method: str = "POST",
            media: str = "application/fhir+json") -> str:
        """A step; the id of what it creates, the first of its ids."""
        number = len(self.steps) + 1
        ids = (*more,) if more else (ident(number, 0), ident(number, 1), ident(number, 2))
        self.steps.append(Step(number, who, method, path, body, ids, media))
        return ids[0]

    def record(self, body: Json, holder: Person) -> str:
        record = self.add(CNAM, "Patient", body | {"generalPractitioner": [logical(PAUL)]})
        self.add(CNAM, "CareTeam", team(record, ANNE, NINA))
        past = {"period": {"start": "2020-01-01", "end": "2020-02-01"}}
        self.add(CNAM, "CareTeam", team(record, OTTO, BRUNO, **past))
        if self.random.random() < 0.5:
            self.add(holder, "Consent", consent(record, "dmp-pro-access", OTTO))
        return record

    # Documents.

    def content(self, n: int, record: str, author: Person, flags: frozenset[str]) -> Json:
        kind = "EXPPAT_1" if author.actor == "holder" else self.random.choice(KINDS[:2])
        by = logical(author)
        if author is ANNE and self.random.random() < 0.5:
            by = {"reference": f"Practitioner/{self.practitioner}"}
        labels = [{"coding": [{"system": LEVEL, "code": "N"}]}]
        labels += [{"coding": [{"system": VISIBILITY, "code": flag}]} for flag in sorted(flags)]
        return {
            "resourceType": "DocumentReference", "status": "current",
            "masterIdentifier": {"system": URI, "value": f"urn:oid:2.25.{n}"},
            "type": {"coding": [{"system": "http://loinc.org", "code": kind}]},
            "subject": {"reference": f"Patient/{record}"}, "author": [by],
            "contained": [{"resourceType": "Practitioner", "id": "a", "active": n % 2 == 0}],
            "authenticator": {"reference": "#a"},
            "date": f"2026-0{1 + self.random.randrange(5)}-01T00:00:00Z",
            "description": self.random.choice(WORDS), "securityLabel": labels,
        }  # fmt: skip

    def draw(self) -> tuple[str, Person, frozenset[str]]:
        """A record, who writes, and under which flags."""
        place = self.random.randrange(2)
        holder = (LUCIEN, CLAIRE)[place]
        author = self.random.choice((ANNE, ANNE, ANNE, NINA, PAUL, OTTO, BRUNO, holder))
        chosen = {flag for flag in (MASKED, VEILED, SECRET) if self.random.random() < 0.25}
        flags = chosen - {VEILED} if author is holder else chosen
        return self.records[place], author, frozenset(flags)

    def know(
        self, id_: str, binary: str, body: Json, author: Person, flags: frozenset[str]
    ) -> None:
        record = body["subject"]["reference"].split("/")[1]
        unique = body["masterIdentifier"]["value"]
        self.documents.append(Document(id_, binary, record, author, unique, flags))

    def publish(self, n: int) -> None:
        """One document (ITI-105); now and then it relates to an earlier one of its author's."""
        record, author, flags = self.draw()
        before = [d for d in self.documents if (d.patient, d.author) == (record, author)]
        earlier = self.random.choice(before) if before and self.random.random() < 0.7 else None
        if earlier and {MASKED, VEILED} <= earlier.flags:
            flags |= {VEILED}  # the mask it takes would tell the holder of an earlier version
        body = self.content(n, record, author, flags)
        if earlier:
            body["relatesTo"] = [self.relation(earlier, flags)]
        data = base64.b64encode(f"document {n}".encode()).decode()
        body["content"] = [{"attachment": {"contentType": "text/plain", "data": data}}]
        id_ = self.add(author, "DocumentReference", body)
        self.lists.append(self.steps[-1].ids[2])
        self.know(id_, self.steps[-1].ids[1], body, author, flags)

    def relation(self, earlier: Document, flags: frozenset[str]) -> Json:
        code = self.random.choice(("replaces", "replaces", "appends", "transforms"))
        if code == "replaces" and earlier.current:
            earlier.current, earlier.flags = False, earlier.flags | flags
        elif code == "replaces":
            code = "appends"
        return {"code": code, "target": {"reference": f"DocumentReference/{earlier.id_}"}}

    def submit(self, n: int) -> None:
        """A submission set of two or three documents (ITI-65), each with flags of its own."""
        number, entries, ids = len(self.steps) + 1, list[Json](), list[str]()
        record, author, _ = self.draw()
        author = ANNE if author.actor == "holder" else author

        def entry(resource: Json) -> str:
            ids.append(ident(number, len(ids)))
            request = {"method": "POST", "url": resource["resourceType"]}
            full_url = f"urn:uuid:{ids[-1]}"
            entries.append({"fullUrl": full_url, "resource": resource, "request": request})
            return ids[-1]

        for part in range(self.random.randrange(2, 4)):
            flags = self.draw()[2]
            data = base64.b64encode(f"document {n}.{part}".encode()).decode()
            resource = {"resourceType": "Binary", "contentType": "text/plain", "data": data}
            binary = entry(resource)
            body = self.content(1000 * n + 100 + part, record, author, flags)
            url = {"contentType": "text/plain", "url": f"urn:uuid:{binary}"}
            id_ = entry(body | {"content": [{"attachment": url}]})
            self.know(id_, binary, body, author, flags)
        documents = [id_ for id_ in ids if id_ not in {d.binary for d in self.documents}]
        self.lists.append(entry(self.list_of(record, [f"urn:uuid:{id_}" for id_ in documents])))
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        self.add(author, "", bundle, *ids)

    def list_of(self, record: str, references: list[str]) -> Json:
        return {
            "resourceType": "List", "status": "current", "mode": "working", "date": "2026-03-01",
            "subject": {"reference": f"Patient/{record}"},
            "entry": [{"item": {"reference": reference}} for reference in references],
        }  # fmt: skip

    def folder(self) -> None:
        """A List of documents that were there before, by the attending doctor: he sees them all."""
        record = self.random.choice(self.records)
        inside = [d.id_ for d in self.documents if d.patient == record and d.there]
        chosen = self.random.sample(inside, min(len(inside), 3))
        if chosen:
            addresses = [f"DocumentReference/{id_}" for id_ in chosen]
            self.lists.append(self.add(PAUL, "List", self.list_of(record, addresses)))

    def change(self, document: Document) -> None:
        """A document is masked or shown by its holder, or deleted by its author."""
        how, path = self.random.random(), f"DocumentReference/{document.id_}"
        holder = (LUCIEN, CLAIRE)[self.records.index(document.patient)]
        if how < 0.3 and not document.flags:
            label = {"coding": [{"system": VISIBILITY, "code": MASKED}]}
            patch = [{"op": "add", "path": "/securityLabel/-", "value": label}]
            media = "application/json-patch+json"
            self.add(holder, path, patch, method="PATCH", media=media)
        elif how < 0.45:
            self.add(document.author, path, None, method="DELETE")
            document.there = False

    def agree(self) -> None:
        """Consents: one that names documents, and one that shuts a doctor out."""
        for record, holder in zip(self.records, (LUCIEN, CLAIRE), strict=True):
            inside = [d for d in self.documents if d.patient == record]
            data = [
                {"meaning": "instance", "reference": {"reference": f"DocumentReference/{d.id_}"}}
                for d in inside if VEILED not in d.flags and d.there
            ]
            # The class makes it narrower than the rules can honour, with its data and without.
            more: Json = {"class": [{"system": "urn:a", "code": "b"}]}
            more |= {"data": data[:3]} if data else {}
            body = consent(record, "dmp-pro-access", OTTO, **more)
            self.consents.append(self.add(holder, "Consent", body))
            blocked = consent(record, "dmp-pro-block", BRUNO, deny=True)
            self.consents.append(self.add(holder, "Consent", blocked))


class Still(House):
    """A house in which time and ids are those of the step that is done."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.at, self.ids, self.more = 0, list[str](), count()
        services = self.services
        services.new_id, services.new_trace = self.next_id, self.next_trace
        services.house = replace(services.house, cursor_key=b"the same in both worlds")

    def clock(self) -> int:
        return NOON + self.at * 100

    def next_id(self) -> str:
        return self.ids.pop(0) if self.ids else ident(self.at, 0x1000 + next(self.more))

    def next_trace(self) -> str:
        return f"{self.at:08x}-0000-7000-8000-{next(self.more):012}"

    def begin(self, number: int, *ids: str) -> None:
        self.at, self.ids, self.more = number, list(ids), count()

    def empty(self) -> None:
        """Nothing but the schema and its own rows is left."""
        session = self.database.session()
        tables = (
            "due", "resource", "history", "relation", "trail", "string", "moment", "number",
            "reference", "token", "contained", "inward",
        )  # fmt: skip
        with session.transaction():
            for table in (*tables, *(() if self.database.postgres else ("key",))):
                session.run(f"DELETE FROM {table}", {})
            session.run("DELETE FROM record WHERE number > 0", {})

    def play(self, script: Script, hidden: frozenset[str] = frozenset()) -> None:
        """Do each request, without what is hidden; each must be taken."""
        self.empty()
        for step in script.steps:
            left = step.without(hidden)
            if left is None:
                continue
            self.begin(left.number, *left.ids)
            who, media = left.who.but(token_id="same"), left.media
            answer = self.call(left.method, left.path, who, left.body, content_type=media)
            assert answer.status < 300, (left, answer)
