"""What is compared exactly, as 63-bit numbers: parameters, and (parameter, kind, value).

https://hl7.org/fhir/R4/search.html#token

Hashes rather than texts keep the index small and give each value one column. They are part of the
stored data: a change here means that every index must be built again. Codes are compared as they
are: in R4 a token is case-sensitive unless its code system says otherwise, and no code system with
a binding here does. An element of type string has no code system, and is compared without case.
"""

from functools import cache, lru_cache
from hashlib import blake2b
from typing import Literal

Kind = Literal[
    "present",  # the parameter has a value
    "code",  # a token whatever its system
    "folded",  # a token of type string, in lower case
    "coding",  # a token with its system, "" when it has none
    "system",  # any token of this system
    "of-type",  # type system, type code, value of an identifier
    "reference",  # Type/id, id, Type/id/_history/version, or an address elsewhere
    "identifier",  # of a logical reference, as `code`; the next two as `coding` and `system`
    "identifier-coding",
    "identifier-system",
    "uri",
    "string",  # the whole string as it is
    "unit",  # of a quantity: makes the number of its own rows
    "unit-system",  # the same of all units of a system
    "text",  # of a token: makes the number of the rows of its words
    "address",  # of a uri: makes the number of the rows of the addresses, letter by letter
    "word",  # of the narrative or the rest of a resource
    "gram",  # three letters in a row of any string of a resource
    "component",  # of a composite: the number of what stands beside one key
]

TEXT, CONTENT = FULL_TEXT = "_text", "_content"  # searched by words
GRAM = "gram"  # of a type: strings, letter by letter
CONTAINED = "_contained"  # of a type: its resources inside others
INWARD = "_inward"  # of a type: where its references lead within the same whole


def _hash(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@cache
def number(type_: str, code: str) -> int:
    """The number of a search parameter of a resource type."""
    return _hash(f"parameter\0{type_}\0{code}")


def key(parameter: int, kind: Kind, *values: str) -> int:
    """The number of a value of a parameter."""
    return _hash("\0".join((str(parameter), kind, *values)))


def beside(one: int, other: int) -> int:
    """The number of `other` where it stands in the same element as `one`."""
    return common(one, "component", str(other))


@lru_cache(maxsize=16_384)
def common(parameter: int, kind: Kind, *values: str) -> int:
    """The same as `key`, remembered: for codes and systems, of which there are few."""
    return _hash("\0".join((str(parameter), kind, *values)))
