"""Settings: from a file and the environment, and every wrong one named."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.settings import InvalidSettings, Settings, load

NEEDED = {
    "BIAOSHI_DATABASE_URL": "postgresql:///biaoshi",
    "BIAOSHI_SECONDARY_PREFIX": "88.118",
    "BIAOSHI_SEALING_KEY_FILE": "sealing.key",
}


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "biaoshi.toml"
    file.write_text(text)
    return file


def test_the_environment_alone_is_enough() -> None:
    settings = load(None, NEEDED | {"PATH": "/bin", "BIAOSHI_PORT": "8080"})
    assert settings.port == 8080
    assert settings.database_url == "postgresql:///biaoshi"
    assert settings.host == "127.0.0.1"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 1\nhost = "::"\n')
    settings = load(file, NEEDED | {"BIAOSHI_PORT": "2"})
    assert (settings.port, settings.host) == (2, "::")


def test_lists_truth_and_seconds_are_read_from_texts() -> None:
    settings = load(
        None,
        NEEDED
        | {
            "BIAOSHI_TRUSTED_PROXIES": "10.0.0.0/8, ::1/128",
            "BIAOSHI_CASE_SENSITIVE": "true",
            "BIAOSHI_DRAIN_SECONDS": "2.5",
        },
    )
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert settings.case_sensitive is True
    assert settings.drain_seconds == 2.5


@pytest.mark.parametrize("variable", ["BIAOSHI_URL", "BIAOSHI_KEY", "BIAOSHI_DEBUG"])
def test_the_command_lines_own_variables_are_no_settings(variable: str) -> None:
    assert load(None, NEEDED | {variable: "x"}) == load(None, NEEDED)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"BIAOSHI_PROT": "1"}, "BIAOSHI_PROT"),
        ({"BIAOSHI_PORT": "many"}, "port"),
        ({"BIAOSHI_PORT": "65536"}, "port"),
        ({"BIAOSHI_DRAIN_SECONDS": "0"}, "drain_seconds"),
        ({"BIAOSHI_LOG_LEVEL": "loud"}, "log_level"),
        ({"BIAOSHI_SECONDARY_PREFIX": "77.118"}, "secondary_prefix"),
        ({"BIAOSHI_NATIONAL_NODE_URL": "http://localhost"}, "national_node_key_file"),
        ({"BIAOSHI_DNS_ZONE": "id.example"}, "dns_listen"),
        ({"BIAOSHI_DNS_LISTEN": "[::1]:53"}, "dns_zone"),
        ({"BIAOSHI_DNS_LISTEN": "localhost:53", "BIAOSHI_DNS_ZONE": "x"}, "dns_listen"),
        ({"BIAOSHI_DNS_LISTEN": "[::1]:53", "BIAOSHI_DNS_ZONE": "x"}, "dns_name_servers"),
    ],
)
def test_a_wrong_variable_is_named(more: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        load(None, NEEDED | more)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "prot"),
        ("port = '1", "biaoshi.toml"),
        ("port = 'many'", "port"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        load(written(tmp_path, text), NEEDED)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"nowhere\.toml: No such file"):
        load(tmp_path / "nowhere.toml", NEEDED)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(InvalidSettings, match="database_url"):
        load(None, {})


def test_every_setting_says_what_it_means() -> None:
    from node.cli.settings import rows

    listed = list(rows())
    assert [row[0] for row in listed] == list(Settings.__struct_fields__)
    assert all(all(cell for cell in row) for row in listed)
