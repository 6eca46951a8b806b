"""`fhir-server load`: files into the house, each whole or not at all, and what was refused and why.

https://hl7.org/fhir/R4/bundle.html, https://hl7.org/fhir/R4/nd-json.html, IHE MHD ITI-105 for CDA

The loader acts as the operator, by rules of its own (`LOADING`), through the same interactions as
everybody: structure, INS, labels, references and unique ids are checked, and what is stored leaves
its trace. A document is its authors', never the loader's.
"""

import logging
import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from lxml import etree

from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.formats import JSON, XML
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest, Conflict, FhirError, Issue, Unprocessable
from fhir_server.fhir.recognition import CLINICAL_DOCUMENT, is_document
from fhir_server.interactions import documents, transaction
from fhir_server.interactions.body import check
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Planned
from fhir_server.interactions.inside import Said, recognised, said_by
from fhir_server.interactions.perform import SINGLE
from fhir_server.interactions.routes import Route
from fhir_server.interactions.write import create_one
from fhir_server.policy.condition import AllOf, Is
from fhir_server.policy.facts import nature_of
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.people import holders
from fhir_server.policy.rules import ACTIONS, DENY, DEPOSIT, PERMIT, Rule, RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject
from fhir_server.serve import Services
from fhir_server.storage.again import again
from fhir_server.storage.engine import StorageBusy
from fhir_server.storage.opened import Moment
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Draft, Writing, Written
from mappings.xml_text import XmlError, root_of, starts_like_xml

log = logging.getLogger("fhir_server")

NAME = "fhir-server load"
LOADER = Subject("operator", "", name=NAME, client=NAME, scope="system/*.cruds")
BY_LOADER = Is("actor", "operator")
LOADING = RuleSet("loading", (
    Rule("L01", PERMIT, ACTIONS, BY_LOADER,
         "the operator's loader stores what exists already", "contract 1, load"),
    Rule("L02", DENY, DEPOSIT, AllOf((BY_LOADER, Is("state", "before"))),
         "the record is not opened yet, or its patient opposes it", "contract 7, record"),
))  # fmt: skip

REQUESTS = ("transaction", "batch")
COLLECTIONS = ("collection", "searchset")
# The natures in the order in which they are stored: whose it is comes before what is his.
ORDER = (
    "shared", "patient", "relative", "team", "consent", "document", "clinical", "list", "trace",
)  # fmt: skip
FHIR_XML = "http://hl7.org/fhir"
NOT_YET = {
    "SubmitObjectsRequest": "XDS submissions",
    "ProvideAndRegisterDocumentSetRequest": "XDS submissions",
    "Envelope": "SOAP messages",
    "AuditMessage": "DICOM audit messages",
}
ZIP = b"PK\x03\x04"
POST = Call("POST", "")
DEEP = 1_000_000  # our own answers may be as deep as they are
Resource = dict[str, Any]
# What of a file was refused, and why; "" is the whole file.
Refusals = list[tuple[str, str]]


def load_files(paths: Sequence[Path], services: Services, say: Callable[[str], object]) -> int:
    """Load files and folders, `say` a report line by line; the number of what was refused.

    Progress goes to standard error when that is a terminal.
    """
    files = [file for path in paths for file in files_in(path)]
    loaded, lines = 0, list[str]()
    with _progress(files) as waiting:
        for file in waiting:
            refusals = _load(file, services)
            loaded += not any(part == "" for part, _ in refusals)
            lines += [f"{file}{part and f' {part}'}: {one_line(why)}" for part, why in refusals]
    say(f"loaded {loaded}, refused {len(lines)}")
    for line in lines:
        say(line)
    return len(lines)


def files_in(path: Path) -> Iterator[Path]:
    """The file itself, or all below a folder, sorted; an empty folder stays, to be refused."""
    inside = sorted(one for one in path.rglob("*") if not one.is_dir()) if path.is_dir() else []
    yield from inside or [path]


def one_line(text: str) -> str:
    return " ".join(text.split())


def _progress(files: list[Path]) -> AbstractContextManager[Iterable[Path]]:
    if not sys.stderr.isatty():
        return nullcontext(files)
    return click.progressbar(files, label="loading", file=sys.stderr)


def _load(file: Path, services: Services) -> Refusals:
    """Load one file in one transaction."""
    is_lines = file.suffix.lower() in (".ndjson", ".jsonl")

    def load() -> Refusals:
        desk = Desk.opened(services)
        with desk.stored.session.transaction():
            return desk.load(data, is_lines=is_lines)

    try:
        data = _content(file)
        return again(load, services.settings.timeout)
    except FhirError as refusal:
        return [("", reason(refusal))]
    except StorageBusy:
        return [("", f"a statement took longer than {services.settings.timeout:g} s")]
    except Exception as fault:
        if services.strict:
            raise
        log.debug("loading %s", file, exc_info=True)
        return [("", f"something went wrong here: {type(fault).__name__}: {fault}")]


