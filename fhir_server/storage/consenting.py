"""Consents that are about to be written: whom they name, who declared them, whether they can be
honoured, and what is said in them in vain.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.fhir.outcome import Forbidden, Issue, Unprocessable
from fhir_server.policy import ins, life, pcf
from fhir_server.policy.consents import Reading, Remark, named
from fhir_server.policy.relations import reading
from fhir_server.storage.content import content_of
from fhir_server.storage.opened import NO_ACCESS
from fhir_server.storage.place import who
from fhir_server.storage.repository import Repository
from fhir_server.storage.teams import team
from fhir_server.storage.write import Facts


class Consenting(Repository):
    """A repository that can check a consent."""

    def _read_consent(self, consent: Mapping[str, Any], record: int) -> Reading:
        return reading(
            consent,
            who(self.session, consent, base=self.house.base),
            team(self.session, consent, record, base=self.house.base),
        )

    def _remarks(self, resource: Mapping[str, Any], record: int) -> tuple[Issue, ...]:
        """What its writer is warned of: an INS that cannot be one, which comes here with
        FHIR_VALIDATION=warn alone; what a consent says in vain, or does beyond what it says.
        """
        if self.house.rules is None:
            return ()
        if resource["resourceType"] != "Consent":
            return tuple(
                Issue("value", text, expression, severity="warning")
                for text, expression in ins.faults(resource)
            )
        found = self._read_consent(resource, record)
        remarks = [*found.remarks, *self._in_vain(found, record)]
        return tuple(
            Issue("business-rule", remark.text, remark.path, severity="warning")
            for remark in remarks
        )

    def _in_vain(self, found: Reading, record: int) -> Iterator[Remark]:
        """What has no effect as things stand in the record now."""
        said = found.relations
        if said and all(relation.until <= self.moment.now for relation in said):
            yield Remark("the period has ended: it has no effect", "Consent.provision.period")
        opposed = [relation.actor for relation in said if relation.kind == "opposed"]
        if any(self.is_attending(record, actor) for actor in opposed):
            text = "an opposition has no effect on the attending doctor"
            yield Remark(text, "Consent.provision.actor")

    def _names_the_caller_alone(self, consent: Mapping[str, Any], record: int) -> bool:
        """Whether all whom a consent names, in its exceptions too, are the caller or his house; a
        CareTeam is somebody else, whatever identifier it has.
        """
        read = who(self.session, consent, base=self.house.base)
        teams = team(self.session, consent, record, base=self.house.base)
        people = [() if teams(one) is not None else read(one) for one in named(consent)]
        mine = set(self.subject.me)
        return bool(people) and all(names and set(names) <= mine for names in people)

    def _declarer(self) -> tuple[str, ...]:
        """Whose a new consent is to read back: of the professional who declares it, never of those
        it names: nobody learns of a block.
        """
        return (self.subject.identifier,) if self.subject.actor == "professional" else ()

    def _still_declared(self, facts: Facts, *, ended: bool) -> Facts:
        """The facts of a consent; once somebody else has ended it, it is no longer the declarer's
        to read: he learns nothing of a withdrawal.
        """
        kept = not ended or self.subject.identifier in facts.owners
        return Facts(facts.owners if kept else ())

    def _check_consent(self, consent: Mapping[str, Any], record: int) -> None:
        """A denial must name somebody we recognise, and never the attending doctor (R041); what
        PCF says must be something the rules can say; an objection is to what has been announced.
        """
        if life.objects(consent) and self.subject.actor != "operator":
            self._check_announced(record)
        found = self._read_consent(consent, record)
        if found.refused:
            raise Unprocessable(
                found.refused.text, code="business-rule", expression=found.refused.path
            )
        kinds = {"blocked", "opposed"} if pcf.is_pcf(consent) else {"blocked"}
        for relation in found.relations:
            if relation.kind in kinds and self.is_attending(record, relation.actor):
                raise Unprocessable(
                    "the attending doctor cannot be blocked: declare another attending doctor "
                    "first",
                    code="business-rule",
                    expression="Consent.provision.actor",
                    rule="R041",
                    record=record,
                )

    def _check_announced(self, record: int) -> None:
        """Forbidden where neither an opening nor a closing lies before the holder (R012, R017)."""
        rows = self.session.rows(
            "SELECT k.state, d.body FROM record k JOIN resource d ON d.type = 'Patient'"
            " AND d.id = k.patient WHERE k.number = :record",
            {"record": record},
        )
        if not any(state == "before" or life.is_suspended(content_of(b)) for state, b in rows):
            raise Forbidden(NO_ACCESS, rule="no-rule-permits", record=record)
