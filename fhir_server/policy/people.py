"""Whom a reference names: people, establishments and patients, by whatever way it names them.

`contract.md` section 7 of the design, Identifiers and "Whose a document is": logical, literal,
contained, through a PractitionerRole; what is one person goes by one form (`mappings.identifiers`).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fhir_server.policy.relation import Resource
from fhir_server.policy.subject import INS_SYSTEMS, PROFESSIONAL_SYSTEM, STRUCTURE_SYSTEM
from mappings.identifiers import lacks_prefix, normal, professional_kind

# A literal reference to the resource it leads to, contained or stored; None where there is none.
Find = Callable[[str], Resource | None]

NATIONAL = frozenset({*INS_SYSTEMS, PROFESSIONAL_SYSTEM, STRUCTURE_SYSTEM})
LENGTHS = {"RPPS": 12, "ADELI": 10}  # of a PS_IdNat, its first digit included
DEPTH = 2  # a PractitionerRole, and who works there


def identifier_text(identifier: Mapping[str, Any]) -> str:
    """`system|value` in its one form, or "" when one of them is missing."""
    system, value = identifier.get("system"), identifier.get("value")
    return "|".join(normal(system, value)) if system and value else ""


def identifiers(resource: Resource, *systems: str) -> tuple[str, ...]:
    """The identifiers of a resource in these systems."""
    said = resource.get("identifier", ())
    texts = [identifier_text(one) for one in ([said] if isinstance(said, Mapping) else said)]
    return tuple(dict.fromkeys(text for text in texts if text.partition("|")[0] in systems))


def national_identifiers(resource: Resource) -> tuple[str, ...]:
    """The PS_IdNat and Struct_IdNat a Practitioner, Organization or contained actor carries."""
    return identifiers(resource, PROFESSIONAL_SYSTEM, STRUCTURE_SYSTEM)


def holders(patient: Resource) -> tuple[str, ...]:
    """The INS of a Patient, `system|value`."""
    return identifiers(patient, *INS_SYSTEMS)


def inside(resource: Resource) -> Find:
    """What is contained in `resource`, by `#id`."""
    contained = {f"#{item.get('id')}": item for item in resource.get("contained", ())}
    return contained.get


def people(
    reference: Mapping[str, Any], find: Find, *, houses: bool = False, depth: int = DEPTH
) -> tuple[str, ...]:
    """The identifiers of whom a reference names; none when nobody is known by it, or it names two.

    A PractitionerRole is who works there, an establishment where it names nobody; with `houses`
    both.
    """
    said = identifier_text(reference.get("identifier", {}))
    target = find(reference.get("reference", "")) if depth >= 0 else None
    led = tuple(dict.fromkeys(_of(target, find, houses, depth))) if target is not None else ()
    if said and led and said not in led:
        return ()
    return led or ((said,) if said else ())


def _of(target: Resource, find: Find, houses: bool, depth: int) -> Iterator[str]:
    yield from national_identifiers(target)
    yield from holders(target)
    if target["resourceType"] != "PractitionerRole":
        return
    works = people(target.get("practitioner", {}), find, depth=depth - 1)
    yield from works
    if houses or not works:
        yield from people(target.get("organization", {}), find, depth=depth - 1)


def binds(name: str) -> bool:
    """Whether an identifier can be that of a caller: a denial of it denies somebody. A number of
    another length is nobody's, and one of an establishment says by its first digit what it is.
    """
    system, _, value = name.partition("|")
    if system not in NATIONAL or value != "".join(value.split()):
        return False
    if system == PROFESSIONAL_SYSTEM:
        kind = professional_kind(value)
        return kind is not None and len(value) == LENGTHS.get(kind, len(value))
    return system != STRUCTURE_SYSTEM or not lacks_prefix(value)
