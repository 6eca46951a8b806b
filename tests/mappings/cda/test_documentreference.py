"""The DocumentReference of a CDA document; what a client left out; the submission set."""

import base64
import hashlib
from typing import Any

import pytest

from mappings.cda.documentreference import complete, documentreference, submission_set
from profiles.validate import validate
from tests.documents import CLAIRE, PDF, TEST_ROOT, VISIBILITY, cda, header_of, person, tag

Json = dict[str, Any]
LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
A08 = "https://mos.esante.gouv.fr/NOS/TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality"
VISIBLE = "https://mos.esante.gouv.fr/x"
INS = {"system": f"urn:oid:{TEST_ROOT}", "value": CLAIRE}


def derived(data: bytes | None = None, *, url: str | None = "Binary/1", **parts: Any) -> Json:
    data = data or cda(**parts)
    document = documentreference(header_of(data), data=data, patient="Patient/1", url=url)
    assert validate(document) == []
    return document


def contained(document: Json, reference: str) -> Json:
    found: Json = next(one for one in document["contained"] if f"#{one['id']}" == reference)
    return found


def codes(concepts: list[Json]) -> list[str]:
    return [concept["coding"][0]["code"] for concept in concepts]


def test_the_document_is_named_typed_and_classed() -> None:
    document = derived(document_id="1.2.3", extension="A7")
    assert document["masterIdentifier"] == {
        "system": "urn:ietf:rfc:3986",
        "value": "urn:oid:1.2.3^A7",
    }
    assert document["status"] == "current"
    assert codes([document["type"]]) == ["11488-4"]
    assert codes(document["category"]) == ["10"]
    assert document["subject"] == {"reference": "Patient/1"}
    assert document["date"] == "2024-03-12T10:15:00+01:00"


def test_an_unknown_type_has_no_category() -> None:
    assert "category" not in derived(type_code="1-8")


def test_the_attachment_has_size_and_sha_1_of_the_bytes() -> None:
    data = cda(pdf=PDF)
    content = derived(data)["content"][0]
    assert content["attachment"] == {
        "contentType": "text/xml",
        "language": "fr-FR",
        "url": "Binary/1",
        "size": len(data),
        "hash": base64.b64encode(hashlib.sha1(data).digest()).decode(),
        "title": "Compte rendu de consultation",
        "creation": "2024-03-12T10:15:00+01:00",
    }
    assert content["format"]["code"] == "urn:ihe:iti:xds-sd:pdf:2008"


def test_without_a_url_there_is_none() -> None:
    assert "url" not in derived(url=None)["content"][0]["attachment"]


def test_the_author_is_named_in_the_reference_and_contained() -> None:
    document = derived()
    author = document["author"][0]
    assert author["identifier"] == {
        "system": "urn:oid:1.2.250.1.71.4.2.1",
        "value": "899700218896",
    }
    role = contained(document, author["reference"])
    practitioner = contained(document, role["practitioner"]["reference"])
    organization = contained(document, role["organization"]["reference"])
    assert practitioner["identifier"][0]["value"] == "899700218896"
    assert practitioner["name"] == [{"family": "Exemple", "given": ["Anne"], "suffix": ["Dr"]}]
    assert organization["identifier"][0]["value"] == "1750100125"
    assert (codes(role["code"]), codes(role["specialty"])) == (["10"], ["G15_10/SM26"])


def test_one_who_writes_signs_and_keeps_is_contained_once() -> None:
    document = derived()
    assert document["authenticator"] == document["author"][0]
    assert [one["resourceType"] for one in document["contained"]] == [
        "Patient", "Practitioner", "Organization", "PractitionerRole",
    ]  # fmt: skip
    assert document["custodian"]["identifier"]["value"] == "1750100125"


def test_several_authors_are_all_there() -> None:
    second = person("810001122331", "Dr Paul Essai", "Clinique Essai", structure="1750712184")
    third = person("810001122349", "Dr Zoé Essai")
    more = "".join(
        f"<author><assignedAuthor>{one}</assignedAuthor></author>" for one in (second, third)
    )
    authors = derived(more_authors=more)["author"]
    assert [author["display"] for author in authors] == [
        "Dr Anne Exemple", "Dr Paul Essai", "Dr Zoé Essai",
    ]  # fmt: skip
    assert len({author["reference"] for author in authors}) == 3


def test_a_device_as_author() -> None:
    within = (
        tag("id", root="1.2.3", extension="7")
        + tag("code", code="DISPOSITIF", codeSystem="1.2.250.1.213.1.1.4.6")
        + "<assignedAuthoringDevice><softwareName>Analyseur</softwareName>"
        + "</assignedAuthoringDevice>"
    )
    document = derived(more_authors=f"<author><assignedAuthor>{within}</assignedAuthor></author>")
    device = contained(document, document["author"][1]["reference"])
    assert device["deviceName"] == [{"name": "Analyseur", "type": "user-friendly-name"}]


