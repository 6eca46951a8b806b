"""What Flask answers for addresses that are not below the base address: `/openapi.json`, or a
refusal as FHIR has it.

https://hl7.org/fhir/R4/http.html#operationoutcome, https://spec.openapis.org/oas/v3.1.0
"""

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from fhir_server.fhir import json_format
from fhir_server.fhir.formats import JSON
from fhir_server.fhir.outcome import Issue, operation_outcome
from fhir_server.interactions.openapi import description
from fhir_server.settings import Settings

CODES = {404: "not-found", 405: "not-supported"}


def beside(app: Flask, settings: Settings) -> None:
    """Let `app` answer with the description of the API, without a token, and refuse the rest."""
    app.register_error_handler(HTTPException, refused)

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(description(settings), mimetype="application/json")


def refused(problem: HTTPException) -> Response:
    """The same status and headers, with an OperationOutcome."""
    answer = Response(status=problem.code, headers=dict(problem.get_headers()))
    text = "there is nothing here" if problem.code == 404 else str(problem.name).lower()
    issue = Issue(CODES.get(problem.code or 500, "exception"), text)
    answer.set_data(json_format.write(operation_outcome(issue)))
    answer.content_type = f"{JSON};charset=utf-8"
    return answer
