"""Which parameters there are now: those of the definitions, and those an operator has stored.

https://hl7.org/fhir/R4/searchparameter.html

Those of the definitions are the same for every server (`parameters`); of the others storage keeps
what the index is made with, and what has become of it. Both sides of a change are here: `Registry`
is what an index is made with, `Offer` what a search may use.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import blake2b

import msgspec

from fhir_server.search.keys import CONTAINED, FULL_TEXT, GRAM, INWARD, number
from fhir_server.search.parameters import Parameter, parameters
from profiles.definitions import SearchParameter, r4

Parameters = Mapping[str, Mapping[str, Parameter]]  # by type and code

# How the values of each type of parameter become rows. A number counts up with each change of that,
# so that old indexes are known for what they are.
READING = {
    "token": 1, "date": 2, "string": 2, "reference": 3, "uri": 3, "number": 1, "quantity": 2,
    "composite": 4, "special": 1,
}  # fmt: skip
# What an index has beside the rows of parameters: words, letters and contained resources, as
# `keys.number` calls them; their names here count up too. Without the one spelling of identifiers
# an older index still finds all but OIDs and UUIDs in odd spellings, so that nothing waits for it.
BESIDE: Mapping[str, tuple[str, ...]] = {
    "words-1": FULL_TEXT, "letters-2": (GRAM,), "contained-1": (CONTAINED,), "identifiers-1": (),
    "inward-1": (INWARD,),
}  # fmt: skip
# Tokens over strings are compared without case: the other tokens need no new index for it.
FOLDED = "folded-1"
HL7 = "http://hl7.org/fhir/SearchParameter/"


@dataclass(frozen=True, eq=False)
class Registry:
    """`indexed`: the operator's parameters that every index has rows of; `offered`: those that all
    resources have been indexed by. `missing`: numbers of parameters of the definitions that older
    resources have no rows of yet. `generation`: drawn anew with each change, 0 before the first.
    """

    generation: int = 0
    indexed: Parameters = field(default_factory=dict)
    offered: Parameters = field(default_factory=dict)
    missing: frozenset[int] = frozenset()


NOTHING_STORED = Registry()


class Offer:
    """The parameters that one request may search by. `ask` says what is so now, which costs a
    statement: it is asked once, and only for what the definitions do not have. `guarded`: those
    that tell of what may be left out for their reader are not offered.
    """

    def __init__(
        self,
        known: Registry = NOTHING_STORED,
        ask: Callable[[], Registry] = lambda: NOTHING_STORED,
        *,
        guarded: bool = False,
    ) -> None:
        self.known, self.ask, self.guarded = known, ask, guarded
        self.asked: Registry | None = None

    def now(self) -> Registry:
        if self.asked is None:
            self.asked = self.ask()
        return self.asked

    def find(self, type_: str, code: str) -> Parameter | None:
        """The parameter of this code, None when the type has none that may be searched by."""
        found = parameters(type_).get(code)
        if found is not None and found.number not in self.known.missing:
            return found
        if found is None and (code.startswith("_") or "." in code):  # no code of an operator's
            return None
        now = self.now()
        if found is not None:
            return None if found.number in now.missing else found
        stored = now.offered.get(type_, {}).get(code)
        return None if stored is None or (self.guarded and stored.telling) else stored

    def has(self, number: int) -> bool:
        """Whether every index has the rows of this number, which the definitions have or `BESIDE`.
        """
        return number not in self.known.missing or number not in self.now().missing

    def defined(self) -> "Offer":
        """The same without the operator's, of which contained resources have no rows."""
        return Offer(self.known, lambda: replace(self.now(), offered={}), guarded=self.guarded)

    def all(self, type_: str) -> Mapping[str, Parameter]:
        """All of a type by code."""
        now = self.now()
        codes = (*parameters(type_), *now.offered.get(type_, {}))
        found = {code: self.find(type_, code) for code in codes}
        return {code: parameter for code, parameter in found.items() if parameter is not None}


DEFINED = Offer()


def by_type(found: Iterable[Parameter]) -> Parameters:
    made: dict[str, dict[str, Parameter]] = {}
    for parameter in found:
        made.setdefault(parameter.resource, {})[parameter.code] = parameter
    return made


@cache
def made_with() -> str:
    """What an index of this program is made with, as text that is another when that changes."""
    return " ".join(sorted({*_digests().values(), *BESIDE, FOLDED}))


@cache
def _digests() -> Mapping[tuple[str, str], str]:
    definitions = r4().search
    return {
        (type_, code): _digest(definition)
        for type_ in r4().resources
        for code, definition in definitions[type_].items()
    }


@cache
def _digest(definition: SearchParameter) -> str:
    text = msgspec.json.encode(definition) + str(READING[definition.type]).encode()
    return blake2b(text, digest_size=6).hexdigest()


def missing(made: str) -> frozenset[int]:
    """The numbers of the parameters that an index `made_with` this text has no rows of, or other
    rows. "" stands for one of a program that did not say: it has those of R4.
    """
    there, definitions = frozenset(made.split()), r4().search
    beside = frozenset(
        number(type_, code)
        for name, codes in BESIDE.items() if name not in there
        for type_ in r4().resources for code in codes
    )  # fmt: skip
    return beside | frozenset(
        parameter.number
        for type_ in r4().resources
        for code, parameter in parameters(type_).items()
        if (_digests()[type_, code] not in there if made
            else not definitions[type_][code].url.startswith(HL7))
        or (parameter.folded and FOLDED not in there)
    )  # fmt: skip