@pytest.mark.parametrize("ins", [CLAIRE, "124018852493334"], ids=["the-holder", "another"])
def test_a_patient_as_author(ins: str) -> None:
    within = tag("id", root=TEST_ROOT, extension=ins)
    document = derived(more_authors=f"<author><assignedAuthor>{within}</assignedAuthor></author>")
    patient = contained(document, document["author"][1]["reference"])
    assert patient["resourceType"] == "Patient"
    assert patient["identifier"][0]["value"] == ins
    holder = (
        document["context"]["sourcePatientInfo"]["reference"] == document["author"][1]["reference"]
    )
    assert holder == (ins == CLAIRE)


def test_a_patient_who_signs_is_no_authenticator() -> None:
    own = f'<id root="{TEST_ROOT}" extension="{CLAIRE}"/>'.encode()
    data = cda().replace(b'<id root="1.2.250.1.71.4.2.1" extension="899700218896"/>', own)
    assert "authenticator" not in derived(data)


def test_the_context_tells_of_the_act_and_the_place() -> None:
    context = derived()["context"]
    assert codes(context["event"]) == ["11429006"]
    assert context["period"] == {"start": "2024-03-12T10:15:00+01:00"}
    assert codes([context["facilityType"]]) == ["SA07"]
    assert codes([context["practiceSetting"]]) == ["AMBULATOIRE"]


def test_the_source_patient_has_both_names() -> None:
    document = derived()
    source = document["context"]["sourcePatientInfo"]
    assert source["identifier"] == INS
    patient = contained(document, source["reference"])
    names = [(name["use"], name["family"], name["given"]) for name in patient["name"]]
    assert names == [("official", "ESSAI", ["Claire"]), ("usual", "ESSAI-DUPONT", ["Claire"])]
    assert patient["name"][0]["extension"][0]["valueString"] == "Claire Marie"
    assert (patient["birthDate"], patient["gender"]) == ("1985-04-12", "female")


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (("N",), ["N"]),
        (("MASQUE_PS", "V"), ["V", "MASQUE_PS"]),
        (("INVISIBLE_PATIENT",), ["N", "INVISIBLE_PATIENT"]),
    ],
)
def test_a_document_has_one_level_and_all_its_visibility_labels(
    given: tuple[str, ...], labels: list[str]
) -> None:
    assert codes(derived(confidentiality=given)["securityLabel"]) == labels


def test_the_replaced_document_is_named_by_its_identifier() -> None:
    (related,) = derived(replaces="1.2.3.4")["relatesTo"]
    assert (related["code"], related["target"]["identifier"]["value"]) == (
        "replaces",
        "urn:oid:1.2.3.4",
    )


def test_a_date_alone_is_no_instant() -> None:
    document = derived(when="20240312")
    assert "date" not in document
    assert document["content"][0]["attachment"]["creation"] == "2024-03-12"


# What the client left out.


def given_by_client(**parts: Any) -> Json:
    base = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/xml", "data": "PGEvPg=="}}],
    }
    return base | parts


def completed(given: Json, **parts: Any) -> Json:
    document = complete(given, derived(**parts))
    assert validate(document) == []
    return document


def test_all_that_was_left_out_is_taken_from_the_document() -> None:
    document = completed(given_by_client())
    expected = derived()
    assert set(document) == set(expected)
    assert document["content"][0]["attachment"]["data"] == "PGEvPg=="
    assert document["content"][0]["attachment"]["title"] == "Compte rendu de consultation"
    assert document["content"][0]["format"] == expected["content"][0]["format"]
    assert document["contained"] == expected["contained"]


def test_what_the_client_says_wins() -> None:
    given = given_by_client(
        type={"text": "lettre"},
        category=[{"text": "autre"}],
        author=[{"reference": "Practitioner/7"}],
        context={"period": {"start": "2020"}},
    )
    given["content"][0]["attachment"]["title"] = "Mon titre"
    document = completed(given)
    for name in ("category", "author"):
        assert document[name] == given[name]
    assert document["type"]["text"] == "lettre"
    assert document["content"][0]["attachment"]["title"] == "Mon titre"
    assert document["context"]["period"] == {"start": "2020"}
    assert codes([document["context"]["facilityType"]]) == ["SA07"]


@pytest.mark.parametrize(("code", "category"), [("18748-4", ["31"]), ("1-8", None)])
def test_the_category_follows_from_the_type_of_the_client(
    code: str, category: list[str] | None
) -> None:
    type_ = {"coding": [{"system": "http://loinc.org", "code": code}]}
    document = completed(given_by_client(type=type_))
    assert ("category" in document) == bool(category)
    assert codes(document.get("category", [])) == (category or [])


