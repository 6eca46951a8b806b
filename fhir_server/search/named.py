"""Which patients a search names: what decides between an empty answer and a refusal.

https://hl7.org/fhir/R4/search.html#reference
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhir_server.fhir.outcome import BadRequest
from fhir_server.fhir.reference import Local, parse
from fhir_server.search.filter import FILTER, certain, read
from fhir_server.search.terms import as_one, plain, split

_REFERENCES = tuple(code + type_ for code in ("patient", "subject") for type_ in ("", ":Patient"))
_IDENTIFIERS = (
    *(f"{name}.identifier" for name in _REFERENCES),
    "patient:identifier",
    "subject:identifier",
)
_IDS = tuple(f"{name}._id" for name in _REFERENCES)
# The parameters that name a patient in a search of what belongs to one.
NAMING = (*_REFERENCES, *_IDENTIFIERS, *_IDS)


@dataclass(frozen=True, slots=True)
class Named:
    """`identifiers`: `system|value`, or `value`, or `|value`, as asked and without escapes. `ids`
    of Patients.
    """

    identifiers: tuple[str, ...]
    ids: tuple[str, ...]


NAMES = ("_id", "identifier")


def is_name(name: str, value: str) -> bool:
    """Whether `name=value` asks for a resource by its id or business identifier, as an address
    would; `system|` alone is none.
    """
    return name in NAMES and not any(part.endswith("|") for part in split(value, ","))


def by_name(pairs: Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The ids, without escapes, and the business identifiers, as asked, of what these parameters of
    a search name: parameter and value.
    """
    for name, value in (one for pair in pairs for one in _certain(*pair)):
        for part in split(value, ",") if name in NAMES else ():
            if part and is_name(name, part):
                yield name, plain(part) if name == "_id" else part


def named_patient(type_: str, pairs: Sequence[tuple[str, str]], *, base: str) -> Named:
    """The patients that a search of `type_` names; `base` is this server's address.

    `system|` alone names nobody, nor does `:not` or `:missing`. A bare id counts, though `subject`
    may be a group's. A filter names whom it asks for whatever else holds: not in `or`, nor `not`.
    """
    pairs = [one for name, value in pairs for one in _certain(name, value)]
    identifiers: list[str] = []
    ids: list[str] = []
    for name, value in pairs:
        if name in _IDENTIFIERS or (type_ == "Patient" and name == "identifier"):
            identifiers += _identifiers(value)
        elif name in _IDS or (type_ == "Patient" and name == "_id"):
            ids += [plain(part) for part in split(value, ",") if part]
        elif name in _REFERENCES:
            ids += _patients(value, base)
    return Named(tuple(dict.fromkeys(identifiers)), tuple(dict.fromkeys(ids)))


def _certain(name: str, value: str) -> Iterable[tuple[str, str]]:
    """The parameter itself; of a filter those that say what is certain in it."""
    if name != FILTER:
        return [(name, value)]
    try:
        found = tuple(certain(read(value)))
    except BadRequest:  # refused where it is searched by
        return []
    asked = ((way, test.value) for way, test in found if test.operation in ("eq", "re"))
    return [(way, as_one(value)) for way, value in asked]


def _identifiers(value: str) -> Iterable[str]:
    for part in split(value, ","):
        if part and split(part, "|")[-1]:
            yield plain(part)


def _patients(value: str, base: str) -> Iterable[str]:
    for part in split(value, ","):
        text = plain(part)
        try:
            reference = parse(text, base=base)
        except ValueError:
            if text:
                yield text
            continue
        match reference:
            case Local("Patient", id_):
                yield id_
