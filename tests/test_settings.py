"""The settings of the contract, section 2: defaults, spellings, and what stops the start."""

from dataclasses import fields
from typing import Any

import pytest

from fhir_server.settings import SETTINGS, Settings, SettingsError, is_loopback, read

DEFAULTS: dict[str, Any] = {
    "database_url": "sqlite:///fhir-server.db",
    "base_url": "http://127.0.0.1:8080/fhir",
    "auth": "required",
    "jwks": None,
    "issuer": None,
    "audience": "http://127.0.0.1:8080/fhir",
    "policy": "dmp-2022",
    "validation": "strict",
    "references": "enforce",
    "minor_access_age": 18,
    "max_body": 16 * 1024 * 1024,
    "max_entries": 1000,
    "max_depth": 100,
    "max_contained": 200,
    "max_elements": 100_000,
    "page_size": 20,
    "max_page": 500,
    "timeout": 30.0,
    "cors_origins": None,
    "rule_choices": frozenset(),
}

GOOD = [
    ("FHIR_DATABASE_URL", "postgresql+psycopg://fhir:secret@db/fhir", None),
    ("FHIR_BASE_URL", "https://dmp.example/fhir/", "https://dmp.example/fhir"),
    ("FHIR_BASE_URL", "http://[::1]:8080/fhir", "http://[::1]:8080/fhir"),
    ("FHIR_AUTH", "off", "off"),
    ("FHIR_JWKS", "keys/issuer.json", "keys/issuer.json"),
    ("FHIR_JWKS", "file:///etc/fhir/issuer.json", "/etc/fhir/issuer.json"),
    ("FHIR_JWKS", "https://issuer.example/certs", "https://issuer.example/certs"),
    ("FHIR_POLICY", "dmp-2019", "dmp-2019"),
    ("FHIR_VALIDATION", "warn", "warn"),
    ("FHIR_REFERENCES", "off", "off"),
    ("FHIR_MINOR_ACCESS_AGE", "0", 0),
    ("FHIR_MAX_BODY", "4096", 4096),
    ("FHIR_MAX_BODY", "16MiB", 16 << 20),
    ("FHIR_MAX_BODY", "512 KiB", 512 << 10),
    ("FHIR_MAX_CONTAINED", "0", 0),
    ("FHIR_CORS_ORIGINS", "*", ("*",)),
    ("FHIR_RULE_CHOICES", "none", frozenset()),
    ("FHIR_RULE_CHOICES", "veils_later, heir_sees_masked",
     frozenset({"veils_later", "heir_sees_masked"})),
    ("FHIR_CORS_ORIGINS", "none", ()),
    ("FHIR_CORS_ORIGINS", "https://App.example, http://[::1]:3000",
     ("https://app.example", "http://[::1]:3000")),
    ("FHIR_TIMEOUT", "30", 30.0),
    ("FHIR_TIMEOUT", "0.5s", 0.5),
    ("FHIR_TIMEOUT", "45 s", 45.0),
]

BAD = [
    ("FHIR_DATABASE_URL", "mysql://root:secret@db/fhir"),
    ("FHIR_DATABASE_URL", "fhir.db"),
    ("FHIR_DATABASE_URL", ""),
    ("FHIR_BASE_URL", "127.0.0.1:8080/fhir"),
    ("FHIR_BASE_URL", "http://"),
    ("FHIR_BASE_URL", "http://host:99999/fhir"),
    ("FHIR_BASE_URL", "http://host/fhir?x=1"),
    ("FHIR_BASE_URL", "http://user@host/fhir"),
    ("FHIR_BASE_URL", "http://ho st/fhir"),
    ("FHIR_AUTH", "Off"),
    ("FHIR_AUTH", ""),
    ("FHIR_JWKS", "ftp://issuer.example/keys"),
    ("FHIR_JWKS", "https://"),
    ("FHIR_ISSUER", "  "),
    ("FHIR_AUDIENCE", "two words"),
    ("FHIR_POLICY", "none"),
    ("FHIR_VALIDATION", "lax"),
    ("FHIR_REFERENCES", "on"),
    ("FHIR_MINOR_ACCESS_AGE", "-1"),
    ("FHIR_RULE_CHOICES", "open_everything"),
    ("FHIR_RULE_CHOICES", "unknown_cells_open"),
    ("FHIR_MAX_BODY", "0"),
    ("FHIR_MAX_BODY", "16 MB"),
    ("FHIR_MAX_ENTRIES", "0"),
    ("FHIR_MAX_ENTRIES", "1_000"),
    ("FHIR_MAX_DEPTH", "1e2"),
    ("FHIR_MAX_CONTAINED", "all"),
    ("FHIR_CORS_ORIGINS", "app.example"),
    ("FHIR_CORS_ORIGINS", "https://app.example/"),
    ("FHIR_CORS_ORIGINS", "https://*.example"),
    ("FHIR_CORS_ORIGINS", "*, https://app.example"),
    ("FHIR_CORS_ORIGINS", "null"),
    ("FHIR_PAGE_SIZE", "twenty"),
    ("FHIR_PAGE_SIZE", "٢٠"),
    ("FHIR_MAX_PAGE", "1.5"),
    ("FHIR_TIMEOUT", "0"),
    ("FHIR_TIMEOUT", "inf"),
    ("FHIR_TIMEOUT", "30 min"),
]


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read({}) == Settings(**DEFAULTS)


