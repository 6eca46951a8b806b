"""JSON in and out: everything as it came, and what is no FHIR JSON refused with its reason."""

import json
from decimal import Decimal, InvalidOperation

import pytest

from fhir_server.fhir.json_format import Exact, read, splice, write
from fhir_server.fhir.outcome import BadRequest
from fhir_server.fhir.pretty import pretty_json
from tests.corpus import corpus_files, needs_corpus

SPELLINGS = ["1.00", "1e5", "1E+5", "0.00000000010", "-0.0", "1.00065022141624642", "100", "-7"]
SPELLINGS += ["12345678901234567890.123456789", "123456789012345678901234567890", "1e-24"]


def patient(members: str) -> bytes:
    return ('{"resourceType":"Patient",' + members + "}").encode()


def nested(objects: int) -> bytes:
    """A resource with `objects` objects in each other, itself included."""
    return patient('"a":' + '{"a":' * (objects - 1) + "1" + "}" * (objects - 1))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_number_is_written_as_it_was_spelled(spelling: str) -> None:
    text = patient(f'"value":{spelling}')
    assert write(read(text)) == text


def test_an_exact_number_is_a_decimal() -> None:
    number = read(patient('"value":1.50'))["value"]
    assert number == Decimal("1.5") and number.text == "1.50"


def test_an_exact_number_is_made_of_a_number_only() -> None:
    with pytest.raises(InvalidOperation):
        Exact("one")


def test_a_plain_decimal_is_written_as_a_number() -> None:
    assert write({"value": Decimal("0.40")}) == b'{"value":0.40}'


def test_what_is_no_json_is_not_written() -> None:
    with pytest.raises(TypeError):
        write({"value": object()})


def test_pretty_json_keeps_the_spelling_of_numbers() -> None:
    assert pretty_json(write({"value": Exact("1.0e1")})) == b'{\n  "value": 1.0e1\n}'


BAD = {
    "nothing": (b"", "ends too early"),
    "cut": (b'{"resourceType":"Pat', "ends too early"),
    "two values": (patient('"a":1') + b"{}", "does not belong at 1:"),
    "an array": (b'[{"resourceType":"Patient"}]', "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "no type": (b'{"id":"a"}', "`resourceType`"),
    "a type that is no text": (b'{"resourceType":["Patient"]}', "`resourceType`"),
    "byte order mark": (b"\xef\xbb\xbf" + patient('"a":1'), "byte order mark"),
    "UTF-16": ('{"resourceType":"Patient"}'.encode("utf-16"), "byte order mark"),
    "latin 1": (patient('"a":"é"').decode().encode("latin-1"), "not UTF-8"),
    "not a number": (patient('"a":NaN'), "`NaN` is no number"),
    "infinity": (patient('"a":-Infinity'), "not JSON"),
    "leading zero": (patient('"a":01'), "`1` does not belong at 1:32"),
    "half a surrogate pair": (patient(r'"a":"\ud83d x"'), "surrogate"),
    "second half alone": (patient(r'"a":"\ude00"'), "surrogate"),
    "surrogate in UTF-8": (patient('"a":"?"').replace(b"?", b"\xed\xa0\xbd"), "not UTF-8"),
    "control character": (patient('"a":"\x01"'), "does not belong at 1:32"),
    "single quotes": (b"{'resourceType':'Patient'}", "not JSON"),
    "comment": (patient('"a":1 /* b */'), "not JSON"),
    "trailing comma": (patient('"a":1,'), "not JSON"),
    "a line further": (b'{\n  "a": x\n}', "at 2:8"),
    "huge exponent": (patient('"a":1e9999999999999999999'), "exponent"),
    "huge integer": (patient('"a":' + "9" * 5000), "too long"),
    "repeated key": (patient('"a":1,"b":2,"a":3'), "`a` stands twice"),
    "repeated key further in": (patient('"a":[[{"b":{"c":1,"d":[],"c":2}}]]'), "`c` stands twice"),
    "repeated key, spelled otherwise": (patient(r'"a":1,"\u0061":2'), "`a` stands twice"),
    "repeated key, spaced": (patient('"a" : " : ", "a"\n:\t2'), "`a` stands twice"),
    "repeated type": (patient('"resourceType":"Patient"'), "`resourceType` stands twice"),
    "objects too deep": (nested(101), "deeper than 100 objects"),
    "objects far too deep": (nested(100_000), "too deep"),
    "arrays too deep": (patient('"a":' + "[" * 100_000), "too deep"),
}


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD.keys())
def test_what_is_no_fhir_json_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read(text)
    assert refusal.value.code == "structure"
    assert reason in refusal.value.text


