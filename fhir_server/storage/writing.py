"""Create, update and delete, each decided act by act on what is stored now; always inside one
transaction.

https://hl7.org/fhir/R4/http.html#create, #update, #delete
"""

from dataclasses import dataclass, replace
from typing import Any, Iterable, Mapping

from fhir_server.fhir.dates import instant
from fhir_server.fhir.json_format import says_the_same, splice
from fhir_server.fhir.json_format import write as write_json
from fhir_server.fhir.outcome import Conflict, Forbidden, Issue
from fhir_server.fhir.own_addresses import is_spaced, kept
from fhir_server.policy import life
from fhir_server.policy.consents import said_of
from fhir_server.policy.facts import Standing, chooses_ids
from fhir_server.policy.clocks import release
from fhir_server.policy.redaction import LISTS, removable_links, restored
from fhir_server.policy.relations import record_state
from fhir_server.policy.writes import Act, change, creation, removal
from fhir_server.storage import write
from fhir_server.storage.about import spread
from fhir_server.storage.attachments import bytes_of
from fhir_server.storage.chain import LONGEST, flag_change, flagged, replaced_by, with_flags
from fhir_server.storage.checks import NO_INDEX
from fhir_server.storage.content import birth, content_of
from fhir_server.storage.due import set_due
from fhir_server.storage.filing import Filing
from fhir_server.storage.membership import MEMBERS_OWN
from fhir_server.storage.opened import NO_ACCESS
from fhir_server.storage.read import past_version, raw_version
from fhir_server.storage.teams import TYPE as TEAM
from fhir_server.storage.version import Version
from fhir_server.storage.write import Facts, New


