"""Compartments: which types belong to one, by which references; of a patient's, when care was
given.

https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from collections.abc import Sequence

from fhir_server.search.keys import key
from fhir_server.search.moments import of_milliseconds
from fhir_server.search.parameters import Parameter, parameters
from fhir_server.search.query import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Criterion,
    DateIs,
    HasKey,
    IdIs,
    Not,
    Nothing,
)
from profiles.definitions import r4

# Parameters that say when care was given, the best first; a type's first that has a value counts.
CARE_DATES = (
    "period", "occurrence", "event-date", "onset-date", "effective", "effective-time", "date",
    "sent", "started", "identified", "collected", "whenhandedover", "whenprepared", "start-date",
    "authored", "authored-on", "authoredon", "recorded-date", "created", "datetime", "datewritten",
    "recorded",
)  # fmt: skip


def patient_types() -> tuple[str, ...]:
    """The types that can be in a patient's compartment, Patient among them."""
    return tuple(r4().compartments["Patient"])


def compartment_types(of: str) -> tuple[str, ...]:
    """The types that can be in a compartment of this type; none when there are no such."""
    return tuple(r4().compartments.get(of, ()))


def linking(type_: str, of: str = "Patient") -> tuple[Parameter, ...]:
    """The parameters by which a resource of this type is in the compartment of who they lead to."""
    codes = r4().compartments[of].get(type_, ())
    found = parameters(type_)
    return tuple(found[code] for code in codes if code in found)


def members(types: Sequence[str], id_: str, of: str = "Patient") -> Criterion:
    """Is in the compartment of this resource; `types`: those of the rows it is asked of."""
    keys = tuple(
        key(parameter.number, "reference", f"{of}/{id_}")
        for type_ in types
        for parameter in linking(type_, of)
    )
    by_reference: Criterion = HasKey(keys) if keys else Nothing()
    return AnyOf((IdIs((id_,)), by_reference)) if of in types else by_reference


def cared(types: Sequence[str], low: int, high: int) -> Criterion:
    """Care was given in [low, high), ms; what has no date of care is not left out."""
    found = [chain for type_ in types if (chain := _cared(type_, low, high)) != EVERYTHING]
    return AllOf(tuple(found))


def _cared(type_: str, low: int, high: int) -> Criterion:
    offered = parameters(type_)
    chain: Criterion = EVERYTHING
    for code in reversed(CARE_DATES):
        if code in offered and offered[code].type == "date":
            within = DateIs(offered[code].number, "ap", *of_milliseconds(low, high))
            chain = AnyOf((within, AllOf((Not(HasKey((offered[code].present,))), chain))))
    return chain
