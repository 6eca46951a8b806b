"""What the scopes of a token allow: they limit what the policy permits and never widen it.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import re
from collections.abc import Callable
from functools import lru_cache

from fhir_server.fhir.outcome import insufficient_scope
from fhir_server.policy.subject import Subject

# The letter each interaction needs; batch, transaction and capabilities need none of their own, and
# searches of several types leave out those that the token does not cover.
LETTERS = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
    "search-compartment": "s",
    "history-type": "s",
    "history-system": "s",
}
VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
# What an IHE transaction needs; the scope is its name.
TRANSACTIONS = {
    "ITI-65": "user/DocumentReference.cu user/List.cu user/Binary.c user/Bundle.c user/Patient.r",
    "ITI-66": "user/List.s user/Practitioner.s",  # `source.family`, `source.given`
    "ITI-67": "user/DocumentReference.s user/Practitioner.s",  # `author.family`, `author.given`
    "ITI-68": "user/Binary.r",
    "ITI-105": "user/DocumentReference.c user/Binary.c user/List.c",
}

# A scope with a constraint (`?category=…`) is left unread like any unknown word: it grants nothing.
_WORD = re.compile(r"(patient|user|system)/([A-Z][A-Za-z]*|\*)\.(read|write|\*|c?r?u?d?s?)")

Grants = frozenset[tuple[str, str]]


def grants(subject: Subject, type_: str, letter: str) -> bool:
    """Whether the caller's token covers an interaction (`LETTERS`) on a type; `*`: on all."""
    in_context = bool(subject.person) or subject.actor == "holder"
    return allows(subject.scope, type_, letter, patient_in_context=in_context)


def covering(subject: Subject) -> Callable[[str, str], bool]:
    """Whether the caller's token covers one of these letters on a type."""
    return lambda type_, letters: any(grants(subject, type_, letter) for letter in letters)


def require(subject: Subject, type_: str, letter: str) -> None:
    """Forbidden when the caller's token does not cover it; see `grants`."""
    if not grants(subject, type_, letter):
        raise insufficient_scope(f"`{type_ or '*'}` for this")


def allows(scopes: str, type_: str, letter: str, *, patient_in_context: bool = False) -> bool:
    """Whether these scopes cover it; `patient/…` grants nothing without a patient in context."""
    granted = _granted(scopes, patient_in_context)
    return (type_, letter) in granted or ("*", letter) in granted


@lru_cache(maxsize=1024)
def _granted(scopes: str, patient_in_context: bool) -> Grants:
    words = [part for word in scopes.split() for part in TRANSACTIONS.get(word, word).split()]
    found = [match for word in words if (match := _WORD.fullmatch(word))]
    return frozenset(
        (type_, letter)
        for level, type_, rights in (match.groups() for match in found)
        if level != "patient" or patient_in_context
        for letter in VERSION_1.get(rights, rights)
    )
