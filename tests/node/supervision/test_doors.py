"""The sockets of several processes: all there before anything is started, or a word why not."""

from __future__ import annotations

import socket
import threading
import time

import msgspec
import pytest

from node.http.entrance import CannotListen, probe
from node.settings import Settings
from node.supervision import doors as module
from node.supervision.doors import open_doors

SETTINGS = Settings(
    database_url="postgresql://none",
    secondary_prefix="88.118",
    sealing_key_file="none",
    port=0,
    workers=3,
    metrics_port=0,
)


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), reuse_port=True)


def test_every_worker_has_a_door_of_its_own_on_one_port() -> None:
    with open_doors(SETTINGS) as doors:
        ports = {door.getsockname()[1] for door in doors.http}
        assert len(doors.http) == 3
        assert ports == {int(doors.url.rpartition(":")[2])}
        assert len({door.getsockname()[1] for door in doors.metrics}) == 4
    for door in (*doors.http, *doors.metrics):
        assert door.fileno() == -1


def test_every_worker_has_a_door_for_the_handle_protocol() -> None:
    with open_doors(SETTINGS) as doors:
        assert doors.wire == ()
    with probe("127.0.0.1", 0) as free:
        settings = msgspec.structs.replace(SETTINGS, handle_port=free)
    with open_doors(settings) as doors:
        assert len(doors.wire) == 3
        assert {own.getsockname()[1] for door in doors.wire for own in door} == {free}
    for door in doors.wire:
        assert door.tcp.fileno() == door.udp.fileno() == -1


def test_connections_come_to_all_doors() -> None:
    with open_doors(SETTINGS) as doors:
        [port] = {door.getsockname()[1] for door in doors.http}
        calls = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        for door in doors.http:
            door.settimeout(30)
            door.accept()[0].close()
        for call in calls:
            call.close()


def test_metrics_ports_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORPHANS_SECONDS", 0.0)
    for first in range(42_000, 42_100, 2):
        settings = msgspec.structs.replace(SETTINGS, workers=1, metrics_port=first)
        try:
            with open_doors(settings) as doors:
                ports = [door.getsockname()[1] for door in doors.metrics]
            break
        except CannotListen:
            continue  # somebody has one of them
    assert ports == [first, first + 1]


@pytest.mark.parametrize("setting", ["port", "metrics_port", "handle_port"])
def test_a_port_that_others_listen_on_is_refused(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the others would share it."""
    monkeypatch.setattr(module, "ORPHANS_SECONDS", 0.0)
    with listening() as other:
        port = other.getsockname()[1]
        settings = msgspec.structs.replace(SETTINGS, **{setting: port})
        told = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
        with pytest.raises(CannotListen, match=told), open_doors(settings):
            pass


def test_orphans_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORPHANS_SECONDS", 60.0)
    other = listening()
    settings = msgspec.structs.replace(SETTINGS, port=other.getsockname()[1])
    closing = threading.Timer(0.3, other.close)
    closing.start()
    began = time.monotonic()
    with open_doors(settings):
        assert time.monotonic() - began >= 0.25
    closing.join()
