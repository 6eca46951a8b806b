"""Whether the professional who asks may consult a record: told with its Patient (DMP TD0.2).

The guide names no form (EF_DMP04_01: "à préciser"). It is an extension of ours, of the answer
alone: it is about who asks, says yes or no, and no more than that the whole Patient is shown or
not. Why there is no access is told to nobody (`contract.md` section 5).
"""

from fhir_server.fhir import json_format
from fhir_server.interactions.context import Context
from fhir_server.policy.relations import OWN_BASE
from fhir_server.policy.subject import PROFESSIONALS
from fhir_server.storage.version import Version

AUTHORISED = OWN_BASE + "StructureDefinition/dmp-access-authorised"


def with_authorisation(version: Version, text: bytes, context: Context) -> bytes:
    """The text of a version as it is shown; of a Patient, to a professional, with the extension."""
    told = context.policed and context.subject.actor in PROFESSIONALS and version.type_ == "Patient"
    if not told or not text:
        return text
    patient = json_format.read(text)
    others = [one for one in patient.get("extension", ()) if one.get("url") != AUTHORISED]
    said = {"url": AUTHORISED, "valueBoolean": bool(version.full)}
    return json_format.write(patient | {"extension": [*others, said]})
