"""One store of generated resources, for tests that ask it."""

from tests.storage.test_compile import stored as stored
