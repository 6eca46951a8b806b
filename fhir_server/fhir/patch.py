"""What the three kinds of patch have in common: their limits, and the errors that name them.

https://hl7.org/fhir/R4/http.html#patch; `json_patch`, `xml_patch` and `fhirpath_patch` work on a
copy: what comes back is a new resource, or an error and nothing changed.
"""

from fhir_server.fhir.outcome import Unprocessable

MOST_OPERATIONS = 1_000
MOST_STEPS = 250_000  # elements that one patch may look at: most of a second
LONGEST_PATH = 1_000  # characters of a FHIRPath or a selector
LONGEST_POINTER = 10_000  # of a JSON pointer


def too_costly(text: str) -> Unprocessable:
    return Unprocessable(text, code="too-costly")


def check_count(operations: int) -> None:
    """Unprocessable for more operations than a patch may have."""
    if operations > MOST_OPERATIONS:
        raise too_costly(f"a patch has at most {MOST_OPERATIONS} operations, not {operations}")


def check_path(path: str, most: int = LONGEST_PATH) -> None:
    """Unprocessable for a path that is longer than any resource asks for."""
    if len(path) > most:
        raise too_costly(f"`{path[:100]}` is longer than {most} characters")


class Budget:
    """What one patch may cost: the reading of its paths, and every element that is looked at."""

    def __init__(self) -> None:
        self.left = MOST_STEPS

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise too_costly(f"a patch looks at no more than {MOST_STEPS} elements")
