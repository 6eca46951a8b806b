"""What a write must fit before it lies down: labels that can be, consents that can be honoured,
references that lead somewhere.

`contract.md` section 7: a reference to something hidden is treated and worded like one to something
that does not exist.
"""

from hashlib import blake2b
from time import monotonic
from typing import Any, Mapping

from fhir_server.fhir.outcome import Conflict, FhirError, Forbidden, Unprocessable
from fhir_server.fhir.own_addresses import BYTES
from fhir_server.fhir.reference import (
    DOCUMENTS,
    Conditional,
    Local,
    Urn,
    elements,
    parse,
    place_of,
    texts,
)
from fhir_server.policy.facts import SHARED, UNPLACED, RowFacts, Standing, nature_of
from fhir_server.policy import life, notices
from fhir_server.policy.clocks import release
from fhir_server.policy.labels import label_problem, labels, misplaced_flag
from fhir_server.policy.matrix import kind_of
from fhir_server.policy.names import blank_name, says_two
from fhir_server.policy.owners import authors_of, owners_of
from fhir_server.policy.people import holders
from fhir_server.policy.scope import is_own
from fhir_server.policy.subject import PROFESSIONALS, STRUCTURE_SYSTEM
from fhir_server.search.extract import Index, extract
from fhir_server.storage import parameters
from fhir_server.storage.about import SPEAKS, facts_about
from fhir_server.storage.consenting import Consenting
from fhir_server.storage.content import content_of, local
from fhir_server.storage.engine import StorageConflict
from fhir_server.storage.houses import houses_of
from fhir_server.storage.opened import NO_ACCESS
from fhir_server.storage.place import finding, patient_of, with_literal_patient
from fhir_server.storage.read import raw_version, referring
from fhir_server.storage.reindex import Progress, progress, run
from fhir_server.storage.rows import Named
from fhir_server.storage.version import Version
from fhir_server.storage.write import Facts, New, facts_at
from mappings.traits import contradiction

# To whom the existence of a record is no secret (contract 7, Status).
KNOW_RECORDS = PROFESSIONALS | {"operator"}
# Relations that tell whom a record concerns that it is there.
PERSONAL = frozenset({"holder", "guardian", "representative", "assistant", "kin", "expert"})
NO_INDEX = Index(frozenset(), (), (), (), ())
OF_NOBODY = Standing(SHARED, "shared", True, frozenset())


