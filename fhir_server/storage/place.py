"""Whose a resource is: the record it belongs to, and whom its references name.

`contract.md` sections 4 and 7 of the design: rights go by identifiers, logical or of the resource
referred to.
"""

from collections.abc import Callable, Iterator
from typing import Any, Mapping
from urllib.parse import parse_qsl

from fhir_server.fhir.json_format import read as read_json
from fhir_server.fhir.reference import Conditional, changed, parse
from fhir_server.policy.people import Find, holders, identifier_text, inside, people
from fhir_server.policy.relation import Who
from fhir_server.policy.subject import INS_SYSTEMS
from fhir_server.search.parameters import parameters
from fhir_server.storage.content import local
from fhir_server.storage.engine import Session
from fhir_server.storage.rows import Named
from profiles.definitions import r4

Resource = Mapping[str, Any]
SOURCE = "sourcePatientInfo"
AS_SENT = "https://fhir-server.example/fhir/StructureDefinition/patient-as-sent"
OWNERS = ("subject", "patient", "beneficiary", "for")
PEOPLE = ("Practitioner", "PractitionerRole", "Organization", "RelatedPerson")


def patient_of(resource: Resource, *, base: str) -> Named:
    """The patient a resource is about, by Patient id or INS; empty when it names none: what
    `OWNERS` say, else the first patient whose compartment it is in.
    """
    contained = inside(resource)
    for reference in (*_owners(resource), *_of_compartment(resource)):
        if found := _patient(reference, contained, base):
            return found
    return Named()


def _owners(resource: Resource) -> Iterator[Mapping[str, Any]]:
    yield from (resource[name] for name in OWNERS if isinstance(resource.get(name), Mapping))


def _of_compartment(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """The references that put a resource into a patient's compartment; one by INS leads to a
    Patient.
    """

    def typed(_: str, reference: dict[str, Any]) -> dict[str, Any]:
        named = "reference" not in reference and names_of_patient(reference, lambda _: None)
        return reference | {"type": "Patient"} if named else reference

    known, resource = parameters(resource["resourceType"]), changed(resource, typed)
    for code in r4().compartments["Patient"].get(resource["resourceType"], ()):
        if code in known:
            yield from (one for _, one in known[code].select(resource) if isinstance(one, Mapping))


def _patient(reference: Mapping[str, Any], contained: Find, base: str) -> Named:
    target = local(reference.get("reference", ""), base)
    if target is not None:
        return Named(patients=(target.id_,)) if target.type_ == "Patient" else Named()
    return Named(identifiers=names_of_patient(reference, contained))


def names_of_patient(reference: Mapping[str, Any], contained: Find) -> tuple[str, ...]:
    """The INS by which a reference names a patient that is not one by address: of the Patient it
    contains, by search, or logical.
    """
    text = reference.get("reference", "")
    if text:
        patient = contained(text)
        return ins_asked(text) if patient is None else holders(patient)
    if reference.get("type", "Patient") != "Patient":
        return ()
    name = identifier_text(reference.get("identifier", {}))
    return (name,) if name.partition("|")[0] in INS_SYSTEMS else ()


def ins_asked(text: str) -> tuple[str, ...]:
    """The INS of `Patient?identifier=system|INS`, as French guides write a subject; none for any
    other reference.
    """
    try:
        reference = parse(text, base="")
    except ValueError:
        return ()
    if not isinstance(reference, Conditional) or reference.type_ != "Patient":
        return ()
    pairs = parse_qsl(reference.query)
    if [name for name, _ in pairs] != ["identifier"]:
        return ()
    system, _, value = pairs[0][1].partition("|")
    name = identifier_text({"system": system, "value": value})
    return (name,) if name.partition("|")[0] in INS_SYSTEMS else ()


def subject_by_ins(resource: Resource) -> str:
    """The search by INS that says whose a resource is; "" where it is said otherwise."""
    contained = inside(resource)
    for reference in _owners(resource):
        text = reference.get("reference", "")
        if ins_asked(text):
            return str(text)
        if _patient(reference, contained, ""):
            break
    return ""


def with_literal_patient(
    resource: Resource, patient: str, is_holder: Callable[[str], bool]
) -> dict[str, Any]:
    """The resource with `Patient/id` wherever it names the holder of its record by INS, so that
    every search finds it.

    A Patient that was referred to inside the resource is kept under an extension, since R4 wants
    what is contained to be referred to; of a document it is the source patient information.
    """
    contained = inside(resource)

    def change(name: str, reference: dict[str, Any]) -> dict[str, Any]:
        named = () if name == SOURCE else names_of_patient(reference, contained)
        if not any(is_holder(ins) for ins in named):
            return reference
        text = reference.get("reference", "")
        made = reference | {"reference": f"Patient/{patient}"}
        if text.startswith("#") and resource["resourceType"] != "DocumentReference":
            sent = {"url": AS_SENT, "valueReference": {"reference": text}}
            made["extension"] = [*reference.get("extension", ()), sent]
        return made

    made = changed(resource, change)
    if resource["resourceType"] == "DocumentReference" and made != resource:
        text = resource.get("subject", {}).get("reference", "")
        if text.startswith("#"):
            made["context"] = {SOURCE: {"reference": text}} | made.get("context", {})
    return made


def finding(session: Session, resource: Resource, *, base: str) -> Find:
    """What a literal reference in `resource` leads to: contained, or a person, establishment or
    Patient stored here, whoever sees it, to be named by its identifiers and never to be shown.
    """
    contained, known = inside(resource), dict[tuple[str, str], Resource | None]()

    def find(text: str) -> Resource | None:
        if text.startswith("#"):
            return contained(text)
        target = local(text, base) if text else None
        if target is None or target.type_ not in (*PEOPLE, "Patient"):
            return None
        address = target.type_, target.id_
        if address not in known:
            known[address] = _stored(session, *address)
        return known[address]

    return find


def who(session: Session, resource: Resource, *, base: str) -> Who:
    """How the references of `resource` are read as people and establishments: `system|value`, none
    when unknown.
    """
    find = finding(session, resource, base=base)
    return lambda reference: people(reference, find)


def _stored(session: Session, type_: str, id_: str) -> Resource | None:
    rows = session.rows(
        "SELECT d.body FROM resource d WHERE d.type = :type AND d.id = :id AND NOT d.deleted",
        {"type": type_, "id": id_},
    )
    return read_json(bytes(rows[0][0])) if rows else None
