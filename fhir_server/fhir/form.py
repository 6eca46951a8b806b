"""Parameters, as an address or a form has them.

https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/R4/operations.html#executing
"""

from urllib.parse import parse_qsl

from fhir_server.fhir.formats import split
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import BadRequest

FORM = "application/x-www-form-urlencoded"
MOST = 1000  # parameters of one address or form
MAX_ASKED = 100_000  # characters of what the trail keeps of a question
CUT = "\n[cut]"


def is_form(call: Call) -> bool:
    """Whether the body says that it is a form."""
    return split(call.header("content-type"))[0] == FORM


def sent(call: Call) -> list[tuple[str, str]]:
    """Those of the address and, with POST, of a form, decoded, in order; those without a value too.
    BadRequest where they are not UTF-8, or too many.
    """
    try:
        found = _pairs(call.query)
        if call.method == "POST" and is_form(call):
            found += _pairs(call.body.decode())
        return found
    except ValueError as problem:
        raise BadRequest(f"the parameters cannot be read: {problem}", code="value") from problem


def asked(call: Call) -> str:
    """What was asked as the caller wrote it, for the trail: method and address, then the condition
    of a create and the body of a form; cut, and said to be, beyond `MAX_ASKED` characters.
    """
    lines = [f"{call.method} {call.path}{'?' if call.query else ''}{call.query}"]
    if condition := call.header("if-none-exist"):
        lines.append(f"If-None-Exist: {condition}")
    if call.method == "POST" and call.body and is_form(call):
        lines += ["", call.body[: MAX_ASKED + 1].decode(errors="replace")]
    text = "\n".join(lines)
    return text if len(text) <= MAX_ASKED else f"{text[:MAX_ASKED]}{CUT}"


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST)