def _content(file: Path) -> bytes:
    if file.is_dir():
        raise Unprocessable("there is no file in this folder")
    if file.exists() and not file.is_file():
        raise Unprocessable("it is not a file")
    try:
        return file.read_bytes()
    except OSError as problem:
        raise Unprocessable(f"it cannot be read: {problem.strerror}") from problem


def reason(refusal: FhirError) -> str:
    """Why: the loader's own rule in its words, else the first issues with their places."""
    denials = {rule.name: rule.says for rule in LOADING.rules if rule.effect == DENY}
    if refusal.rule in denials:
        return denials[refusal.rule]
    issues = refusal.issues or (Issue("", refusal.text, refusal.expression),)
    parts = [f"{one.expression}: {one.text}" if one.expression else one.text for one in issues]
    more = [f"and {len(parts) - 3} more"] if len(parts) > 3 else []
    return "; ".join([*parts[:3], *more])


def looks_like_lines(data: bytes) -> bool:
    """Whether each of several lines is a JSON object of its own."""
    lines = [line.strip() for line in data.splitlines() if line.strip()]
    return len(lines) > 1 and all(one.startswith(b"{") and one.endswith(b"}") for one in lines)


def placed(refusal: FhirError, places: Sequence[str]) -> FhirError:
    """The refusal of one of several entries, saying which; `places`: what each is called here."""
    entry = r"Bundle\.entry\[(\d+)\]\.resource"
    text = re.sub(entry, lambda found: places[int(found[1])], reason(refusal))
    return replace(refusal, text=text, expression="", issues=())


def _admit(_: Call, __: Route) -> None:
    """The operator may ask for anything; what may be stored is decided when it is."""


class Loading(Writing):
    """The repository the loader writes through: what is loaded keeps the id it has."""

    def chooses_ids(self, type_: str) -> bool:
        return True

    def _open_record(self, patient: Mapping[str, Any], id_: str) -> int:
        for ins in holders(patient):
            self.lock(f"INS {ins}")
            if self.record_of_holder(ins) is not None:
                raise Conflict("this INS has a record already", expression="Patient.identifier")
        return super()._open_record(patient, id_)


