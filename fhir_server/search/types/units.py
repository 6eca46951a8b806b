"""Units of UCUM that are another by a factor: what is asked in one finds what is stored in another.

https://ucum.org/ucum, https://hl7.org/fhir/R4/search.html#quantity

The common ones of medicine. Those that are no multiple (degrees Celsius and Fahrenheit), those of
chance names (`[iU]`, `{beats}/min`) and all others are compared as they are written.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

UCUM = "http://unitsofmeasure.org"

_PREFIXES = {
    "k": 3, "h": 2, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15,
}  # fmt: skip
_PREFIXED = {"g": "kdcmunpf", "m": "kdcmunpf", "L": "dcmunpf", "mol": "munpf", "Pa": "khm",
             "s": "mun"}  # fmt: skip
_OTHERS = {
    "min": ("s", "60"), "h": ("s", "3600"), "d": ("s", "86400"), "wk": ("s", "604800"),
    "mm[Hg]": ("Pa", "133.322"), "[lb_av]": ("g", "453.59237"), "[oz_av]": ("g", "28.349523125"),
    "[in_i]": ("m", "0.0254"), "[ft_i]": ("m", "0.3048"), "/s": ("/s", "1"),
    "/uL": ("/L", "1e6"), "/mL": ("/L", "1e3"), "/L": ("/L", "1"),
    "10*3/uL": ("/L", "1e9"), "10*6/uL": ("/L", "1e12"), "10*6/L": ("/L", "1e6"),
    "10*9/L": ("/L", "1e9"), "10*12/L": ("/L", "1e12"), "10*3/mL": ("/L", "1e6"),
}  # fmt: skip


def _made() -> dict[str, tuple[str, Decimal]]:
    found = {code: (unit, Decimal(factor)) for code, (unit, factor) in _OTHERS.items()}
    for unit, prefixes in _PREFIXED.items():
        found[unit] = (unit, Decimal(1))
        for one in prefixes:
            found[one + unit] = (unit, Decimal(1).scaleb(_PREFIXES[one]))
    found |= {code[:-1] + "l": is_ for code, is_ in found.items() if is_[0] == "L"}
    for amount in ("g", "mol"):
        over = [(code, is_[1]) for code, is_ in found.items() if is_[0] == amount]
        below = [(code, is_[1]) for code, is_ in found.items() if is_[0] == "L"]
        found |= {
            f"{code}/{volume}": (f"{amount}/L", factor / size)
            for code, factor in over
            if "[" not in code
            for volume, size in below
        }
    return found


# The canonical unit of each, and what it is multiplied by.
CANONICAL: Mapping[str, tuple[str, Decimal]] = MappingProxyType(_made())
