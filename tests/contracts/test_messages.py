"""The messages are a contract: schemas and golden examples are committed, and a change that breaks them fails here."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from contracts import codec, generate
from contracts.errors import Rejected
from contracts.messages import MESSAGES, Document, Message, Score

CONTRACTS = Path(generate.__file__).parent
GOLDEN = {path.stem: path for path in (CONTRACTS / "examples").glob("*.json")}


def name(model: type[Message]) -> str:
    return model.SCHEMA.replace("/", "-")


@pytest.mark.parametrize("model", MESSAGES, ids=name)
def test_the_committed_schema_is_the_models(model: type[Message]) -> None:
    committed = (CONTRACTS / "schemas" / generate.schema_file(model)).read_bytes()
    assert committed == generate.schema(model), "run `python -m contracts.generate` and commit what it wrote"


@pytest.mark.parametrize("model", MESSAGES, ids=name)
def test_the_golden_example_is_read_and_written_unchanged(model: type[Message]) -> None:
    golden = GOLDEN[name(model)].read_bytes()
    message = codec.decode(model, golden, codec.headers(model.model_validate_json(golden)))
    assert orjson.loads(codec.encode(message)) == orjson.loads(golden)


def test_no_schema_or_example_is_orphaned() -> None:
    expected = {name(model) for model in MESSAGES}
    assert set(GOLDEN) == expected
    assert {path.stem for path in (CONTRACTS / "schemas").glob("*.json")} == expected


def test_an_unknown_field_of_a_newer_release_is_ignored() -> None:
    content = orjson.loads(GOLDEN["document-1"].read_bytes()) | {"added_later": 1}
    assert codec.decode(Document, orjson.dumps(content)).source == "CoinDesk"


def valid_document(**changes: object) -> bytes:
    return orjson.dumps(orjson.loads(GOLDEN["document-1"].read_bytes()) | changes)


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, (), "empty_value"),
        (b"", (), "empty_value"),
        (b"{not json", (), "undecodable"),
        (b'"\xff\xfe"', (), "undecodable"),
        (b"[]", (), "schema"),
        (b"{}", (), "schema"),
        (valid_document(id="short"), (), "schema"),
        (valid_document(published_ms=-1), (), "schema"),
        (valid_document(published_ms="yesterday"), (), "schema"),
        (valid_document(body="x" * 20_001), (), "schema"),
        (b'{"title": "' + b"x" * 5_000_000 + b'"}', (), "too_large"),
        (valid_document(), [("schema", b"document/2")], "version"),
    ],
)
def test_bad_input_is_rejected_with_its_reason(
    value: bytes | None, headers: list[tuple[str, bytes]], reason: str
) -> None:
    with pytest.raises(Rejected) as error:
        codec.decode(Document, value, headers)
    assert error.value.reason == reason


def test_a_schema_rejection_names_the_field() -> None:
    with pytest.raises(Rejected, match="published_ms"):
        codec.decode(Document, valid_document(published_ms=None))


def test_a_score_without_probabilities_is_no_score() -> None:
    content = orjson.loads(GOLDEN["score-1"].read_bytes()) | {"sentiment": {}}
    with pytest.raises(Rejected) as error:
        codec.decode(Score, orjson.dumps(content))
    assert error.value.reason == "schema"


def test_hop_times_travel_in_headers() -> None:
    document = Document.model_validate_json(GOLDEN["document-1"].read_bytes())
    sent = codec.headers(document, {"fetch": 1, "publish": 2})
    assert codec.hops(sent) == {"fetch": 1, "publish": 2}
    assert codec.hops([("hop.fetch", b"soon"), ("other", b"1")]) == {}
