from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.log import merkle
from metrics.log.fault import LogFault
from metrics.log.merkle import (
    check_consistency,
    check_inclusion,
    complete_root,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)
from tests.metrics.log.naive import naive_path, naive_proof, naive_root

# The leaves and roots of Certificate Transparency's own tests.
CT_LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def reader(entries: list[bytes]):
    hashes = [leaf_hash(entry) for entry in entries]

    def read(subtree: tuple[int, int]) -> bytes:
        height, number = subtree
        width = 1 << height
        return complete_root(b"".join(hashes[number * width : (number + 1) * width]))

    return read


@pytest.mark.parametrize("count", range(1, 9))
def test_the_roots_of_certificate_transparency(count: int) -> None:
    entries = CT_LEAVES[:count]
    assert merkle.root(count, reader(entries)).hex() == CT_ROOTS[count - 1]
    assert naive_root(entries).hex() == CT_ROOTS[count - 1]


def test_the_empty_root() -> None:
    assert merkle.root(0, reader([])).hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[bytes], int]:
    size = draw(st.integers(1, 70))
    return [b"%d" % number for number in range(size)], draw(st.integers(0, size - 1))


@given(trees())
@settings(max_examples=60, deadline=None)
def test_inclusion_is_what_the_definition_says(tree: tuple[list[bytes], int]) -> None:
    entries, index = tree
    proof = inclusion_proof(index, len(entries), reader(entries))
    assert proof == naive_path(index, entries)
    check_inclusion(index, len(entries), leaf_hash(entries[index]), proof, naive_root(entries))
    for wrong in (proof[:-1], [*proof, b"\0" * 32], [b"\0" * 32, *proof[1:]]):
        if wrong != proof:
            with pytest.raises(LogFault):
                check_inclusion(
                    index, len(entries), leaf_hash(entries[index]), wrong, naive_root(entries)
                )


@given(trees())
@settings(max_examples=60, deadline=None)
def test_consistency_is_what_the_definition_says(tree: tuple[list[bytes], int]) -> None:
    entries, less = tree
    old, size = len(entries) - less, len(entries)
    proof = consistency_proof(old, size, reader(entries))
    assert proof == naive_proof(old, entries)
    before, after = naive_root(entries[:old]), naive_root(entries)
    check_consistency(old, size, before, after, proof)
    for roots in ((after, before), (before, b"\0" * 32), (b"\0" * 32, after)):
        if roots != (before, after):
            with pytest.raises(LogFault):
                check_consistency(old, size, *roots, proof)
    if proof:
        for wrong in (proof[:-1], [*proof, proof[0]], [b"\1" * 32, *proof[1:]]):
            with pytest.raises(LogFault):
                check_consistency(old, size, before, after, wrong)


def test_nothing_precedes_everything() -> None:
    root = naive_root([b"a"])
    check_consistency(0, 1, merkle.EMPTY_ROOT, root, [])
    with pytest.raises(LogFault):
        check_consistency(0, 1, root, root, [])
    with pytest.raises(LogFault):
        check_consistency(2, 1, root, root, [])
    assert consistency_proof(0, 1, reader([b"a"])) == []


def test_proofs_for_leaves_that_are_not_there() -> None:
    with pytest.raises(LogFault, match="no leaf 3"):
        inclusion_proof(3, 3, reader([b"a", b"b", b"c"]))
    with pytest.raises(LogFault, match="no leaf -1"):
        inclusion_proof(-1, 3, reader([b"a", b"b", b"c"]))
    with pytest.raises(LogFault, match="never had 4"):
        consistency_proof(4, 3, reader([b"a", b"b", b"c"]))
