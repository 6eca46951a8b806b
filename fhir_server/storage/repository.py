"""The stored data as one caller may read them, through his visible rows alone."""

from contextlib import contextmanager
from typing import Any, Iterable, Iterator, Sequence

from fhir_server.audit.note import Note
from fhir_server.fhir.json_format import read as read_json
from fhir_server.fhir.json_format import write as write_json
from fhir_server.fhir import own_addresses
from fhir_server.fhir.outcome import Forbidden, Gone, NotFound
from fhir_server.fhir.reference import DOCUMENTS
from fhir_server.policy.facts import SHARED, nature_of, ownership
from fhir_server.policy.logged import as_read
from fhir_server.policy.redaction import removable_links, minimal_patient, without
from fhir_server.policy.relations import CLOSING, DMP_BASE
from fhir_server.policy.scope import Scope
from fhir_server.search.mentions import ANY
from fhir_server.search.query import Query, Way
from fhir_server.storage import read, trail
from fhir_server.storage.about import SPEAKS
from fhir_server.storage.across import Part, find_across
from fhir_server.storage.find import Found, find
from fhir_server.storage.history import Page, Wanted, page
from fhir_server.storage.includes import include
from fhir_server.storage.opened import NO_ACCESS, Opened
from fhir_server.storage.pages import cursor, position
from fhir_server.storage.rows import Named, Rows
from fhir_server.storage.version import Version, settled, united
from profiles.definitions import r4

MINIMUM = frozenset({CLOSING, DMP_BASE + "dmp-medecin-traitant"})
# What a page is of: a name and the parameters that had an effect.
Asked = tuple[str, Sequence[tuple[str, str]]]


# Ids in one statement: SQLite takes a time for its parameters that grows with their square.
AT_ONCE = 500


