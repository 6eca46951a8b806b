"""HL7 v3 data types: times of every precision, names of every form."""

import pytest
from lxml import etree

from mappings.cda.datatypes import (
    Name,
    Period,
    code_of,
    date_time,
    instance_identifiers,
    is_instant,
    name_of,
    patient_names,
    period_of,
)
from mappings.code_tables import Code
from mappings.identifiers import InstanceIdentifier


def element(text: str) -> etree._Element:
    return etree.fromstring(text.replace(">", ' xmlns="urn:hl7-org:v3">', 1).encode())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024", "2024"),
        ("202403", "2024-03"),
        ("20240312", "2024-03-12"),
        ("20240312+0100", "2024-03-12"),
        ("20240312101523+0100", "2024-03-12T10:15:23+01:00"),
        ("20240312101523.045-0330", "2024-03-12T10:15:23.045-03:30"),
        ("202403121015+0100", "2024-03-12T10:15:00+01:00"),
        ("2024031210+0100", "2024-03-12T10:00:00+01:00"),
        ("20240312101523+100", "2024-03-12T10:15:23+01:00"),
        ("20240312101523+01", "2024-03-12T10:15:23+01:00"),
        ("20240312101523+1", "2024-03-12T10:15:23+01:00"),
        ("20240312101523+0000", "2024-03-12T10:15:23+00:00"),
        ("20240229", "2024-02-29"),
    ],
)
def test_a_time_keeps_its_precision(written: str, read: str) -> None:
    assert date_time(written) == read


def test_a_time_without_a_zone_is_cut_to_its_day() -> None:
    assert date_time("20240312101523") == "2024-03-12"
    assert not is_instant("2024-03-12")


@pytest.mark.parametrize(
    "written",
    ["", "24", "20241301", "20240230", "2024031225", "202403121060", "hier", "2024-03-12",
     "20240312101523+2500", "20240312101523+0199", "2024031210152", "00000101", "٢٠٢٤"],
)  # fmt: skip
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        date_time(written)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<e><low value='2023'/><high value='2024'/></e>", Period("2023", "2024")),
        ("<e><low value='2023'/></e>", Period("2023")),
        ("<e><high value='2024'/></e>", Period("", "2024")),
        ("<e><low nullFlavor='UNK'/></e>", Period()),
        ("<e value='2023'></e>", Period("2023")),
        ("<e></e>", Period()),
    ],
)
def test_periods(written: str, read: Period) -> None:
    assert period_of(element(written)) == read


def test_a_code_has_its_system_and_a_label() -> None:
    loinc = "<code code=' 11488-4 ' codeSystem='2.16.840.1.113883.6.1'>{}</code>"
    note = "<originalText> Consult <b>note</b></originalText>"
    assert code_of(element(loinc.format(""))) == Code("http://loinc.org", "11488-4")
    assert code_of(element(loinc.format(note))) == Code(
        "http://loinc.org", "11488-4", "Consult note"
    )
    assert code_of(element("<code nullFlavor='UNK'></code>")) is None
    assert code_of(None) is None


def test_an_id_without_a_root_is_none() -> None:
    ids = [
        element(f"<id {text}></id>")
        for text in ("nullFlavor='NA'", "root='1.2' extension=' A  7 '")
    ]
    assert instance_identifiers(ids) == (InstanceIdentifier("1.2", "A  7"),)


def test_the_name_of_a_professional() -> None:
    given = "<prefix>M</prefix><given>Jean </given><given>Luc</given>"
    name = name_of(element(f"<name>{given}<family>ESSAI</family><suffix>DR</suffix></name>"))
    assert name == Name("", "ESSAI", ("Jean", "Luc"), ("M",), ("DR",))
    assert name is not None and name.full == "DR Jean Luc ESSAI"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<name>Dr  Anne Exemple</name>", Name(text="Dr Anne Exemple")),
        ("<name><given>.</given><family>Assurance</family></name>", Name(family="Assurance")),
        ("<name></name>", None),
        ("<name><given>.</given></name>", None),
    ],
)
def test_unusual_names(written: str, read: Name | None) -> None:
    assert name_of(element(written)) == read


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        (
            "<family qualifier='BR'>NÉE</family><given>Léa Rose</given>"
            "<given qualifier='BR'>Léa</given>"
            "<family qualifier='CL'>DITE</family><given qualifier='CL'>Rose</given>",
            [
                Name("official", "NÉE", ("Léa",), given_list="Léa Rose"),
                Name("usual", "DITE", ("Rose",)),
            ],
        ),
        (
            "<family qualifier='BR'>NÉE</family><family qualifier='SP'>ÉPOUSE</family>"
            "<given>Léa</given>",
            [Name("official", "NÉE", ("Léa",), given_list="Léa"), Name("usual", "ÉPOUSE")],
        ),
        ("<family>SEUL</family><given>Léa</given>", [Name("", "SEUL", ("Léa",))]),
        ("<given qualifier='CL'>Rose</given>", [Name("usual", "", ("Rose",))]),
    ],
    ids=["birth-and-use", "married", "plain", "no-family"],
)  # fmt: skip
def test_the_names_of_a_patient(parts: str, names: list[Name]) -> None:
    assert list(patient_names([element(f"<name>{parts}</name>")])) == names