@dataclass(frozen=True)
class Desk:
    """Where one file is unpacked and stored, inside one transaction."""

    stored: Loading
    context: Context

    @classmethod
    def opened(cls, services: Services) -> "Desk":
        settings, now, trace = services.settings, services.clock(), services.new_trace()
        house = services.house
        stored = Loading(
            services.database.session(), replace(house, rules=house.rules and LOADING), LOADER,
            Scope.all_rows(because=NAME),
            Moment(now, birth_of_age(now, settings.minor_access_age), trace, trace),
        )  # fmt: skip
        stored.enforce = settings.references == "enforce"
        return cls(stored, Context(settings, LOADER, now, trace, services.new_id))

    def load(self, data: bytes, *, is_lines: bool) -> Refusals:
        """Store what a file holds; FhirError when it cannot be taken as a whole.

        What comes back are the entries of a batch that were refused, each for itself.
        """
        if not data.strip():
            raise BadRequest("the file is empty")
        if data.startswith(ZIP):
            raise Unprocessable("XDM zips are not loaded yet")
        if is_lines or data.lstrip()[:1] in (b"{", b"["):
            return self._json(data, is_lines=is_lines or looks_like_lines(data))
        if not starts_like_xml(data):
            raise BadRequest("neither JSON nor XML")
        try:
            root = etree.QName(root_of(data))
        except XmlError as problem:
            raise BadRequest(problem.reason) from problem
        namespace, name = root.namespace, root.localname
        if name == CLINICAL_DOCUMENT:
            return self._document(data)
        if namespace == FHIR_XML:
            return self._fhir(xml_format.read(data, max_depth=self._depth), data, XML)
        if name in NOT_YET:
            raise Unprocessable(f"{NOT_YET[name]} are not loaded yet")
        raise Unprocessable(f"the root element is `{name[:100]}`: neither FHIR nor CDA")

    @property
    def _depth(self) -> int:
        return self.context.settings.max_depth

    # FHIR.

    def _json(self, data: bytes, *, is_lines: bool) -> Refusals:
        if not is_lines:
            return self._fhir(json_format.read(data, max_depth=self._depth), data, JSON)
        lines = {n: line for n, line in enumerate(data.splitlines(), 1) if line.strip()}
        entries = [{"resource": self._line(n, line)} for n, line in lines.items()]
        return self._store(entries, [f"line {n}" for n in lines])

    def _line(self, number: int, line: bytes) -> Resource:
        try:
            resource = json_format.read(line, max_depth=self._depth)
            check(resource, POST, self.context)
        except FhirError as refusal:
            raise BadRequest(f"line {number}: {reason(refusal)}") from refusal
        return resource

    def _fhir(self, resource: Resource, data: bytes, media: str) -> Refusals:
        if resource["resourceType"] == "Bundle" and resource.get("type") in REQUESTS:
            return self._requests(data, media)
        if is_document(resource):
            return self._document(data)
        check(resource, Call("POST", "", "", {"content-type": media}, data), self.context)
        if resource["resourceType"] != "Bundle":
            return self._store([{"resource": resource}], [resource["resourceType"]])
        if resource["type"] not in COLLECTIONS:
            raise Unprocessable(f"a Bundle of type `{resource['type']}` is not loaded")
        kept = {
            f"Bundle.entry[{n}].resource": entry
            for n, entry in enumerate(resource.get("entry", ()))
            if "resource" in entry and entry.get("search", {}).get("mode") != "outcome"
        }
        return self._store(list(kept.values()), list(kept))

    def _requests(self, data: bytes, media: str) -> Refusals:
        call = Call("POST", "", "", {"content-type": media}, data)
        reply = transaction.bundle_of_requests(call, self.stored, self.context, SINGLE, _admit)
        entries = json_format.read(reply.text, max_depth=DEEP).get("entry", ())
        outcomes = [(n, entry["response"].get("outcome")) for n, entry in enumerate(entries)]
        return [
            (f"Bundle.entry[{n}]", "; ".join(issue["diagnostics"] for issue in outcome["issue"]))
            for n, outcome in outcomes if outcome
        ]  # fmt: skip

    def _store(self, entries: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Refusals:
        """Resources one by one, with the ids they have; a Binary together with its document.

        `places`: what each entry is called in a refusal.
        """
        planned = [
            Planned(
                n, "POST", entry["resource"]["resourceType"], dict(entry["resource"]),
                entry.get("fullUrl", ""), entry["resource"].get("id") or self.context.new_id(), {},
            )
            for n, entry in enumerate(entries)
        ]  # fmt: skip
        planned.sort(key=lambda entry: ORDER.index(nature_of(entry.type_)))
        desk = transaction.Transaction(POST, self.stored, self.context, SINGLE, _admit)
        try:
            desk.done(planned)
        except FhirError as refusal:
            raise placed(refusal, places) from refusal
        return []

    # Documents.

    def _document(self, data: bytes) -> Refusals:
        """Publish as ITI-105 does, whole; the record of the patient is opened when there is none.
        """
        content = recognised(data, "", self.context)
        said = said_by(content, data, self.context)
        if said is None or not (said.ins or said.reference):
            raise Unprocessable(f"{content.kind.value} cannot be taken: the patient has no INS")
        document = dict(said.metadata)
        if said.ins:
            document["subject"] = {"reference": f"Patient/{self._patient(said)}"}
        attachment = document["content"][0]["attachment"]
        attachment["data"] = b64encode(data).decode()
        check(document, POST, self.context)
        draft, id_ = Draft(document), self.context.new_id()
        if not self.context.policed:  # else it is looked at when the document is published
            documents.check_unique(document, self.stored)
        self._noted(documents.publish(draft, self.stored, self.context, id_))
        return []

    def _patient(self, said: Said) -> str:
        """The id of the Patient with the document's INS, made of the one in it if need be."""
        self.stored.lock(f"INS {said.ins}")
        standing = self.stored.standing(Named(identifiers=(said.ins,)))
        if standing is not None:
            return standing.patient
        patient = {"resourceType": "Patient"} | (said.patient or {}) | {"active": True}
        if not patient.get("identifier"):  # the reference alone named it
            system, value = said.ins.split("|")
            patient["identifier"] = [{"system": system, "value": value}]
        check(patient, POST, self.context)
        done = create_one(Draft(patient), self.stored, self.context)
        self._noted(done)
        return done.version.id_

    def _noted(self, done: Written) -> None:
        version = done.version
        self.stored.next_trace()
        note = self.context.note(POST, "create", version.type_, version.id_, status=201)
        self.stored.note(note, [(done.record, done.rules)])
