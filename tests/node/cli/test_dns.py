"""`biaoshi dns`."""

from __future__ import annotations

from tests.node.cli.conftest import Cli


async def test_names_are_shown(cli: Cli) -> None:
    for arguments, name in (
        (("88.118.1/SN1",), "sn1.1.118.88.id.example."),
        (("88.118.1/foobar!",), "cpnmuoj1e8gg._b32.1.118.88.id.example."),
        (("88.118.1/foobar", "--case-sensitive"), "cpnmuoj1e8._b32.1.118.88.id.example."),
    ):
        shown = await cli("dns", *arguments, "--zone", "id.example", key=None)
        assert (shown.status, shown.out) == (0, f"{name}\n")


async def test_what_has_no_name(cli: Cli) -> None:
    for identifier, zone in (
        ("10.1000/1", "id.example"),
        ("88.118.1/" + "x" * 200, "id.example"),
        ("88.118.1", "id.example"),
        ("88.118.1/x", "a..b"),
    ):
        shown = await cli("dns", identifier, "--zone", zone, key=None)
        assert shown.status == 1
        assert shown.err
