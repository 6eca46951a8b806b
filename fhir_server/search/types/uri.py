"""Uri parameters: the same address, letter by letter.

https://hl7.org/fhir/R4/search.html#uri
"""

from collections.abc import Sequence

from fhir_server.search.keys import common, key
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import Criterion, HasKey
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, plain, refuse_modifier


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """A key for each address; a canonical with a version (`url|1.0`) is found without it too."""
    for type_, value in items:
        if type_ == "canonical":
            rows.keys.add(common(parameter.number, "uri", value))
            rows.keys.add(common(parameter.number, "uri", value.partition("|")[0]))
        elif isinstance(value, str):
            rows.keys.add(key(parameter.number, "uri", value))


def ask(parameter: Parameter, modifier: str, values: Sequence[str], _: Asked) -> Criterion:
    if modifier:
        refuse_modifier(parameter.code, modifier)
    return HasKey(tuple(key(parameter.number, "uri", plain(value)) for value in values))
