"""Where the third-party corpus lies: `FHIR_TEST_CORPUS`, or `../shared/corpus` beside the project;
None when absent.
"""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2] / "shared" / "corpus"
_FOLDER = Path(os.environ.get("FHIR_TEST_CORPUS") or _BESIDE)
CORPUS: Path | None = _FOLDER if _FOLDER.is_dir() else None

needs_corpus = pytest.mark.skipif(CORPUS is None, reason=f"no corpus at {_FOLDER}")


def corpus_files(pattern: str) -> list[Path]:
    """The files of the corpus that match, sorted; empty without a corpus."""
    return sorted(CORPUS.glob(pattern)) if CORPUS else []
