"""Where a resource names a patient by an INS that cannot be one.

https://esante.gouv.fr/produits-services/referentiel-ins
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.policy.people import identifier_text
from fhir_server.policy.subject import INS_SYSTEMS
from mappings.identifiers import ins_problem

Resource = Mapping[str, Any]


def faults(resource: Resource) -> Iterator[tuple[str, str]]:
    """What is wrong with each such INS, and where it stands: of a Patient, stored or contained, and
    of the subject.
    """
    for patient, path in _patients(resource):
        for n, identifier in enumerate(patient.get("identifier", ())):
            is_ins = identifier_text(identifier).partition("|")[0] in INS_SYSTEMS
            value = str(identifier.get("value", ""))
            if is_ins and (problem := ins_problem(value)):
                yield f"`{value[:100]}` is no INS: {problem}", f"{path}.identifier[{n}].value"


def _patients(resource: Resource) -> Iterator[tuple[Resource, str]]:
    type_ = resource["resourceType"]
    if type_ == "Patient":
        yield resource, type_
    for n, item in enumerate(resource.get("contained", ())):
        if item.get("resourceType") == "Patient":
            yield item, f"{type_}.contained[{n}]"
    subject = resource.get("subject", {})
    if isinstance(subject, Mapping) and "identifier" in subject:
        yield {"identifier": [subject["identifier"]]}, f"{type_}.subject"
