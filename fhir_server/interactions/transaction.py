"""A Bundle of requests: all or nothing (transaction), or each for itself (batch).

https://hl7.org/fhir/R4/http.html#transaction, IHE MHD ITI-65
"""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, Mapping

from fhir_server.fhir import json_format
from fhir_server.fhir.bundle import root_of
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import (
    BadRequest,
    Conflict,
    FhirError,
    NotFound,
    PreconditionFailed,
    TooLarge,
)
from fhir_server.fhir.own_addresses import BYTES
from fhir_server.fhir.reference import DOCUMENTS, pointed
from fhir_server.interactions import conditional, touched
from fhir_server.interactions.body import check, read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.desk import Admit, Desk, Perform
from fhir_server.interactions.entries import Planned, addresses_of, plan, refuse_overlap
from fhir_server.interactions.links import Links, linked
from fhir_server.interactions.responses import of
from fhir_server.interactions.routes import match
from fhir_server.interactions.write import (
    chosen_id,
    known,
    nothing_to_delete,
    refuse_version,
    visible,
)
from fhir_server.storage.chain import replaced_by
from fhir_server.storage.writing import Writing
from profiles.definitions import r4

# The order of what writes; what reads comes last.
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}

# By whom others are known, each before what may name it: whom a consent denies has to be known.
NAMED = ("Patient", "Practitioner", "Organization", "PractitionerRole", "RelatedPerson", "CareTeam")

# Times the entries a Bundle may have: how often references by search are looked at. Entries that
# wait for each other in the wrong order look again and again.
LOOKS = 3

# Type and text of a reference by search → the address it was resolved to, and by which entry.
Found = dict[tuple[str, str], tuple[str, Planned]]


def bundle_of_requests(
    call: Call, stored: Writing, context: Context, performs: Mapping[str, Perform], admit: Admit
) -> Reply:
    draft = read_body(call, context)
    if draft.type_ != "Bundle" or draft.resource.get("type") not in ("transaction", "batch"):
        raise BadRequest(
            "what is sent here is a Bundle of type transaction or batch",
            code="invalid",
            expression="Bundle.type",
        )
    entries = draft.resource.get("entry", [])
    if isinstance(entries, list) and len(entries) > context.settings.max_entries:
        raise TooLarge(
            f"a Bundle has at most {context.settings.max_entries} entries", code="too-costly"
        )
    batch = draft.resource["type"] == "batch"
    check(_envelope(draft.resource) if batch else draft.resource, call, context)
    planned = [plan(entry, n, context) for n, entry in enumerate(entries)]
    kind = Batch if batch else Transaction
    return kind(call, stored, context, performs, admit).done(planned)


