"""Whether the professional who asks may consult a record: told with its Patient (DMP TD0.2).

The guide names no form (EF_DMP04_01: "à préciser"). It is an extension of ours in `search` of the
entry, since it is about who asks and no part of the Patient: yes or no, and no more than that the
whole Patient is shown or not. Why there is no access is told to nobody (`contract.md` section 5).
"""

from typing import Any

from fhir_server.interactions.context import Context
from fhir_server.policy.relations import OWN_BASE
from fhir_server.policy.subject import PROFESSIONALS
from fhir_server.storage.version import Version

AUTHORISED = OWN_BASE + "StructureDefinition/dmp-access-authorised"


def authorisation(version: Version, context: Context) -> dict[str, Any]:
    """What `search` of an entry says of it: of a Patient, to a professional; else nothing."""
    asks = context.policed and context.subject.actor in PROFESSIONALS
    if not asks or version.type_ != "Patient":
        return {}
    return {"extension": [{"url": AUTHORISED, "valueBoolean": bool(version.full)}]}
