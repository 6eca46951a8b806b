"""One change in each form that a PATCH may have."""

import json
from base64 import b64encode
from typing import Any

import pytest

from fhir_server.fhir import json_format, xml_format
from tests.house import Answer, House, Person
from tests.interactions.test_transaction import entry, sent
from tests.people import stored

JSON_PATCH, XML_PATCH = "application/json-patch+json", "application/xml-patch+xml"
FHIR_JSON, FHIR_XML = "application/fhir+json", "application/fhir+xml"
FORMS = (JSON_PATCH, XML_PATCH, FHIR_JSON, FHIR_XML)

each_form = pytest.mark.parametrize("form", FORMS)

Change = tuple[str, str, Any]  # add, replace or delete; a path such as `Patient.gender`; a value

FEMALE: Change = ("replace", "Patient.gender", "female")


def patient(plain: House, **more: Any) -> str:
    body = {"resourceType": "Patient", "gender": "male", "name": [{"family": "Essai"}]}
    return stored(plain.post("Patient", None, body | more))


def body_of(form: str, *changes: Change) -> bytes:
    """The changes in this form; values are primitives, added under the last name of the path."""
    if form == JSON_PATCH:
        return json.dumps([_json_operation(*change) for change in changes]).encode()
    if form == XML_PATCH:
        return f"<diff>{''.join(_xml_operation(*change) for change in changes)}</diff>".encode()
    write = json_format.write if form == FHIR_JSON else xml_format.write
    return write(parameters(*changes))


def parameters(*changes: Change) -> dict[str, Any]:
    operations = [_fhirpath_operation(*change) for change in changes]
    made: dict[str, Any] = {"resourceType": "Parameters"}
    return made | ({"parameter": operations} if operations else {})


def _json_operation(kind: str, path: str, value: Any) -> dict[str, Any]:
    pointer = "/" + "/".join(path.split(".")[1:]).replace("[", "/").replace("]", "")
    operation = {"op": {"delete": "remove"}.get(kind, kind), "path": pointer}
    return operation if kind == "delete" else operation | {"value": value}


def _xml_operation(kind: str, path: str, value: Any) -> str:
    *above, name = path.split(".")
    text = str(value).lower() if isinstance(value, bool) else value
    steps = [_xml_step(step) for step in (*above, name)]
    if kind == "delete":
        return f"<remove sel=\"{'/'.join(steps)}\"/>"
    if kind == "replace":
        return f"<replace sel=\"{'/'.join(steps)}/@value\">{text}</replace>"
    return f"<add sel=\"{'/'.join(steps[:-1])}\"><{name} value=\"{text}\"/></add>"


def _xml_step(step: str) -> str:
    name, bracket, index = step.partition("[")
    return f"{name}[{int(index[:-1]) + 1}]" if bracket else name


def _fhirpath_operation(kind: str, path: str, value: Any) -> dict[str, Any]:
    above, _, name = path.rpartition(".")
    type_ = "valueBoolean" if isinstance(value, bool) else "valueString"
    parts: list[dict[str, Any]] = [
        {"name": "type", "valueCode": kind},
        {"name": "path", "valueString": above if kind == "add" else path},
    ]
    if kind == "add":
        parts.append({"name": "name", "valueString": name})
    if kind != "delete":
        parts.append({"name": "value", type_: value})
    return {"name": "operation", "part": parts}


def patched(
    house: House,
    path: str,
    form: str,
    *changes: Change,
    who: Person | None = None,
    query: str = "",
    **headers: str,
) -> Answer:
    body = body_of(form, *changes)
    return house.call("PATCH", path, who, body, query=query, content_type=form, **headers)


def patch_entry(path: str, form: str, *changes: Change, **request: str) -> dict[str, Any]:
    """An entry of a Bundle: Parameters, or a Binary that holds the patch."""
    if form in (FHIR_JSON, FHIR_XML):
        return entry("PATCH", path, parameters(*changes), **request)
    data = b64encode(body_of(form, *changes)).decode()
    binary = {"resourceType": "Binary", "contentType": form, "data": data}
    return entry("PATCH", path, binary, **request)


def bundled(house: House, kind: str, form: str, *entries: dict[str, Any]) -> Answer:
    """Send a Bundle in JSON, or in XML when the patch is Parameters in XML."""
    if form != FHIR_XML:
        return sent(house, kind, *entries)
    bundle = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
    body = xml_format.write(bundle)
    return house.call("POST", "", None, body, content_type=FHIR_XML)


def code(answer: Answer) -> str:
    found: str = answer.json["issue"][0]["code"]
    return found


def untouched(plain: House, id_: str) -> bool:
    answer = plain.get(f"Patient/{id_}")
    return answer.headers["ETag"] == 'W/"1"' and answer.json["gender"] == "male"
