from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.log import merkle
from metrics.log.fault import LogFault
from metrics.log.merkle import leaf_hash
from metrics.log.tile import (
    ENTRIES,
    Tile,
    bundles,
    first_entries,
    pack,
    partials,
    subtree_reader,
    tiles,
    unpack,
)
from metrics.log.tree import Tree
from tests.metrics.log.naive import naive_path, naive_proof, naive_root


def test_paths_of_the_specification() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(1, 0, 17).path == "tile/1/000.p/17"
    assert Tile(ENTRIES, 273, 112).path == "tile/entries/273.p/112"


@given(
    st.builds(Tile, st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256)),
)
@settings(max_examples=200, deadline=None)
def test_paths_are_read_as_they_are_written(tile: Tile) -> None:
    assert Tile.parse(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000", "tile/00/000", "tile/0/0", "tile/0/1000", "tile/0/x000/001",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p", "tile/0/x001",
        "tile/-1/000", "tile/entries/", "tile/0/000/", "/tile/0/000", "tile/0/٠٠٠", "tile/0/000\n",
        "tile/0/" + "x999/" * 40 + "999",
    ],
)  # fmt: skip
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(LogFault):
        Tile.parse(path)


def test_the_tiles_of_the_specifications_example() -> None:
    found = list(tiles(70_000))
    assert [tile for tile in found if tile.level] == [
        Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1),
    ]  # fmt: skip
    assert len([tile for tile in found if tile.level == 0 and tile.width == 256]) == 273
    assert partials(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(bundles(257)) == [Tile(ENTRIES, 0), Tile(ENTRIES, 1, 1)]
    assert list(tiles(0)) == list(bundles(0)) == []


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_bundles(entries: list[bytes], count: int) -> None:
    bundle = pack(entries)
    assert unpack(bundle) == entries
    count = min(count, len(entries))
    assert first_entries(bundle, count) == pack(entries[:count])


def test_bundles_are_consumed_exactly() -> None:
    assert pack([b"ab"]) == b"\0\2ab"
    for wrong in (b"\0", b"\0\2a", b"\0\0\0"):
        with pytest.raises(LogFault):
            unpack(wrong)
    with pytest.raises(LogFault, match="65535"):
        pack([bytes(65_536)])


@given(st.lists(st.integers(1, 700), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_tree_that_grows_is_the_tree_that_was_built_at_once(steps: list[int]) -> None:
    entries = [b"%d" % number for number in range(sum(steps))]
    kept: dict[tuple[int, int], bytes] = {}
    tree, done = Tree(), 0
    for step in steps:
        grown = tree.append([leaf_hash(entry) for entry in entries[done : done + step]])
        done += step
        for tile, content in grown.items():
            assert len(content) == tile.width * 32
            kept[tile.level, tile.index] = content
        assert tree.root == naive_root(entries[:done])
        held = {tile: kept[tile.level, tile.index] for tile in partials(done)}
        tree = Tree.resume(done, held)
        assert tree.root == naive_root(entries[:done])
        assert {(t.level, t.index) for t in tiles(done)} == kept.keys()
    read = subtree_reader(done, lambda tile: kept[tile.level, tile.index][: tile.width * 32])
    assert merkle.root(done, read) == naive_root(entries)
    index, old = done // 3, done - done // 3
    assert merkle.inclusion_proof(index, done, read) == naive_path(index, entries)
    assert merkle.consistency_proof(old, done, read) == naive_proof(old, entries)


def test_three_levels() -> None:
    hashes = [leaf_hash(b"%d" % number) for number in range(70_000)]
    tree = Tree()
    grown = tree.append(hashes)
    assert set(grown) == set(tiles(70_000))
    again = Tree()
    for start in range(0, 70_000, 9_999):
        again.append(hashes[start : start + 9_999])
    assert again.root == tree.root
    read = subtree_reader(70_000, lambda tile: grown[tile])
    proof = merkle.inclusion_proof(69_999, 70_000, read)
    merkle.check_inclusion(69_999, 70_000, hashes[-1], proof, tree.root)


def test_a_missing_edge_is_named() -> None:
    with pytest.raises(LogFault, match=r"tile/0/000\.p/3 is missing"):
        Tree.resume(3, {})
    with pytest.raises(LogFault, match="missing"):
        Tree.resume(3, {Tile(0, 0, 3): b"\0" * 64})
