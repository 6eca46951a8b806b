"""Check digits, prefixes, and identifiers there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.identifiers import (
    InstanceIdentifier,
    from_identifier,
    ins_key,
    ins_problem,
    is_finess,
    is_rpps,
    is_siren,
    is_siret,
    normal,
    passes_luhn,
    professional_kind,
    structure_kind,
    to_identifier,
)

KEYS = {
    "2550814168025": "38",
    "1850578006084": "91",
    "2690299351111": "18",
    "1240188524933": "34",
    "1890150900123": "15",
    "2850475123456": "07",
    "1991199999999": "45",
    "185052A004001": "81",
    "278112B123456": "61",
    "167012A004123": "01",
    "267082B033456": "51",
}
UUID = "2ce71a5b-fd99-4958-ade4-ca39e86625ed"


@pytest.mark.parametrize(("number", "key"), KEYS.items(), ids=list(KEYS))
def test_the_key_of_an_ins(number: str, key: str) -> None:
    assert ins_key(number) == key
    assert ins_problem(number + key) is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "has 0 characters"),
        ("1240188524933", "has 13 characters"),
        ("1240188524933340", "has 16 characters"),
        ("12401885249333A", "is not made of digits"),
        ("124012C52493334", "is not made of digits"),
        ("12401 852493334", "is not made of digits"),
        ("١٢٤٠١٨٨٥٢٤٩٣٣٣٤", "is not made of digits"),
        ("124018852493335", "has a wrong key"),
        ("123456789012345", "has a wrong key"),
        ("1240188524933" + "00", "has a wrong key"),
    ],
)
def test_an_unusable_ins_says_why(value: str, problem: str) -> None:
    assert problem in (ins_problem(value) or "")


@given(st.from_regex(r"[1-8][0-9]{12}", fullmatch=True), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_of_an_ins_is_noticed(number: str, place: int, more: int) -> None:
    wrong = str((int(number[place]) + more) % 10)
    assert ins_problem(number[:place] + wrong + number[place + 1 :] + ins_key(number))


def test_a_message_shows_no_more_than_100_characters_of_a_value() -> None:
    assert len(ins_problem("9" * 5000) or "") < 200


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (is_rpps, "99700218896", "10101201234"),
        (is_rpps, "10001122331", "997002188960"),
        (is_siren, "264403106", "264403107"),
        (is_siret, "18009249600025", "18009249600026"),
        (is_siret, "35600000049837", "35600000049838"),  # La Poste: sum of digits
        (is_siret, "18009249600025", "264403106"),
        (is_finess, "750712184", "750712185"),
        (is_finess, "330781196", "33078119"),
        (is_finess, "010000024", "010000025"),
        (is_finess, "2A0000123", "2C0000123"),
        (passes_luhn, "0", "٠"),
        (passes_luhn, "18", ""),
    ],
)
def test_check_digits(check, good: str, bad: str) -> None:  # type: ignore[no-untyped-def]
    assert check(good)
    assert not check(bad)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("899700218896", "RPPS"),
        ("0752345678", "ADELI"),
        ("3750100125/1453", "FINESS"),
        ("518003502400041/1.2.250.1.215.1.2", "SIRET"),
        ("410000000/x", "SIREN"),
        ("6810001234567/12", "RPPS-practice"),
        ("1752345678/7", "ADELI-practice"),
        ("3750100125", None),
        ("999", None),
        ("", None),
    ],
)
def test_the_forms_of_a_professional_number(value: str, kind: str | None) -> None:
    assert professional_kind(value) == kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1750100125", "FINESS"),
        ("2264403106", "SIREN"),
        ("318009249600025", "SIRET"),
        ("41000112233101", "RPPS-rang"),
        ("0123456789", "ADELI-practice"),
        ("R81311", "technical"),
        ("1801984755893", "technical"),
    ],
)
def test_the_forms_of_a_structure_number(value: str, kind: str) -> None:
    assert structure_kind(value) == kind


@pytest.mark.parametrize(
    ("instance", "system", "value"),
    [
        (("1.2.3", "42"), "urn:oid:1.2.3", "42"),
        (("1.2.3", ""), "urn:ietf:rfc:3986", "urn:oid:1.2.3"),
        ((UUID, ""), "urn:ietf:rfc:3986", f"urn:uuid:{UUID}"),
        ((UUID, "42"), f"urn:uuid:{UUID}", "42"),
    ],
    ids=["oid", "oid-alone", "uuid-alone", "uuid"],
)
def test_an_identifier_there_and_back(instance: tuple[str, str], system: str, value: str) -> None:
    written = to_identifier(InstanceIdentifier(*instance))
    assert (written["system"], written["value"]) == (system, value)
    assert from_identifier(written) == InstanceIdentifier(*instance)


@pytest.mark.parametrize(
    ("root", "type_", "use"),
    [
        ("1.2.250.1.213.1.4.8", "INS-NIR", "official"),
        ("1.2.250.1.213.1.4.9", "INS-NIA", "temp"),
        ("1.2.250.1.213.1.4.10", "INS-NIR-TEST", "official"),
        ("1.2.250.1.213.1.4.11", "INS-NIR-DEMO", "official"),
        ("1.2.250.1.71.4.2.1", "IDNPS", "official"),
        ("1.2.250.1.71.4.2.2", "IDNST", "official"),
    ],
)
def test_french_identifiers_have_their_type_and_use(root: str, type_: str, use: str) -> None:
    written = to_identifier(InstanceIdentifier(root, "1"))
    assert (written["type"]["coding"][0]["code"], written["use"]) == (type_, use)


@pytest.mark.parametrize(
    ("root", "extension", "urn"),
    [
        ("1.2.3", "", "urn:oid:1.2.3"),
        ("1.2.3", "A/7", "urn:oid:1.2.3^A/7"),
        (UUID.upper(), "", f"urn:uuid:{UUID}"),
    ],
)
def test_a_document_id_as_a_urn(root: str, extension: str, urn: str) -> None:
    assert InstanceIdentifier(root, extension).urn == urn
    back = from_identifier({"system": "urn:ietf:rfc:3986", "value": urn})
    assert back is not None and back.urn == urn


def test_an_identifier_that_hl7_v3_cannot_say() -> None:
    assert from_identifier({"system": "https://rpps.esante.gouv.fr", "value": "1"}) is None
    assert from_identifier({"value": "1"}) is None


PROFESSIONAL, STRUCTURE = "urn:oid:1.2.250.1.71.4.2.1", "urn:oid:1.2.250.1.71.4.2.2"
URN = "urn:ietf:rfc:3986"
SAME = {
    "an OID": [
        (URN, "urn:oid:1.2.3"),
        (URN, "URN:OID:1.2.3"),
        (URN, "1.2.3"),
        ("URN:IETF:RFC:3986", "Urn:Oid:1.2.3"),
        ("", "urn:oid:1.2.3"),
    ],
    "a UUID": [
        (URN, f"urn:uuid:{UUID}"),
        (URN, f"URN:UUID:{UUID.upper()}"),
        (URN, UUID),
        (URN, "{" + UUID.upper() + "}"),
        (URN, "urn:uuid:{" + UUID + "}"),
        ("", f"urn:uuid:{UUID.upper()}"),
    ],
    "an OID with an extension": [
        (URN, "urn:oid:1.2.3^A b"),
        (URN, "1.2.3^A b"),
        ("", "URN:OID:1.2.3^A b"),
        ("urn:oid:1.2.3", "A b"),
        ("URN:OID:1.2.3", "A b"),
        ("1.2.3", "A b"),
    ],
    "a professional": [
        (PROFESSIONAL, "899700218896"),
        (PROFESSIONAL, "99700218896"),
        ("1.2.250.1.71.4.2.1", "899700218896"),
        ("URN:OID:1.2.250.1.71.4.2.1", "99700218896"),
        ("https://rpps.esante.gouv.fr", "99700218896"),
        ("http://rpps.esante.gouv.fr/", "899700218896"),
    ],
    "an establishment": [
        (STRUCTURE, "1750100125"),
        ("https://finess.esante.gouv.fr", "750100125"),
    ],
}
DIFFERENT = [
    (URN, "urn:oid:1.2.4"),
    (URN, "urn:oid:1.2.3^a b"),
    ("urn:x", "1.2.3"),
    ("urn:x", "URN:OID:1.2.3"),
    ("", "1.2.3"),
    (URN, "https://a.example/1"),
    (URN, "HTTPS://a.example/1"),
    (URN, "urn:uuid:1.2.3"),
    (URN, "urn:oid:" + UUID[:-1]),
    (PROFESSIONAL, "899700218897"),
    (PROFESSIONAL, "3750100125/1453"),
    ("urn:x", "{" + UUID + "}"),
]


@pytest.mark.parametrize("spellings", SAME.values(), ids=list(SAME))
def test_an_identifier_has_one_form_however_it_is_spelled(spellings: list[tuple[str, str]]) -> None:
    assert len({normal(*spelling) for spelling in spellings}) == 1


def test_other_identifiers_stay_others() -> None:
    every = [spellings[0] for spellings in SAME.values()] + DIFFERENT
    assert len({normal(*one) for one in every}) == len(every)


@given(st.text(), st.text())
def test_the_form_of_an_identifier_is_its_own(system: str, value: str) -> None:
    assert normal(*normal(system, value)) == normal(system, value)