def _envelope(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """A batch without the resources of its requests: each is judged when its entry is done, and
    fails alone.
    """
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return dict(bundle)
    return dict(bundle) | {"entry": [_without_resource(entry) for entry in entries]}


def _without_resource(entry: Any) -> Any:
    if (
        not isinstance(entry, dict)
        or "request" not in entry
        or not isinstance(entry.get("resource"), dict)
    ):
        return entry
    return {name: value for name, value in entry.items() if name != "resource"}


class Batch(Desk):
    """Each entry for itself."""

    def done(self, planned: list[Planned]) -> Reply:
        """Each entry for itself, in its savepoint; a refusal is answered and noted, and stops
        nothing.
        """
        replies = []
        self.hold(planned)
        for entry in planned:
            try:
                with self.stored.savepoint():
                    reply = self.alone(entry)
                    self.stored.settle()
            except FhirError as refusal:
                self._note_refusal(entry, refusal)
                reply = Reply(refusal.status, json_format.write(refusal.outcome()))
            replies.append(reply)
        return self.answer("batch-response", planned, replies)

    def _note_refusal(self, entry: Planned, refusal: FhirError) -> None:
        path, _, query = entry.url.partition("?")
        call = Call(entry.method, path, query, entry.headers)
        note = self.context.note(call, "operation", entry.type_, status=refusal.status)
        self.stored.next_trace()
        about = (*refusal.touched, *touched.by_token(self.context.subject))
        self.stored.note_refusal(note, (*about, *self.about(entry)), refusal)


@dataclass
class Transaction(Desk):
    """All or nothing."""

    looks: int = 0  # at references by search, so far

    def done(self, planned: list[Planned]) -> Reply:
        """All entries in the order of the standard, or none: the first refusal names its entry."""
        refuse_overlap(planned)
        self.hold(planned)
        self._settle_conditions(planned)
        refuse_overlap(planned)
        addresses = addresses_of(planned, self.context.base)
        for entry in planned:
            links = Links(addresses, self.context.base, root_of(entry.full_url) or self.root)
            entry.resource, entry.links = linked(entry.resource, links), links
            # What is there already, and found by a condition, is no work of this transaction.
            if entry.method in ("POST", "PUT") and entry.id_ and entry.match is None:
                self.stored.created.add((entry.type_, entry.id_))
        writes = [entry for entry in planned if entry.method in ORDER]
        self._do([entry for entry in writes if ORDER[entry.method] == 0], planned)
        self._write(sorted((one for one in writes if ORDER[one.method] > 0), key=_turn), planned)
        self._do([entry for entry in planned if entry.method not in ORDER], planned)
        for entry in planned:
            if entry.method == "DELETE" and entry.id_:
                with self._of(entry):
                    self.stored.settle((entry.type_, entry.id_))
        self.stored.settle()
        replies = [self.replies[n] for n in range(len(planned))]
        return self.answer("transaction-response", planned, replies)

    @property
    def root(self) -> str:
        return f"{self.context.base}/"

    @contextmanager
    def _of(self, entry: Planned) -> Iterator[None]:
        """A refusal within names its entry, and is noted in the records that this one is about."""
        try:
            with of(entry):
                yield
        except FhirError as refusal:
            refusal.touched += self.about(entry)
            raise

    def _settle_conditions(self, planned: list[Planned]) -> None:
        """What the conditions find before anything is done; from here on such an entry is about
        that resource, or about a new one.
        """
        asking = [entry for entry in planned if entry.asks]
        for entry in asking:
            with self._of(entry):
                call = self.call_of(entry)
                route = match(call)  # a path that is none is told first
                self.admit(call, route)  # before the store is asked
                text = entry.asks.removeprefix("?")
                entry.condition = conditional.read(route.type_, text, self.stored, self.context)
        held = [e.condition for e in asking if e.condition]
        conditional.hold(held, self.stored)
        for entry in asking:
            with self._of(entry):
                self._settle_condition(entry)

    def _settle_condition(self, entry: Planned) -> None:
        assert entry.condition is not None
        found = entry.match = conditional.one(entry.condition, self.stored)
        if entry.method == "PUT":
            entry.id_ = chosen_id(entry.resource, found)
            if found is None:
                refuse_version(self.call_of(entry))
            if found is None and entry.id_ and visible(self.stored, entry.type_, entry.id_):
                raise Conflict(f"`{entry.address}` does not meet `{entry.asks[:100]}`")
        elif found is not None:
            entry.id_ = found.id_
        if entry.method == "POST":
            return
        if entry.id_:
            entry.url = entry.address
        if entry.method == "PUT" and entry.id_:
            entry.resource = entry.resource | {"id": entry.id_}
        elif entry.method == "PUT":
            entry.url, entry.id_ = entry.type_, self.context.new_id()

    def _write(self, entries: list[Planned], planned: list[Planned]) -> None:
        """What creates and changes. A reference by search may find what another entry makes, so
        that who waits for one comes after; in the end each finds the one it was resolved to.
        """
        found: Found = {}
        waiting = entries
        while waiting:
            missing: dict[int, str] = {}
            for entry in waiting:
                with self._of(entry):
                    text = self._resolve(entry, found) or self._awaits(entry, planned)
                if text:
                    missing[entry.place] = text
                else:
                    self._do([entry], planned)
            later = [entry for entry in waiting if entry.place in missing]
            if len(later) == len(waiting):
                with self._of(later[0]):
                    text, resource = missing[later[0].place], later[0].resource
                    raise conditional.nothing_found(text, resource, self.context)
            waiting = later
        for (type_, text), (address, entry) in found.items():
            if address in self._replaced(entry):  # which is current no more, as was asked for
                continue
            with self._of(entry):
                if conditional.target(text, type_, self.stored, self.context) != address:
                    raise PreconditionFailed(f"`{text[:100]}` finds something else in the end")

    def _resolve(self, entry: Planned, found: Found) -> str:
        """Put addresses in place of the references by search of one entry; the first that finds
        nothing yet, "" when all do.
        """
        context, resource = self.context, entry.resource
        if not r4().is_resource(str(resource.get("resourceType"))):
            return ""
        wanted = list(conditional.references(resource, base=context.base, policed=context.policed))
        for text, type_ in wanted:
            if (type_, text) not in found:
                self.looks += 1
                if self.looks > LOOKS * context.settings.max_entries:
                    raise conditional.too_many()
                address = conditional.target(text, type_, self.stored, context)
                if address is None:
                    return text
                found[type_, text] = address, entry
        addresses = {text: found[type_, text][0] for text, type_ in wanted}
        entry.resource = pointed(resource, addresses) if wanted else resource
        return ""

    def _awaits(self, entry: Planned, planned: list[Planned]) -> str:
        """The document of another entry that this one replaces, while it has not been done."""
        if not (replaced := self._replaced(entry)):
            return ""
        coming = {
            one.address
            for one in planned
            if one.type_ == "DocumentReference"
            and one.method == "POST"
            and one.match is None
            and one.place not in self.replies
        }
        return next((address for address in replaced if address in coming), "")

    def _replaced(self, entry: Planned) -> list[str]:
        """The documents that the one of this entry replaces."""
        if entry.type_ != "DocumentReference" or not self.context.policed:
            return []
        replaced = replaced_by(entry.resource, self.context.base)
        return [f"DocumentReference/{id_}" for id_ in replaced]

    def _do(self, entries: list[Planned], planned: list[Planned]) -> None:
        order = sorted(entries, key=_order)
        for entry in order:
            if entry.place in self.replies:
                continue
            with self._of(entry):
                self.replies |= self._one(entry, planned)

    def _one(self, entry: Planned, planned: list[Planned]) -> dict[int, Reply]:
        if entry.method == "POST" and entry.match is not None:
            call = self.call_of(entry)
            self.admit(call, match(call))
            self.stored.next_trace()
            return {entry.place: known(call, entry.match, self.stored, self.context)}
        if entry.method == "POST" or (entry.method == "PUT" and "/" not in entry.url):
            return self.post(entry, planned)
        if entry.condition and entry.match is None and entry.method in ("PATCH", "DELETE"):
            self.stored.next_trace()
            return {entry.place: self._nothing(entry)}
        return {entry.place: self.alone(entry)}

    def _nothing(self, entry: Planned) -> Reply:
        if entry.method == "PATCH":
            raise NotFound("nothing meets the criterion")
        return nothing_to_delete(self.call_of(entry), self.context)


def _order(entry: Planned) -> tuple[int, str, int]:
    """By address, so that two transactions wait for each other's rows in one order."""
    address = entry.address if entry.method in ("PUT", "PATCH", "DELETE") else ""
    return ORDER.get(entry.method, 9), address, entry.place


def _turn(entry: Planned) -> tuple[bool, bool, int]:
    """What may end a document comes last, since its successor has to find it as it was; bytes come
    with their document, which has to be read first; people and their teams before what names them,
    lists after what they hold.
    """
    ends = entry.method == "PATCH" or (entry.method == "PUT" and entry.type_ in DOCUMENTS)
    named = NAMED.index(entry.type_) if entry.type_ in NAMED else len(NAMED)
    named += entry.type_ == "List"
    return ends, entry.method == "POST" and entry.type_ in BYTES, named
