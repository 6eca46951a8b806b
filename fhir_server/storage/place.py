"""Whose a resource is: the record it belongs to, and whom its references name.

`contract.md` sections 4 and 7 of the design: rights go by identifiers, logical or of the resource
referred to.
"""

from typing import Any, Mapping
from urllib.parse import parse_qsl

from fhir_server.fhir.json_format import read as read_json
from fhir_server.fhir.reference import Conditional, parse, pointed
from fhir_server.policy.people import Find, holders, identifier_text, inside, people
from fhir_server.policy.relation import Who
from fhir_server.policy.subject import INS_SYSTEMS
from fhir_server.search.extract import Index
from fhir_server.search.parameters import parameters
from fhir_server.storage.content import local
from fhir_server.storage.engine import Session
from fhir_server.storage.rows import Named
from profiles.definitions import r4

Resource = Mapping[str, Any]
OWNERS = ("subject", "patient", "beneficiary", "for")
PEOPLE = ("Practitioner", "PractitionerRole", "Organization", "RelatedPerson")


def patient_of(resource: Resource, index: Index, *, base: str) -> Named:
    """The patient a resource is about, by Patient id or INS; empty when it names none."""
    contained = {f"#{item.get('id')}": item for item in resource.get("contained", ())}
    for name in OWNERS:
        reference = resource.get(name)
        if isinstance(reference, Mapping):
            found = _patient(reference, contained, base)
            if found:
                return found
    return _by_compartment(resource["resourceType"], index)


def _patient(reference: Mapping[str, Any], contained: Mapping[str, Resource], base: str) -> Named:
    text = reference.get("reference", "")
    if text in contained:
        return Named(identifiers=holders(contained[text]))
    if text:
        if found := conditional_patient(text):
            return found
        target = local(text, base)
        return Named(patients=(target.id_,)) if target and target.type_ == "Patient" else Named()
    name = identifier_text(reference.get("identifier", {}))
    return Named(identifiers=(name,)) if name.partition("|")[0] in INS_SYSTEMS else Named()


def conditional_patient(text: str) -> Named:
    """`Patient?identifier=system|INS`, as French guides write a subject; empty for any other."""
    try:
        reference = parse(text, base="")
    except ValueError:
        return Named()
    if not isinstance(reference, Conditional) or reference.type_ != "Patient":
        return Named()
    pairs = parse_qsl(reference.query)
    ins = [value for name, value in pairs if name == "identifier"]
    if len(pairs) != 1 or not ins:
        return Named()
    system, _, value = ins[0].partition("|")
    name = identifier_text({"system": system, "value": value})
    return Named(identifiers=(name,)) if name.partition("|")[0] in INS_SYSTEMS else Named()


def subject_by_ins(resource: Resource) -> str:
    """The reference by INS that says whose a resource is; "" where it is said otherwise."""
    for name in OWNERS:
        reference = resource.get(name)
        if not isinstance(reference, Mapping):
            continue
        text = reference.get("reference", "")
        if conditional_patient(text):
            return str(text)
        if "Patient/" in text or "identifier" in reference:
            break
    return ""


def with_literal_subject(resource: Resource, patient: str) -> dict[str, Any]:
    """The resource with `Patient/id` where its subject is asked for by INS, and wherever else the
    same is asked.
    """
    asked = subject_by_ins(resource)
    return dict(pointed(resource, {asked: f"Patient/{patient}"})) if asked else dict(resource)


def _by_compartment(type_: str, index: Index) -> Named:
    """By the first reference to a Patient among the parameters that put the type into a patient's
    compartment.
    """
    codes = r4().compartments["Patient"].get(type_, ())
    numbers = [parameters(type_)[code].number for code in codes if code in parameters(type_)]
    for number in numbers:
        for parameter, target_type, target_id in index.references:
            if parameter == number and target_type == "Patient":
                return Named(patients=(target_id,))
    return Named()


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
