"""A Bundle of requests: all or nothing (transaction), or each for itself (batch).

https://hl7.org/fhir/R4/http.html#transaction, IHE MHD ITI-65
"""

from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping
from urllib.parse import parse_qsl, unquote

from fhir_server.audit.note import note_of
from fhir_server.fhir import json_format
from fhir_server.fhir.bundle import Entry, bundle
from fhir_server.fhir.headers import prefer
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, FhirError, Issue, TooLarge, Unprocessable
from fhir_server.interactions import documents
from fhir_server.interactions.body import check, check_ins, read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import (
    Planned,
    addresses_of,
    plan,
    refuse_overlap,
    resolved,
)
from fhir_server.interactions.routes import Route, match
from fhir_server.interactions.search import named
from fhir_server.interactions.write import create_one
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Draft, Writing, Written
from profiles.definitions import r4

Perform = Callable[[Call, Writing, Route, Context], Reply]
Admit = Callable[[Call, Route], None]

ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
STATUS = {200: "200 OK", 201: "201 Created", 204: "204 No Content", 304: "304 Not Modified"}


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
    desk = Desk(call, stored, context, performs, admit)
    return desk.batch(planned) if batch else desk.transaction(planned)


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


@dataclass
class Desk:
    """Where the entries of one Bundle are done."""

    call: Call
    stored: Writing
    context: Context
    performs: Mapping[str, Perform]
    admit: Admit

    def batch(self, planned: list[Planned]) -> Reply:
        """Each entry for itself, in its savepoint; a refusal is answered and noted, and stops
        nothing.
        """
        replies = []
        for entry in planned:
            try:
                with self.stored.savepoint():
                    replies.append(self._alone(entry))
            except FhirError as refusal:
                self._note_refusal(entry, refusal)
                replies.append(Reply(refusal.status, json_format.write(refusal.outcome())))
        return self._answer("batch-response", replies)

    def _note_refusal(self, entry: Planned, refusal: FhirError) -> None:
        path, _, query = entry.url.partition("?")
        note = note_of(
            self.context.subject,
            interaction="operation",
            type_=entry.type_,
            asked=f"{entry.method} {entry.url}",
            status=refusal.status,
            request_id=self.context.request_id,
        )
        type_, _, id_ = path.partition("/")
        touched = Named(resource=(type_, id_)) if id_ and "/" not in id_ else Named()
        if query and not id_ and r4().is_resource(type_):
            touched = named(parse_qsl(query), type_, self.context)
        self.stored.next_trace()
        self.stored.note_refusal(note, touched, refusal)

    def transaction(self, planned: list[Planned]) -> Reply:
        """All entries in the order of the standard, or none: the first refusal names its entry."""
        refuse_overlap(planned)
        addresses = addresses_of(planned)
        for entry in planned:
            entry.resource = resolved(entry.resource, addresses, self.context.base)
            if entry.id_:
                self.stored.created.add((entry.type_, entry.id_))
        replies: dict[int, Reply] = {}
        for entry in sorted(planned, key=lambda entry: ORDER.get(entry.method, 4)):
            if entry.place in replies:
                continue
            try:
                replies |= (
                    self._post(entry, planned)
                    if entry.method == "POST"
                    else {entry.place: self._alone(entry)}
                )
            except FhirError as refusal:
                raise _at(refusal, entry.place) from refusal
        return self._answer("transaction-response", [replies[n] for n in range(len(planned))])

    def _alone(self, entry: Planned) -> Reply:
        call = self._call(entry)
        route = match(call)
        self.admit(call, route)
        if route.interaction not in self.performs:
            raise BadRequest(f"`{entry.url[:100]}` cannot be an entry", code="not-supported")
        self.stored.next_trace()
        return self.performs[route.interaction](call, self.stored, route, self.context)

    def _call(self, entry: Planned) -> Call:
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
        headers["prefer"] = self.call.header("prefer") or "return=minimal"
        headers["accept"] = "application/fhir+json"
        return Call(entry.method, path, query, headers, body)

    def _post(self, entry: Planned, planned: list[Planned]) -> dict[int, Reply]:
        """Create one entry; a DocumentReference together with the Binary of the same Bundle that
        holds its bytes.
        """
        call = self._call(entry)
        route = match(call)
        self.admit(call, route)
        if route.interaction != "create" or entry.headers.get("if-none-exist"):
            return {entry.place: self._alone(entry)}
        if entry.resource.get("resourceType") != entry.type_:
            raise BadRequest(f"the resource of the entry is no `{entry.type_}`", code="invalid")
        self.stored.next_trace()
        if not self.context.policed:
            return {entry.place: self._created(self._create(entry), entry)}
        if entry.type_ == "Binary":
            return self._binary(entry, planned)
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
        version = done.version
        headers = {
            "Location": f"{self.context.base}/{version.address}/_history/{version.version}",
            "ETag": version.etag,
            "Last-Modified": version.last_updated,
        }
        representation = prefer(self.call).get("return") == "representation"
        return Reply(201, self.stored.shown([version])[0] if representation else b"", headers)

    def _bytes_of(self, entry: Planned, planned: list[Planned]) -> Planned | None:
        urls = {
            content.get("attachment", {}).get("url")
            for content in entry.resource.get("content", ())
        }
        for other in planned:
            if (
                other.type_ == "Binary"
                and other.method == "POST"
                and f"{self.context.base}/{other.address}" in urls
            ):
                return other
        return None

    def _document(self, entry: Planned, bytes_: Planned) -> dict[int, Reply]:
        """ITI-65: metadata and bytes of one document."""
        binary = documents.binary_draft(bytes_.resource)
        attachment = entry.resource["content"][0]["attachment"]
        if "contentType" in attachment and attachment["contentType"] != binary.media:
            raise Unprocessable(
                f"`{attachment['contentType']}` is not the type of the Binary, which is "
                f"`{binary.media}`",
                code="value",
                expression="DocumentReference.content[0].attachment.contentType",
            )
        attachment["contentType"] = binary.media
        document, content = documents.deposit(
            entry.resource,
            binary.data or b"",
            self.stored,
            self.context,
            binary_id=bytes_.id_,
            document_id=entry.id_,
        )
        return {entry.place: self._created(document, entry), bytes_.place: self._reply(content)}

    def _binary(self, entry: Planned, planned: list[Planned]) -> dict[int, Reply]:
        """Bytes whose document has not been done yet: do the document, which does them."""
        for other in planned:
            if (
                other.type_ == "DocumentReference"
                and other.method == "POST"
                and self._bytes_of(other, planned) is entry
            ):
                call = self._call(other)
                self.admit(call, match(call))
                return self._document(other, entry)
        raise Unprocessable("a Binary without its DocumentReference", code="business-rule")

    def _answer(self, kind: str, replies: list[Reply]) -> Reply:
        entries = [Entry("", *_response(reply)) for reply in replies]
        return Reply(200, bundle(kind, entries, id_=self.context.new_id()))


def _response(reply: Reply) -> tuple[bytes, dict[str, Any]]:
    response: dict[str, Any] = {"status": STATUS.get(reply.status, str(reply.status))}
    # A PATCH has a location too: MHD's answer wants one of every entry.
    names = {"Location": "location", "Content-Location": "location", "ETag": "etag"}
    for header, name in names.items():
        if header in reply.headers:
            response[name] = reply.headers[header]
    if reply.status >= 400:
        response["outcome"] = json_format.read(reply.text)
        return b"", {"response": response}
    return reply.text, {"response": response}


def _at(refusal: FhirError, place: int) -> FhirError:
    """The same refusal, saying which entry it is about."""
    issues = refusal.issues or (
        Issue(refusal.code or refusal.usual, refusal.text, refusal.expression),
    )
    root = f"Bundle.entry[{place}].resource"
    located = tuple(
        replace(issue, expression=root + issue.expression[len(issue.expression.split(".")[0]) :])
        for issue in issues
    )
    return type(refusal)(
        refusal.text, refusal.code, "", located, refusal.headers, refusal.rule, refusal.record
    )
