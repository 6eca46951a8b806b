"""Whose a resource is, and for whom it is deposited.

R.1111-49 al.2: a masked document stays visible to its author, professional or establishment.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.policy.people import Find, people
from fhir_server.policy.relation import Resource
from fhir_server.policy.subject import HOLDER_SIDE, Subject


def owners_of(resource: Resource, subject: Subject, find: Find) -> tuple[str, ...]:
    """Whose a resource is: its authors, persons and establishments, and who deposited it."""
    named = [*_authors(resource), *_others(resource)]
    found = {name for one in named for name in people(one, find, houses=True)}
    if subject.actor in ("professional", "system"):
        found.update(subject.me)
    if subject.actor in HOLDER_SIDE:
        found.add(subject.identifier)
    return tuple(sorted(found))


def authors_of(resource: Resource, find: Find) -> list[tuple[str, ...]]:
    """The person and establishment that each author of a resource names."""
    return [people(one, find, houses=True) for one in _authors(resource)]


def _authors(resource: Resource) -> list[Mapping[str, Any]]:
    authors = resource.get("author", ())
    return [*(authors if isinstance(authors, (list, tuple)) else [authors])]


def _others(resource: Resource) -> Iterator[Mapping[str, Any]]:
    if resource["resourceType"] == "DocumentReference" and "custodian" in resource:
        yield resource["custodian"]
    if resource["resourceType"] == "Task" and "owner" in resource:  # who is asked
        yield resource["owner"]
    if resource["resourceType"] == "List" and "source" in resource:  # who sent a submission set
        yield resource["source"]
        for extension in resource["source"].get("extension", ()):
            if str(extension.get("url", "")).endswith("/ihe-authorOrg"):
                yield extension.get("valueReference", {})
