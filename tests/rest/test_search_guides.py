"""The search parameters that guides add to R4's: MHD, PDSm, TDE, EU imaging.

https://profiles.ihe.net/ITI/MHD/, https://interop.esante.gouv.fr/ig/fhir/pdsm/
"""

from typing import Any

import pytest

from tests.house import NINA, House
from tests.people import stored
from tests.rest.stated import said
from tests.rest.test_search_interactions import TAGS, addresses, deposited, new, record, tagged

MHD = "https://profiles.ihe.net/ITI/MHD/"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/"
TDE = "https://interop.esante.gouv.fr/ig/fhir/tde/"
IMAGING = "http://hl7.eu/fhir/imaging/SearchParameter/SearchParameterDocumentReference"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DocumentReference."
MAIDEN = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
JDV_J59, DICOM = "urn:oid:1.2.250.1.213.1.1.4.12", "http://dicom.nema.org/resources/ontology/DCM"
SCT, URI = "http://snomed.info/sct", "urn:ietf:rfc:3986"

Json = dict[str, Any]


def coded(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def archived(is_: bool) -> Json:
    return {"url": f"{PDSM}StructureDefinition/pdsm-ext-is-archived", "valueBoolean": is_}


def document(tag: str, made: str, start: str, end: str, *extensions: Json) -> Json:
    attachment = {"contentType": "application/pdf", "url": "http://a.example/1", "creation": made}
    return tagged(
        "DocumentReference", tag, status="current", content=[{"attachment": attachment}],
        context={"period": {"start": start, "end": end}}, extension=list(extensions),
    )  # fmt: skip


def image(tag: str, modality: str, site: str) -> Json:
    found = document(tag, "2026", "2026", "2026", archived(True))
    found["extension"] += [
        {"url": f"{R5}modality", "valueCodeableConcept": coded(DICOM, modality)},
        {"url": f"{R5}bodySite", "extension": [
            {"url": "concept", "valueCodeableConcept": coded(SCT, site)}]},
    ]  # fmt: skip
    return found


def submission(tag: str, code: str, sender: str, **more: Any) -> Json:
    extensions = [
        {"url": f"{MHD}StructureDefinition/ihe-designationType",
         "valueCodeableConcept": coded(JDV_J59, code)},
        {"url": f"{MHD}StructureDefinition/ihe-sourceId",
         "valueIdentifier": {"system": URI, "value": sender}},
    ]  # fmt: skip
    return tagged("List", tag, status="current", mode="working", extension=extensions) | more


def by(organization: str) -> Json:
    return {
        "url": f"{MHD}StructureDefinition/ihe-authorOrg",
        "valueReference": {"reference": organization},
    }


def found(plain: House, tag: str, query: str, type_: str = "DocumentReference") -> list[str]:
    """The ids in the order of the answer."""
    asked = f"{type_}?_tag={TAGS}|{tag}&{query}"
    return [one.split("/")[1] for one in addresses(plain.get(asked, prefer="handling=strict"))]


def two(plain: House, *bodies: Json) -> list[str]:
    return [stored(plain.post(body["resourceType"], None, body)) for body in bodies]


DOCUMENTS = [  # what is asked, and which of the two documents are found
    ("creation=2026-02", "1"), ("creation=ge2026-01-01", "01"), ("creation=2025", ""),
    ("creation=sa2026-01-31", "1"), ("period-start=2026-01-09", "0"),
    ("period-start=ge2026-01-09", "01"), ("period-start=2026-01-12", ""),
    ("period-end=le2026-01-12", "0"), ("period-end=2026-02", "1"), ("period-end=lt2026", ""),
    ("isArchived=true", "1"), ("isArchived=false", "0"), ("isArchived:not=true", "0"),
    ("isArchived:missing=true", ""), ("creation:missing=false", "01"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "numbers"), DOCUMENTS)
def test_Q09_documents_are_found_by_what_mhd_and_pdsm_add(
    plain: House, query: str, numbers: str
) -> None:
    tag = new()
    ids = two(
        plain,
        document(tag, "2026-01-15T10:00:00+01:00", "2026-01-09", "2026-01-12", archived(False)),
        document(tag, "2026-02-03", "2026-02-01", "2026-02-02", archived(True)),
    )
    assert set(found(plain, tag, query)) == {ids[int(number)] for number in numbers}


@pytest.mark.parametrize("code", ["creation", "period-start", "period-end", "isArchived"])
def test_Q20_documents_are_sorted_by_what_mhd_and_pdsm_add(plain: House, code: str) -> None:
    tag = new()
    late, early, none = two(
        plain,
        document(tag, "2026-02-03", "2026-02-01", "2026-02-02", archived(True)),
        document(tag, "2026-01-15", "2026-01-09", "2026-01-12", archived(False)),
        tagged("DocumentReference", tag, status="current",
               content=[{"attachment": {"contentType": "text/plain"}}]),
    )  # fmt: skip
    assert found(plain, tag, f"_sort={code}") == [early, late, none]
    assert found(plain, tag, f"_sort=-{code}") == [late, early, none]


IMAGES = [
    ("modality=CT", "0"), (f"modality={DICOM}|MR", "1"), ("modality=US", ""),
    ("modality:not=CT", "1"), (f"bodysite={SCT}|51185008", "0"), (f"bodysite={SCT}|1", ""),
    ("bodysite=69536005,51185008", "01"), ("bodysite:missing=true", ""), ("isArchived=true", "01"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "numbers"), IMAGES)
def test_Q09_images_are_found_by_technique_and_part_of_the_body(
    plain: House, query: str, numbers: str
) -> None:
    tag = new()
    ids = two(plain, image(tag, "CT", "51185008"), image(tag, "MR", "69536005"))
    assert set(found(plain, tag, query)) == {ids[int(number)] for number in numbers}
    assert found(plain, tag, "_sort=modality") == ids
    assert found(plain, tag, "_sort=-bodysite") == ids[::-1]


LISTS = [
    ("designationType=04", "0"), (f"designationType={JDV_J59}|07", "1"), ("designationType=9", ""),
    ("sourceId=urn:oid:1.2.3", "0"), (f"sourceId={URI}|urn:oid:1.2.4", "1"),
    (f"sourceId={URI}|", "01"), (f"sourceId={URI}|1.2.3", "0"), (f"sourceId={URI}|1.2.5", ""),
    ("isArchived=true", "1"),
    ("isArchived:missing=true", "0"), ("isArchived=false", "0"), ("isArchived:not=false", "1"),
    ("isArchived:not=true", "0"), ("isArchived=true,false", "01"), ("isArchived=|false", "0"),
    ("isArchived=other", ""), ("_filter=isArchived eq false", "0"),
    ("_filter=not (isArchived eq false)", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "numbers"), LISTS)
def test_Q09_submissions_are_found_by_what_mhd_adds(
    plain: House, query: str, numbers: str
) -> None:
    tag = new()
    second = submission(tag, "07", "urn:oid:1.2.4")
    second["extension"].append(archived(True))
    ids = two(plain, submission(tag, "04", "urn:oid:1.2.3"), second)
    assert set(found(plain, tag, query, "List")) == {ids[int(number)] for number in numbers}
    for code in ("designationType", "sourceId"):
        assert found(plain, tag, f"_sort={code}", "List") == ids
        assert found(plain, tag, f"_sort=-{code}", "List") == ids[::-1]


def test_Q14_the_organization_of_a_submission_is_found_on_the_list_and_on_its_source(
    plain: House,
) -> None:
    tag = new()
    bodies = [tagged("Organization", tag, name=name) for name in ("Clinique", "Cabinet", "Autre")]
    clinic, practice, other = (f"Organization/{id_}" for id_ in two(plain, *bodies))
    role = stored(plain.post("PractitionerRole", None, tagged("PractitionerRole", tag)))
    source = {"reference": f"PractitionerRole/{role}", "extension": [by(practice)]}
    on_list = submission(tag, "04", "urn:oid:1.2.3")
    on_list["extension"].append(by(clinic))
    first, second = two(plain, on_list, submission(tag, "07", "urn:oid:1.2.4", source=source))
    for query, expected in (
        (f"authorOrg={clinic}", [first]), (f"authorOrg={practice.split('/')[1]}", [second]),
        (f"authorOrg={other}", []), ("authorOrg.name=cab", [second]),
        ("authorOrg:Organization.name=autre", []),
        (f"source:PractitionerRole={role}", [second]), (f"source:Patient={role}", []),
    ):  # fmt: skip
        assert found(plain, tag, query, "List") == expected, query
    answer = plain.get(f"List?_tag={TAGS}|{tag}&_include=List:authorOrg&_sort=designationType")
    assert addresses(answer) == [f"List/{first}", f"List/{second}", clinic, practice] or (
        addresses(answer) == [f"List/{first}", f"List/{second}", practice, clinic]
    )


def test_Q18_a_submission_is_found_by_the_patient_who_made_it(plain: House) -> None:
    tag = new()
    names = ("Exemple", "Essai")
    people = two(plain, *(tagged("Patient", tag, name=[{"family": name}]) for name in names))
    ids = two(plain, *(
        submission(tag, "04", "urn:oid:1.2.3", source={"reference": f"Patient/{id_}"})
        for id_ in people
    ))  # fmt: skip
    assert found(plain, tag, "source:Patient.family=exemp", "List") == [ids[0]]
    assert found(plain, tag, "source:Patient.given=lucien", "List") == []


def test_Q11_a_trace_is_found_by_when_it_began(plain: House) -> None:
    tag = new()

    def trace(start: str) -> Json:
        return tagged(
            "AuditEvent", tag, type={"code": "rest"}, recorded="2026-01-07T12:00:00Z",
            agent=[{"requestor": True}], source={"observer": {"display": "a"}},
            period={"start": start},
        )  # fmt: skip

    ids = two(plain, trace("2026-01-07T09:30:00Z"), trace("2026-01-07T10:30:00+01:00"),
              trace("2026-01-08"))  # fmt: skip
    asked = "period-start=2026-01-07T09:30:00Z"
    assert set(found(plain, tag, asked, "AuditEvent")) == set(ids[:2])
    assert found(plain, tag, "period-start=ge2026-01-08", "AuditEvent") == [ids[2]]
    assert found(plain, tag, "period-start=lt2026-01-07", "AuditEvent") == []
    assert found(plain, tag, "_sort=-period-start", "AuditEvent")[0] == ids[2]


def test_Q12_a_patient_is_found_by_the_maiden_name_of_the_mother(plain: House) -> None:
    tag = new()
    bodies = [tagged("Patient", tag, extension=[{"url": MAIDEN, "valueString": name}])
              for name in ("Éluard", "Aragon")]  # fmt: skip
    ids = two(plain, *bodies)
    assert found(plain, tag, "mothersMaidenName=elu", "Patient") == [ids[0]]
    assert found(plain, tag, "mothersMaidenName:exact=Aragon", "Patient") == [ids[1]]
    assert found(plain, tag, "mothersMaidenName:exact=aragon", "Patient") == []
    assert found(plain, tag, "_sort=mothersMaidenName", "Patient") == ids[::-1]


CANONICALS = [
    ("DocumentReference", "creation", f"{MHD}SearchParameter/DocumentReference-Creation"),
    ("DocumentReference", "isArchived", f"{PDSM}SearchParameter/PDSm-isArchived"),
    ("List", "isArchived", f"{PDSM}SearchParameter/PDSm-isArchived"),
    ("DocumentReference", "period-start",
     f"{PDSM}SearchParameter/PDSm-DocumentReference-period-start"),
    ("DocumentReference", "period-end", f"{PDSM}SearchParameter/PDSm-DocumentReference-period-end"),
    ("List", "authorOrg", f"{PDSM}SearchParameter/PDSm-List-authorOrg"),
    ("List", "designationType", f"{MHD}SearchParameter/List-DesignationType"),
    ("List", "sourceId", f"{MHD}SearchParameter/List-SourceId"),
    ("AuditEvent", "period-start", f"{TDE}SearchParameter/TDE-AuditEvent-period-start"),
    ("DocumentReference", "modality", f"{IMAGING}Modality"),
    ("DocumentReference", "bodysite", f"{IMAGING}BodySite"),
    ("List", "source", "http://hl7.org/fhir/SearchParameter/List-source"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "code", "canonical"), CANONICALS)
def test_Q02_a_parameter_of_a_guide_is_declared_with_its_canonical(
    house: House, type_: str, code: str, canonical: str
) -> None:
    (declared,) = [one for one in said(house, type_)["searchParam"] if one["name"] == code]
    assert declared["definition"] == canonical


def test_Q02_what_guides_call_a_parameter_of_r4_is_told_with_it(plain: House) -> None:
    (source,) = [p for p in said(plain, "List")["searchParam"] if p["name"] == "source"]
    for name in ("PDSm-List-PatientAsSource", "PDSm-List-PractitionerRoleAsSource"):
        assert f"<{PDSM}SearchParameter/{name}>" in source["documentation"]
    others = [p for p in said(plain, "List")["searchParam"] if p["name"] != "source"]
    assert not any("documentation" in one for one in others)


@pytest.mark.parametrize("query", [
    "creation:missing=true", "isArchived:missing=true", "period-start:missing=true",
    "modality:missing=true", "isArchived:not=true", "_sort=creation,-period-end",
])  # fmt: skip
def test_Q09_a_masked_document_is_not_there_for_the_parameters_of_guides(
    house: House, query: str
) -> None:
    patient = record(house, NINA)
    asked = f"DocumentReference?patient={patient}&{query}"
    before = house.get(asked, NINA).json
    deposited(house, patient, masked=True)
    after = house.get(asked, NINA).json
    assert (before["total"], before.get("entry")) == (after["total"], after.get("entry"))
