"""XML that cannot be taken, with its line and column: https://hl7.org/fhir/R4/xml.html"""

from typing import Any

import pytest

from tests.house import House
from tests.web.bad import XML, Bad, bad, refused

NS = b'xmlns="http://hl7.org/fhir"'


def xml(name: str, status: int, code: str, body: bytes, **more: Any) -> Bad:
    return bad(name, status, code, body, content_type=XML, **more)


XML_BODIES = [
    xml(
        "a document type",
        400,
        "structure",
        b'<!DOCTYPE x [<!ENTITY a "b">]><Organization '
        + NS
        + b'><name value="&a;"/></Organization>',
        says="document type",
    ),
    xml(
        "an external document type",
        400,
        "structure",
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Organization ' + NS + b"/>",
        says="document type",
    ),
    xml(
        "truncated XML",
        400,
        "structure",
        b"<Organization " + NS + b'>\n <name value="a">',
        says="not XML",
        place="2:",
    ),
    xml(
        "no XML at all",
        400,
        "structure",
        b'{"resourceType":"Organization"}',
        says="not XML",
        place="1:1",
    ),
    xml(
        "no namespace",
        400,
        "structure",
        b'<Organization><name value="a"/></Organization>',
        says="`Organization`",
        place="1:1",
    ),
    xml(
        "an unknown element",
        400,
        "structure",
        b"<Organization " + NS + b'>\n  <nom value="a"/></Organization>',
        says="`nom`",
        at="Organization.nom",
        place="2:3",
    ),
    xml(
        "a code that is none",
        400,
        "code-invalid",
        b"<Organization "
        + NS
        + b'>\n<identifier>\n  <use value="bad"/></identifier><name value="a"/></Organization>',
        says="`bad`",
        at="Organization.identifier[0].use",
        place="3:3",
    ),
    xml(
        "many where one is",
        400,
        "structure",
        b"<Organization " + NS + b'>\n<name value="a"/>\n<name value="b"/></Organization>',
        at="Organization.name",
        place="3:1",
    ),
    xml(
        "nothing where one is",
        400,
        "required",
        b"<Basic " + NS + b'>\n<created value="2020"/></Basic>',
        path="Basic",
        at="Basic.code",
        says="`code`",
    ),
    xml(
        "Latin-1",
        400,
        "structure",
        b"<Organization " + NS + b'><name value="\xe9"/></Organization>',
        says="encoding",
    ),
    xml("too deep", 400, "structure", b"<Organization " + NS + b">" + b"<a>" * 5000, says="depth"),
    xml(
        "another type",
        400,
        "invalid",
        b"<Patient " + NS + b'><active value="true"/></Patient>',
        says="Patient",
    ),
]


@pytest.mark.parametrize("case", XML_BODIES, ids=lambda case: case.name)
def test_bad_xml_is_refused_with_its_place(kept: House, case: Bad) -> None:
    refused(kept, case)
