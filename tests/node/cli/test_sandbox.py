"""`biaoshi sandbox`: the mock national node alone."""

from __future__ import annotations

import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from node.cli.program import execute
from node.uplink.key import create_key
from tests.node.cli.command import Started

PEM = serialization.Encoding.PEM
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo
PORTS = ("--port=0", "--management-port=0", "--foreign-port=0")


@pytest.mark.parametrize("part", ["public", "private"])
def test_it_shows_how_to_point_a_node_to_it_and_stops(tmp_path: Path, part: str) -> None:
    key = create_key(tmp_path / "private.pem")
    (tmp_path / "public.pem").write_bytes(key.public_key().public_bytes(PEM, PUBLIC))
    arguments = ("sandbox", "--app-id", "zs", "--public-key", f"{part}.pem", *PORTS)
    with Started(*arguments, home=tmp_path) as sandbox:
        sandbox.wait_for("Ctrl-C stops it")
        assert 'national_node_app_id = "zs"' in sandbox.output
        url = re.search(r'national_node_url = "(.*)"', sandbox.output)
        assert url is not None
        with pytest.raises(urllib.error.HTTPError) as unsigned:
            urllib.request.urlopen(f"{url[1]}/ntn/v1/resolve?id=86.1000.1/DEMO-0001", timeout=5)
        assert unsigned.value.code == 401
        assert sandbox.stop(signal.SIGINT) == 0
    assert sandbox.output.endswith("Stopped.\n")
    assert sandbox.errors == ""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--public-key", "none.pem"], "cannot read none.pem: No such file"),
        (["--public-key", "text"], "text is not an unencrypted PEM file with a key"),
        (["--public-key", "rsa.pem"], "rsa.pem holds a key that is not Ed25519"),
        (["--public-key", "key.pem", "--prefix", "77.1"], "prefix"),
        (["--public-key", "key.pem", "--node-url", "http://host"], "--node-url http://host"),
        (["--public-key", "key.pem", "--host", "0.0.0.0", *PORTS], "foreign_ip"),
    ],
)
def test_wrong_options_are_one_line(
    more: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    create_key(Path("key.pem"))
    rsa = generate_private_key(65537, 2048).public_key()
    Path("rsa.pem").write_bytes(rsa.public_bytes(PEM, PUBLIC))
    Path("text").write_text("text")
    assert execute(["sandbox", "--app-id", "zs", *more]) == 1
    printed = capsys.readouterr().err
    assert told in printed
    assert printed.count("\n") == 1
