"""The header of invented CDA documents: what is read, and what is refused with which reason."""

import time
from pathlib import Path

import pytest

from mappings.cda.header import CdaError, Device, Person, read
from mappings.identifiers import InstanceIdentifier
from mappings.xml_text import XmlError, root_of
from tests.documents import ANGE, LUCIEN, PDF, TEST_ROOT, cda, header_of, person, tag

NIA_ROOT = "1.2.250.1.213.1.4.9"
LETTER = Path(__file__).parents[3] / "fhir_server" / "demonstration" / "letter.xml"


def test_a_header_says_who_and_what_and_when() -> None:
    header = header_of(cda(document_id="1.2.3", extension="A7"))
    assert header.identifier.urn == "urn:oid:1.2.3^A7"
    assert (header.type.system, header.type.code) == ("http://loinc.org", "11488-4")
    assert header.title == "Compte rendu de consultation"
    assert header.time == header.period.start == "2024-03-12T10:15:00+01:00"
    assert header.patient.ins == InstanceIdentifier(TEST_ROOT, "285047512345607")
    assert (header.patient.birth_date, header.patient.gender) == ("1985-04-12", "female")
    assert header.custodian is not None and header.custodian.name == "Cabinet Exemple"
    assert header.facility is not None and header.facility.code == "SA07"
    assert header.setting is not None and header.setting.code == "AMBULATOIRE"
    assert header.language == "fr-FR"


def test_the_author_has_a_number_a_name_a_profession_and_an_organization() -> None:
    author = header_of(cda()).authors[0]
    assert isinstance(author, Person)
    assert author.identifiers[0].extension == "899700218896"
    assert author.name is not None and author.name.full == "Dr Anne Exemple"
    assert author.profession is not None and author.profession.code == "G15_10/SM26"
    assert author.organization is not None and author.organization.name == "Cabinet Exemple"


def test_several_authors_stay_in_order_and_each_once() -> None:
    second = person("810001122331", "Dr Paul Essai")
    again = f"<author><assignedAuthor>{second}</assignedAuthor></author>"
    authors = header_of(cda(more_authors=again + again)).authors
    assert [author.identifiers[0].extension for author in authors] == [
        "899700218896",
        "810001122331",
    ]


def test_software_can_be_an_author() -> None:
    within = (
        tag("id", root="1.2.250.1.71.4.2.1", extension="318009249600025/1")
        + "<assignedAuthoringDevice><manufacturerModelName>.</manufacturerModelName>"
        "<softwareName>Analyseur</softwareName></assignedAuthoringDevice>"
    )
    device = header_of(
        cda(more_authors=f"<author><assignedAuthor>{within}</assignedAuthor></author>")
    ).authors[1]
    assert isinstance(device, Device)
    assert (device.software, device.model) == ("Analyseur", "")


def test_a_partial_birth_date_stays_partial() -> None:
    assert header_of(cda(birth="1985")).patient.birth_date == "1985"
    assert header_of(cda(birth="198504121030+0100")).patient.birth_date == "1985-04-12"
    assert header_of(cda(birth="")).patient.birth_date == ""


def test_a_partial_effective_time_stays_partial() -> None:
    assert header_of(cda(when="202403")).time == "2024-03"


def test_all_confidentiality_codes_are_read() -> None:
    codes = header_of(cda(confidentiality=("R", "MASQUE_PS"))).confidentiality
    assert [code.code for code in codes] == ["R", "MASQUE_PS"]


def test_a_document_that_replaces_another() -> None:
    related = header_of(cda(replaces="1.2.3.4")).related
    assert [(one.relation, one.identifier.urn) for one in related] == [
        ("replaces", "urn:oid:1.2.3.4")
    ]


def test_a_pdf_in_a_cda_has_its_format() -> None:
    header = header_of(cda(pdf=PDF))
    assert (header.format.code, header.mime_type) == ("urn:ihe:iti:xds-sd:pdf:2008", "text/xml")


def test_other_numbers_of_the_patient_are_kept() -> None:
    header = header_of(cda(more_ids=tag("id", root="1.2.3.4", extension="IPP7")))
    assert InstanceIdentifier("1.2.3.4", "IPP7") in header.patient.identifiers


@pytest.mark.parametrize("more", [{"patient_ins": ""}, {"patient_ins": " "}, {"ins_root": "1.2.3"}])
def test_a_patient_may_have_no_ins(more: dict[str, str]) -> None:
    patient = header_of(cda(**more)).patient
    assert (patient.ins, patient.birth_date, patient.gender) == (None, "1985-04-12", "female")


