"""Which profession reads which type of document: `matrix.csv`, a line a cell.

Order of 26 October 2023 (for R.1111-46), whose annex is not public: `sourced` cells are known from
what has been published of it, `placeholder` cells are our own until it is. `*` is any type that has
no cell of its own. A cell that has no line is unknown.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fhir_server.policy.condition import AllOf, AnyOf, Condition, Is, Not, OneOf
from fhir_server.policy.lines import TableError, lines
from fhir_server.policy.subject import Coded
from mappings.code_tables import system_oid

COLUMNS = ("profession", "type", "reads", "status", "source")
PROFESSION_OID = "1.2.250.1.71.1.2.7"  # TRE_G15
# Professions of the social and medico-social field: TRE_R94, TRE_R95; TRE_R291 by its name.
SOCIAL_OIDS = frozenset({"1.2.250.1.213.1.6.1.4", "1.2.250.1.213.1.6.1.109"})
SOCIAL, OTHER, NONE = "social", "other", "none"
# A type of no interest to any rule, and several types of interest at once.
NO_KIND, MIXED = "none", "mixed"
SUMMARY = "60591-5"  # LOINC: patient summary (synthèse médicale)


def _cells() -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for line in lines("matrix", COLUMNS):
        if line["reads"] not in ("yes", "no") or line["status"] not in ("sourced", "placeholder"):
            raise TableError(f"matrix.csv: {line['profession']}|{line['type']}: not understood")
        if line["type"] in found[line["profession"]]:
            raise TableError(f"matrix.csv: {line['profession']}|{line['type']}: there twice")
        found[line["profession"]][line["type"]] = line["reads"] == "yes"
    return dict(found)


CELLS: Mapping[str, Mapping[str, bool]] = _cells()
PROFESSIONS = tuple(dict.fromkeys((*CELLS, SOCIAL, OTHER, NONE)))
_TYPES = (type_ for row in CELLS.values() for type_ in row if type_ != "*")
KINDS = tuple(dict.fromkeys((NO_KIND, MIXED, SUMMARY, *_TYPES)))


def profession_of(roles: Iterable[Coded]) -> str:
    """The profession a token states, as the matrix has it: a code of TRE_G15 that stands there,
    `social`, or else `other`; `none` when it states none.
    """
    oids = [(system_oid(role.system) or role.system, role.code) for role in roles]
    health = [code for oid, code in oids if oid == PROFESSION_OID]
    if health:
        return health[0] if health[0] in CELLS else OTHER
    if any(oid in SOCIAL_OIDS or "TRE_R291" in oid for oid, _ in oids):
        return SOCIAL
    return OTHER if oids else NONE


def kind_of(document: Mapping[str, Any]) -> str:
    """The type of a document, as far as a rule speaks of it (KINDS)."""
    codes = {coding.get("code") for coding in document.get("type", {}).get("coding", ())}
    return merged(kind for kind in KINDS if kind in codes)


def merged(kinds: Iterable[str]) -> str:
    """The kind of what has all these."""
    found = sorted({*kinds} - {NO_KIND})
    return MIXED if len(found) > 1 else found[0] if found else NO_KIND


def _of(profession: str, *kinds: str) -> Condition:
    return AllOf((Is("profession", profession), OneOf("kind", frozenset(kinds))))


def outside() -> Condition:
    """The document has a type that the matrix does not open to this profession."""
    closed = {
        p: [type_ for type_, reads in row.items() if not reads and type_ != "*"]
        for p, row in CELLS.items()
    }
    return AnyOf(tuple(_of(p, MIXED, *types) for p, types in closed.items() if types))


def unknown() -> Condition:
    """The matrix has no cell for this profession and type."""
    open_ended = [p for p in PROFESSIONS if "*" not in CELLS.get(p, {})]
    return AnyOf(
        tuple(
            AllOf((Is("profession", p), Not(OneOf("kind", frozenset(CELLS.get(p, {}))))))
            for p in open_ended
        )
    )
