"""The body of a request as a resource that is structurally sound.

https://hl7.org/fhir/R4/validation.html: base R4 is always checked, whatever the settings say of
profiles.
"""

from dataclasses import replace
from itertools import islice
from typing import Any, Mapping

from fhir_server.fhir import elements, json_format, xml_format
from fhir_server.fhir.formats import JSON, content
from fhir_server.fhir.http import Call
from fhir_server.fhir.modifiers import not_understood
from fhir_server.fhir.outcome import BadRequest, Issue, TooLarge, Unprocessable
from fhir_server.fhir.subset import is_subset
from fhir_server.interactions.context import Context
from fhir_server.policy.ins import faults
from fhir_server.storage.writing import Draft
from profiles.validate import validate

MOST_ISSUES = 50


def read_body(call: Call, context: Context) -> Draft:
    """The resource of the body; its text too when it came as JSON. BadRequest where it is none,
    TooLarge where it has too many elements.
    """
    depth, most = context.settings.max_depth, context.settings.max_elements
    if content(call) == JSON:
        elements.check_json(call.body, most)
        return Draft(json_format.read(call.body, max_depth=depth), call.body)
    elements.check_xml(call.body, most)
    return Draft(xml_format.read(call.body, max_depth=depth))


def check(resource: Mapping[str, Any], call: Call, context: Context) -> None:
    """BadRequest with every structural fault, TooLarge for too many contained resources; with the
    policy on, Unprocessable for what would be misunderstood and for an INS that cannot be one.
    """
    most = context.settings.max_contained
    contained = resource.get("contained", ())
    if isinstance(contained, list) and len(contained) > most:
        raise TooLarge(
            f"a resource contains at most {most} others",
            code="too-costly",
            expression=f"{resource['resourceType']}.contained",
        )
    found = validate(resource)
    if found:
        issues = [Issue(one.code, one.text, one.expression) for one in found]
        raise BadRequest("the resource is not valid", issues=_placed(issues, call))
    if context.policed:
        check_understood(resource, call)
        check_ins(resource, context)


def _placed(issues: list[Issue], call: Call) -> tuple[Issue, ...]:
    """The issues with their line and column, where the body is XML."""
    if not (call.body and call.header("content-type") and content(call) != JSON):
        return tuple(issues)
    places = xml_format.locate(call.body, [issue.expression for issue in issues])
    return tuple(replace(one, location=places.get(one.expression, "")) for one in issues)


def check_understood(resource: Mapping[str, Any], call: Call) -> None:
    """Unprocessable for modifier extensions we do not know: rules that decide by what an element
    says would decide by what it does not say.

    https://hl7.org/fhir/R4/extensibility.html#modifierExtension
    """
    issues = [
        Issue("extension", f"the modifier extension `{url[:200]}` is not understood", expression)
        for expression, url in islice(not_understood(resource), MOST_ISSUES)
    ]
    if issues:
        text = "modifier extensions that are not understood"
        raise Unprocessable(text, issues=_placed(issues, call))


def check_whole(resource: Mapping[str, Any]) -> None:
    """Unprocessable for a part of a resource (`_summary`, `_elements`) about to overwrite it all.

    https://hl7.org/fhir/R4/search.html#summary
    """
    if is_subset(resource):
        raise Unprocessable(
            "a resource tagged SUBSETTED does not replace a whole one",
            code="business-rule",
            expression=f"{resource['resourceType']}.meta.tag",
        )


def check_ins(resource: Mapping[str, Any], context: Context) -> None:
    """Unprocessable for an INS that cannot be one; with FHIR_VALIDATION=warn it is stored, and its
    writer is warned (`Consenting._remarks`).
    """
    for text, expression in faults(resource) if context.settings.validation == "strict" else ():
        raise Unprocessable(text, code="value", expression=expression)
