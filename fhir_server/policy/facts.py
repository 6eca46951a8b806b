"""What the rules may know, and where each fact comes from.

Every fact has a value in every case: a relation that does not exist is "no", a record that is none
is "shared".
"""

from dataclasses import dataclass
from typing import Mapping

from fhir_server.policy.subject import ACTORS, Subject

YES, NO = "yes", "no"
# Record numbers that are nobody's: of shared resources, and of what belongs to a person but to no
# record.
SHARED, UNPLACED = 0, -1

# Facts of the caller and his request: known before the database is asked.
SUBJECT_FACTS = ("actor", "purpose", "auth_mode", "sector", "asks", "action")
# Relations of the caller to the record: rows of the table `relation`, in force now.
RELATIONS = (
    "holder", "representative", "attending", "equivalent", "care_team", "consented", "blocked",
    "opposed", "author",
)
# Facts of the record.
RECORD_FACTS = ("state", "of_age")
STATES = ("open", "closed", "before", "deceased", "shared")
# Facts of the row asked for.
ROW_FACTS = ("nature", "own", "masked", "veiled_holder", "veiled_representatives")

NATURES = (
    "document", "list", "patient", "consent", "team", "relative", "trace", "clinical", "shared",
)
ACTION_NAMES = (
    "read", "deposit", "mask", "unmask", "archive", "supersede", "remove", "reveal", "secrecy",
    "relabel", "declare", "team", "administer", "publish",
)
PURPOSES = (
    "normal", "bris_de_glace", "centre_15", "cause-of-death", "memory", "own-rights",
    "legal-expertise", "occupational-health",
)
AUTH_MODES = ("DIRECTE", "INDIRECTE", "INDIRECTE_RENFORCEE")
CONSENTS = (
    "dmp-existence", "dmp-pro-access", "dmp-pro-access-collected-by", "dmp-pro-block",
    "dmp-emergency-opposition", "dmp-centre15-opposition", "dmp-mask", "dmp-attending-equivalent",
    "dmp-cross-border", "dmp-minor-secret", "dmp-post-mortem-opposition", "dmp-occupational",
    "dmp-team-opposition", "dmp-expertise",
)
# What an act is about, beyond its action: see `policy.writes`.
ASKS = (
    "other", "identifier", "patient-document", "reimbursement", "write", "add-member",
    "remove-member", "closing", "early-deletion", "dmp-existence-objection", "unknown", *CONSENTS,
)
SECTORS = ("", "SNR", "EXP_PATIENT", *(f"SA{n:02}" for n in range(100)))

_FLAG = frozenset({YES, NO})
# Every fact, and what it may be: nothing else can stand in a rule.
VALUES: Mapping[str, frozenset[str]] = {
    "actor": frozenset(ACTORS),
    "purpose": frozenset(PURPOSES),
    "auth_mode": frozenset(AUTH_MODES),
    "sector": frozenset(SECTORS),
    "asks": frozenset(ASKS),
    "action": frozenset(ACTION_NAMES),
    "state": frozenset(STATES),
    "nature": frozenset(NATURES),
    **dict.fromkeys((*RELATIONS, "of_age", *ROW_FACTS[1:]), _FLAG),
}

_NATURE_OF = {
    "DocumentReference": "document",
    "Binary": "document",
    "DocumentManifest": "document",
    "List": "list",
    "Patient": "patient",
    "Consent": "consent",
    "CareTeam": "team",
    "RelatedPerson": "relative",
    "AuditEvent": "trace",
}
# Resources of nobody in particular: the operator writes them, every admitted actor reads them.
SHARED_TYPES = frozenset(
    {
        "ActivityDefinition", "CapabilityStatement", "CatalogEntry", "ChargeItemDefinition",
        "CodeSystem", "CompartmentDefinition", "ConceptMap", "Device", "DeviceDefinition",
        "DeviceMetric", "EffectEvidenceSynthesis", "Endpoint", "EventDefinition", "Evidence",
        "EvidenceVariable", "ExampleScenario", "GraphDefinition", "HealthcareService",
        "ImplementationGuide", "InsurancePlan", "Library", "Location", "Measure", "Medication",
        "MedicationKnowledge", "MessageDefinition", "MedicinalProduct",
        "MedicinalProductAuthorization", "MedicinalProductContraindication",
        "MedicinalProductIndication", "MedicinalProductIngredient", "MedicinalProductInteraction",
        "MedicinalProductManufactured", "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "NamingSystem",
        "ObservationDefinition", "OperationDefinition", "Organization", "OrganizationAffiliation",
        "PlanDefinition", "Practitioner", "PractitionerRole", "Questionnaire", "ResearchDefinition",
        "ResearchElementDefinition", "ResearchStudy", "RiskEvidenceSynthesis", "SearchParameter",
        "SpecimenDefinition", "StructureDefinition", "StructureMap", "Substance",
        "SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein",
        "SubstanceReferenceInformation", "SubstanceSourceMaterial", "SubstanceSpecification",
        "TerminologyCapabilities", "TestReport", "TestScript", "ValueSet",
    }
)


def nature_of(type_: str) -> str:
    """How the rules call a resource type; what is neither shared nor named is clinical data of a
    person.
    """
    return "shared" if type_ in SHARED_TYPES else _NATURE_OF.get(type_, "clinical")


def chooses_ids(actor: str, type_: str) -> bool:
    """Whether such an actor may choose the id of a new resource of this type (`contract.md` 7)."""
    return actor == "operator" and (nature_of(type_) == "shared" or type_ == "Patient")


@dataclass(frozen=True, slots=True)
class Standing:
    """The caller's place in one record, as the database knows it now."""

    record: int
    state: str
    of_age: bool
    relations: frozenset[str]
    patient: str = ""  # id of the Patient

    def facts(self) -> dict[str, str]:
        found = {relation: YES if relation in self.relations else NO for relation in RELATIONS}
        return found | {"state": self.state, "of_age": YES if self.of_age else NO}


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What the rules may know of one resource."""

    nature: str
    own: bool = False
    masked: bool = False
    veiled_holder: bool = False
    veiled_representatives: bool = False

    def facts(self) -> dict[str, str]:
        return {
            "nature": self.nature,
            "own": YES if self.own else NO,
            "masked": YES if self.masked else NO,
            "veiled_holder": YES if self.veiled_holder else NO,
            "veiled_representatives": YES if self.veiled_representatives else NO,
        }


def subject_facts(subject: Subject, *, action: str, asks: str = "other") -> Mapping[str, str]:
    """The facts of the caller and his request; `asks` is `identifier` for a search of documents by
    identifier alone.
    """
    return {
        "actor": subject.actor,
        "purpose": subject.purpose,
        "auth_mode": subject.auth_mode,
        "sector": subject.sector,
        "asks": asks,
        "action": action,
    }