class Checking(Consenting):
    """A repository that can check what is about to be written; `enforce`: whether references must
    lead somewhere.
    """

    enforce: bool = True

    def _index(self, resource: Mapping[str, Any]) -> Index:
        return extract(resource, base=self.house.base, registry=self.session.registry)

    def _derive_parameter(self, new: New, resource: Mapping[str, Any]) -> None:
        """Nobody searches by a SearchParameter that was changed, or deleted (no content)."""
        if new.type_ == "SearchParameter" and new.version > 1:
            parameters.retire(self.session, new.id_, resource)

    def reindex(self, seconds: float) -> Progress:
        """Index what is stored by the parameters there are now, for so long; how far it is then.
        With 0 it only tells.
        """
        guarded = self.house.rules is not None
        if not seconds:
            return progress(self.session, guarded=guarded)
        until = monotonic() + seconds
        return run(self.session, base=self.house.base, guarded=guarded, until=until)

    def facts_of(self, current: Version) -> Facts:
        """StorageConflict when it is there no more: its record has been destroyed since."""
        found = facts_at(self.session, current.type_, current.id_)
        if not found:
            raise StorageConflict(f"a {current.type_} was destroyed by another writer")
        return found[0]

    def _row(
        self, type_: str, owners: tuple[str, ...], resource: Mapping[str, Any], record: int
    ) -> RowFacts:
        """The facts of a row about to be: own when its author is the caller, or of his house."""
        nature = nature_of(type_)
        lines = Facts(owners).lines
        if nature == "consent":
            return RowFacts(nature, self._names_the_caller_alone(resource, record))
        if nature in ("document", "list") and self.subject.actor == "secretary":
            lines = Facts(self._deposited_for(resource, owners)).lines
        return RowFacts(nature, is_own(nature, lines, self.subject.me))

    def _owners(self, resource: Mapping[str, Any], standing: Standing) -> tuple[str, ...]:
        """Whose a new resource is; who says how people stand to a record is no author there."""
        nature = nature_of(resource["resourceType"])
        if standing.record == SHARED or nature in ("team", "relative"):
            return ()
        if nature == "consent":
            return self._declarer()
        find = finding(self.session, resource, base=self.house.base)
        return owners_of(resource, self.subject, find)

    def _deposited_for(
        self, resource: Mapping[str, Any], owners: tuple[str, ...]
    ) -> tuple[str, ...]:
        """For whom a secretary deposits: the authors of a document (R151: no custodian's), who sent
        a submission set; and where those who are people work, unless they say for whom they wrote.
        """
        find = finding(self.session, resource, base=self.house.base)
        of_list = resource["resourceType"] == "List"
        found = list[str]()
        for names in [owners] if of_list else authors_of(resource, find):
            found += names
            if of_list or not any(name.startswith(f"{STRUCTURE_SYSTEM}|") for name in names):
                found += sorted(houses_of(self.session, names, find, self.moment.now))
        return tuple(dict.fromkeys(found))

    def _facts(
        self, resource: Mapping[str, Any], owners: tuple[str, ...], veiled_until: int | None = None
    ) -> Facts:
        if resource["resourceType"] == "Consent":
            ended = resource.get("status") != "active"
            return self._still_declared(Facts(owners), ended=ended)
        if resource["resourceType"] == SPEAKS:
            return facts_about(self.session, resource, owners, self.house.base)
        if resource["resourceType"] != "DocumentReference":
            return Facts(owners)
        found = labels(resource)
        until = release(self.moment.now) if veiled_until is None else veiled_until
        return Facts(
            owners, found.masked, until if found.veiled else 0, found.secret,
            resource.get("status") == "superseded", kind_of(resource),
        )  # fmt: skip

    def _standing_for(self, resource: Mapping[str, Any], type_: str) -> Standing:
        """Whose record a new resource goes into, and the caller's place there."""
        nature = nature_of(type_)
        if nature == "shared" or type_ == "Patient":
            return OF_NOBODY
        named = patient_of(resource, base=self.house.base)
        unopened = type_ == "Consent" and (life.objects(resource) or life.agrees(resource))
        standing = self._place_of(named, unopened=unopened) if named else None
        if standing is not None:
            if self.house.rules:  # a record that is there for the caller has a Patient that is
                self.created.add(("Patient", standing.patient))
            return standing
        if self.house.rules is None:
            return Standing(UNPLACED, "unplaced", True, frozenset())
        if not named:
            raise Unprocessable(
                f"a {type_} must say whose it is", code="required", expression=f"{type_}.subject"
            )
        raise leads_nowhere(resource, type_)

    def _place_of(self, named: Named, *, unopened: bool = False) -> Standing | None:
        """The caller's place in the record he wants to write to. Who is no professional is told
        nothing of other people's, not even that there is none: Forbidden (contract 7, Status).
        `unopened`: he objects or agrees to an opening (R012, R010).
        """
        unopened = unopened and self.subject.actor not in KNOW_RECORDS
        standing = self._standing(named, unopened=True) if unopened else self.standing(named)
        if self.house.rules and self.subject.actor not in KNOW_RECORDS:
            if standing is None or not standing.relations & PERSONAL:
                record = standing.record if standing else 0
                raise Forbidden(NO_ACCESS, rule="no-rule-permits", record=record)
        return standing

    def _check_place(self, resource: Mapping[str, Any], standing: Standing) -> None:
        """A resource stays in its record: its new version speaks of the same patient."""
        if self.house.rules is None or standing.record in (SHARED, UNPLACED):
            return
        if nature_of(resource["resourceType"]) not in ("clinical", "team", "relative"):
            return
        named = patient_of(resource, base=self.house.base)
        there = self.standing(named) if named else None
        if there is None or there.record != standing.record:
            raise Unprocessable("a resource keeps its patient", code="business-rule")

    def _standing_of(self, current: Version) -> Standing:
        if current.record in (SHARED, UNPLACED):
            return Standing(current.record, "shared", True, frozenset())
        return self.standing(Named(resource=(current.type_, current.id_))) or OF_NOBODY

    def _placed(self, resource: Mapping[str, Any], standing: Standing) -> dict[str, Any]:
        """The resource as it lies in its record: its holder is named by address, so that chains,
        compartments and includes lead to him.
        """
        if self.house.rules is None or not standing.patient:
            return dict(resource)
        return with_literal_patient(
            resource, standing.patient, lambda ins: self.is_holder(standing.record, ins)
        )

    def name_subject(
        self,
        document: dict[str, Any],
        ins: str,
        inside: Mapping[str, Any] | None = None,
        reference: str = "",
    ) -> None:
        """Make the subject a literal reference to the stored Patient, and see that it is the one
        `inside` the document, a Patient resource (None: the document names none).

        `ins`: `system|value` of that patient, or "": then his traits must not contradict those of
        the subject. `reference`: where a patient lies that is not in the document. Chains such as
        patient.identifier follow literal references.
        """
        lies = local(reference, self.house.base)
        elsewhere = Named(patients=(lies.id_,)) if lies and not ins else Named()
        of_content = Named(identifiers=(ins,)) if ins else elsewhere
        named = patient_of(document, base=self.house.base) or of_content
        standing = self._place_of(named) if named else None
        if standing is None:
            return  # refused in `create`, in the words of every other reference
        if of_content and named != of_content:
            there = self.standing(elsewhere) if elsewhere else None
            same = self.is_holder(standing.record, ins) if ins else there == standing
            if not same:
                raise another_patient("")
        if inside is not None and not ins:
            holder = raw_version(self.session, "Patient", standing.patient)
            if holder and (trait := contradiction(inside, content_of(holder.body))):
                raise another_patient(trait)
        if not document.get("subject"):
            document["subject"] = {"reference": f"Patient/{standing.patient}"}
        ours = named.identifiers
        document |= with_literal_patient(document, standing.patient, lambda ins: ins in ours)

    def _check(
        self,
        resource: Mapping[str, Any],
        id_: str,
        record: int,
        before: Mapping[str, Any] | None = None,
    ) -> None:
        """Labels that can be, consents that can be honoured, references that lead somewhere (as to
        itself, `id_`); those of the version `before` have been looked at.
        """
        if resource["resourceType"] == "Consent" and self.house.rules:
            self._check_consent(resource, record)
        if self.house.rules:
            self._check_codes(resource)
        if resource["resourceType"] == "DocumentReference" and self.house.rules:
            if before is None and resource.get("status") != "current":
                raise Unprocessable(
                    f"a document is deposited as `current`, not as `{resource.get('status')}`",
                    code="business-rule",
                    expression="DocumentReference.status",
                )
            problem = label_problem(resource)
            if problem:
                raise Unprocessable(
                    problem, code="code-invalid", expression="DocumentReference.securityLabel"
                )
        if self.enforce:
            self._check_references(resource, id_, before)
        self._check_names(resource, before)

    def _check_codes(self, resource: Mapping[str, Any]) -> None:
        """Unprocessable for codes that would have no effect, or another than they seem to have."""
        type_ = resource["resourceType"]
        if flag := misplaced_flag(resource):
            raise Unprocessable(
                f"`{flag}` hides nothing in `meta.security`: put it into `securityLabel` of a "
                "document",
                code="business-rule",
                expression=f"{type_}.meta.security",
            )
        if nature_of(type_) == "clinical" and notices.is_imitated(resource):
            raise Unprocessable(
                f"notices are written by the server alone: leave out codes of `{notices.EVENTS}`"
                f" and the sender `{notices.SENDER}`",
                code="business-rule",
                expression=type_,
            )

    def _check_holder(self, patient: Mapping[str, Any], record: int) -> None:
        """One INS has one record."""
        for ins in holders(patient) if self.house.rules else ():
            self.lock(f"INS {ins}")
            if self.record_of_holder(ins) not in (None, record):
                raise Conflict("this INS has a record already", expression="Patient.identifier")

    def _check_bytes(self, document: Mapping[str, Any]) -> None:
        """A new document brings its bytes: those elsewhere could be changed or lost, another's
        would get the new one's owners and labels.
        """
        if document["resourceType"] != "DocumentReference" or self.house.rules is None:
            return
        for place, content in enumerate(document.get("content", ())):
            attachment = content.get("attachment", {})
            there = local(attachment.get("url", ""), self.house.base)
            if "data" in attachment or (
                there and there.type_ in BYTES and (there.type_, there.id_) in self.created
            ):
                continue
            raise Unprocessable(
                "a document is deposited together with its bytes: as `data`, or in a Binary of"
                " the same transaction",
                code="business-rule",
                expression=f"DocumentReference.content[{place}].attachment.url",
            )

    def _check_references(
        self, resource: Mapping[str, Any], id_: str, before: Mapping[str, Any] | None
    ) -> None:
        known = set(texts(before)) if before else set[str]()
        literal = {element["reference"] for element in elements(resource)}
        wanted = dict[tuple[str, str], str]()
        for text in texts(resource):
            if text in known:
                continue
            target = self._led(text, resource) if text in literal else local(text, self.house.base)
            if target is not None:
                wanted[target.type_, target.id_] = text
        unknown = set(wanted) - self.created - {(resource["resourceType"], id_)}
        for address in sorted(unknown - self.visible(unknown)):
            raise nothing_there(wanted[address], resource, about=address)

    def _led(self, text: str, resource: Mapping[str, Any]) -> Local | None:
        """The resource here that a literal reference leads to; None for one elsewhere or inside.
        Unprocessable for what leads nowhere.
        """
        try:
            reference = parse(text, base=self.house.base)
        except ValueError as reason:
            at = place_of(text, resource)
            raise Unprocessable(str(reason), code="value", expression=at) from reason
        if isinstance(reference, Urn | Conditional):  # what these stand for has been put there
            raise nothing_there(text, resource)
        return reference if isinstance(reference, Local) else None

    def _check_names(
        self, resource: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> None:
        """No reference says one by its address and another by its identifier; rights go by
        identifiers without blanks around them. Only of what the caller sees is anything told.
        """
        known = elements(before) if before else []
        both = [one for one in elements(resource) if "identifier" in one and one not in known]
        seen = self._reachable([one["reference"] for one in both]) if both else set[str]()
        find = finding(self.session, resource, base=self.house.base)
        for one in both:
            if one["reference"] in seen and says_two(one, find):
                raise Unprocessable(
                    f"`{one['reference'][:100]}` and the identifier beside it name two",
                    code="business-rule",
                    expression=place_of(one["reference"], resource).removesuffix(".reference"),
                )
        if self.house.rules and (text := blank_name(resource)) and not blank_name(before):
            raise Unprocessable(f"`{text[:100]}` has blanks around it: take them off", code="value")

    def _reachable(self, texts_: list[str]) -> set[str]:
        """Which of these references lead to what is contained, or what the caller sees."""
        led = {text: local(text, self.house.base) for text in texts_ if text[:1] != "#"}
        there = {(target.type_, target.id_) for target in led.values() if target is not None}
        there = (there & self.created) | self.visible(there - self.created)
        found = {text for text, to in led.items() if to and (to.type_, to.id_) in there}
        return found | {text for text in texts_ if text[:1] == "#"}

    def settle(self, *addresses: tuple[str, str]) -> None:
        """At the end of a request: Conflict when what it deleted (of it these alone, or all) is
        still referred to, as far as the caller sees. With the policy on documents are taken out all
        the same (R.1111-49): who refers to them shows nothing of them any more.
        """
        gone = self.deleted & set(addresses) if addresses else set(self.deleted)
        self.deleted -= gone
        for type_, id_ in sorted(gone) if self.enforce else ():
            if self.house.rules and type_ in DOCUMENTS:
                continue
            if seen := self.visible(referring(self.session, type_, id_)):
                by = "/".join(min(seen))
                raise Conflict(f"`{by}` refers to `{type_}/{id_}`")

    def is_holder(self, record: int, ins: str) -> bool:
        """Whether the holder of this record has this INS (`system|value`)."""
        rows = self.session.rows(
            "SELECT 1 FROM relation WHERE record = :record AND actor = :actor AND kind = 'holder'",
            {"record": record, "actor": ins},
        )
        return bool(rows)

    def hold(self, type_: str, id_: str) -> None:
        """Wait for whoever else is writing at this address: what is read from now on is what the
        last of them has left.
        """
        self.lock(f"resource {type_}/{id_}")

    def lock(self, name: str) -> None:
        """Wait for whoever else is writing under this name; until the end of the transaction."""
        if self.session.database.postgres:
            digest = blake2b(name.encode(), digest_size=8).digest()
            key = int.from_bytes(digest, "big", signed=True)
            self.session.rows("SELECT pg_advisory_xact_lock(:key)", {"key": key})


def another_patient(trait: str) -> FhirError:
    """The patient inside a document is not its subject; `trait`: in what they differ, "" for their
    INS.
    """
    differing = f"their {trait} differs" if trait else "XDSPatientIdDoesNotMatch"
    return Unprocessable(
        f"the patient of the document is not the subject: {differing}",
        code="business-rule",
        expression="DocumentReference.subject",
    )


def nothing_there(
    reference: str,
    resource: Mapping[str, Any] | None = None,
    *,
    about: tuple[str, str] | None = None,
) -> FhirError:
    """A reference (of `resource`) to what does not exist, or not for this caller: one wording
    (contract 7). `about`: where it leads, for the trail.
    """
    return Unprocessable(
        f"`{reference[:100]}` leads to nothing that can be referred to",
        code="not-found",
        expression=place_of(reference, resource) if resource else "",
        touched=(Named(resource=about),) if about else (),
    )


def leads_nowhere(resource: Mapping[str, Any], type_: str) -> FhirError:
    for name in ("subject", "patient", "beneficiary"):
        reference = resource.get(name, {})
        text = reference.get("reference") or reference.get("identifier", {}).get("value")
        if text:
            return nothing_there(str(text), resource)
    return nothing_there(type_)
