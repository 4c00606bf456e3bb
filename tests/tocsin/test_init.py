from __future__ import annotations

from pathlib import Path

import pytest

from alerts.routes import LogSink, read_routes
from alerts.rules import Rules, read_rules
from contracts.errors import UserError
from contracts.watchlist import read_watchlist
from ingest.link import Linker
from ingest.sources_file import read_sources
from tocsin.commands.init import write
from tocsin.stack.stages import CONFIG_FILES


def test_init_writes_the_four_files(tmp_path: Path) -> None:
    paths = write(tmp_path / "new", force=False)
    assert [path.name for path in paths] == list(CONFIG_FILES)


def test_init_overwrites_nothing_unless_told_to(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("mine")
    with pytest.raises(UserError, match=r"already has rules\.yaml; overwrite with --force"):
        write(tmp_path, force=False)
    assert not (tmp_path / "sources.yaml").exists()
    assert (tmp_path / "rules.yaml").read_text() == "mine"
    write(tmp_path, force=True)
    assert (tmp_path / "rules.yaml").read_text() != "mine"


def test_what_init_writes_is_what_the_stages_read(tmp_path: Path) -> None:
    write(tmp_path, force=False)
    assert read_sources(tmp_path / "sources.yaml") == []
    # The comments promise that the values shown are those that hold when they are left out.
    assert read_rules(tmp_path / "rules.yaml") == Rules()
    assert read_routes(tmp_path / "routes.yaml").sinks == {"log": LogSink(kind="log")}
    assert len(read_watchlist(tmp_path / "watchlist.yaml")) > 80


def test_the_source_in_the_comments_is_one_that_works(tmp_path: Path) -> None:
    write(tmp_path, force=False)
    text = (tmp_path / "sources.yaml").read_text()
    head, _, example = text.partition("sources: []\n")
    uncommented = "".join(line.removeprefix("#") + "\n" for line in example.splitlines())
    (tmp_path / "sources.yaml").write_text(f"{head}sources:\n{uncommented}")
    (tmp_path / "crypto_2022_en_3src.csv.gz").touch()
    (source,) = read_sources(tmp_path / "sources.yaml")
    assert source.name == "crypto-2022"


@pytest.mark.parametrize(
    ("headline", "entities"),
    [
        ("FTX Token Plummets as Market Fears Possible Alameda Contagion", {"ftx", "alameda-research"}),
        ("Crypto Lender 3AC Faces Liquidation", {"three-arrows"}),
        ("Crypto Mixing Service Tornado Cash Blacklisted by US Treasury", {"tornado-cash"}),
        ("USDC Issuer Circle to Introduce Euro-Backed Stablecoin in U.S.", {"circle"}),
        ("FTX Bankruptcy Filing: No Amounts Will Be Paid to SBF or His Inner Circle", {"ftx"}),
        ("The Merge Is Done: Ethereum Moves to Proof of Stake", {"ethereum"}),
        ("The Merge Is Done", set()),
        ("EU Countries Must Be Ready to Block Crypto Mining, Commission Says", set()),
        ("Jack Dorsey's Block Reports $36M Impairment Loss on Bitcoin Holdings", {"block", "bitcoin"}),
        ("Bitcoin Cash Forks Again", {"bitcoin-cash"}),
        ("Meta Suffers $3.7B Loss In Metaverse", {"meta"}),
        ("Researchers Publish a Meta Study of Trading", set()),
    ],
)
def test_the_starter_watchlist_links_what_a_reader_would(tmp_path: Path, headline: str, entities: set[str]) -> None:
    write(tmp_path, force=False)
    linker = Linker(read_watchlist(tmp_path / "watchlist.yaml"))
    assert {mention.entity for mention in linker.link(headline)} == entities
