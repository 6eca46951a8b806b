"""The rules of `dmp-2022`: one line each, with the article it comes from.

Ids R… are those of the design's decision table (`access-rules.csv`); K… are the settled points of
the contract, section 7. What no rule permits is refused; a denial wins over any permission.
"""

from dataclasses import dataclass

from fhir_server.policy.condition import AllOf, AnyOf, Condition, Is, Not, OneOf
from fhir_server.policy.facts import NO, YES

PERMIT, DENY = "permit", "deny"

READ = frozenset({"read"})
DEPOSIT = frozenset({"deposit"})
MASK, UNMASK = frozenset({"mask"}), frozenset({"unmask"})
ARCHIVE, SUPERSEDE, REMOVE = frozenset({"archive"}), frozenset({"supersede"}), frozenset({"remove"})
REVEAL, SECRECY, RELABEL = frozenset({"reveal"}), frozenset({"secrecy"}), frozenset({"relabel"})
DECLARE, COMPOSE_TEAM = frozenset({"declare"}), frozenset({"team"})
ADMINISTER = frozenset({"administer"})
PUBLISH = frozenset({"publish"})  # shared resources
ACTIONS = (
    READ | DEPOSIT | MASK | UNMASK | ARCHIVE | SUPERSEDE | REMOVE | REVEAL | SECRECY | RELABEL
    | DECLARE | COMPOSE_TEAM | ADMINISTER | PUBLISH
)

