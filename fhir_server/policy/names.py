"""Names that cannot be acted upon: a reference that says two, an identifier with blanks around it.

`contract.md` section 7 of the design, Identifiers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.policy.people import NATIONAL, Find, identifier_text, identifiers
from fhir_server.policy.relation import Resource
from fhir_server.policy.subject import INS_SYSTEMS
from mappings.identifiers import normal


def says_two(reference: Mapping[str, Any], find: Find) -> bool:
    """Whether the identifier of a reference is not one of whom it leads to: the latter has another
    in this system (an INS is one whatever its system).
    """
    said = identifier_text(reference.get("identifier", {}))
    target = find(reference.get("reference", "")) if said else None
    if target is None:
        return False
    system = said.partition("|")[0]
    systems = INS_SYSTEMS if system in INS_SYSTEMS else (system,)
    own = {*identifiers(target, *systems), *_of_role(systems, target, find)}
    is_unknown_patient = system in INS_SYSTEMS and target["resourceType"] == "Patient"
    return said not in own and bool(own or is_unknown_patient)


def _of_role(systems: tuple[str, ...], target: Resource, find: Find) -> Iterator[str]:
    """Of a PractitionerRole: who works there and the establishment, as named and as led to."""
    if target["resourceType"] != "PractitionerRole":
        return
    for name in ("practitioner", "organization"):
        named = target.get(name, {})
        yield from identifiers(named, *systems)
        yield from identifiers(find(named.get("reference", "")) or {}, *systems)


def blank_name(value: Any) -> str:
    """The first identifier of a person or an establishment, anywhere below, that has blanks around
    its value; "" when there is none.
    """
    waiting = [value]
    while waiting:  # looked at with every write: no call is made for a primitive
        item = waiting.pop()
        system, text = (
            (item.get("system"), item.get("value")) if type(item) is dict else (None, None)
        )
        if type(system) is str and type(text) is str and text != text.strip():
            if normal(system.strip(), text)[0] in NATIONAL:
                return text
        inner = item.values() if type(item) is dict else item or ()
        waiting += [one for one in inner if type(one) is dict or type(one) is list]
    return ""
