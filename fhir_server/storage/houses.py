"""The establishments a professional works for, as stored PractitionerRoles tell."""

from collections.abc import Iterable
from typing import Any

from fhir_server.policy.people import Find, people
from fhir_server.policy.relation import in_force
from fhir_server.policy.subject import PROFESSIONAL_SYSTEM
from fhir_server.search.keys import Kind, key, number
from fhir_server.storage.content import content_of
from fhir_server.storage.engine import Session

LOOKED_AT = 100  # roles of one person: who has more is known by these


def houses_of(session: Session, names: Iterable[str], find: Find, now: int) -> frozenset[str]:
    """The establishments (`system|value`) where these people have a PractitionerRole now."""
    return frozenset(
        house
        for name in names
        if name.startswith(f"{PROFESSIONAL_SYSTEM}|")
        for role in _roles(session, name)
        if _is_in_force(role, now) and name in people(role.get("practitioner", {}), find)
        for house in people(role.get("organization", {}), find)
    )


def _roles(session: Session, name: str) -> list[dict[str, Any]]:
    """The roles that name somebody by a logical reference, or by one to his Practitioner."""
    known = _carrying(session, "Practitioner", ("identifier", "coding"), name)
    found = _carrying(session, "PractitionerRole", ("practitioner", "identifier-coding"), name)
    for id_ in known:
        found |= {
            row[0]: content_of(row[1])
            for row in session.rows(
                "SELECT d.id, d.body FROM reference f JOIN resource d ON d.pk = f.pk WHERE"
                " f.target_type = 'Practitioner' AND f.target_id = :id AND"
                " d.type = 'PractitionerRole' AND NOT d.deleted LIMIT :most",
                {"id": id_, "most": LOOKED_AT},
            )
        }
    return list(found.values())


def _carrying(
    session: Session, type_: str, by: tuple[str, Kind], name: str
) -> dict[str, dict[str, Any]]:
    """The resources whose identifier, or that of whom they refer to, is this one."""
    (code, kind), (system, _, value) = by, name.partition("|")
    if session.database.postgres:
        test = "d.keys @> CAST(ARRAY[:key] AS bigint[])"
    else:
        test = "d.pk IN (SELECT pk FROM key WHERE hash = :key)"
    rows = session.rows(
        f"SELECT d.id, d.body FROM resource d WHERE d.type = :type AND NOT d.deleted AND {test}"
        " LIMIT :most",
        {"type": type_, "key": key(number(type_, code), kind, system, value), "most": LOOKED_AT},
    )
    return {row[0]: content_of(row[1]) for row in rows}


def _is_in_force(role: dict[str, Any], now: int) -> bool:
    since, until = in_force(role.get("period"))
    return bool(role.get("active", True)) and since <= now < until
