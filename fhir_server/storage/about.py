"""What speaks of documents, such as a Provenance, is seen by who sees all of them.

A Provenance must say what it is about, so that nothing is left of one whose document is hidden: it
has the facts of its documents, and changes with them.
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.fhir.reference import DOCUMENTS, elements
from fhir_server.policy.facts import nature_of
from fhir_server.policy.matrix import merged
from fhir_server.storage.attachments import bytes_of
from fhir_server.storage.content import content_of, local
from fhir_server.storage.engine import Session
from fhir_server.storage.write import Facts, facts_at, set_facts

SPEAKS = "Provenance"


def facts_about(
    session: Session, resource: Mapping[str, Any], owners: tuple[str, ...], base: str
) -> Facts:
    """The facts of a Provenance that is written by `owners`: theirs while it leads to no document,
    nobody's of how people stand to the record, whose declarer is no author there.
    """
    texts = dict.fromkeys(element["reference"] for element in elements(resource))
    targets = [target for text in texts if (target := local(text, base)) is not None]
    found = [
        facts
        for target in targets
        if target.type_ in DOCUMENTS
        for facts in facts_at(session, target.type_, target.id_)
    ]
    if not found:
        of_people = any(nature_of(one.type_) in ("consent", "team", "relative") for one in targets)
        return Facts(() if of_people else owners)
    both = set(found[0].owners).intersection(*(facts.owners for facts in found))
    return Facts(
        tuple(sorted(both)),
        any(facts.masked for facts in found),
        max(facts.veiled_until for facts in found),
        any(facts.veiled_representatives for facts in found),
        any(facts.superseded for facts in found),
        merged(facts.kind for facts in found),
    )


def spread(session: Session, id_: str, record: int, facts: Facts, base: str) -> None:
    """Give the bytes of a document, and what speaks of it or them, the facts it has now."""
    for address in (("DocumentReference", id_), *bytes_of(session, id_)):
        set_facts(session, address, record, facts)
        _settle(session, *address, base)


def _settle(session: Session, type_: str, id_: str, base: str) -> None:
    rows = session.rows(
        "SELECT d.id, d.record, d.owners, d.body FROM resource d WHERE d.type = :speaks AND NOT"
        " d.deleted AND d.pk IN (SELECT f.pk FROM reference f WHERE f.target_type = :type"
        " AND f.target_id = :id)",
        {"speaks": SPEAKS, "type": type_, "id": id_},
    )
    for about, record, owners, body in rows:
        facts = facts_about(session, content_of(body), tuple(owners.split("\n")[1:-1]), base)
        set_facts(session, (SPEAKS, about), record, facts)
