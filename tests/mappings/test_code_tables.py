"""The code tables: complete, consistent, read under every name of a system."""

import csv
from pathlib import Path

import pytest

from mappings import code_tables
from mappings.code_tables import (
    LEVELS,
    MIME_TYPE_IS_ENOUGH,
    NOS,
    VISIBILITY,
    Code,
    class_of,
    confidentiality,
    document_classes,
    format_of_media_type,
    format_of_templates,
    is_level,
    system_oid,
    system_uri,
    type_label,
    usual_system,
)

LOINC = "http://loinc.org"
A05 = f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
A08 = f"{NOS}/TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality"
TABLES = sorted((Path(code_tables.__file__).parent / "codes").glob("*.csv"))


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("path", TABLES, ids=[path.stem for path in TABLES])
def test_each_line_has_a_source_and_stands_once(path: Path) -> None:
    lines = rows(path)
    assert lines and all(line["source"] for line in lines)
    keys = [tuple(value for name, value in line.items() if name != "source") for line in lines]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("system", "code", "class_"),
    [
        (LOINC, "11488-4", "10"),
        (LOINC, "18748-4", "31"),
        (LOINC, "34133-9", "11"),
        (LOINC, "57833-6", "42"),
        (LOINC, "59284-0", "95"),
        (f"{NOS}/TRE_A04-Loinc/FHIR/TRE-A04-Loinc", "11502-2", "10"),
        (A05, "REMB", "60"),
        (A05, "EXPPAT_3", "90"),
        ("urn:oid:1.2.250.1.213.1.1.4.12", "CERT_DECL", "52"),
    ],
)
def test_the_class_of_a_type(system: str, code: str, class_: str) -> None:
    found = class_of(system, code)
    assert found is not None and found == document_classes()[class_]


@pytest.mark.parametrize(
    ("system", "code"),
    [(LOINC, "101881-1"), (LOINC, "1-8"), (A05, "11488-4"), ("", "11488-4")],
    ids=["newer-than-the-table", "unknown", "other-system", "no-system"],
)
def test_an_unknown_type_has_no_class(system: str, code: str) -> None:
    assert class_of(system, code) is None


def test_every_class_of_the_table_has_a_label() -> None:
    used = {row["class"] for row in rows(TABLES[0].parent / "document_types.csv")} - {""}
    assert used <= set(document_classes())
    assert type_label(LOINC, "60591-5") == "Synthèse médicale"
    assert type_label(LOINC, "1-8") == ""


@pytest.mark.parametrize("system", [LEVELS, A08, "urn:oid:2.16.840.1.113883.5.25"])
def test_the_systems_of_confidentiality_are_equal(system: str) -> None:
    found = confidentiality(system, "R")
    assert found == Code(LEVELS, "R", "Restreint")
    assert is_level(found)


def test_visibility_is_no_level() -> None:
    masked = confidentiality("urn:oid:1.2.250.1.213.1.1.4.13", "MASQUE_PS")
    assert masked is not None and masked.system == VISIBILITY
    assert not is_level(masked)


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (LEVELS, "U"),
        (LEVELS, "MASQUE_PS"),
        (VISIBILITY, "N"),
        (VISIBILITY, "MASQUE_PT"),
        (f"{NOS}/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument", "N"),
        ("", "N"),
    ],
)
def test_what_the_dmp_does_not_know_is_no_confidentiality(system: str, code: str) -> None:
    assert confidentiality(system, code) is None


def test_oid_and_uri_there_and_back() -> None:
    for row in rows(TABLES[0].parent / "systems.csv"):
        assert system_oid(row["uri"]) == row["oid"]
        assert (
            usual_system(row["uri"])
            == system_uri(row["oid"])
            == usual_system(system_uri(row["oid"]))
        )
    assert system_uri("2.16.840.1.113883.6.1") == LOINC
    assert system_uri("1.2.3") == "urn:oid:1.2.3" and system_oid("urn:oid:1.2.3") == "1.2.3"
    assert system_uri("") == ""
    assert system_oid("http://example.org") is None
    assert usual_system("http://example.org") == "http://example.org"


def test_the_most_special_template_gives_the_format() -> None:
    minimal, laboratory = "1.2.250.1.213.1.1.1.1", "1.2.250.1.213.1.1.1.55"
    assert format_of_templates([minimal, laboratory]).code == "urn:ihe:lab:xd-lab:2008"
    assert format_of_templates([minimal]) == MIME_TYPE_IS_ENOUGH
    assert format_of_templates([]) == MIME_TYPE_IS_ENOUGH


def test_the_format_of_an_unstructured_body() -> None:
    assert format_of_media_type("application/pdf").code == "urn:ihe:iti:xds-sd:pdf:2008"
    assert format_of_media_type("video/mp4") == MIME_TYPE_IS_ENOUGH


def test_a_code_in_fhir_has_no_empty_parts() -> None:
    assert Code("", "x").concept() == {"coding": [{"code": "x"}]}
