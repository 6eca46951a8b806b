"""One entry of a Bundle of requests done: as the call it is, or as a document with its bytes.

https://hl7.org/fhir/R4/http.html#transaction, IHE MHD ITI-65
"""

from dataclasses import dataclass, field, replace
from typing import Callable, Mapping
from urllib.parse import unquote

from fhir_server.fhir import json_format
from fhir_server.fhir.bundle import Entry, bundle
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, TooLarge, Unprocessable
from fhir_server.fhir.own_addresses import BYTES
from fhir_server.interactions import documents, touched
from fhir_server.interactions.answer import written
from fhir_server.interactions.body import check, check_ins
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Planned
from fhir_server.interactions.responses import response
from fhir_server.interactions.routes import Route, match
from fhir_server.interactions.write import create_one
from fhir_server.storage.touching import About
from fhir_server.storage.writing import Draft, Writing, Written

ANSWERED = 4  # times the largest body: how much the answers in a Bundle may hold together

Perform = Callable[[Call, Writing, Route, Context], Reply]
Admit = Callable[[Call, Route], None]


@dataclass
class Desk:
    """Where the entries of one Bundle are done; `performs` has a function for each interaction."""

    call: Call
    stored: Writing
    context: Context
    performs: Mapping[str, Perform]
    admit: Admit
    replies: dict[int, Reply] = field(default_factory=dict)
    weight: int = 0  # bytes of the answers so far

    def hold(self, planned: list[Planned]) -> None:
        """Wait for whoever else writes at the addresses of the entries, in one order for all: two
        Bundles never wait for each other.
        """
        writes = (entry for entry in planned if entry.method in ("PUT", "PATCH", "DELETE"))
        for type_, id_ in sorted({(one.type_, one.id_) for one in writes if one.id_}):
            self.stored.hold(type_, id_)

    def alone(self, entry: Planned) -> Reply:
        """The answer to one entry; TooLarge, before it is done, when there is no room for one."""
        if self.weight > ANSWERED * self.context.settings.max_body:
            raise TooLarge("the answers of this Bundle are too large together", code="too-costly")
        call = self.call_of(entry)
        route = match(call)
        if entry.condition and route.interaction == "patch":  # its meaning may differ
            route = replace(route, interaction="conditional-patch")
        self.admit(call, route)
        if route.interaction not in self.performs:
            raise BadRequest(f"`{entry.url[:100]}` cannot be an entry", code="not-supported")
        self.stored.next_trace()
        reply = self.performs[route.interaction](call, self.stored, route, self.context)
        self.weight += len(reply.text)
        return reply

    def call_of(self, entry: Planned) -> Call:
        path, _, query = entry.url.partition("?")
        path, body, headers = unquote(path), b"", dict(entry.headers)
        if entry.resource:
            body, headers["content-type"] = (
                json_format.write(entry.resource),
                "application/fhir+json",
            )
        if entry.resource.get("resourceType") == "Binary" and entry.method == "PATCH":
            check(entry.resource, Call(entry.method, path), self.context)
            binary = documents.binary_draft(entry.resource)
            body, headers["content-type"] = binary.data or b"", binary.media
        if entry.condition:  # it has been looked at
            headers.pop("if-none-exist", None)
        headers["prefer"] = self.preferred
        headers["accept"] = "application/fhir+json"
        return Call(entry.method, path, query, headers, body, read={"links": entry.links})

    def post(self, entry: Planned, planned: list[Planned]) -> dict[int, Reply]:
        """Create one entry; a DocumentReference together with the Binary or Bundle beside it
        that is its content.
        """
        call = self.call_of(entry)
        route = match(call)
        self.admit(call, route)
        if entry.method == "POST" and route.interaction != "create":
            return {entry.place: self.alone(entry)}
        if entry.resource.get("resourceType") != entry.type_:
            raise BadRequest(f"the resource of the entry is no `{entry.type_}`", code="invalid")
        self.stored.next_trace()
        if not self.context.policed:
            return {entry.place: self._created(self._create(entry), entry)}
        if entry.type_ in BYTES:
            return self._content(entry, planned)
        if entry.type_ == "DocumentReference" and (bytes_ := self._bytes_of(entry, planned)):
            return self._document(entry, bytes_)
        check_ins(entry.resource, self.context)
        return {entry.place: self._created(self._create(entry), entry)}

    def _create(self, entry: Planned) -> Written:
        is_binary = entry.type_ == "Binary"
        draft = documents.binary_draft(entry.resource) if is_binary else Draft(entry.resource)
        return create_one(draft, self.stored, self.context, entry.id_)

    def _created(self, done: Written, entry: Planned) -> Reply:
        version = done.version
        note = self.context.note(self.call, "create", version.type_, version.id_, status=201)
        self.stored.note(note, [(done.record, done.rules)])
        return self._reply(done)

    def _reply(self, done: Written) -> Reply:
        text = self.stored.shown([done.version])[0]
        call = Call("POST", "", headers={"prefer": self.preferred})
        return written(call, done, self.context.base, text)

    @property
    def preferred(self) -> str:
        """What the entries answer with: nothing, unless the client prefers something."""
        return self.call.header("prefer") or "return=minimal"

    def _bytes_of(self, entry: Planned, planned: list[Planned]) -> Planned | None:
        urls = {
            content.get("attachment", {}).get("url")
            for content in entry.resource.get("content", ())
        }
        for other in planned:
            if (
                other.type_ in BYTES
                and other.method == "POST"
                and other.match is None
                and f"{self.context.base}/{other.address}" in urls
            ):
                return other
        return None

    def _document(self, entry: Planned, bytes_: Planned) -> dict[int, Reply]:
        """ITI-65: metadata and bytes of one document."""
        document, content = documents.deposit(
            entry.resource,
            documents.Bytes.of(bytes_.resource, bytes_.id_),
            self.stored,
            self.context,
            document_id=entry.id_,
        )
        return {entry.place: self._created(document, entry), bytes_.place: self._reply(content)}

    def _content(self, entry: Planned, planned: list[Planned]) -> dict[int, Reply]:
        """Bytes whose document has not been done yet: do the document, which does them. A FHIR
        document that comes without metadata says them itself.
        """
        for other in planned:
            if (
                other.type_ == "DocumentReference"
                and other.method == "POST"
                and self._bytes_of(other, planned) is entry
            ):
                call = self.call_of(other)
                self.admit(call, match(call))
                return self._document(other, entry)
        if entry.type_ == "Bundle":
            return {entry.place: self._created(self._create(entry), entry)}
        raise Unprocessable("a Binary without its DocumentReference", code="business-rule")

    def about(self, entry: Planned) -> tuple[About, ...]:
        """What an entry is about, for the trail of its refusal."""
        asked = entry.condition.text if entry.condition else entry.asks
        return touched.by_entry(entry.url, asked, entry.resource, self.context)

    def answer(self, kind: str, planned: list[Planned], replies: list[Reply]) -> Reply:
        entries = [
            Entry("", *response(entry, reply))
            for entry, reply in zip(planned, replies, strict=True)
        ]
        return Reply(200, bundle(kind, entries, id_=self.context.new_id()))