def _by_type(addresses: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for type_, id_ in addresses:
        found.setdefault(type_, []).append(id_)
    for type_, ids in found.items():
        for start in range(0, len(ids), AT_ONCE):
            yield type_, ids[start : start + AT_ONCE]


class Repository(Opened):
    """Reads, searches and histories, each guarded by the scope."""

    def read(self, type_: str, id_: str, note: Note | None = None) -> Version:
        """The current version; NotFound, or Gone when it is deleted. `note` is written with it when
        it is disclosed.
        """
        version = self._read(type_, id_, note)
        if version is None:
            raise NotFound(f"there is no `{type_}/{id_}`")
        if version.deleted:
            raise Gone(f"`{type_}/{id_}` is deleted")
        return version

    def _read(self, type_: str, id_: str, note: Note | None) -> Version | None:
        self._make_events(type_, "t.id = :event", {"event": id_})
        rows, note = self.rows(), note if self.house.rules else None
        if note is None:
            return read.read_row(self.session, rows, type_, id_, None)
        if self._in_one_statement():
            version = read.read_row(self.session, rows, type_, id_, self._trace(note))
            self.noted = version is not None and not version.deleted
            return version
        with self.session.transaction():
            version = read.read_row(self.session, rows, type_, id_, None)
            if version is not None and not version.deleted:
                self.note(note, [(version.record, version.rules)])
        return version

    def _in_one_statement(self) -> bool:
        """Whether what is read and its note can go in one statement, which needs no transaction
        around it.
        """
        alone = self.session.database.postgres and not self.session.open
        return alone and not self.is_told

    def current(self, type_: str, id_: str) -> Version | None:
        """The current version, deleted or not, if the caller may see it."""
        return self._read(type_, id_, None)

    def version(self, type_: str, id_: str, number: int) -> Version:
        """One version; NotFound when hidden or absent, Gone when deleted or its document is."""
        current = self._read(type_, id_, None)
        if current is None:
            raise NotFound(f"there is no version {number} of `{type_}/{id_}`")
        hides_past = self._hides_past(current)
        if hides_past and current.deleted:
            raise Gone(f"`{type_}/{id_}` is deleted")
        found = current if current.version == number else None
        if found is None and not hides_past:
            found = read.past_version(self.session, current, number)
        if found is None:
            raise NotFound(f"there is no version {number} of `{type_}/{id_}`")
        if found.deleted:
            raise Gone(f"version {number} of `{type_}/{id_}` is a deletion")
        return found

    def _hides_past(self, current: Version) -> bool:
        """Whether past versions are not for this caller: of a deleted document, and of a Patient of
        whom he may know the minimum alone.
        """
        if self.scope.everything:
            return False
        return not current.full or (current.deleted and nature_of(current.type_) == "document")

    def history(self, wanted: Wanted, note: Note | None = None) -> Page:
        """One page of versions, newest first; of one resource NotFound when it is hidden or absent.
        """
        current = self._read(wanted.type_, wanted.id_, None) if wanted.id_ else None
        if wanted.id_ and current is None:
            raise NotFound(f"there is no `{wanted.type_}/{wanted.id_}`")
        self._make_events("" if wanted.id_ else wanted.type_, "1 = 1", {})
        named = Named(resource=(wanted.type_, wanted.id_)) if current else Named()
        last = self._after(wanted.cursor, wanted.asked)
        with self.session.transaction():
            rows = self.rows(self._confining(named))
            found = page(self.session, rows, wanted, last)
            if note is not None:
                told = [current] if current else found.versions
                self.note(note, settled(told) or [(0, "")])
        return found

    def search(self, query: Query, named: Named, note: Note | None = None) -> Found:
        """One page of matches, and what is included with them. Forbidden when a record is named in
        which the caller has no right at all.
        """
        if query.type_ == "AuditEvent" or _brings_traces(query.ways):
            self._make_events("AuditEvent", *self._pending(named))
        rows, note = self.rows(self._confining(named)), note if self.house.rules else None
        last = self._after(query.cursor, query.asked)
        if note is None:
            found = find(self.session, rows, query, last, None)
            self._check_access(found, query, rows)
            self._include(found, query.ways)
            return found
        if self._in_one_statement() and not query.ways and not named.several:
            found = find(self.session, rows, query, last, self._trace(note))
            self._check_access(found, query, rows)
            self.noted = True
            return found
        with self.session.transaction():
            found = find(self.session, rows, query, last, None)
            self._check_access(found, query, rows)
            self._include(found, query.ways)
            self.note_withheld(note, named, [record for record, _ in found.records])
            self.note(note, found.records or [(0, "")])
        return found

    def _include(self, found: Found, ways: Sequence[Way]) -> None:
        """Add what the page brings with it, and the records that is told of."""
        if not (ways and found.versions):
            return
        included = include(self.session, self.rows, found.versions, ways)
        found.included, found.cut = included.versions, included.cut
        brought = settled(one for one in included.versions if one.record != SHARED)
        found.records = united(found.records, brought)

    def _confining(self, named: Named) -> Named:
        """What is named, where that narrows what is looked at."""
        return Named() if self.scope.everything else named

    def _check_access(self, found: Found, query: Query, rows: Rows) -> None:
        """A record that is named must be one the caller has a right in, if only to documents of
        his own; who has declared a consent there is a stranger all the same.
        """
        documents = found.versions and ownership(nature_of(query.type_)) == "author"
        if not rows.confined or found.access or documents:
            return
        if found.access is None and read.is_professional(rows.shape):
            return  # an unknown patient: nothing is found, and that is no secret
        if query.type_ == "Patient" and read.is_professional(rows.shape):
            return
        raise Forbidden(NO_ACCESS)

    def across(
        self,
        parts: Sequence[Part],
        named: Named,
        *,
        count: int,
        asked: Asked,
        cursor: str = "",
        ways: Sequence[Way] = (),
    ) -> Found:
        """One page of several types; `asked`: what it is a page of, as `cursor_after` was told.
        Forbidden or NotFound as `_check_entry` says when a record is named.
        """
        if any("AuditEvent" in part.types for part in parts) or _brings_traces(ways):
            self._make_events("AuditEvent", *self._pending(named))
        last = self._after(cursor, asked)
        rows = self.rows(self._confining(named))
        with self.session.transaction():
            found = find_across(self.session, rows, parts, last, count)
            self._check_entry(found, rows)
            self._include(found, ways)
        return found

    def _check_entry(self, found: Found, rows: Rows) -> None:
        """A record that is named must be one the caller has a right in. That there is none is told
        to professionals alone (contract 7, Status).
        """
        if not rows.confined or found.access:
            return
        if found.access is None and read.is_professional(rows.shape):
            raise NotFound("there is no such patient")
        raise Forbidden(NO_ACCESS)

    def those(self, addresses: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Version]:
        """The current versions of these resources, as far as the caller sees them."""
        return {
            (version.type_, version.id_): version
            for type_, ids in _by_type(addresses)
            for version in read.visible_versions(self.session, self.rows(), type_, ids)
        }

    def cursor_after(self, found: Found | Page, asked: Asked) -> str:
        """The cursor of the page after `found`, "" on the last."""
        if not found.last:
            return ""
        key, now = self.house.cursor_key, self.moment.now
        return cursor(found.last, key=key, bound_to=self._bound_to(asked), now=now)

    def _after(self, cursor: str, asked: Asked) -> list[Any]:
        """Where the page of this cursor begins; [] for the first."""
        if not cursor:
            return []
        key, now = self.house.cursor_key, self.moment.now
        return position(cursor, key=key, bound_to=self._bound_to(asked), now=now)

    def _bound_to(self, asked: Asked) -> str:
        subject = self.subject
        return repr((subject.actor, subject.identifier, subject.organization, *asked))

    def visible(
        self, addresses: Iterable[tuple[str, str]], *, deleted: bool = False
    ) -> set[tuple[str, str]]:
        """Those of these resources the caller may see; `deleted`: or could, were they not deleted.
        """
        return {
            (type_, id_)
            for type_, ids in _by_type(addresses)
            for id_ in read.visible_addresses(
                self.session, self.rows(), type_, ids, deleted=deleted
            )
        }

    def hidden(self, addresses: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those of these addresses at which nothing lies for the caller: not even what is deleted.
        An id of `ANY` type where something with this id does not, or nothing has it.

        The operator, who reads traces without what they are about (R163), may know where that lies,
        but for documents and what speaks of them.
        """
        given = set(addresses)
        there = {id_: self._with(id_) for type_, id_ in given if type_ == ANY}
        known = {one for one in given.union(*there.values()) if one[0] not in ("", ANY)}
        unseen = known - self.visible(known, deleted=True)
        if self.subject.actor == "operator":
            unseen = {one for one in unseen if one[0] in DOCUMENTS or one[0] == SPEAKS}
        found = given & unseen | {one for one in given if not one[0]}
        for id_, ones in there.items():
            found |= {(ANY, id_)} if not ones or ones & unseen else set()
        return frozenset(found)

    def _with(self, id_: str) -> set[tuple[str, str]]:
        """What lies there with this id, or did, whoever asks."""
        types = read.types_with(self.session, id_, tuple(r4().resources), deleted=True)
        return {(type_, id_) for type_ in types}

    def types_of(self, id_: str, types: Sequence[str], *, least: int = 1) -> set[str]:
        """Those of these types of which the caller sees a resource with this id; none where there
        are not `least`, whoever sees them.
        """
        there = read.types_with(self.session, id_, types)
        if len(there) < least:
            return set()
        return {type_ for type_, _ in self.visible((type_, id_) for type_ in there)}

    def shown(self, versions: Sequence[Version]) -> list[bytes]:
        """The text of each version as this caller may see it: without entries that lead to hidden
        documents.
        """
        if self.scope.everything:
            return [self._addressed(v, v.body) for v in versions]
        found = [read_json(bytes(v.body)) if _may_hide(v) else {} for v in versions]
        links = {link for resource in found if resource for link in removable_links(resource)}
        hidden = self.hidden(links)
        attended = self._attended(versions)
        return [
            self._addressed(
                version,
                self._shown(version, resource, hidden, attends=version.record in attended),
            )
            for version, resource in zip(versions, found, strict=True)
        ]

    def _addressed(self, version: Version, text: bytes) -> bytes:
        """With the addresses of bytes as they can be fetched now; a Bundle is as it was sent."""
        if version.type_ == "Bundle":
            return text
        return own_addresses.shown(text, version.type_, base=self.house.base)

    def _shown(
        self,
        version: Version,
        resource: dict[str, Any],
        hidden: frozenset[tuple[str, str]],
        *,
        attends: bool,
    ) -> bytes:
        if not resource:
            return version.body
        if not version.full:
            return write_json(minimal_patient(resource, MINIMUM))
        shown = without(resource, hidden)
        if version.type_ == "AuditEvent":
            shown = as_read(shown, self.subject, attends=attends)
        return version.body if shown == resource else write_json(shown)

    def _attended(self, versions: Sequence[Version]) -> set[int]:
        """The records of traces among these of which the caller is the attending doctor."""
        if self.subject.actor != "professional":
            return set()
        records = {version.record for version in versions if version.type_ == "AuditEvent"}
        return {one for one in records if self.is_attending(one, self.subject.identifier)}

    @contextmanager
    def asking(self, asks: str) -> Iterator[None]:
        """Within, the request counts as one that asks so: `identifier` finds one's own documents
        without a right to read.
        """
        before = self.scope
        if not before.everything:
            self.scope = Scope.of(self.subject, before.rules, dict(before.known) | {"asks": asks})
        try:
            yield
        finally:
            self.scope = before

    def _make_events(self, type_: str, where: str, params: dict[str, Any]) -> None:
        if type_ == "AuditEvent":
            with self.session.transaction():
                trail.make_events(self.session, where, params, base=self.house.base)

    def _pending(self, named: Named) -> tuple[str, dict[str, Any]]:
        """Which notes must be AuditEvents before this search: of the named records, or all."""
        if not named:
            return "1 = 1", {}
        numbers = read.records_named(self.session, named, self.rows())
        return f"t.record IN ({', '.join(map(str, numbers)) or '-2'})", {}


def _may_hide(version: Version) -> bool:
    """Whether something of this version may not be for everybody who sees it."""
    looked_at = version.linked or version.type_ == "AuditEvent" or not version.full
    return bool(version.body) and looked_at


def _brings_traces(ways: Sequence[Way]) -> bool:
    return any(way.reverse and "AuditEvent" in way.types for way in ways)
