"""HL7's own examples and definitions: all valid, but those that really are not."""

from pathlib import Path

import msgspec
import pytest

from profiles.validate import validate
from tests.corpus import corpus_files, needs_corpus

REALLY_INVALID = {
    "activitydefinition-servicerequest-example": "txt-2: the narrative is blank",
    "activitydefinition-supplyrequest-example": "txt-2: the narrative is blank",
    "eventdefinition-example": "txt-2: the narrative is blank",
    "observation-example-clinical-gender": "`Encounter` may not stand here",  # performer
}
WITHOUT_BASE = 10  # SearchParameter.base is 1..*
LONG_ID = "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject"


@needs_corpus
@pytest.mark.parametrize("path", corpus_files("r4/examples/*.json"), ids=lambda path: path.stem)
def test_an_official_example_is_valid_unless_it_really_is_not(path: Path) -> None:
    issues = validate(msgspec.json.decode(path.read_bytes()))
    reason = REALLY_INVALID.get(path.stem)
    assert [issue.text.startswith(reason or "-") for issue in issues] == [True] * bool(reason)


@needs_corpus
def test_the_official_definitions_are_valid_but_for_eleven_search_parameters() -> None:
    refused: dict[str, list[str]] = {}
    for path in corpus_files("r4/definitions/*.json"):
        for issue in validate(msgspec.json.decode(path.read_bytes())):
            refused.setdefault(issue.expression, []).append(path.stem)
    assert refused.pop("SearchParameter.id") == [LONG_ID]
    assert len(refused.pop("SearchParameter.base")) == WITHOUT_BASE
    assert refused == {}