@dataclass(frozen=True, slots=True)
class Draft:
    """What a client wants stored: the content, its JSON text as sent ("" when it was XML or was
    changed), bytes of a Binary.
    """

    resource: dict[str, Any]
    text: bytes = b""
    media: str = ""
    data: bytes | None = None

    @property
    def type_(self) -> str:
        return str(self.resource["resourceType"])


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write: the version that lies there now, its record and the rules that
    permitted it.
    """

    version: Version
    record: int
    rules: str
    created: bool = False
    facts: Facts = Facts()
    remarks: tuple[Issue, ...] = ()  # of a consent: what has no effect


class Writing(Filing):
    """A repository that also writes."""

    def create(
        self, draft: Draft, id_: str, *, within: Standing | None = None, method: str = "POST"
    ) -> Written:
        """Store the first version under `id_`. `within`: the record of a Binary, which does not say
        whose it is itself.

        Unprocessable for a patient or reference that leads nowhere the caller sees, Forbidden where
        no rule permits.
        """
        draft = self._kept(draft)
        resource, type_ = draft.resource, draft.type_
        acts = creation(resource, self.subject) if self.house.rules else ()
        standing = within or self._standing_for(resource, type_)
        draft = self._placed_draft(draft, standing)
        resource = draft.resource
        index = self._index(resource)
        owners = self._owners(resource, standing)
        rules = self.permit(acts, standing, self._row(type_, owners, resource, standing.record))
        self._check(resource, id_, standing.record)
        self._check_bytes(resource)
        if type_ == "Patient":
            self._check_holder(resource, 0)
            standing = Standing(self._open_record(resource, id_), "open", True, frozenset())
        new = self._new(draft, id_, 1, method, standing.record, self._facts(resource, owners))
        pk = write.insert(self.session, new, index, base=self.house.base)
        if pk is None:
            raise Conflict(f"`{type_}/{id_}` exists already")
        self.created.add((type_, id_))
        self._derive(resource, new)
        if type_ == "DocumentReference" and self.house.rules:
            self._flag_replaced(resource, *flag_change({}, resource))
        if type_ == "Consent" and life.agrees(resource) and standing.state == "before":
            self._open_agreed(standing)
        return Written(
            version_of(pk, new), standing.record, rules, True, new.facts,
            self._remarks(resource, standing.record),
        )  # fmt: skip

    def update(self, current: Version, draft: Draft, *, method: str = "PUT") -> Written:
        """Put `draft` in place of `current`, which the caller has been found to see.

        StorageConflict when another writer was first; NotAllowed for what may not change at all.
        """
        self._follow(current)
        old = {} if current.deleted else content_of(current.body)
        # What the caller was not shown of it is neither compared nor lost.
        shown = self._as_shown(current) if current.linked and old else old
        standing, facts = self._standing_of(current), self.facts_of(current)
        draft = self._placed_draft(self._kept(draft), standing)
        resource = draft.resource
        acts = () if current.deleted else self._acts(shown, resource)
        rules = self.permit(acts, standing, self.row_facts(current.type_, facts))
        is_same = method == "PATCH" and _is_same(current, shown, draft)
        if not current.deleted and (is_same or (self.house.rules and not acts)):
            return Written(current, standing.record, rules)  # nothing changes: no new version
        if self.house.rules and not current.deleted:
            self._check_change(old, resource, standing, rules)
        if any(act.action == "remove" for act in acts):
            return self._erase(current, facts, rules)
        self._check(resource, current.id_, standing.record, before=shown)
        if draft.type_ == "Patient":
            self._check_holder(resource, standing.record)
        if shown != old:
            draft = replace(draft, resource=restored(resource, shown, old), text=b"")
            resource = draft.resource
        index = self._index(resource)
        self._check_place(resource, standing)
        record = standing.record
        if not self.house.rules:
            record = self._standing_for(resource, draft.type_).record
        veiled = facts.veiled_until or self._veil(current, acts)
        made = self._facts(resource, facts.owners, veiled)
        new = self._new(draft, current.id_, current.version + 1, method, record, made)
        write.replace(self.session, current.pk, new, index, base=self.house.base)
        self._derive(resource, new)
        if draft.type_ == "DocumentReference":
            self._flag_replaced(resource, *flag_change(old, resource))
        remarks = self._remarks(resource, record)
        return Written(version_of(current.pk, new), record, rules, remarks=remarks)

    def _placed_draft(self, draft: Draft, standing: Standing) -> Draft:
        placed = self.filed(self._placed(draft.resource, standing))
        return draft if placed == draft.resource else replace(draft, resource=placed, text=b"")

    def may(self, act: Act, current: Version) -> bool:
        """Whether the caller may do this to what lies there."""
        row = self.row_facts(current.type_, self.facts_of(current))
        return self.decision(act, self._standing_of(current), row).permitted

    def _kept(self, draft: Draft) -> Draft:
        """The draft as it is stored: what leads to this server does so under any address of it."""
        resource = kept(draft.resource, base=self.house.base)
        if resource is draft.resource and not is_spaced(draft.text, draft.type_):
            return draft
        return replace(draft, resource=resource, text=b"")

    def _as_shown(self, current: Version) -> dict[str, Any]:
        return kept(content_of(self.shown([current])[0]), base=self.house.base)

    def _acts(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Act, ...]:
        rules = self.house.rules
        return change(old, new, veils_later="veils_later" in rules.chosen) if rules else ()

    def _veil(self, current: Version, acts: Iterable[Act]) -> int:
        """Until when a document is hidden that is hidden later: as from its deposit."""
        if not any(act.action == "veil" for act in acts):
            return 0
        first = past_version(self.session, current, 1) or current
        return release(first.updated)

    def _open_agreed(self, standing: Standing) -> None:
        """R010: with the express consent of its holder a record is open, where that is the law."""
        current = raw_version(self.session, "Patient", standing.patient)
        if current is None or not (self.house.rules and self.house.rules.has("R010")):
            return
        opened, version = content_of(current.body) | {"active": True}, current.version + 1
        new = self._new(
            Draft(opened), current.id_, version, "PATCH", current.record, self.facts_of(current)
        )
        write.replace(self.session, current.pk, new, self._index(opened), base=self.house.base)
        self._derive(opened, new)

    def _check_change(
        self, old: Mapping[str, Any], new: Mapping[str, Any], standing: Standing, rules: str
    ) -> None:
        """What a permitted change must fit, beside what a new resource must."""
        if new["resourceType"] == "Consent":
            self._declare_again(old, new, standing)
        elif new["resourceType"] == "DocumentReference":
            self._check_status(old, new)
        elif rules == MEMBERS_OWN:
            self._check_membership(old, new, standing)

    def _declare_again(
        self, old: Mapping[str, Any], consent: Mapping[str, Any], standing: Standing
    ) -> None:
        """Forbidden for a change that would be refused as a new consent, and for a professional
        who brings back what has been ended: he declares anew what he collects anew. Who may change
        a consent may end it.
        """
        active = consent.get("status") == "active"
        if active and old.get("status") != "active" and self.subject.actor == "professional":
            raise Forbidden(NO_ACCESS, rule="R092", record=standing.record)
        if not active and said_of(consent) == said_of(old):
            return
        row = self._row("Consent", self._owners(consent, standing), consent, standing.record)
        self.permit(creation(consent, self.subject), standing, row)

    def _flag_replaced(
        self, document: Mapping[str, Any], added: frozenset[str], taken: frozenset[str]
    ) -> None:
        """Put the change of flags on every document that `document` replaced, directly or not."""
        self._check_chain(str(document.get("id", "")), taken)
        waiting, done = replaced_by(document, self.house.base), set[str]()
        while (added or taken) and waiting and len(done) < LONGEST:
            id_ = waiting.pop()
            current = raw_version(self.session, "DocumentReference", id_)
            if current is None or id_ in done:
                continue
            done.add(id_)
            lying = self._before_deletion(current)
            old, facts = content_of(lying.body), self.facts_of(current)
            waiting += replaced_by(old, self.house.base)
            if current.deleted:
                found = flagged(facts, added, taken, release(self.moment.now))
                spread(self.session, id_, current.record, found, self.house.base)
                continue
            self._follow(current)
            new = self._new(
                Draft(made := with_flags(old, added, taken)),
                id_,
                current.version + 1,
                "PATCH",
                current.record,
                self._facts(made, facts.owners, facts.veiled_until or None),
            )
            write.replace(
                self.session, current.pk, new, self._index(made), base=self.house.base
            )
            self._derive(made, new)

    def create_bytes(self, draft: Draft, id_: str, document: Written) -> Written:
        """Store the bytes of a document just written: whoever sees the one sees the other."""
        new = self._new(draft, id_, 1, "POST", document.record, document.facts)
        index = self._index(draft.resource)
        pk = write.insert(self.session, new, index, base=self.house.base)
        if pk is None:
            raise Conflict(f"`{draft.type_}/{id_}` exists already")
        return Written(version_of(pk, new), document.record, document.rules, created=True)

    def create_about(self, draft: Draft, id_: str, about: Version) -> Written:
        """Store what speaks of a version, such as its Provenance, in the record of that version."""
        return self.create(draft, id_, within=self._standing_of(about))

    def revive(self, current: Version, draft: Draft) -> Written:
        """Put a new version on top of a deletion."""
        done = self.update(current, draft)
        return replace(done, created=True)

    def _before_deletion(self, current: Version) -> Version:
        """`current`, or of a deleted resource what it was before."""
        if not current.deleted:
            return current
        return past_version(self.session, current, current.version - 1) or current

    def chooses_ids(self, type_: str) -> bool:
        """Whether this caller may choose the id of a new resource."""
        return self.house.rules is None or chooses_ids(self.subject.actor, type_)

    def delete(self, current: Version) -> Written:
        """Delete logically: the row stays as a tombstone, older versions stay in the history."""
        acts = removal(content_of(current.body)) if self.house.rules else ()
        facts = self.facts_of(current)
        rules = self.permit(acts, self._standing_of(current), self.row_facts(current.type_, facts))
        self.deleted.add((current.type_, current.id_))
        if current.type_ == "Consent":
            facts = self._still_declared(facts, ended=True)
        return self._erase(current, facts, rules)

    def _follow(self, current: Version) -> None:
        """What is written from now on is not older than this version, though its request began
        earlier: it has waited for another.
        """
        if current.updated > self.moment.now:
            self.moment = replace(self.moment, now=current.updated)

    def _erase(self, current: Version, facts: Facts, rules: str) -> Written:
        self._follow(current)
        new = New(
            record=current.record,
            type_=current.type_,
            id_=current.id_,
            version=current.version + 1,
            updated=self.moment.now,
            method="DELETE",
            body=b"",
            media=current.media,
            facts=facts,
        )
        write.replace(self.session, current.pk, new, NO_INDEX, base=self.house.base)
        self._derive_parameter(new, {})
        write.set_relations(self.session, current.address, current.record, ())
        if current.type_ == TEAM:
            self._read_consents_again(current.record)
        set_due(self.session, current.address, current.record, ())
        is_document = current.type_ == "DocumentReference"
        for address in bytes_of(self.session, current.id_) if is_document else ():
            content = raw_version(self.session, *address)
            if content is not None and not content.deleted:
                self._erase(content, facts, rules)
        return Written(version_of(current.pk, new), current.record, rules)

    # What follows from a write.

    def _new(
        self, draft: Draft, id_: str, version: int, method: str, record: int, facts: Facts
    ) -> New:
        return New(
            record=record,
            type_=draft.type_,
            id_=id_,
            version=version,
            updated=self.moment.now,
            method=method,
            body=self.text_of(draft, id_, version),
            media=draft.media,
            data=draft.data,
            linked=bool(removable_links(draft.resource)),
            facts=facts,
        )

    def text_of(self, draft: Draft, id_: str, version: int) -> bytes:
        """The JSON of a draft as this version of a resource."""
        meta = draft.resource.get("meta", {})
        head = {"versionId": str(version), "lastUpdated": instant(self.moment.now)}
        meta = head | {name: value for name, value in meta.items() if name not in head}
        members = {"id": f'"{id_}"'.encode(), "meta": write_json(meta)}
        # Where entries may be left out, spaces would tell that they are gone.
        text = b"" if draft.type_ in LISTS and self.house.rules else draft.text
        return splice(text or write_json(draft.resource), members)

    def _open_record(self, patient: Mapping[str, Any], id_: str) -> int:
        return write.open_record(
            self.session, state=record_state(patient), born=birth(patient), patient=id_
        )


def _is_same(current: Version, shown: Mapping[str, Any], draft: Draft) -> bool:
    """Whether `draft` is what the caller was shown of the current version, its bytes too."""
    return says_the_same(shown, draft.resource) and (current.data or b"") == (draft.data or b"")


def version_of(pk: int, new: New) -> Version:
    """The version that `new` has become."""
    return Version(
        pk,
        new.record,
        new.type_,
        new.id_,
        new.version,
        new.updated,
        new.method == "DELETE",
        new.method,
        new.media,
        new.body,
        new.data,
        new.linked,
    )