def test_a_value_that_the_client_gives_as_missing_is_not_filled() -> None:
    reason = {
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "masked",
    }
    given = given_by_client()
    given["content"][0]["attachment"]["_title"] = {"extension": [reason]}
    assert "title" not in completed(given)["content"][0]["attachment"]


def test_contained_resources_of_both_keep_apart() -> None:
    own = {"resourceType": "Organization", "id": "patient-1", "name": "À moi"}
    given = given_by_client(contained=[own], custodian={"reference": "#patient-1"})
    document = completed(given)
    assert document["contained"][0] == own
    assert contained(document, document["custodian"]["reference"]) == own
    source = document["context"]["sourcePatientInfo"]["reference"]
    assert contained(document, source)["resourceType"] == "Patient"
    ids = [one["id"] for one in document["contained"]]
    assert len(set(ids)) == len(ids)


def test_contained_resources_that_nobody_needs_do_not_come() -> None:
    author = {"reference": "Practitioner/7"}
    given = given_by_client(author=[author], authenticator=author)
    kinds = [one["resourceType"] for one in completed(given)["contained"]]
    assert kinds == ["Patient", "Organization"]


@pytest.mark.parametrize(
    ("given", "inside", "labels"),
    [
        ([], "R", ["R"]), ([(VISIBLE, "MASQUE_PS")], "R", ["R", "MASQUE_PS"]),
        ([(LEVELS, "N")], "R", ["R"]), ([(LEVELS, "N")], "V", ["V"]), ([(LEVELS, "R")], "V", ["V"]),
        ([(LEVELS, "R")], "N", ["R"]), ([(A08, "V")], "R", ["V"]), ([(A08, "N")], "V", ["V"]),
        ([(LEVELS, "N"), (VISIBLE, "MASQUE_PS")], "V", ["V", "MASQUE_PS"]),
        ([(LEVELS, "N"), (LEVELS, "R")], "V", ["V", "N", "R"]),  # for nobody to decide: refused
    ],
)  # fmt: skip
@pytest.mark.parametrize("together", [False, True])
def test_the_stricter_label_counts(
    given: list[tuple[str, str]], inside: str, labels: list[str], together: bool
) -> None:
    codings = [{"system": system, "code": code} for system, code in given]
    concepts = [{"coding": codings}] if together else [{"coding": [coding]} for coding in codings]
    more = {"securityLabel": concepts} if given else {}
    document = completed(given_by_client(**more), confidentiality=(inside,))
    found = [c["code"] for label in document["securityLabel"] for c in label["coding"]]
    assert found == labels


def test_the_flags_of_both_hide_it() -> None:
    label = {"coding": [{"system": f"urn:oid:{VISIBILITY}", "code": "MASQUE_PS"}]}
    inside = ("N", "MASQUE_PS", "INVISIBLE_PATIENT")
    document = completed(given_by_client(securityLabel=[label]), confidentiality=inside)
    assert codes(document["securityLabel"]) == ["N", "MASQUE_PS", "INVISIBLE_PATIENT"]


def test_a_type_in_words_gets_the_code_of_the_document() -> None:
    document = completed(given_by_client(type={"text": "Un courrier"}))
    assert document["type"]["text"] == "Un courrier"
    assert codes([document["type"]]) == ["11488-4"]
    assert document["category"]


def test_completing_changes_neither_of_the_two() -> None:
    given = given_by_client(contained=[{"resourceType": "Device", "id": "patient-1"}])
    source = derived()
    before = (repr(given), repr(source))
    complete(given, source)
    assert (repr(given), repr(source)) == before


# The submission set of a document that came alone.

UUID = "2ce71a5b-fd99-4958-ade4-ca39e86625ed"


def submitted(document: Json) -> Json:
    return submission_set(
        document | {"id": "d1"}, id_=UUID, source_id="urn:oid:1.2.3", when="2024-03-12T11:00:00Z"
    )


def test_a_submission_set_holds_the_document_and_its_author() -> None:
    found = submitted(derived())
    assert validate(found) == []
    assert found["entry"] == [{"item": {"reference": "DocumentReference/d1"}}]
    assert found["subject"] == {"reference": "Patient/1"}
    assert contained(found, found["source"]["reference"])["resourceType"] == "PractitionerRole"
    assert {one["resourceType"] for one in found["contained"]} == {
        "Practitioner", "Organization", "PractitionerRole",
    }  # fmt: skip
    urls = [one["url"].rpartition("/")[2] for one in found["extension"]]
    assert urls == ["ihe-designationType", "ihe-sourceId"]


def test_an_organization_as_author_is_the_source_in_an_extension() -> None:
    found = submitted(derived() | {"author": [{"reference": "Organization/7"}]})
    assert validate(found) == []
    assert found["source"]["extension"][0]["valueReference"] == {"reference": "Organization/7"}
    assert "contained" not in found


def test_a_submission_set_without_an_author_has_no_source() -> None:
    document = derived()
    del document["author"]
    assert "source" not in submitted(document)