def test_an_ins_with_a_wrong_key_is_read_where_keys_are_not_checked() -> None:
    data = cda(patient_ins="285047512345608")
    assert read(root_of(data), check_key=False).patient.ins.extension == "285047512345608"


def test_a_corsican_ins_is_good() -> None:
    assert header_of(cda(patient_ins=ANGE)).patient.ins.extension == ANGE


def test_a_definitive_number_goes_before_a_temporary_one() -> None:
    temporary = tag("id", root=NIA_ROOT, extension=LUCIEN)
    header = header_of(cda(ins_root="1.2.250.1.213.1.4.8", more_ids=temporary))
    assert header.patient.ins.root == "1.2.250.1.213.1.4.8"


def test_other_encodings_are_read() -> None:
    text = cda(title="Épreuve d'effort").decode().replace('encoding="UTF-8"', 'encoding="{}"')
    for encoding in ("iso-8859-1", "utf-16"):
        assert header_of(text.format(encoding).encode(encoding)).title == "Épreuve d'effort"


def test_the_letter_of_the_demonstration_is_small_and_good() -> None:
    data = LETTER.read_bytes()
    header = header_of(data)
    assert len(data) < 6000
    assert header.patient.ins == InstanceIdentifier(TEST_ROOT, LUCIEN)
    assert header.authors[0].identifiers[0].extension == "899700218896"


def refused(data: bytes) -> str:
    with pytest.raises((CdaError, XmlError)) as caught:
        header_of(data)
    return caught.value.reason


TWO_PATIENTS = cda().replace(b"<author>", b"<recordTarget><patientRole/></recordTarget><author>", 1)
NO_AUTHOR = cda().replace(b"<author>", b"<other>", 1).replace(b"</author>", b"</other>", 1)
REFUSALS = {
    "wrong key": (cda(patient_ins="285047512345608"), "has a wrong key"),
    "short INS": (cda(patient_ins="2850475123456"), "has 13 characters"),
    "two INS": (cda(more_ids=tag("id", root=TEST_ROOT, extension=LUCIEN)), "two different INS"),
    "two patients": (TWO_PATIENTS, "of 2 patients"),
    "no author": (NO_AUTHOR, "has no author"),
    "no id": (cda(document_id=" "), "has no id"),
    "id of a text": (cda(document_id="lettre"), "is no OID or UUID"),
    "no type": (cda(type_code=""), "has no code"),
    "no date": (cda(when=""), "has no effectiveTime"),
    "wrong date": (cda(when="20240230"), "`20240230` is not a date"),
    "no label": (cda(confidentiality=()), "has no confidentialityCode"),
    "unknown label": (cda(confidentiality=("X",)), "the confidentiality `X`"),
    "truncated": (cda()[:-200], "not well-formed XML"),
    "empty": (b"", "not well-formed XML"),
    "not XML": (b"%PDF-1.4", "not well-formed XML"),
    "other XML": (b"<ClinicalDocument/>", "the root element is `ClinicalDocument`"),
    "FHIR": (b'<Bundle xmlns="http://hl7.org/fhir"/>', "not a ClinicalDocument"),
    "unknown encoding": (b'<?xml version="1.0" encoding="x-none"?><a/>', "not well-formed XML"),
    "too deep": (b"<a>" * 5000 + b"</a>" * 5000, "not well-formed XML"),
}


@pytest.mark.parametrize(("data", "reason"), REFUSALS.values(), ids=list(REFUSALS))
def test_what_cannot_be_deposited_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    assert reason in refused(data)


def with_doctype(doctype: str, title: str = "x") -> bytes:
    return (
        cda(title="TITLE")
        .replace(b"TITLE", title.encode())
        .replace(b"<ClinicalDocument", doctype.encode() + b"<ClinicalDocument", 1)
    )


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DOCTYPES = {
    "empty": with_doctype("<!DOCTYPE ClinicalDocument>"),
    "system": with_doctype('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
    "file": with_doctype('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>', "&f;"),
    "laughs": with_doctype(f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]>', "&l11;"),
    "utf-16": with_doctype("<!DOCTYPE x>").decode().replace("UTF-8", "UTF-16").encode("utf-16"),
}


@pytest.mark.parametrize("data", DOCTYPES.values(), ids=list(DOCTYPES))
def test_a_doctype_is_refused_at_once(data: bytes) -> None:
    before = time.thread_time()
    assert refused(data).startswith(("a DOCTYPE is not accepted", "not well-formed XML"))
    assert time.thread_time() - before < 1
