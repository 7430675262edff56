"""A guarded network: what the agent allows is reached, nothing else, whatever the child's code does."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from aerodrome_runtime.agent.guard import Guard, is_possible, why_not
from aerodrome_runtime.jail.fork import fork_jailed, wait_jailed
from aerodrome_runtime.jail.spec import JailSpec, JailSpecInvalid
from aerodrome_runtime.zygote import guard
from tests.runtime.jail.conftest import needs_root

pytestmark = [
    needs_root,
    pytest.mark.skipif(not is_possible(), reason="this kernel has no seccomp notifications"),
]
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


class Echo:
    """A TCP server that sends back what it hears, at an address of its own."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self.port = self._socket.getsockname()[1]
        self.calls = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            with client:
                while data := client.recv(65536):
                    client.sendall(data)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo("127.0.0.1")
    yield server
    server.close()


def guarded(
    spec: JailSpec,
    body: Callable[[], Any],
    *,
    allowed: Sequence[Any] = (),
    servers: Sequence[tuple[str, int]] = (),
) -> tuple[Any, list[str]]:
    """Run `body` in a jailed, guarded child; what it returned, and what the guard refused."""
    ours, theirs = socket.socketpair()

    def child_main() -> int:
        guard.put_up(theirs)
        try:
            told = body()
        except OSError as error:
            told = {
                "errno": error.errno and errno.errorcode.get(error.errno, error.errno),
                "text": str(error),
            }
        theirs.sendall(json.dumps(told).encode())
        theirs.close()
        return 0

    pid = fork_jailed(spec=spec, child_main=child_main, keep_fds=(theirs.fileno(),))
    theirs.close()

    async def serve() -> tuple[bytes, list[str]]:
        _, fds, _, _ = await asyncio.to_thread(socket.recv_fds, ours, 1, 3)
        ours.setblocking(False)
        notify, listening, resolver = fds
        keeper = Guard(
            notify=notify, listening=listening, resolver=resolver, allowed=allowed, servers=servers
        )
        try:
            return await asyncio.get_running_loop().sock_recv(ours, 65536), keeper.refused
        finally:
            await keeper.close()

    try:
        text, refused = asyncio.run(serve())
    finally:
        ours.close()
        wait_jailed(pid)
    assert text, "the child said nothing"
    return json.loads(text), refused


