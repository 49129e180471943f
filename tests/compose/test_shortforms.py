"""One-line forms of ports, volumes, devices and commands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compose.commands import dropped, words
from engine.compose.normalize import normalize
from engine.compose.shortforms import device, ports, volume
from engine.errors import ComposeError
from tests.compose.effort import some


def port(
    target: int, published: str = "", protocol: str = "tcp", host_ip: str = ""
) -> dict[str, Any]:
    optional = {"published": published, "host_ip": host_ip}
    return {"target": target, "protocol": protocol} | {k: v for k, v in optional.items() if v}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (8000, [port(8000)]),
        ("80", [port(80)]),
        ("8080:80", [port(80, "8080")]),
        ("127.0.0.1:8080:80", [port(80, "8080", host_ip="127.0.0.1")]),
        ("127.0.0.1::80", [port(80, host_ip="127.0.0.1")]),
        ("[::1]:90:90", [port(90, "90", host_ip="::1")]),
        ("6060:6060/udp", [port(6060, "6060", "udp")]),
        ("3000-3001", [port(3000), port(3001)]),
        ("9090-9091:80-81", [port(80, "9090"), port(81, "9091")]),
        ("7000-7005:70", [port(70, "7000-7005")]),
        ({"target": 80}, [port(80)]),
    ],
)
def test_ports(written: Any, expected: list[dict[str, Any]]) -> None:
    assert ports(written) == expected


@pytest.mark.parametrize(
    "written",
    ["", ":", "a:b", "1:2:3:4", "70000:80", "80/icmp", "5-3", "1-3:1-2", "80:", "-1", "80-"],
)
def test_what_is_no_port_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"port|range|protocol"):
        ports(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("./a:/x", {"type": "bind", "source": "./a", "target": "/x"}),
        ("~/a:/x", {"type": "bind", "source": "~/a", "target": "/x"}),
        ("/a:/x:ro", {"type": "bind", "source": "/a", "target": "/x", "read_only": True}),
        (
            "/a:/x:ro,z,rslave",
            {
                "type": "bind",
                "source": "/a",
                "target": "/x",
                "read_only": True,
                "bind": {"selinux": "z", "propagation": "rslave"},
            },
        ),
        ("/a:/x:cached", {"type": "bind", "source": "/a", "target": "/x"}),
        ("data:/x", {"type": "volume", "source": "data", "target": "/x"}),
        (
            "data:/x:nocopy",
            {"type": "volume", "source": "data", "target": "/x", "volume": {"nocopy": True}},
        ),
        ("/x", {"type": "volume", "target": "/x", "volume": {}}),
    ],
)
def test_volumes(written: str, expected: dict[str, Any]) -> None:
    assert volume(written) == expected


@pytest.mark.parametrize("written", ["", ":", ":/x", "/a:", "data:b:c:d", "C:\\x:/y", "v:/y"])
def test_what_is_no_volume_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a volume|Windows"):
        volume(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:/dev/b:r", ("/dev/a", "/dev/b", "r")),
        ({"source": "/dev/a", "target": "/dev/b"}, ("/dev/a", "/dev/b", "rwm")),
        ("nvidia.com/gpu=all", ("nvidia.com/gpu=all", "nvidia.com/gpu=all", "rwm")),
    ],
)
def test_devices(written: Any, expected: tuple[str, str, str]) -> None:
    found = device(written)
    assert (found["source"], found["target"], found["permissions"]) == expected


@pytest.mark.parametrize(
    ("line", "expected", "rest"),
    [
        ("python -c 'print(1)' \"x y\"", ("python", "-c", "print(1)", "x y"), ""),
        ("a\\ b #c", ("a b", "#c"), ""),
        ("", (), ""),
        ("a; b", ("a",), "; b"),
        ("a && b", ("a",), "&& b"),
        ("a 'b;c' \"d|e\" f\\>g > h", ("a", "b;c", "d|e", "f>g"), "> h"),
        ("--x 1\n--y 2\n", ("--x", "1", "--y", "2"), ""),
    ],
)
def test_a_command_line_is_split_as_compose_splits_it(
    line: str, expected: tuple[str, ...], rest: str
) -> None:
    assert words(line) == expected
    assert dropped(line) == rest


def test_a_command_of_words_stays() -> None:
    assert words(["sh", "-c", "a; b"]) == ("sh", "-c", "a; b")
    assert dropped(["sh", "-c", "a; b"]) == ""


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(ValueError, match="check the quotes"):
        words("a 'b")


@pytest.mark.parametrize("form", [ports, volume, device, words])
@some()
@given(text=st.text(alphabet="/:.-~[]0123456789ab=;'\"\\ ", max_size=20) | st.text(max_size=20))
def test_a_form_raises_nothing_but_value_errors(form: Any, text: str) -> None:
    try:
        form(text)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("key", "written", "expected"),
    [
        ("environment", ["A=1", "B", "C=d=e"], {"A": "1", "B": None, "C": "d=e"}),
        ("environment", {"A": 1.0, "B": None, "C": True}, {"A": "1", "B": None, "C": "true"}),
        ("labels", ["a=b", "c"], {"a": "b", "c": ""}),
        ("dns", "1.1.1.1", ["1.1.1.1"]),
        ("cap_add", ["A", "B", "A"], ["A", "B"]),
        ("depends_on", ["b"], {"b": {"condition": "service_started", "required": True}}),
        ("networks", ["n"], {"n": {}}),
        ("env_file", "a.env", [{"path": "a.env"}]),
        ("extra_hosts", ["a:1.1.1.1", "b=::1", "c:[::1]"], ["a=1.1.1.1", "b=::1", "c=::1"]),
        ("extra_hosts", {"a": ["1.1.1.1", "2.2.2.2"]}, ["a=1.1.1.1", "a=2.2.2.2"]),
        ("gpus", "all", [{"count": -1}]),
        ("extends", "b", {"service": "b"}),
        ("build", "./x", {"context": "./x"}),
    ],
)
def test_short_forms_of_a_service_are_written_out(key: str, written: Any, expected: Any) -> None:
    long = normalize({"services": {"a": {key: written}}}, "f.yml")
    assert long["services"]["a"] == {key: expected}


def test_a_short_form_that_cannot_be_read_is_named_with_its_key() -> None:
    with pytest.raises(
        ComposeError, match=r"^f\.yml: services\.a\.extra_hosts: 'a' has no address"
    ):
        normalize({"services": {"a": {"extra_hosts": ["a"]}}}, "f.yml")
