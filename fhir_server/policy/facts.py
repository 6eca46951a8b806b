"""What the rules may know, and where each fact comes from.

Every fact has a value in every case: a relation that does not exist is "no", a record that is none
is "shared".
"""

from dataclasses import dataclass
from typing import Iterable, Mapping

from fhir_server.policy.matrix import KINDS, NO_KIND, PROFESSIONS, profession_of
from fhir_server.policy.subject import ACTORS, Subject

YES, NO = "yes", "no"
# Record numbers that are nobody's: of shared resources, and of what belongs to a person but to no
# record.
SHARED, UNPLACED = 0, -1

# Facts of the caller and his request: known before the database is asked.
SUBJECT_FACTS = (
    "actor", "purpose", "auth_mode", "sector", "profession", "reason", "bound", "asks", "action",
)
# Relations of the caller to the record: rows of the table `relation`, in force now. Their order is
# that of the bits stored there: new ones come last.
RELATIONS = (
    "holder", "representative", "attending", "equivalent", "care_team", "consented", "blocked",
    "opposed", "author",
    "guardian", "assistant", "kin", "occupational", "cross_border", "expert", "emergency_opposed",
    "centre15_opposed", "post_mortem_opposed", "declarer",
)
# Whom a relation names that concerns everybody, and which relations may.
EVERYBODY = "*"
OF_EVERYBODY = frozenset({"emergency_opposed", "centre15_opposed", "post_mortem_opposed"})
# Facts of the record; `of_age`: by FHIR_MINOR_ACCESS_AGE, `minor`: under 18.
RECORD_FACTS = ("state", "of_age", "minor")
MAJORITY = 18  # years, civil code 388
STATES = ("open", "closed", "before", "deceased", "shared")
# Facts of the row asked for.
ROW_FACTS = (
    "nature", "own", "masked", "veiled_holder", "veiled_representatives", "superseded", "kind",
)

NATURES = (
    "document", "list", "patient", "consent", "team", "relative", "trace", "clinical", "shared",
)
ACTION_NAMES = (
    "read", "deposit", "mask", "unmask", "archive", "supersede", "remove", "veil", "reveal",
    "secrecy", "relabel", "declare", "team", "administer", "publish", "explain",
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
    "other", "identifier", "patient-document", "reimbursement", "request", "opening", "write",
    "add-member", "remove-member", "closing", "early-deletion", "dmp-existence-objection",
    "unknown", "collecting", *CONSENTS,
)
# Sectors of activity (TRE_R02, and SNR of TRE_A00) of which a rule speaks.
SECTORS = ("other", "SNR", "SA13", "SA15", "SA17", "SA23", "SA44", "SA45", "SA47", "SA48")

# Choices that a house makes once, where the law is uncertain (design, `domain.md` 9): settings.
CHOICES = (
    "blocked_deposits", "blocked_keeps_own", "blocked_breaks_glass", "emergency_sees_masked",
    "heir_sees_masked", "regulator_deposits", "veils_later", "unknown_cells_open",
)

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
    "profession": frozenset(PROFESSIONS),
    "kind": frozenset(KINDS),
    **dict.fromkeys((*RELATIONS, *RECORD_FACTS[1:], *ROW_FACTS[1:-1]), _FLAG),
    **dict.fromkeys(("reason", "bound", *CHOICES), _FLAG),
}

_NATURE_OF = {
    "DocumentReference": "document",
    "Binary": "document",
    "Bundle": "document",  # a FHIR document: no other Bundle is kept
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


def ownership(nature: str) -> str:
    """What its owner is to the record in which a resource of this nature lies: who has declared a
    consent there is no author (contract 7).
    """
    return "declarer" if nature == "consent" else "author"


def by_nature(types: Iterable[str]) -> list[tuple[str, ...]]:
    """The types, those of one nature together."""
    found: dict[str, list[str]] = {}
    for type_ in types:
        found.setdefault(nature_of(type_), []).append(type_)
    return [tuple(together) for together in found.values()]


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
    minor: bool = False

    def facts(self) -> dict[str, str]:
        found = {relation: _said(relation in self.relations) for relation in RELATIONS}
        return found | {
            "state": self.state, "of_age": _said(self.of_age), "minor": _said(self.minor)
        }


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What the rules may know of one resource."""

    nature: str
    own: bool = False
    masked: bool = False
    veiled_holder: bool = False
    veiled_representatives: bool = False
    superseded: bool = False
    kind: str = NO_KIND

    def facts(self) -> dict[str, str]:
        return {
            "nature": self.nature,
            "own": _said(self.own),
            "masked": _said(self.masked),
            "veiled_holder": _said(self.veiled_holder),
            "veiled_representatives": _said(self.veiled_representatives),
            "superseded": _said(self.superseded),
            "kind": self.kind,
        }


def _said(holds: bool) -> str:
    return YES if holds else NO


def subject_facts(subject: Subject, *, action: str, asks: str = "other") -> Mapping[str, str]:
    """The facts of the caller and his request; `asks` is `identifier` for a search of documents by
    identifier alone.
    """
    return {
        "actor": subject.actor,
        "purpose": subject.purpose,
        "auth_mode": subject.auth_mode,
        "sector": subject.sector if subject.sector in SECTORS else "other",
        "profession": profession_of(subject.roles),
        "reason": _said(bool(subject.reason.strip())),
        "bound": _said(bool(subject.person)),
        "asks": asks,
        "action": action,
    }