def say(host: str, port: int, family: int = socket.AF_INET, blocking: bool = False) -> Any:
    with socket.socket(family) as client:
        client.settimeout(None if blocking else 5)
        client.connect((host, port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"hello " * 1000)
        found = b""
        while len(found) < 6000:
            found += client.recv(6000)
        return len(found)


def test_what_the_operator_allows_is_reached(spec_of: Any, echo: Echo) -> None:
    spec = spec_of(network="guarded")
    timed = lambda: say("127.0.0.1", echo.port)  # noqa: E731
    blocking = lambda: say("127.0.0.1", echo.port, blocking=True)  # noqa: E731
    assert guarded(spec, timed, allowed=LOOPBACK) == (6000, [])
    assert guarded(spec, blocking, allowed=LOOPBACK) == (6000, [])
    mapped = lambda: say("::ffff:127.0.0.1", echo.port, socket.AF_INET6)  # noqa: E731
    assert guarded(spec, mapped, allowed=LOOPBACK) == (6000, [])
    assert echo.calls == 3


@pytest.mark.parametrize(
    ("host", "family"),
    [
        ("127.0.0.1", socket.AF_INET),
        ("127.1.2.3", socket.AF_INET),
        ("0.0.0.0", socket.AF_INET),
        ("2130706433", socket.AF_INET),
        ("localhost", socket.AF_INET),
        ("169.254.169.254", socket.AF_INET),
        ("10.0.0.1", socket.AF_INET),
        ("100.64.0.1", socket.AF_INET),
        ("192.168.1.1", socket.AF_INET),
        ("::1", socket.AF_INET6),
        ("::", socket.AF_INET6),
        ("::ffff:127.0.0.1", socket.AF_INET6),
        ("::ffff:169.254.169.254", socket.AF_INET6),
        ("fd00:ec2::254", socket.AF_INET6),
        ("fe80::1", socket.AF_INET6),
        ("64:ff9b::a9fe:a9fe", socket.AF_INET6),
        ("2002:7f00:1::", socket.AF_INET6),
    ],
)
def test_internal_addresses_in_every_form_are_refused(
    spec_of: Any, echo: Echo, host: str, family: int
) -> None:
    told, refused = guarded(spec_of(network="guarded"), lambda: say(host, echo.port, family))
    assert told["errno"] == "EACCES", told
    [reason] = refused
    assert "is no public address" in reason
    assert echo.calls == 0


def test_the_machines_own_public_address_is_internal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerodrome_runtime.agent.guard.is_public", lambda address: True)
    assert "address of the machine" in str(why_not("127.0.0.1", allowed=()))
    assert why_not("127.0.0.1", allowed=LOOPBACK) is None


def test_a_redirect_inwards_is_refused_where_it_leads(spec_of: Any) -> None:
    """The first hop is allowed, the second is what an attacker's server names."""
    inner = Echo("127.0.0.9")
    place = {"port": inner.port}

    def serve(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client:
            client.recv(4096)
            text = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.9:{place['port']}/\r\nContent-Length: 0\r\n\r\n"
            client.sendall(text.encode())

    outer = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(outer,), daemon=True).start()
    port = outer.getsockname()[1]

    def fetch() -> Any:
        import urllib.request

        return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status

    told, refused = guarded(spec_of(network="guarded"), fetch, allowed=[ipaddress.ip_network("127.0.0.1/32")])
    assert "Permission denied" in told["text"]
    assert refused == ["127.0.0.9 is no public address"]
    assert inner.calls == 0
    outer.close()
    inner.close()


def answer_with(address: str, questions: list[bytes]) -> tuple[socket.socket, tuple[str, int]]:
    """A name server that says `address` for every name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                data, source = server.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            end = data.index(b"\0", 12) + 5
            questions.append(data[12 : end - 4])
            is_a = struct.unpack("!H", data[end - 4 : end - 2])[0] == 1
            head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, int(is_a), 0, 0)
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(address)
            server.sendto(head + data[12:end] + (record if is_a else b""), source)

    threading.Thread(target=serve, daemon=True).start()
    return server, server.getsockname()


def test_names_are_looked_up_and_what_they_lead_to_is_looked_at(spec_of: Any, echo: Echo) -> None:
    questions: list[bytes] = []
    server, place = answer_with("127.0.0.1", questions)
    spec = spec_of(network="guarded")

    def connect() -> Any:
        with socket.create_connection(("warehouse.example.com", echo.port), 5) as client:
            client.sendall(b"x")
            return client.recv(1).decode()

    told, refused = guarded(spec, connect, servers=[place])
    assert (told["errno"], refused) == ("EACCES", ["127.0.0.1 is no public address"])
    assert questions
    assert echo.calls == 0
    assert guarded(spec, connect, servers=[place], allowed=LOOPBACK) == ("x", [])
    server.close()


def test_the_child_has_no_way_around(spec_of: Any, echo: Echo) -> None:
    """What hostile code may try: other calls, other families, and the socket that the guard listens at."""

    def attack() -> Any:
        found: dict[str, str] = {}

        def tried(name: str, body: Callable[[], Any]) -> None:
            try:
                found[name] = f"reached {body()}"
            except OSError as error:
                found[name] = errno.errorcode.get(error.errno or 0, str(error))

        def fast_open() -> Any:
            with socket.socket() as client:
                client.settimeout(1)
                return client.sendto(b"x", 0x20000000, ("127.0.0.1", echo.port))

        def datagram() -> Any:
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                return client.sendto(b"x", ("169.254.169.254", 80))

        def connected_datagram() -> Any:
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.connect(("169.254.169.254", 80))
                return "connected"

        def by_thread() -> Any:
            told: list[Any] = []

            def body() -> None:
                try:
                    told.append(say("127.0.0.1", echo.port))
                except OSError as error:
                    told.append(error)

            thread = threading.Thread(target=body)
            thread.start()
            thread.join()
            if isinstance(told[0], OSError):
                raise told[0]
            return told[0]

        def by_child() -> Any:
            return os.waitstatus_to_exitcode(_forked(lambda: say("127.0.0.1", echo.port)))

        tried("fast open", fast_open)
        tried("datagram", datagram)
        tried("connected datagram", connected_datagram)
        tried("thread", by_thread)
        tried("child", by_child)
        return found

    told, _ = guarded(spec_of(network="guarded"), attack)
    assert told["datagram"] == "ENETUNREACH"
    assert told["connected datagram"] == "ENETUNREACH"
    assert told["thread"] == "EACCES"
    assert told["child"] == "reached 1"  # the exit code of a child that could not connect
    assert echo.calls == 0


def _forked(body: Callable[[], Any]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def test_the_guard_is_what_holds(spec_of: Any, echo: Echo) -> None:
    """Negative control: with the machine's own network the same call reaches the server."""
    read_end, write_end = os.pipe()

    def child_main() -> int:
        os.write(write_end, str(say("127.0.0.1", echo.port)).encode())
        return 0

    pid = fork_jailed(spec=spec_of(network="host"), child_main=child_main, keep_fds=(write_end,))
    os.close(write_end)
    assert os.read(read_end, 100) == b"6000"
    os.close(read_end)
    wait_jailed(pid)
    assert echo.calls == 1


def test_a_guarded_network_is_never_weaker_than_it_says(home: str) -> None:
    for isolation in ("rootless", "none"):
        with pytest.raises(JailSpecInvalid, match="full isolation"):
            JailSpec(isolation=isolation, home=home, network="guarded")  # type: ignore[arg-type]
