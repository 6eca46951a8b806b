"""Every setting: its name, its default and what it means; read once from the environment.

Unknown names and unusable values stop the start: https://12factor.net/config
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PREFIX = "FHIR_"
# What a house may choose where the law is uncertain: `policy.facts.CHOICES`.
RULE_CHOICES = (
    "blocked_deposits", "blocked_keeps_own", "blocked_breaks_glass", "emergency_sees_masked",
    "heir_sees_masked", "regulator_deposits", "veils_later",
)
OF_THE_TESTS = "FHIR_TEST_"  # these belong to the test suite
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class SettingsError(Exception):
    """The server cannot start like this; the text, one line, names every setting at fault."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this server runs; made by `read`, changed in tests by `dataclasses.replace`."""

    database_url: str = field(repr=False)  # it may hold a password
    base_url: str  # without a slash at the end
    auth: str  # required, off
    jwks: str | None  # the path of a file, or an http(s) URL
    issuer: str | None
    audience: str
    policy: str  # dmp-2022, dmp-2019, off
    validation: str  # strict, warn
    references: str  # enforce, off
    minor_access_age: int  # years
    rule_choices: frozenset[str]  # of RULE_CHOICES
    max_body: int  # bytes
    max_entries: int
    max_depth: int
    max_contained: int
    max_elements: int  # of one body
    page_size: int  # never above max_page
    max_page: int
    timeout: float  # seconds
    cors_origins: tuple[str, ...] | None  # None: nothing is said

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose pages may read answers; `*` is all of them, as with tokens where
        nothing is said.
        """
        if self.cors_origins is None:
            return frozenset({"*"} if self.auth == "required" else ())
        return frozenset(self.cors_origins)

    def check_serving(self, host: str) -> None:
        """Refuse to listen on `host` where that would be unsafe.

        Raises SettingsError: no keys to check tokens with, or no tokens at all beyond this machine.
        """
        if self.auth == "required" and self.jwks is None:
            raise SettingsError("FHIR_JWKS: needed with FHIR_AUTH=required")
        if self.auth == "off" and not is_loopback(host):
            raise SettingsError(
                f"FHIR_AUTH: `off` is accepted on loopback addresses only, not on {_shown(host)}"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name other than localhost is not trusted."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# A parser gives the value, or raises ValueError with what the value must be.
Parser = Callable[[str], Any]


def _one_of(*values: str) -> Parser:
    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(f"must be one of {', '.join(values)}, not {_shown(text)}")
        return text

    return parse


def _choices(text: str) -> frozenset[str]:
    found = frozenset(text.replace(",", " ").split()) - {"none"}
    for name in sorted(found - set(RULE_CHOICES)):
        raise ValueError(f"there is no choice {_shown(name)}, but {', '.join(RULE_CHOICES)}")
    return found


def _whole(*, least: int, most: int) -> Parser:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {_shown(text)}")
        return int(text)

    return parse


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,12}) ?(|KiB|MiB|GiB)", text)
    size = int(found[1]) * UNITS[found[2]] if found else 0
    if not size:
        raise ValueError(f"must be a number of bytes such as 1048576 or 16 MiB, not {_shown(text)}")
    return size


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?s?", text)
    seconds = float(found[1]) if found else 0.0
    if not seconds:
        raise ValueError(f"must be a number of seconds such as 30 or 30 s, not {_shown(text)}")
    return seconds


def _word(text: str) -> str:
    if not re.fullmatch(r"\S+", text) or not text.isprintable():
        raise ValueError(f"must be one word, not {_shown(text)}")
    return text


def _database(text: str) -> str:
    # Nothing of the value in the message: it may hold a password.
    if not re.match(r"(sqlite|postgresql)(\+[a-z0-9_]+)?:", text):
        raise ValueError("must be the SQLAlchemy URL of a SQLite or PostgreSQL database")
    return text


def _address(text: str) -> str:
    refusal = ValueError(f"must be an http(s) URL without query, not {_shown(text)}")
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise refusal from None
    plain = text.isascii() and text.isprintable() and not set(text) & set(' ?#@"\\<>')
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port or not plain:
        raise refusal
    return text.rstrip("/")


def _keys(text: str) -> str:
    if re.match(r"https?://[^/\s]+", text):
        return text
    path = text.removeprefix("file://")
    if "://" in path or not path.isprintable():
        raise ValueError(f"must be a file or an http(s) URL, not {_shown(text)}")
    return path


def _origins(text: str) -> tuple[str, ...]:
    if text in ("*", "none"):
        return ("*",) if text == "*" else ()
    found = tuple(text.lower().replace(",", " ").split())
    for origin in found:
        if not re.fullmatch(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", origin):
            raise ValueError(
                f"must be `*`, `none` or origins such as https://app.example, not {_shown(origin)}"
            )
    return found


@dataclass(frozen=True)
class Setting:
    """One line of the documentation, and how the value is read; `default` None: not set."""

    name: str
    default: str | None
    meaning: str
    parse: Parser

    @property
    def field(self) -> str:
        return self.name.removeprefix(PREFIX).lower()


SETTINGS = (
    Setting("FHIR_DATABASE_URL", "sqlite:///fhir-server.db",
            "SQLAlchemy URL of the database, SQLite or PostgreSQL 15 and later", _database),
    Setting("FHIR_BASE_URL", "http://127.0.0.1:8080/fhir",
            "the address clients see, used in fullUrl, Location and link", _address),
    Setting("FHIR_AUTH", "required",
            "required, or off: no tokens at all, on loopback addresses only",
            _one_of("required", "off")),
    Setting("FHIR_JWKS", None,
            "file or URL of the issuer's public keys, needed with FHIR_AUTH=required", _keys),
    Setting("FHIR_ISSUER", None, "the issuer every token must name, if set", _word),
    Setting("FHIR_AUDIENCE", None,
            "the audience every token must name, FHIR_BASE_URL by default", _word),
    Setting("FHIR_POLICY", "dmp-2022",
            "dmp-2022: the law in force; dmp-2019: opt-in; off: only together with FHIR_AUTH=off",
            _one_of("dmp-2022", "dmp-2019", "off")),
    Setting("FHIR_VALIDATION", "strict",
            "strict refuses what breaks a profile, warn stores it and warns; base R4 always holds",
            _one_of("strict", "warn")),
    Setting("FHIR_REFERENCES", "enforce",
            "enforce: a literal reference leads to a resource the caller sees; off: not checked",
            _one_of("enforce", "off")),
    Setting("FHIR_MINOR_ACCESS_AGE", "18",
            "age in years below which a holder acts through his representatives",
            _whole(least=0, most=150)),
    Setting("FHIR_RULE_CHOICES", "none",
            "where the law is uncertain, what is chosen other than usual", _choices),
    Setting("FHIR_MAX_BODY", "16 MiB", "largest body of a request, 413 beyond", _bytes),
    Setting("FHIR_MAX_ENTRIES", "1000", "most entries of one Bundle, 413 beyond",
            _whole(least=1, most=1_000_000)),
    Setting("FHIR_MAX_DEPTH", "100", "deepest nesting of one resource, 400 beyond",
            _whole(least=1, most=1000)),
    Setting("FHIR_MAX_CONTAINED", "200", "most contained resources of one resource, 413 beyond",
            _whole(least=0, most=1_000_000)),
    Setting("FHIR_MAX_ELEMENTS", "100000", "most elements of one body, 413 beyond",
            _whole(least=100, most=100_000_000)),
    Setting("FHIR_PAGE_SIZE", "20",
            "matches on a page of a search by default, never more than FHIR_MAX_PAGE",
            _whole(least=1, most=100_000)),
    Setting("FHIR_MAX_PAGE", "500", "most matches on a page, whatever _count asks for",
            _whole(least=1, most=100_000)),
    Setting("FHIR_TIMEOUT", "30 s", "a request that takes longer is ended, 503", _seconds),
    Setting("FHIR_CORS_ORIGINS", None,
            "origins whose pages may read answers: `none`, `*` or a list; * by default with tokens",
            _origins),
)  # fmt: skip


def read(environ: Mapping[str, str]) -> Settings:
    """The settings of this environment.

    Raises SettingsError for every unknown `FHIR_*` name, every unusable value (an empty one too:
    what was lost on the way must not open anything) and every impossible combination, all at once.
    """
    faults = [f"{name}: no such setting" for name in _unknown(environ)]
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        try:
            values[setting.field] = _value(setting, environ.get(setting.name, setting.default))
        except ValueError as fault:
            faults.append(f"{setting.name}: {fault}")
    if values.get("policy") == "off" and values.get("auth") == "required":
        faults.append("FHIR_POLICY: `off` is accepted only together with FHIR_AUTH=off")
    if values.get("auth") == "off" and "*" in (values.get("cors_origins") or ()):
        faults.append("FHIR_CORS_ORIGINS: `*` is not accepted with FHIR_AUTH=off: name the origins")
    if faults:
        raise SettingsError("; ".join(faults))
    values["audience"] = values["audience"] or values["base_url"]
    values["page_size"] = min(values["page_size"], values["max_page"])
    return Settings(**values)


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {setting.name for setting in SETTINGS}
    ours = (name for name in environ if name.startswith(PREFIX) and name not in known)
    return sorted(name for name in ours if not name.startswith(OF_THE_TESTS))


def _value(setting: Setting, text: str | None) -> Any:
    if text is None:
        return None
    if not text.strip():
        raise ValueError("is set, but empty")
    return setting.parse(text)


def _shown(text: str) -> str:
    return "`" + "".join(c if c.isprintable() else "?" for c in text[:100]) + "`"
