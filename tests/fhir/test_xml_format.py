"""XML in and out: the same values as JSON; what is no FHIR XML refused with its place."""

from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhir import json_format
from fhir_server.fhir.outcome import BadRequest
from fhir_server.fhir.xml_format import locate, read, write

FHIR = 'xmlns="http://hl7.org/fhir"'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def xml(inside: str, type_: str = "Patient") -> bytes:
    return f"<{type_} {FHIR}>{inside}</{type_}>".encode()


def narrative(inside: str) -> str:
    return f'<text><status value="generated"/><div {XHTML}>{inside}</div></text>'


VALUE = '{"resourceType":"Observation","valueQuantity":{"value":%s}}'
SAME = {
    "empty resource": ("", {}),
    "an id is an element": ('<id value="a"/>', {"id": "a"}),
    "boolean": ('<active value="false"/>', {"active": False}),
    "integer": ('<multipleBirthInteger value="-3"/>', {"multipleBirthInteger": -3}),
    "partial date": ('<birthDate value="1970-03"/>', {"birthDate": "1970-03"}),
    "line ends and quotes": (
        '<language value="a&#10;b&#13;&#9; &quot;&lt;&amp;>é"/>',
        {"language": 'a\nb\r\t "<&>é'},
    ),
    "a choice": ('<deceasedDateTime value="2020"/>', {"deceasedDateTime": "2020"}),
    "an element's id is an attribute": ('<name id="n"><use value="old"/></name>', {
        "name": [{"id": "n", "use": "old"}]
    }),
    "an extension's url is an attribute": (
        '<extension url="u" id="x"><valueCode value="c"/></extension>',
        {"extension": [{"url": "u", "id": "x", "valueCode": "c"}]},
    ),
    "a primitive's id and extension": (
        '<birthDate value="1970" id="b"><extension url="u"><valueTime value="10:00:00"/>'
        "</extension></birthDate>",
        {
            "birthDate": "1970",
            "_birthDate": {"id": "b", "extension": [{"url": "u", "valueTime": "10:00:00"}]},
        },
    ),
    "a primitive without value": (
        '<birthDate><extension url="u"><valueCode value="unknown"/></extension></birthDate>',
        {"_birthDate": {"extension": [{"url": "u", "valueCode": "unknown"}]}},
    ),
    "nulls in a list": (
        '<name><given value="a"/><given id="g"/><given value="c" id="h"/></name>',
        {"name": [{"given": ["a", None, "c"], "_given": [None, {"id": "g"}, {"id": "h"}]}]},
    ),
    "a list with ids alone": ('<name><given id="g"/></name>', {
        "name": [{"given": [None], "_given": [{"id": "g"}]}]
    }),
    "contained": (
        '<contained><Organization><id value="o"/></Organization></contained>',
        {"contained": [{"resourceType": "Organization", "id": "o"}]},
    ),
    "narrative": (
        narrative('a <b title="x">b</b>&amp;<br/>é'),
        {
            "text": {
                "status": "generated",
                "div": f'<div {XHTML}>a <b title="x">b</b>&amp;<br/>é</div>',
            }
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("inside", "members"), SAME.values(), ids=SAME.keys())
def test_xml_and_json_say_the_same(inside: str, members: dict[str, Any]) -> None:
    resource = {"resourceType": "Patient", **members}
    assert read(xml(inside)) == resource
    assert read(write(resource)) == resource


@pytest.mark.parametrize("number", ["1", "1.00", "0.00000000010", "1e5", "-0.0", "123456789012345"])
def test_a_decimal_keeps_its_spelling(number: str) -> None:
    resource = json_format.read((VALUE % number).encode())
    again = read(write(resource))
    assert json_format.write(again) == (VALUE % number).encode()


NOT_VALUES = {
    "boolean": ('<active value="yes"/>', "active", "yes"),
    "capital": ('<active value="TRUE"/>', "active", "TRUE"),
    "sign": ('<multipleBirthInteger value="+1"/>', "multipleBirthInteger", "+1"),
    "point": ('<multipleBirthInteger value="1.0"/>', "multipleBirthInteger", "1.0"),
    "long": (
        f'<multipleBirthInteger value="{"9" * 5000}"/>',
        "multipleBirthInteger",
        "9" * 5000,
    ),
    "blank": ('<multipleBirthInteger value=""/>', "multipleBirthInteger", ""),
}


@pytest.mark.parametrize(("inside", "name", "value"), NOT_VALUES.values(), ids=NOT_VALUES.keys())
def test_what_is_no_value_stays_text_for_the_validator(inside: str, name: str, value: str) -> None:
    assert read(xml(inside))[name] == value


@pytest.mark.parametrize("number", ["1.", "NaN", "01", " 1", "1e9999999999999999999", "9" * 5000])
def test_what_is_no_decimal_stays_text(number: str) -> None:
    inside = f'<valueQuantity><value value="{number}"/></valueQuantity>'
    assert read(xml(inside, "Observation"))["valueQuantity"]["value"] == number


SKIPPED = {
    "comments": '<!-- a --><active value="true"/><!-- b -->',
    "instructions": '<?a b?><active value="true"/>',
    "white space": '\n  <active value="true"/>\t',
    "a comment in an element": '<active value="true"><!-- a --></active>',
}


@pytest.mark.parametrize("inside", SKIPPED.values(), ids=SKIPPED.keys())
def test_what_says_nothing_is_skipped(inside: str) -> None:
    assert read(xml(inside)) == {"resourceType": "Patient", "active": True}


def test_prefixes_are_only_another_spelling() -> None:
    text = (
        '<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">'
        '<f:text><f:status value="empty"/><h:div>x<h:b>y</h:b></h:div></f:text></f:Patient>'
    )
    div = f"<div {XHTML}>x<b>y</b></div>"
    text_ = {"status": "empty", "div": div}
    assert read(text.encode()) == {"resourceType": "Patient", "text": text_}


def test_resources_in_a_bundle_and_elements_of_another_place_are_read() -> None:
    inner = {"resourceType": "Parameters", "parameter": [{"name": "a", "part": [{"name": "b"}]}]}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": inner}]}
    assert read(write(bundle)) == bundle


def test_base64_may_be_longer_than_ten_megabytes() -> None:
    binary = {"resourceType": "Binary", "contentType": "a/b", "data": "AAAA" * 3_000_000}
    assert read(write(binary)) == binary


BAD = {
    "nothing": (b"", "document is empty", "", "1:1"),
    "cut": (xml("")[:-4], "not XML", "", "1:44"),
    "json": (b'{"resourceType":"Patient"}', "not XML", "", "1:1"),
    "two roots": (xml("") * 2, "not XML", "", "1:48"),
    "a document type": (b"<!DOCTYPE Patient>" + xml(""), "document type", "", ""),
    "an entity of its own": (
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + xml('<language value="&b;"/>'),
        "document type",
        "",
        "",
    ),
    "an entity of HTML": (xml(narrative("&nbsp;")), "entity 'nbsp' not defined", "", "1:119"),
    "UTF-16": (xml("").decode().encode("utf-16"), "not XML", "", "1:1"),
    "latin 1": (xml('<language value="é"/>').decode().encode("latin-1"), "encoding", "", "1:55"),
    "no namespace": (b"<Patient/>", "`Patient` is not in the namespace", "Patient", "1:1"),
    "no such type": (xml("", "Patience"), "not a resource type", "Patience", "1:1"),
    "an abstract type": (xml("", "Resource"), "not a resource type", "Resource", "1:1"),
    "a data type": (xml("", "HumanName"), "not a resource type", "HumanName", "1:1"),
    "unknown element": (xml('<a value="1"/>'), "`a` is not an element", "Patient.a", "1:38"),
    "unknown further in": (
        xml('<name/>\n<name><given value="a"/><foo/></name>'),
        "`foo` is not an element",
        "Patient.name[1].foo",
        "2:25",
    ),
    "unknown in contained": (
        xml("<contained><Group><foo/></Group></contained>"),
        "`foo` is not an element",
        "Patient.contained[0].foo",
        "1:56",
    ),
    "another namespace": (
        xml('<name xmlns="urn:a"/>'),
        "`name` is not in the namespace",
        "Patient.name",
        "1:38",
    ),
    "a div that is not XHTML": (
        xml('<text><status value="empty"/><div>a</div></text>'),
        "`div` is not an element",
        "Patient.text.div",
        "1:67",
    ),
    "an attribute of a primitive": (
        xml('<active value="true" x="1"/>'),
        "no attribute `x`",
        "Patient.active",
        "1:38",
    ),
    "an attribute of an object": (
        xml('<name value="a"/>'),
        "no attribute `value`",
        "Patient.name[0]",
        "1:38",
    ),
    "an attribute of a resource": (
        f'<Patient {FHIR} id="a"/>'.encode(),
        "no attribute `id`",
        "Patient",
        "1:1",
    ),
    "text in a resource": (xml("hello"), "text where", "Patient", "1:1"),
    "text in a primitive": (xml('<id value="a">b</id>'), "text where", "Patient.id", "1:38"),
    "text behind an element": (xml('<id value="a"/>b'), "text where", "Patient.id", "1:38"),
    "no value": (xml("<active/>"), "neither a value", "Patient.active", "1:38"),
    "a single element twice": (
        xml('<active value="true"/><active value="true"/>'),
        "only once",
        "Patient.active",
        "1:60",
    ),
    "a single object twice": (
        xml("<maritalStatus/><maritalStatus/>"),
        "only once",
        "Patient.maritalStatus",
        "1:54",
    ),
    "order": (
        xml('<active value="true"/><id value="a"/>'),
        "`id` must stand before",
        "Patient.id",
        "1:60",
    ),
    "two resources in one": (
        xml("<contained><Group/><Group/></contained>"),
        "exactly one resource",
        "Patient.contained[0]",
        "1:38",
    ),
    "no resource": (xml("<contained/>"), "exactly one", "Patient.contained[0]", "1:38"),
    "text beside a resource": (
        xml("<contained>a<Group/></contained>"),
        "text where",
        "Patient.contained[0]",
        "1:38",
    ),
}


@pytest.mark.parametrize(("text", "reason", "path", "place"), BAD.values(), ids=BAD.keys())
def test_what_is_no_fhir_xml_is_refused(text: bytes, reason: str, path: str, place: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read(text)
    issue = refusal.value.outcome()["issue"][0]
    assert reason in issue["diagnostics"]
    assert issue["code"] == "structure"
    assert issue.get("expression", [""]) == [path]
    assert issue.get("location", [""]) == [place]


EXTENSION, END = '<extension url="a">', "</extension>"
DEEP = {
    "elements": xml(EXTENSION * 100 + END * 100),
    "a primitive": xml(EXTENSION * 99 + '<valueCode value="a"/>' + END * 99),
    "a narrative": xml(narrative("<b>" * 98 + "</b>" * 98)),
    "very many": xml(EXTENSION * 100_000),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_elements_too_deep_are_refused(text: bytes) -> None:
    with pytest.raises(BadRequest, match="deep|excessive depth"):
        read(text)


def test_elements_may_be_as_deep_as_the_limit() -> None:
    assert read(xml(EXTENSION * 98 + '<valueCode value="a"/>' + END * 98))
    assert read(xml(narrative("<b>" * 97 + "</b>" * 97)))


def test_a_limit_beyond_what_python_can_do_is_no_crash() -> None:
    with pytest.raises(BadRequest, match="too deep"):
        read(xml(EXTENSION * 1500 + END * 1500), max_depth=100_000)


def test_an_external_entity_is_not_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    text = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret.as_uri()}">]>'.encode() + xml("&b;")
    with pytest.raises(BadRequest, match="document type"):
        read(text)


UNWRITABLE = {
    "no type": {},
    "unknown type": {"resourceType": "Patience"},
    "unknown member": {"resourceType": "Patient", "foo": 1},
    "unknown member further in": {"resourceType": "Patient", "name": [{"foo": 1}]},
    "a sibling of an object": {"resourceType": "Patient", "_name": [{"id": "a"}]},
    "a narrative that is no XML": {"resourceType": "Patient", "text": {"div": "<div>"}},
    "a narrative that is more": {
        "resourceType": "Patient",
        "text": {"div": f"<?a b?><div {XHTML}/>"},
    },
    "a narrative in no namespace": {"resourceType": "Patient", "text": {"div": "<div>a</div>"}},
}


@pytest.mark.parametrize("resource", UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_what_r4_does_not_know_is_not_written(resource: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        write(resource)


def test_members_are_written_in_the_order_of_the_definition() -> None:
    text = write({"active": True, "id": "a", "resourceType": "Patient"})
    assert text.endswith(b'<id value="a"/><active value="true"/></Patient>')


def test_characters_that_xml_cannot_have_are_replaced() -> None:
    text = write({"resourceType": "Patient", "language": "a\0b"})
    assert read(text)["language"] == "a\ufffdb"


def test_locate_says_line_and_column_of_what_the_validator_names() -> None:
    text = xml('\n<name>\n <given value=""/></name>')
    paths = ["Patient.name[0].given[0]", "Patient.name[0].family", "Patient.active"]
    assert locate(text, paths) == dict(zip(paths, ["3:2", "2:1", "1:1"], strict=True))
    assert locate(text, []) == {}
