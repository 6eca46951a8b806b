"""One file for each type of search parameter: `read` makes its index rows, `ask` reads what a
search says of it.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from fhir_server.search.parameters import Parameter
from fhir_server.search.query import Criterion
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked
from fhir_server.search.types import date, number, quantity, reference, string, token, uri

Read = Callable[[Parameter, Items, Rows], None]
Ask = Callable[[Parameter, str, Sequence[str], Asked], Criterion]  # modifier, values still escaped

READ: Mapping[str, Read] = MappingProxyType({
    "token": token.read, "date": date.read, "string": string.read, "reference": reference.read,
    "uri": uri.read, "number": number.read, "quantity": quantity.read,
})  # fmt: skip
ASK: Mapping[str, Ask] = MappingProxyType({
    "token": token.ask, "date": date.ask, "string": string.ask, "reference": reference.ask,
    "uri": uri.ask, "number": number.ask, "quantity": quantity.ask,
})  # fmt: skip
