"""An OperationOutcome is valid whatever it names: https://hl7.org/fhir/R4/operationoutcome.html"""

import pytest

from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.outcome import BadRequest
from profiles.validate import validate


@pytest.mark.parametrize("sent", ["\0", "\b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_what_no_text_may_hold_is_replaced(sent: str) -> None:
    outcome = BadRequest(f"`{sent}` is no value", expression=f"Patient.{sent}").outcome()
    assert validate(outcome) == []
    assert outcome["issue"][0]["diagnostics"] == "`\ufffd` is no value"
    for written in (json_format, xml_format):
        assert written.read(written.write(outcome), max_depth=9) == outcome


def test_what_a_text_may_hold_stays() -> None:
    text = "`\t\r\n\u00e9\u2028\U0001f600` is fine"
    assert BadRequest(text).outcome()["issue"][0]["diagnostics"] == text
