"""A FHIR body in XML is UTF-8, and says nothing else (contract, 7).

https://hl7.org/fhir/R4/xml.html
"""

import pytest

from tests.house import House
from tests.people import stored
from tests.rest.asking import XML

BODY = '<Patient xmlns="http://hl7.org/fhir"><name><family value="Élodie"/></name></Patient>'
OTHERS = ("ISO-8859-1", "iso-8859-15", "UTF-16", "utf-32", "US-ASCII", "windows-1252", "x", "UTF8")
UTF_8 = (
    "", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-8"?>\n',
    "<?xml version='1.0'  encoding = 'utf-8' standalone='yes'?>", "\ufeff",
)  # fmt: skip


@pytest.mark.parametrize("declaration", UTF_8)
def test_what_declares_utf_8_or_nothing_is_read(plain: House, declaration: str) -> None:
    text = (declaration + BODY).encode()
    id_ = stored(plain.post("Patient", None, text, content_type=XML))
    assert plain.get(f"Patient/{id_}").json["name"] == [{"family": "Élodie"}]


@pytest.mark.parametrize("encoding", OTHERS)
def test_what_declares_another_encoding_is_400_whatever_its_bytes(
    plain: House, encoding: str
) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?>{BODY}"
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient"}))
    for body in (text.encode(), text.replace("É", "E").encode("ascii")):
        for method, path in (("POST", "Patient"), ("PUT", f"Patient/{id_}"), ("POST", "")):
            answer = plain.call(method, path, None, body, content_type=XML)
            assert (answer.status, answer.json["issue"][0]["code"]) == (400, "structure")
            assert f"`{encoding}`" in answer.diagnostics
        patch = body.replace(BODY.encode(), b"<diff/>")
        patched = plain.call("PATCH", f"Patient/{id_}", None, patch,
                             content_type="application/xml-patch+xml")  # fmt: skip
        assert patched.status == 400


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1", "cp500"])
def test_bytes_that_are_not_utf_8_are_400(plain: House, encoding: str) -> None:
    answer = plain.post("Patient", None, BODY.encode(encoding), content_type=XML)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "structure")
