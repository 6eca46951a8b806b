"""Every fault of a resource in XML is told with its FHIRPath, its line and its column."""

import pytest

from fhir_server.fhir import xml_format
from fhir_server.fhir.outcome import BadRequest
from profiles.validate import validate

XHTML = "http://www.w3.org/1999/xhtml"
# The lines of a Patient, the first of which is line 2; what is wrong, and where.
FAULTS: dict[str, tuple[list[str], str, str]] = {
    # names, namespaces, attributes, text
    "an unknown element": (['<foo value="a"/>'], "Patient.foo", "2:1"),
    "an unknown element in a list": (
        ['<name><text value="a"/></name>', "<name>", '  <nick value="b"/>', "</name>"],
        "Patient.name[1].nick", "4:3"),
    "an unknown attribute": (['<active value="true" foo="a"/>'], "Patient.active", "2:1"),
    "an attribute of an object": (
        ['<name value="a"><text value="b"/></name>'], "Patient.name[0]", "2:1"),
    "an attribute of another namespace": (
        ['<active value="true" xmlns:b="http://b.example" b:id="c"/>'], "Patient.active", "2:1"),
    "another namespace": (['<active xmlns="http://a.example" value="true"/>'],
                          "Patient.active", "2:1"),
    "no namespace": (['<active xmlns="" value="true"/>'], "Patient.active", "2:1"),
    "a resource of another namespace": (
        ["<contained>", '  <Group xmlns="http://a.example"/>', "</contained>"],
        "Patient.contained[0]", "3:3"),
    "text": (['<active value="true"/>a'], "Patient.active", "2:1"),
    "text in an object": (["<name>a</name>"], "Patient.name[0]", "2:1"),
    "text in a primitive": (["<active>true</active>"], "Patient.active", "2:1"),
    "CDATA": (["<active><![CDATA[true]]></active>"], "Patient.active", "2:1"),
    "a space that is none of XML": (["<name>\u00a0</name>"], "Patient.name[0]", "2:1"),
    # order and number
    "the wrong order": (
        ['<gender value="male"/>', '<active value="true"/>'], "Patient.active", "3:1"),
    "the wrong order in a list": (
        ["<name>", '  <given value="a"/><family value="b"/></name>'],
        "Patient.name[0].family", "3:21"),
    "the wrong order of a resource's head": (
        ['<language value="fr"/>', '<id value="a"/>'], "Patient.id", "3:1"),
    "a list with something between": (
        ['<name><text value="a"/></name>', '<gender value="male"/>', '<name><text value="b"/>',
         "</name>"], "Patient.name[1]", "4:1"),
    "twice what stands once": (
        ['<active value="true"/>', ' <active value="true"/>'], "Patient.active", "3:2"),
    "two choices": (
        ['<deceasedBoolean value="true"/>', '<deceasedDateTime value="2020"/>'],
        "Patient.deceased", "2:1"),
    "a choice without type": (['<deceased value="true"/>'], "Patient.deceased", "2:1"),
    "a missing element": (
        ['<link><other><display value="a"/></other>', '<type value="refer"/></link>',
         '  <link><type value="refer"/></link>'], "Patient.link[1].other", "4:3"),
    # emptiness
    "nothing": (["<name/>"], "Patient.name[0]", "2:1"),
    "an id alone": (['<name id="a"/>'], "Patient.name[0]", "2:1"),
    "no value": (["<name><given/></name>"], "Patient.name[0].given[0]", "2:7"),
    "an empty value": (['<name><given value=""/></name>'], "Patient.name[0].given[0]", "2:7"),
    "a blank value": (
        ["<name>", ' <given value="a"/><given value=" "/></name>'],
        "Patient.name[0].given[1]", "3:20"),
    "an empty id": (['<name id=""><text value="a"/></name>'], "Patient.name[0].id", "2:1"),
    "no resource": (["<contained/>"], "Patient.contained[0]", "2:1"),
    "two resources in one": (
        ["<contained>", '<Group><id value="a"/></Group>', '<Group><id value="b"/></Group>',
         "</contained>"], "Patient.contained[0]", "2:1"),
    # values
    "a boolean that is none": (['<active value="1"/>'], "Patient.active", "2:1"),
    "no day of the calendar": (
        ['<gender value="male"/><birthDate value="2023-02-29"/>'], "Patient.birthDate", "2:23"),
    "an unknown code": (
        ["<contact>", '  <gender value="femme"/>', "</contact>"], "Patient.contact[0].gender",
        "3:3"),
    "an integer of a decimal": (
        ['<multipleBirthInteger value="1.0"/>'], "Patient.multipleBirth", "2:1"),
    "a value of an extension": (
        ['<extension url="a"><valueDecimal value=".5"/></extension>'],
        "Patient.extension[0].value", "2:20"),
    "a value of an extension of a primitive": (
        ['<active value="true">', '  <extension url="a"><valueUri value="a b"/></extension>',
         "</active>"], "Patient.active.extension[0].value", "3:22"),
    "an extension with both": (
        ['<extension url="a"><extension url="b"><valueCode value="c"/></extension>',
         '  <valueCode value="d"/></extension>'], "Patient.extension[0]", "2:1"),
    "an extension without url": (
        ['<extension><valueCode value="c"/></extension>'], "Patient.extension[0].url", "2:1"),
    "a reference to another type": (
        ["<generalPractitioner>", '<reference value="Device/a"/></generalPractitioner>'],
        "Patient.generalPractitioner[0]", "2:1"),
    "base64 that is none": (
        ["<photo>", '<contentType value="a/b"/>', '<data value="!!!!"/></photo>'],
        "Patient.photo[0].data", "4:1"),
    # narratives
    "a script": (
        ['<text><status value="generated"/>', f'<div xmlns="{XHTML}">a<script/></div></text>'],
        "Patient.text.div", "3:1"),
    "a narrative of another namespace": (
        ['<text><status value="generated"/>', "<div>a</div></text>"], "Patient.text.div", "3:1"),
    # contained resources
    "an element of a contained resource": (
        ["<contained><Organization>", '  <id value="o"/>', '  <foo value="a"/>',
         "</Organization></contained>"], "Patient.contained[0].foo", "4:3"),
    "a code of a contained resource": (
        ["<contained><Organization>", '  <id value="o"/>', "  <address>",
         '    <use value="far"/></address>', "</Organization></contained>",
         '<managingOrganization><reference value="#o"/></managingOrganization>'],
        "Patient.contained[0].address[0].use", "5:5"),
    "a resource that nothing refers to": (
        ["<contained><Organization>", '  <id value="o"/>', "</Organization></contained>"],
        "Patient.contained[0]", "2:12"),
}  # fmt: skip