TWICE = {
    "at the root": ('"active":true,"active":false', "Patient.active"),
    "of a list": ('"name":[{"text":"a"},{"text":"a","text":"b"}]', "Patient.name[1].text"),
    "of an inline element": (
        '"contact":[{"name":{"family":"a","family":"a"}}]', "Patient.contact[0].name.family"),
    "a sibling": ('"_active":{"id":"a","id":"b"}', "Patient.active.id"),
    "a choice": ('"deceasedBoolean":true,"deceasedBoolean":true', "Patient.deceased"),
    "in a contained resource": (
        '"contained":[{"resourceType":"Group","type":"a","type":"b"}]',
        "Patient.contained[0].type"),
    "in what has itself a key twice": (
        '"name":[{"text":"a","text":"b"}],"name":[]', "Patient.name"),
    "unknown": ('"foo":{"bar":1,"bar":2}', "Patient.foo.bar"),
    "in arrays of arrays": ('"foo":[[{"bar":1,"bar":2}]]', ""),
}  # fmt: skip


@pytest.mark.parametrize(("members", "expression"), TWICE.values(), ids=TWICE.keys())
def test_a_key_that_stands_twice_is_told_with_its_place(members: str, expression: str) -> None:
    with pytest.raises(BadRequest, match="stands twice in one object") as refusal:
        read(patient(members))
    assert refusal.value.expression == expression


def test_arrays_do_not_count_as_depth() -> None:
    assert read(patient('"a":' + "[" * 300 + '{"b":1}' + "]" * 300), max_depth=2)


def test_depth_is_counted_from_the_resource() -> None:
    assert read(nested(100))
    assert read(nested(3), max_depth=3)


@pytest.mark.parametrize("text", ['"a" : "b : c"', '"a":"\\":"', '"a":{"a":{"a":[]}}'])
def test_colons_in_texts_are_no_keys(text: str) -> None:
    assert read(patient(text)) == json.loads(patient(text))


CLIENT = b'{ "a": 1.00,\n "meta": {"tag": []}, "resourceType":"Patient", "b":"\\u00e9" }'

SPLICES = {
    "added": ({"id": b'"x"'}, b'{"resourceType":"Patient","id":"x","meta":{"tag": []},'),
    "replaced": ({"meta": b"{}"}, b'{"resourceType":"Patient","meta":{},'),
    "removed": ({"meta": None, "id": None}, b'{"resourceType":"Patient",'),
    "nothing": ({}, b'{"resourceType":"Patient","meta":{"tag": []},'),
}


@pytest.mark.parametrize(("members", "start"), SPLICES.values(), ids=SPLICES.keys())
def test_a_splice_leaves_the_other_members_as_they_were(
    members: dict[str, bytes | None], start: bytes
) -> None:
    assert splice(CLIENT, members) == start + b'"a":1.00,"b":"\\u00e9"}'


@needs_corpus
@pytest.mark.parametrize("path", corpus_files("r4/examples/*.json"), ids=lambda path: path.stem)
def test_an_official_example_comes_back_the_same(path) -> None:  # type: ignore[no-untyped-def]
    text = path.read_bytes()
    again = write(read(text))
    assert json.loads(again, parse_float=str) == json.loads(text, parse_float=str)
