"""All doors of a record agree, for every type of the patient's compartment and every way to name
the patient.

https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from collections.abc import Callable
from typing import Any

import pytest

from profiles.definitions import r4
from tests.house import BASE, CNAM, INS, NINA, PAUL, Answer, Person
from tests.interactions.minimal import minimal, required
from tests.interactions.shared import new_ins
from tests.people import consent, stored, team
from tests.policy.record import Record, document

# Type → the element that puts it into the compartment, where that is none of the usual.
ELEMENTS = {
    "Appointment": "participant.actor", "AppointmentResponse": "actor", "Basic": "subject",
    "BodyStructure": "patient", "Coverage": "beneficiary", "EnrollmentRequest": "candidate",
    "Group": "member.entity", "Person": "link.target", "Provenance": "target",
    "ResearchSubject": "individual", "Schedule": "actor", "SupplyRequest": "deliverTo",
}  # fmt: skip
# Nobody writes these, or their bytes come with them.
OTHERS = ("AuditEvent", "Patient", "DocumentManifest")
TYPES = sorted(set(r4().compartments["Patient"]) - set(OTHERS))

Way = Callable[[Record], tuple[dict[str, Any], list[dict[str, Any]]]]


def ins_of(record: Record) -> dict[str, str]:
    system, value = record.holder.sub.split("|")
    return {"system": system, "value": value}


def by_identifier(record: Record, **more: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return {"identifier": ins_of(record) | more}, []


def contained(record: Record) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    patient = {"resourceType": "Patient", "id": "p", "identifier": [ins_of(record)]}
    return {"reference": "#p"}, [patient]


WAYS: dict[str, Way] = {
    "literal": lambda record: ({"reference": f"Patient/{record.id}"}, []),
    "absolute": lambda record: ({"reference": f"{BASE}/Patient/{record.id}"}, []),
    "odd": lambda record: ({"reference": f"/patient/{record.id}/"}, []),
    "identifier": by_identifier,
    "an OID in capitals": lambda record: by_identifier(record, system=INS.upper()),
    "a bare OID": lambda record: by_identifier(record, system=INS.removeprefix("urn:oid:")),
    "contained": contained,
    "by search": lambda record: ({"reference": f"Patient?identifier={record.holder.sub}"}, []),
    "both": lambda record: (
        {"reference": f"Patient/{record.id}", "identifier": ins_of(record)}, [],
    ),
}  # fmt: skip


def element_of(type_: str) -> str:
    if type_ in ELEMENTS:
        return ELEMENTS[type_]
    members = r4().types[type_].members
    return next(name for name in ("subject", "patient", "beneficiary", "for") if name in members)


def placed(type_: str, value: dict[str, Any], path: str) -> dict[str, Any]:
    """A minimal resource, or inline element, that has this value there."""
    made = minimal(type_) if r4().is_resource(type_) else required(type_)
    name, _, rest = path.partition(".")
    element, inner = r4().types[type_].members[name]
    found = placed(inner, value, rest) if rest else value
    return made | {name: [found] if element.many else found}


def body_of(record: Record, type_: str, way: str) -> tuple[Person, dict[str, Any]]:
    """Who writes such a resource, and what they send."""
    reference, inner = WAYS[way](record)
    more = {"contained": inner} if inner else {}
    match type_:
        case "CareTeam":
            return PAUL, team(record.id, NINA, subject=reference, **more)
        case "Consent":
            made = consent(record.id, "dmp-pro-access", NINA)
            return record.holder, made | {"patient": reference} | more
        case "DocumentReference":
            return PAUL, document(record.id, subject=reference, **more)
        case "RelatedPerson":
            return CNAM, minimal(type_) | {"patient": reference} | more
    return PAUL, placed(type_, reference, element_of(type_)) | more


def ids(answer: Answer, type_: str) -> set[str]:
    assert answer.status == 200, answer.body
    return {one["id"] for one in answer.entries if one["resourceType"] == type_}


def codes_of(type_: str) -> tuple[str, ...]:
    """The parameter by which the element of `element_of` is found."""
    return ("beneficiary",) if type_ == "Coverage" else r4().compartments["Patient"][type_][:1]


def doors(record: Record, type_: str) -> dict[str, set[str]]:
    """What each door of the record shows of a type."""
    sub, found = record.holder.sub, dict[str, set[str]]()

    def ask(path: str, query: str) -> None:
        answer = record.house.get(f"{path}?{query}&_count=500", PAUL)
        found[f"{path}?{query}".replace(record.id, "ID")] = ids(answer, type_)

    for code in codes_of(type_):
        if code in ("patient", "subject"):
            ask(type_, f"{code}={record.id}")
            ask(type_, f"{code}:identifier={sub}")
        ask(type_, f"{code}=Patient/{record.id}")
        ask(type_, f"{code}:Patient={record.id}")
        ask(type_, f"{code}=/patient/{record.id}/")
        ask(type_, f"{code}={BASE}/Patient/{record.id}")
        ask(type_, f"{code}:Patient.identifier={sub}")
        ask(type_, f"{code}:Patient.identifier={sub.upper()}")
        ask(type_, f"{code}:Patient._id={record.id}")
        ask("Patient", f"_id={record.id}&_revinclude={type_}:{code}")
    ask(f"Patient/{record.id}/{type_}", "_total=none")
    ask(f"Patient/{record.id}/$everything", f"_type={type_}")
    return found


@pytest.mark.parametrize("type_", TYPES)
def test_every_door_shows_what_is_in_the_record(record: Record, type_: str) -> None:
    made = set[str]()
    for way in WAYS:
        who, body = body_of(record, type_, way)
        answer = record.house.post(type_, who, body)
        assert answer.status == 201, (way, answer.body)
        made.add(answer.id)
    for door, shown in doors(record, type_).items():
        assert made <= shown, (door, made - shown)
    [code] = codes_of(type_)
    for id_ in made:
        led = record.house.get(f"{type_}?_id={id_}&_include={type_}:{code}:Patient", PAUL)
        assert ids(led, "Patient") == {record.id}
        led = record.house.get(f"Patient?_id={record.id}&_has:{type_}:{code}:_id={id_}", PAUL)
        assert ids(led, "Patient") == {record.id}


@pytest.mark.parametrize("type_", TYPES)
def test_a_reference_and_the_identifier_of_another_are_refused(record: Record, type_: str) -> None:
    other = {"system": INS, "value": new_ins()}
    for reference in ({"reference": f"Patient/{record.id}"}, {"reference": "#p"}):
        who, body = body_of(record, type_, "contained")
        text = {"contained": body["contained"]} if reference["reference"] == "#p" else {}
        element = element_of(type_) if type_ not in ("CareTeam", "DocumentReference") else "subject"
        element = "patient" if type_ in ("Consent", "RelatedPerson") else element
        both = reference | {"identifier": other}
        if type_ in ("CareTeam", "Consent", "DocumentReference", "RelatedPerson"):
            sent = {n: v for n, v in body.items() if n != "contained"} | {element: both} | text
        else:
            sent = placed(type_, both, element) | text
        answer = record.house.post(type_, who, sent)
        assert answer.status == 422, (reference, answer.body)


def test_a_patient_inside_is_kept_as_it_was_sent(record: Record) -> None:
    who, body = body_of(record, "Observation", "contained")
    id_ = stored(record.house.post("Observation", who, body))
    kept = record.house.get(f"Observation/{id_}", PAUL).json
    assert kept["contained"] == body["contained"]
    assert kept["subject"]["reference"] == f"Patient/{record.id}"
    for again in (body | {"id": id_}, kept):
        assert record.house.call("PUT", f"Observation/{id_}", PAUL, again).status == 200
        now = record.house.get(f"Observation/{id_}", PAUL).json
        assert (now["contained"], now["subject"]) == (kept["contained"], kept["subject"])


def test_an_update_by_ins_stays_in_every_search(record: Record) -> None:
    _, body = body_of(record, "Observation", "literal")
    id_ = stored(record.house.post("Observation", PAUL, body))
    for way in WAYS:
        _, body = body_of(record, "Observation", way)
        more = {"id": id_, "note": [{"text": way}]}
        assert record.house.call("PUT", f"Observation/{id_}", PAUL, body | more).status == 200, way
        for door, shown in doors(record, "Observation").items():
            assert id_ in shown, (way, door)


def test_another_patients_ins_moves_nothing(record: Record) -> None:
    _, body = body_of(record, "Observation", "literal")
    id_ = stored(record.house.post("Observation", PAUL, body))
    body |= {"id": id_, "subject": {"identifier": {"system": INS, "value": new_ins()}}}
    assert record.house.call("PUT", f"Observation/{id_}", PAUL, body).status == 422
