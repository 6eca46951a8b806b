"""What a write must fit before it lies down: labels that can be, consents that can be honoured, references that lead somewhere.

`contract.md` section 7: a reference to something hidden is treated and worded like one to something that does not exist.
"""

from hashlib import blake2b
from typing import Any, Mapping

from fhir_server.fhir.outcome import FhirError, Unprocessable
from fhir_server.policy.labels import label_problem
from fhir_server.policy.relations import CONSENT_KINDS, consent_type, relations_of
from fhir_server.storage.content import local, reference_texts
from fhir_server.storage.place import who
from fhir_server.storage.repository import Repository


class Checking(Repository):
    """A repository that can check what is about to be written; `enforce`: whether references must lead somewhere."""

    enforce: bool = True

    def _check(self, resource: Mapping[str, Any], record: int) -> None:
        """Labels that can be, consents that can be honoured, references that lead somewhere."""
        if resource["resourceType"] == "Consent" and self.house.rules:
            self._check_consent(resource, record)
        if resource["resourceType"] == "DocumentReference" and self.house.rules:
            problem = label_problem(resource)
            if problem:
                raise Unprocessable(problem, code="code-invalid", expression="DocumentReference.securityLabel")
        if self.enforce:
            self._check_references(resource)

    def _check_consent(self, consent: Mapping[str, Any], record: int) -> None:
        """A denial must name somebody we recognise, and never the attending doctor (R041)."""
        denies = CONSENT_KINDS.get(consent_type(consent), ("", ""))[1] == "deny"
        if not denies or consent.get("status") != "active":
            return
        named = list(relations_of(consent, who(self.session, consent, base=self.house.base)))
        if not any(relation.since < relation.until for relation in named):
            raise Unprocessable(
                "a denial names whom it denies by PS_IdNat or Struct_IdNat, and is of type deny", code="business-rule",
                expression="Consent.provision.actor",
            )
        for relation in named if consent_type(consent) == "dmp-pro-block" else ():
            if self.is_attending(record, relation.actor):
                raise Unprocessable(
                    "the attending doctor cannot be blocked: declare another attending doctor first",
                    code="business-rule", expression="Consent.provision.actor", rule="R041", record=record,
                )

    def is_attending(self, record: int, actor: str) -> bool:
        rows = self.session.rows(
            "SELECT 1 FROM relation WHERE record = :record AND actor = :actor AND kind = 'attending'",
            {"record": record, "actor": actor},
        )
        return bool(rows)

    def _check_references(self, resource: Mapping[str, Any]) -> None:
        wanted = {
            (target.type_, target.id_): text
            for text in reference_texts(resource)
            if (target := local(text, self.house.base)) is not None
        }
        unknown = set(wanted) - self.created
        for address in sorted(unknown - self.visible(unknown)):
            raise nothing_there(wanted[address])

    def patient_of_record(self, record: int) -> str:
        return str(self.session.rows("SELECT patient FROM record WHERE number = :number", {"number": record})[0][0])

    def lock(self, name: str) -> None:
        """Wait for whoever else is writing under this name; until the end of the transaction."""
        if self.session.database.postgres:
            digest = blake2b(name.encode(), digest_size=8).digest()
            key = int.from_bytes(digest, "big", signed=True)
            self.session.rows("SELECT pg_advisory_xact_lock(:key)", {"key": key})


def nothing_there(reference: str) -> FhirError:
    """A reference to what does not exist, or not for this caller: one wording (contract 7)."""
    return Unprocessable(f"`{reference[:100]}` leads to nothing that can be referred to", code="not-found")


def leads_nowhere(resource: Mapping[str, Any], type_: str) -> FhirError:
    for name in ("subject", "patient", "beneficiary"):
        reference = resource.get(name, {})
        text = reference.get("reference") or reference.get("identifier", {}).get("value")
        if text:
            return nothing_there(str(text))
    return nothing_there(type_)
