"""The care teams of a record, as a consent names them.

`contract.md` section 7: C12 names a CareTeam; `domain.md` 6.2: C2 too. A team means those who are
of it, from one day to the next: when it changes, the consents of its record are read anew.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.policy.people import binds, identifier_text, inside
from fhir_server.policy.relation import Member, Team
from fhir_server.policy.relations import members
from fhir_server.storage.content import content_of, local
from fhir_server.storage.engine import Session
from fhir_server.storage.place import who

TYPE = "CareTeam"
Resource = Mapping[str, Any]


def team(session: Session, consent: Resource, record: int, *, base: str) -> Team:
    """How a consent's references to care teams are read: contained, or of its record, by address or
    by identifier.
    """
    contained = inside(consent)

    def read(reference: Mapping[str, Any]) -> tuple[Member, ...] | None:
        text = reference.get("reference", "")
        name = identifier_text(reference.get("identifier", {}))
        within, address = contained(text), local(text, base) if text else None
        if within is not None and within["resourceType"] == TYPE:
            return tuple(members(within, who(session, consent, base=base)))
        if (text and (address is None or address.type_ != TYPE)) or (not text and binds(name)):
            return None
        for id_, found in of_record(session, record, TYPE) if text or name else ():
            named = [identifier_text(one) for one in found.get("identifier", ())]
            if (not address or id_ == address.id_) and (not name or name in named):
                return tuple(members(found, who(session, found, base=base)))
        return None

    return read


def of_record(
    session: Session, record: int, type_: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and content of the resources of this type that lie in a record, whoever sees them."""
    rows = session.rows(
        "SELECT d.id, d.body FROM resource d WHERE d.record = :record AND d.type = :type"
        " AND NOT d.deleted ORDER BY d.id",
        {"record": record, "type": type_},
    )
    for id_, body in rows:
        yield id_, content_of(bytes(body))