def test_every_setting_is_a_field_with_a_meaning() -> None:
    assert [setting.field for setting in SETTINGS] == [field.name for field in fields(Settings)]
    assert all(setting.meaning for setting in SETTINGS)


@pytest.mark.parametrize(("name", "text", "value"), GOOD, ids=[f"{n}={t}" for n, t, _ in GOOD])
def test_a_usable_value_is_read(name: str, text: str, value: Any) -> None:
    field = name.removeprefix("FHIR_").lower()
    assert getattr(read({name: text}), field) == (text if value is None else value)


@pytest.mark.parametrize(("name", "text"), BAD, ids=[f"{n}={t}" for n, t in BAD])
def test_an_unusable_value_stops_the_start(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        read({name: text})


def test_every_fault_is_named_at_once_in_one_line() -> None:
    environ = {"FHIR_PORT": "1", "FHIR_AUTHH": "", "FHIR_TIMEOUT": "x\ny", "FHIR_POLICY": "no"}
    with pytest.raises(SettingsError) as caught:
        read(environ)
    assert all(name in str(caught.value) for name in environ)
    assert "\n" not in str(caught.value)


def test_the_names_of_the_tests_and_of_others_are_left_alone() -> None:
    assert read({"FHIR_TEST_CORPUS": "x", "PATH": "/bin", "XFHIR_AUTH": "off"}) == read({})


def test_a_password_is_neither_in_the_message_nor_in_the_representation() -> None:
    with pytest.raises(SettingsError) as caught:
        read({"FHIR_DATABASE_URL": "mysql://root:secret@db/fhir"})
    settings = read({"FHIR_DATABASE_URL": "postgresql://root:secret@db/fhir"})
    assert "secret" not in str(caught.value) + repr(settings)


def test_the_policy_cannot_be_off_alone() -> None:
    with pytest.raises(SettingsError, match="^FHIR_POLICY: `off`"):
        read({"FHIR_POLICY": "off"})
    assert read({"FHIR_POLICY": "off", "FHIR_AUTH": "off"}).policy == "off"


def test_without_tokens_not_every_page_may_ask() -> None:
    with pytest.raises(SettingsError, match=r"^FHIR_CORS_ORIGINS: `\*`"):
        read({"FHIR_AUTH": "off", "FHIR_CORS_ORIGINS": "*"})
    assert read({"FHIR_AUTH": "off", "FHIR_CORS_ORIGINS": "http://a.example"}).cors_origins


def test_the_audience_is_the_base_address_unless_it_is_set() -> None:
    assert read({"FHIR_BASE_URL": "https://a.example/"}).audience == "https://a.example"
    assert read({"FHIR_AUDIENCE": "urn:dmp"}).audience == "urn:dmp"


def test_a_page_is_never_larger_than_the_largest() -> None:
    assert read({"FHIR_MAX_PAGE": "5"}).page_size == 5


def test_serving_with_tokens_needs_keys() -> None:
    with pytest.raises(SettingsError, match="^FHIR_JWKS: needed"):
        read({}).check_serving("127.0.0.1")
    read({"FHIR_JWKS": "keys.json"}).check_serving("0.0.0.0")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LocalHost"])
def test_serving_without_tokens_is_possible_on_this_machine(host: str) -> None:
    read({"FHIR_AUTH": "off"}).check_serving(host)
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "localhost.example", "127.1"])
def test_serving_without_tokens_is_refused_elsewhere(host: str) -> None:
    with pytest.raises(SettingsError, match="^FHIR_AUTH: `off`"):
        read({"FHIR_AUTH": "off"}).check_serving(host)
