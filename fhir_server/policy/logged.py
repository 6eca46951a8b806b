"""What each reader of a trace is shown of it.

`contract.md` section 7, Traces and More points: others' words may name what is hidden from the
holder; the reason of a break-glass is for holder, attending doctor and operator.
"""

from typing import Any, Mapping

from fhir_server.policy.subject import HOLDER_SIDE, Subject

REASON = "btg-reason"  # the type of the detail that says why the glass was broken
DATA = "2"  # System Object, http://terminology.hl7.org/CodeSystem/audit-entity-type

Resource = Mapping[str, Any]


def as_read(event: Resource, reader: Subject, *, attends: bool) -> dict[str, Any]:
    """An AuditEvent, from which hidden entities have been taken, as `reader` is shown it;
    `attends`: whether they are the attending doctor of its record.

    A profile is claimed as long as it holds.
    """
    shown = dict(event)
    if reader.actor in HOLDER_SIDE and not _is_own(event, reader.identifier):
        shown["entity"] = [_less(entity, "query") for entity in shown["entity"]]
    if not (attends or reader.actor in ("holder", "operator")):
        shown["entity"] = [_without_reason(entity) for entity in shown["entity"]]
    profiles = event["meta"].get("profile", [])
    kept = [profile for profile in profiles if _holds(profile, shown["entity"])]
    if kept != profiles:
        shown["meta"] = _less(event["meta"], "profile") | ({"profile": kept} if kept else {})
    return shown


def _is_own(event: Resource, reader: str) -> bool:
    users = (agent["who"].get("identifier", {}) for agent in event["agent"] if agent["requestor"])
    return any(f"{user.get('system')}|{user.get('value')}" == reader for user in users)


def _without_reason(entity: Resource) -> dict[str, Any]:
    details = entity.get("detail", [])
    kept = [detail for detail in details if detail["type"] != REASON]
    return _less(entity, "detail") | ({"detail": kept} if kept else {})


def _holds(profile: str, entities: list[Resource]) -> bool:
    """Whether what a profile of BALP wants is still there: the question, or what was done to."""
    if profile.endswith("Query"):
        return any(entity["type"]["code"] == DATA and "query" in entity for entity in entities)
    return any(entity["type"]["code"] == DATA for entity in entities)


def _less(element: Resource, name: str) -> dict[str, Any]:
    return {key: value for key, value in element.items() if key != name}