HOLDER_CONSENTS = frozenset(
    {
        "dmp-pro-access", "dmp-pro-block", "dmp-emergency-opposition", "dmp-centre15-opposition",
        "dmp-attending-equivalent", "dmp-cross-border", "dmp-post-mortem-opposition",
        "dmp-occupational",
        "dmp-team-opposition",
    }
)
PROFESSIONAL_CONSENTS = frozenset({"dmp-pro-access", "dmp-pro-access-collected-by"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: whether it permits or denies these actions when its condition holds, and by which
    text.
    """

    name: str
    effect: str
    actions: frozenset[str]
    when: Condition
    says: str
    source: str


@dataclass(frozen=True, eq=False)
class RuleSet:
    """The rules in force together; compared by identity, so that what is compiled from them is
    found again fast.
    """

    name: str
    rules: tuple[Rule, ...]


def _is(**facts: str) -> Condition:
    return AllOf(tuple(Is(fact, value) for fact, value in facts.items()))


def _all(*parts: Condition) -> Condition:
    return AllOf(parts)


def _any(*parts: Condition) -> Condition:
    return AnyOf(parts)


def _one_of(fact: str, *values: str) -> Condition:
    return OneOf(fact, frozenset(values))


HOLDER = _is(actor="holder", holder=YES)
PROFESSIONAL = _is(actor="professional", purpose="normal")
DEPOSITOR = _one_of("actor", "professional", "secretary", "system")
OPEN = Is("state", "open")
CARED = _one_of("nature", "document", "list", "patient", "team", "relative", "clinical")
FILED = _one_of("nature", "document", "list", "clinical")
ATTENDING = Is("attending", YES)
EQUIVALENT = Is("equivalent", YES)
OWN = Is("own", YES)
PERSONAL = Not(_one_of("nature", "shared", "trace"))

DMP_2022 = RuleSet("dmp-2022", (
    # Bans, looked at before any consent.
    Rule("R002", DENY, ACTIONS, _any(Is("actor", "insurer"), Is("sector", "SA23")),
         "an insurer never has access, even with consent", "L.1111-18 al.1-2 CSP"),
    Rule("R003", DENY, ACTIONS, _any(Is("actor", "employer"), _one_of("sector", "SA44", "SA45",
         "SA48")), "an employer never has access, even with consent",
         "L.1111-18 al.1 CSP; L.4624-8-1 code du travail"),
    Rule("R004", DENY, ACTIONS, Is("actor", "trusted-person"),
         "a trusted person has no direct access", "L.1110-4 CSP"),
    Rule("R005", DENY, ACTIONS, Is("actor", "host"), "hosting staff never read content",
         "L.1111-8; R.1111-41 CSP"),
    # Denials within a record.
    Rule("R031", DENY, READ, _all(HOLDER, Is("veiled_holder", YES)),
         "not to be learnt by the holder alone, until it is announced", "R.1111-53 CSP"),
    Rule("K53", DENY, ACTIONS, _is(actor="holder", holder=YES, of_age=NO),
         "a minor acts through his representatives", "contract 2, FHIR_MINOR_ACCESS_AGE"),
    Rule("R081", DENY, READ | MASK, _all(Is("actor", "professional"), Is("masked", YES),
         Not(_any(ATTENDING, EQUIVALENT, OWN))),
         "masked by the holder: only author, attending doctor and equivalents",
         "L.1111-15; R.1111-49 CSP"),
    Rule("R085", DENY, ACTIONS, _all(DEPOSITOR, Is("opposed", YES),
         Not(ATTENDING)), "the holder opposes sharing with this team", "L.1110-4 IV CSP"),
    Rule("R096", DENY, READ, _all(Is("actor", "professional"), Is("nature", "trace"), Not(_any(OWN,
         ATTENDING))), "a professional reads his own traces only", "R.1111-43 al.2 CSP"),
    Rule("R100", DENY, ACTIONS, _all(DEPOSITOR, Is("blocked", YES), Not(ATTENDING)),
         "blocked by the holder; the attending doctor cannot be",
         "R.1111-50 (ex R.1111-41) CSP; L.1111-16 al.2"),
    Rule("R134", DENY, ACTIONS, _all(Is("actor", "professional"), Is("sector", "SA13"), PERSONAL),
         "an occupational doctor needs the consent of type C11, not offered yet",
         "L.1111-17 IV CSP"),
    Rule("R150", DENY, READ, _all(_any(_one_of("actor", "secretary", "system"), Is("auth_mode",
         "INDIRECTE")), PERSONAL, Not(_all(OWN, Is("asks", "identifier")))),
         "no consultation with an indirect authentication, a secretary's or an automate's token",
         "DMP TD3.1b"),
    # Reading.
    Rule("R030", PERMIT, READ, _all(HOLDER, _one_of("state", "open", "closed"), PERSONAL),
         "the holder reads his record", "L.1111-19 CSP"),
    Rule("R046", PERMIT, READ, _all(HOLDER, _one_of("state", "open", "closed"), Is("nature",
         "trace")), "the holder reads who did what", "L.1111-19; R.1111-43 CSP"),
    Rule("R060", PERMIT, READ, _all(PROFESSIONAL, ATTENDING, OPEN, PERSONAL),
         "the attending doctor reads all content", "L.1111-16 al.2 CSP"),
    Rule("R062", PERMIT, READ, _all(PROFESSIONAL, ATTENDING, OPEN, Is("nature", "trace")),
         "the attending doctor reads all traces", "R.1111-43 al.2 CSP"),
    Rule("R063", PERMIT, READ, _all(PROFESSIONAL, EQUIVALENT, OPEN, PERSONAL),
         "a professional with the attending doctor's rights", "ex R.1111-43 al.2 CSP"),
    Rule("R070", PERMIT, READ, _all(Is("actor", "professional"), OWN, OPEN, PERSONAL),
         "the author, or his establishment, reads what he deposited", "R.1111-49 al.2 CSP"),
    Rule("R073s", PERMIT, READ, _all(_one_of("actor", "professional", "secretary", "system"), OWN,
         OPEN, Is("asks", "identifier"), Is("nature", "document")),
         "one's own documents can be found by their identifier", "DMP TD3.1b"),
    Rule("R080", PERMIT, READ, _all(PROFESSIONAL, Is("care_team", YES), OPEN, CARED),
         "the care team is deemed authorised", "L.1110-4 III al.1; R.1111-46 al.2 CSP"),
    Rule("R090", PERMIT, READ, _all(PROFESSIONAL, Is("consented", YES), OPEN, CARED),
         "explicit consent of the holder", "L.1110-4 III al.2; R.1111-46 al.3 CSP"),
    Rule("R095", PERMIT, READ, _is(actor="professional", nature="trace", own=YES),
         "a professional reads his own traces", "R.1111-43 al.2 CSP"),
    Rule("R163", PERMIT, READ, _is(actor="operator", nature="trace"),
         "the operator's agents read traces", "R.1111-43 al.2; R.1111-54 CSP"),
    Rule("K01", PERMIT, READ, Is("nature", "shared"),
         "shared resources are read by every admitted actor", "contract 7, who writes"),
    Rule("K03", PERMIT, READ, _all(Is("actor", "operator"), _one_of("nature", "patient", "consent",
         "team", "relative")), "the operator administers records, not their content",
         "R.1111-41 CSP; contract 4"),
    # Depositing.
    Rule("R033", PERMIT, DEPOSIT, _all(HOLDER, OPEN, FILED, Is("asks", "patient-document")),
         "the holder deposits his own documents", "R.1111-42 1° c CSP"),
    Rule("R084", PERMIT, DEPOSIT, _all(PROFESSIONAL, OPEN, FILED, _any(Is("care_team", YES),
         ATTENDING, EQUIVALENT, Is("consented", YES))), "the care team feeds the record",
         "L.1111-15 al.1; R.1111-42 CSP"),
    Rule("R093", PERMIT, DEPOSIT, _all(PROFESSIONAL, OPEN, FILED),
         "a professional declares by his deposit that consent was given", "L.1111-17 III CSP"),
    Rule("R151", PERMIT, DEPOSIT, _all(Is("actor", "secretary"), OPEN, FILED, OWN),
         "a secretary deposits for an author of her organisation", "DMP TD2"),
    Rule("R152", PERMIT, DEPOSIT, _all(Is("actor", "system"), OPEN, FILED),
         "an automate of a structure deposits", "VIHF role AUTOMATE"),
    Rule("R160", PERMIT, DEPOSIT, _all(Is("actor", "operator"), OPEN,
         _one_of("nature", "document", "list"), Is("asks", "reimbursement")),
         "the operator deposits reimbursement data", "L.1111-15 al.2 CSP"),
    # Visibility and life of a document.
    Rule("R037", PERMIT, MASK, _all(HOLDER, OPEN), "the holder masks", "L.1111-15; R.1111-49 CSP"),
    Rule("R038", PERMIT, UNMASK, _all(HOLDER, OPEN), "the holder unmasks", "R.1111-49 CSP"),
    Rule("K04", PERMIT, MASK, _all(PROFESSIONAL, OPEN, _any(ATTENDING, EQUIVALENT, OWN,
         Is("care_team", YES), Is("consented", YES))),
         "a professional who sees the document masks at the holder's request", "contract 7, mask"),
    Rule("R064", PERMIT, UNMASK, _all(PROFESSIONAL, OPEN, _any(ATTENDING, EQUIVALENT, OWN)),
         "author, attending doctor and equivalents unmask at the holder's request",
         "DMP TD3.3a; contract 7"),
    Rule("R077", PERMIT, REVEAL, _all(PROFESSIONAL, OPEN, OWN),
         "the author shows to the holder after the announcement", "DMP TD3.3b"),
    Rule("R078", PERMIT, SECRECY, _all(_any(HOLDER, PROFESSIONAL), OPEN, _any(HOLDER, OWN)),
         "hidden from or shown to legal representatives", "R.1111-6 CSP; DMP TD3.3b"),
    Rule("R071", PERMIT, SUPERSEDE, _all(PROFESSIONAL, OPEN, OWN), "the author replaces",
         "DMP TD2.1b"),
    Rule("R073", PERMIT, REMOVE, _all(PROFESSIONAL, OPEN, OWN), "the author deletes, logically",
         "DMP TD3.3c"),
    Rule("R074", PERMIT, ARCHIVE, _all(PROFESSIONAL, OPEN, OWN), "the author archives",
         "DMP TD3.3d"),
    Rule("K10", PERMIT, RELABEL, _all(_any(PROFESSIONAL, HOLDER), OPEN, OWN),
         "the author sets the level of confidentiality", "DMP JDV_J58"),
    Rule("R034", PERMIT, SUPERSEDE | REMOVE | ARCHIVE, _all(HOLDER, OPEN, OWN),
         "the holder disposes of his own documents", "ex R.1111-37/38 CSP"),
    # Consents, teams, records, shared resources.
    Rule("R047", PERMIT, DECLARE, _all(HOLDER, OPEN, OneOf("asks", HOLDER_CONSENTS)),
         "the holder authorises, blocks and opposes", "L.1111-19; R.1111-49 s. CSP"),
    Rule("R091", PERMIT, DECLARE, _all(PROFESSIONAL, OPEN, OWN, OneOf("asks",
         PROFESSIONAL_CONSENTS)), "a professional declares the consent he collected",
         "L.1111-17 II CSP; DMP TD0.3"),
    Rule("K02", PERMIT, DECLARE | COMPOSE_TEAM | ADMINISTER | PUBLISH, Is("actor", "operator"),
         "the operator opens records and keeps teams, relatives and shared resources",
         "contract 4 and 7"),
    Rule("K07", PERMIT, COMPOSE_TEAM, _all(PROFESSIONAL, OPEN, ATTENDING),
         "the attending doctor composes the care team", "contract 4"),
    Rule("K08", PERMIT, COMPOSE_TEAM, _all(PROFESSIONAL, OPEN, Is("care_team", YES), Is("asks",
         "add-member")), "a member adds another", "contract 4"),
    Rule("K09", PERMIT, COMPOSE_TEAM, _all(HOLDER, OPEN, Is("asks", "remove-member")),
         "the holder ends a team or takes a member out", "contract 7"),
    Rule("R014", PERMIT, ADMINISTER, _all(HOLDER, OneOf("state", frozenset({"open", "closed"})),
         Is("asks", "closing")), "the holder closes and reopens his record", "R.1111-36 CSP"),
))
