"""The operations that are offered: routes, rules of calling and CapabilityStatement come from here.

https://hl7.org/fhir/R4/operations.html, https://hl7.org/fhir/R4/operationslist.html
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Mapping

HL7 = "http://hl7.org/fhir/OperationDefinition/"
IPA = "http://hl7.org/fhir/uv/ipa/OperationDefinition/"
OURS = "https://fhir-server.example/fhir/OperationDefinition/"
UNBOUNDED = -1
COUNT = "_count"  # entries of a page
LEVELS = ("system", "type", "instance", "version")  # what the address before `/$op` names


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that goes in; `type` is a data type of FHIR, or Resource."""

    name: str
    type: str
    min: int = 0
    max: int = 1

    @property
    def is_resource(self) -> bool:
        return self.type == "Resource"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `levels`: where it is called, each with the letter of the SMART scope it needs
    there ("" for none). `types`: resource types it is called on, empty for all.

    `shows`: what it tells of the store, for who may not consult (R150): nothing, a resource of the
    type in the address, or a whole record. `pages`: whether its answer has several pages.
    `in_steps`: whether its work is done in several transactions, each for itself.
    """

    code: str
    definition: str
    levels: Mapping[str, str]
    takes: tuple[Parameter, ...] = ()
    types: tuple[str, ...] = ()
    affects_state: bool = False
    shows: Literal["nothing", "type", "record"] = "type"
    pages: bool = False
    in_steps: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """A GET changes nothing: it tells how far a work in steps has come."""
        return ("GET", "POST") if self.in_steps or not self.affects_state else ("POST",)

    def on(self, type_: str) -> bool:
        return not self.types or type_ in self.types


RESOURCE = Parameter("resource", "Resource")
META = Parameter("meta", "Meta", min=1)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({
    operation.code: operation
    for operation in (
        Operation(
            "validate", HL7 + "Resource-validate", {"system": "", "type": "c", "instance": "u"},
            (RESOURCE, Parameter("mode", "code"), Parameter("profile", "uri")), shows="nothing",
        ),
        Operation(
            "meta", HL7 + "Resource-meta",
            {"system": "s", "type": "s", "instance": "r", "version": "r"},
        ),
        Operation(
            "meta-add", HL7 + "Resource-meta-add", {"instance": "u"}, (META,),
            affects_state=True, shows="nothing",
        ),
        Operation(
            "meta-delete", HL7 + "Resource-meta-delete", {"instance": "u"}, (META,),
            affects_state=True, shows="nothing",
        ),
        Operation(
            "everything", HL7 + "Patient-everything", {"instance": "r"},
            (
                Parameter("start", "date"), Parameter("end", "date"),
                Parameter("_since", "instant"), Parameter("_type", "code", max=UNBOUNDED),
                Parameter(COUNT, "integer"),
            ),
            types=("Patient",), shows="record", pages=True,
        ),
        Operation(
            "document", HL7 + "Composition-document", {"type": "r", "instance": "r"},
            (Parameter("id", "uri"), Parameter("persist", "boolean"), Parameter("graph", "uri")),
            types=("Composition",),
        ),
        Operation(
            "docref", IPA + "docref", {"type": "s"},
            (
                Parameter("patient", "id", min=1), Parameter("start", "date"),
                Parameter("end", "date"), Parameter("type", "CodeableConcept", max=UNBOUNDED),
                Parameter("on-demand", "boolean"), Parameter("profile", "canonical", max=UNBOUNDED),
                Parameter(COUNT, "integer"),
            ),
            types=("DocumentReference",), pages=True,
        ),
        Operation(
            "explain-access", OURS + "explain-access", {"instance": "r"},
            (
                Parameter("who", "string"), Parameter("actor", "code"),
                Parameter("organization", "string"), Parameter("role", "string"),
                Parameter("sector", "code"), Parameter("purpose", "code"),
                Parameter("reason", "string"),
            ),
            types=("DocumentReference",), shows="nothing",
        ),
        Operation(
            "reindex", OURS + "reindex", {"system": "u"}, affects_state=True, shows="nothing",
            in_steps=True,
        ),
    )
})  # fmt: skip


def declared(type_: str = "") -> list[dict[str, str]]:
    """`rest.resource.operation` of a type, or with none `rest.operation`, of the
    CapabilityStatement.
    """
    offered = [
        operation
        for operation in OPERATIONS.values()
        if (operation.on(type_) and operation.levels.keys() - {"system"} if type_
            else "system" in operation.levels)
    ]  # fmt: skip
    return [{"name": found.code, "definition": found.definition} for found in offered]