def faults(data: bytes) -> list[tuple[str, str]]:
    """Expression and place of each fault, as `interactions.body` tells them."""
    try:
        resource = xml_format.read(data)
    except BadRequest as refusal:
        return [(issue.expression, issue.location) for issue in refusal.issues]
    found = [issue.expression for issue in validate(resource)]
    places = xml_format.locate(data, found)
    return [(expression, places.get(expression, "")) for expression in found]


def patient(lines: list[str]) -> bytes:
    return "\n".join(['<Patient xmlns="http://hl7.org/fhir">', *lines, "</Patient>"]).encode()


@pytest.mark.parametrize(("lines", "expression", "place"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_with_its_place(lines: list[str], expression: str, place: str) -> None:
    assert faults(patient(lines)) == [(expression, place)]


@pytest.mark.parametrize(("lines", "expression", "place"), FAULTS.values(), ids=FAULTS.keys())
def test_and_in_an_entry_of_a_bundle_too(lines: list[str], expression: str, place: str) -> None:
    before = ['<Bundle xmlns="http://hl7.org/fhir">', '<type value="collection"/>']
    before += ["<entry><fullUrl value='urn:a'/><resource><Group><type value='person'/>"]
    before += ["<actual value='true'/></Group></resource></entry>", "<entry><resource><Patient>"]
    after = ["</Patient></resource></entry>", "</Bundle>"]
    line, _, column = place.partition(":")
    inner = "Bundle.entry[1].resource" + expression.removeprefix("Patient")
    expected = [(inner, f"{int(line) + len(before) - 1}:{column}")]
    assert faults("\n".join([*before, *lines, *after]).encode()) == expected


MALFORMED: dict[str, tuple[list[str], str]] = {
    "a tag that is not closed": (['<active value="true">'], "3:"),
    "an attribute twice": (['<active value="a"', '  value="b"/>'], "3:"),
    "an attribute without quotes": (["<active value=a/>"], "2:"),
    "an entity of HTML": (['<name><text value="a&nbsp;b"/></name>'], "2:"),
    "a prefix without namespace": (["", '<a:active value="true"/>'], "3:"),
    "a control character": (['<name><text value="a\x01"/></name>'], "2:"),
    "a second root": (['<active value="true"/></Patient>', "<Patient>"], "3:"),
}


@pytest.mark.parametrize(("lines", "place"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_xml_is_told_with_line_and_column(lines: list[str], place: str) -> None:
    ((expression, found),) = faults(patient(lines))
    assert expression == "" and found.startswith(place)
    assert int(found.partition(":")[2]) > 0


ALLOWED: dict[str, list[str]] = {
    "comments": ["<!-- a --><name><!-- b --><text value='c'/><!-- d --></name>"],
    "processing instructions": ["<?a b?><active value='true'/><?c?>"],
    "other prefixes": ['<f:active xmlns:f="http://hl7.org/fhir" value="true"/>'],
    "a primitive with id and extension": [
        '<active id="a" value="true"><extension url="b"><valueCode value="c"/></extension></active>'
    ],
    "a primitive without value": [
        '<active><extension url="b"><valueCode value="c"/></extension></active>'
    ],
}


@pytest.mark.parametrize("lines", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_the_standard_allows_is_no_fault(lines: list[str]) -> None:
    assert faults(patient(lines)) == []
