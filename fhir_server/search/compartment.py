"""Patient compartments: which types belong to one, by which references, and when care was given.

https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from collections.abc import Sequence

from fhir_server.search.keys import key
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


def linking(type_: str) -> tuple[Parameter, ...]:
    """The parameters by which a resource of this type is in the compartment of who they lead to."""
    codes = r4().compartments["Patient"].get(type_, ())
    found = parameters(type_)
    return tuple(found[code] for code in codes if code in found)


def members(types: Sequence[str], patient: str) -> Criterion:
    """Is in the compartment of this Patient; `types`: those of the rows it is asked of."""
    keys = tuple(
        key(parameter.number, "reference", f"Patient/{patient}")
        for type_ in types
        for parameter in linking(type_)
    )
    by_reference: Criterion = HasKey(keys) if keys else Nothing()
    return AnyOf((IdIs((patient,)), by_reference)) if "Patient" in types else by_reference


def cared(types: Sequence[str], low: int, high: int) -> Criterion:
    """Care was given in [low, high), ms; what has no date of care is not left out."""
    found = [chain for type_ in types if (chain := _cared(type_, low, high)) != EVERYTHING]
    return AllOf(tuple(found))


def _cared(type_: str, low: int, high: int) -> Criterion:
    offered = parameters(type_)
    chain: Criterion = EVERYTHING
    for code in reversed(CARE_DATES):
        if code in offered and offered[code].type == "date":
            within = DateIs(offered[code].number, "ap", low, high)
            chain = AnyOf((within, AllOf((Not(HasKey((offered[code].present,))), chain))))
    return chain
