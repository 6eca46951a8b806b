"""Whether two descriptions of a person can be of one: name, date of birth, sex.

https://esante.gouv.fr/produits-services/referentiel-ins (identity traits)

Only what both say is compared, as far as both say it: a trait that is missing contradicts nothing.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

Patient = Mapping[str, Any]


def contradiction(one: Patient, other: Patient) -> str:
    """The first trait in which two Patient resources differ (`family name`, `given name`, `birth
    date`, `sex`); "" when they can be one person.
    """
    for trait, read in (("family name", _families), ("given name", _givens)):
        mine, others = set(read(one)), set(read(other))
        if mine and others and not mine & others:
            return trait
    born, else_ = str(one.get("birthDate", "")), str(other.get("birthDate", ""))
    length = min(len(born), len(else_))
    if born[:length] != else_[:length]:
        return "birth date"
    sexes = {one.get("gender"), other.get("gender")}
    return "sex" if sexes == {"male", "female"} else ""


def _families(patient: Patient) -> Iterator[str]:
    """Names at birth and in use, word by word: one of two may be left out elsewhere."""
    for name in patient.get("name", ()):
        yield from _words(name.get("family", ""))


def _givens(patient: Patient) -> Iterator[str]:
    for name in patient.get("name", ()):
        for given in name.get("given", ()):
            yield from _words(given)


def _words(text: str) -> list[str]:
    """In capitals without accents: JOSE for José, and JEAN, PIERRE for Jean-Pierre."""
    plain = unicodedata.normalize("NFKD", text or "").upper()
    return re.findall(r"[^\W\d_]+", "".join(c for c in plain if not unicodedata.combining(c)))
