"""Which profession reads which type of document: `matrix.csv`, a line for a profession and types.

Order of 26 October 2023 (for R.1111-46), whose annex is not public: `sourced` cells are known from
what has been published of it, `placeholder` cells are our own until it is. They open at most what
the published column of the dentist opens, to pharmacists, nurses and midwives what doctors read
(`contract.md` 7, Professions). `*` is any type that has no cell of its own. A cell that has no
line, or that a placeholder closes, is unknown: where validation warns it is open and reported. A
document without a type counts as one of each type.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fhir_server.policy.condition import AllOf, AnyOf, Condition, OneOf
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


def _cells() -> tuple[dict[str, dict[str, bool]], frozenset[tuple[str, str]]]:
    """The cells, by profession and type, and those of them that have been published."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    published = set()
    for line in lines("matrix", COLUMNS):
        if line["reads"] not in ("yes", "no") or line["status"] not in ("sourced", "placeholder"):
            raise TableError(f"matrix.csv: {line['profession']}|{line['type']}: not understood")
        for type_ in line["type"].split():
            if type_ in found[line["profession"]]:
                raise TableError(f"matrix.csv: {line['profession']}|{type_}: there twice")
            found[line["profession"]][type_] = line["reads"] == "yes"
            if line["status"] == "sourced":
                published.add((line["profession"], type_))
    return dict(found), frozenset(published)


CELLS: Mapping[str, Mapping[str, bool]]
CELLS, PUBLISHED = _cells()
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
    codings = document.get("type", {}).get("coding", ())
    codes = {coding["code"] for coding in codings if coding.get("code")}
    if not codes:
        return MIXED
    return merged(kind for kind in KINDS if kind in codes)


def merged(kinds: Iterable[str]) -> str:
    """The kind of what has all these."""
    found = sorted({*kinds} - {NO_KIND})
    return MIXED if len(found) > 1 else found[0] if found else NO_KIND


def _closed(profession: str, *, published: bool) -> frozenset[str]:
    """The types that cells of this profession close: those published, or the others."""
    cells = CELLS.get(profession, {}).items()
    return frozenset(
        type_
        for type_, reads in cells
        if not reads and ((profession, type_) in PUBLISHED) == published
    )


def outside_of(profession: str) -> frozenset[str]:
    """The kinds that published cells close to a profession; what is of several types may be one."""
    closed = _closed(profession, published=True)
    return closed | {MIXED} if closed else closed


def unknown_of(profession: str) -> frozenset[str]:
    """The kinds of which no published cell says anything, and that no placeholder opens."""
    row, closed = CELLS.get(profession, {}), _closed(profession, published=False)
    if "*" not in row:
        closed |= {kind for kind in KINDS if kind not in row}
    return (closed | {MIXED} if closed else closed) - outside_of(profession)


def outside() -> Condition:
    """The document has a type that the matrix does not open to this profession."""
    return _of_each({profession: outside_of(profession) for profession in PROFESSIONS})


def unknown() -> Condition:
    """The matrix has no published cell for this profession and type, nor opens it meanwhile."""
    return _of_each({profession: unknown_of(profession) for profession in PROFESSIONS})


def _of_each(kinds: Mapping[str, frozenset[str]]) -> Condition:
    """The profession, and one of its kinds; professions of the same kinds together."""
    alike: dict[frozenset[str], list[str]] = defaultdict(list)
    for profession, some in kinds.items():
        alike[some].append(profession)
    return AnyOf(
        tuple(
            AllOf((OneOf("profession", frozenset(professions)), OneOf("kind", some)))
            for some, professions in alike.items()
            if some
        )
    )
