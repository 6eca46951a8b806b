"""What resources lead to, step by step, as far as the caller sees.

https://hl7.org/fhir/R4/references.html
"""

from collections.abc import Callable, Iterable, Sequence

from fhir_server.auth.scopes import grants
from fhir_server.fhir.reference import elements
from fhir_server.interactions.context import Context
from fhir_server.policy.facts import nature_of
from fhir_server.storage.content import content_of, local
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Writing

Address = tuple[str, str]


def shared_of(texts: Sequence[bytes], stored: Writing, context: Context) -> list[Version]:
    """The shared resources that these lead to, and those lead to, at most as many as a Bundle may
    have entries.
    """
    most = context.settings.max_entries
    found = followed(texts, stored, context, lambda type_: nature_of(type_) == "shared", most)
    return found[:most]


def followed(
    texts: Sequence[bytes],
    stored: Writing,
    context: Context,
    follows: Callable[[str], bool],
    most: int,
) -> list[Version]:
    """All that literal references of these texts lead to, directly or not, in the order in which
    they do; stops once there are more than `most`. `follows`: which types; of them only those the
    token covers. What is hidden is not there, nor is what an entry that is left out leads to.
    """
    found: dict[Address, Version] = {}
    seen, waiting = set[Address](), list(texts)
    while waiting and len(found) <= most:
        wanted = [
            address
            for address in dict.fromkeys(_addresses(waiting, context.base))
            if address not in seen
            and follows(address[0])
            and grants(context.subject, address[0], "r")
        ]
        seen |= set(wanted)
        there = stored.those(wanted)
        reached = [there[address] for address in wanted if address in there]
        found |= {(version.type_, version.id_): version for version in reached}
        waiting = stored.shown(reached)
    return list(found.values())


def _addresses(texts: Iterable[bytes], base: str) -> Iterable[Address]:
    for text in texts:
        for reference in elements(content_of(text)):
            if (target := local(reference["reference"], base)) is not None:
                yield target.type_, target.id_
