"""What Flask answers for addresses that are not below the base address: a refusal as FHIR has it.

https://hl7.org/fhir/R4/http.html#operationoutcome
"""

from flask import Response
from werkzeug.exceptions import HTTPException

from fhir_server.fhir import json_format
from fhir_server.fhir.formats import JSON
from fhir_server.fhir.outcome import Issue, operation_outcome

CODES = {404: "not-found", 405: "not-supported"}


def refused(problem: HTTPException) -> Response:
    """The same status and headers, with an OperationOutcome."""
    answer = Response(status=problem.code, headers=dict(problem.get_headers()))
    text = "there is nothing here" if problem.code == 404 else str(problem.name).lower()
    issue = Issue(CODES.get(problem.code or 500, "exception"), text)
    answer.set_data(json_format.write(operation_outcome(issue)))
    answer.content_type = f"{JSON};charset=utf-8"
    return answer
