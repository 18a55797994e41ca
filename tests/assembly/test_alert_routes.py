"""What `[alert.NAME]` may say, and that a wrong word is a sentence without the address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

import pytest

from minhos import parts
from minhos.assembly.alert_routes import channels_of
from minhos.assembly.apprise_channel import AppriseChannel
from minhos.assembly.parts import refuse_options_of_nobody
from minhos.errors import PartsError, SettingsError
from minhos.settings import parse
from minhos.views.messages import Severity

SECRET = "ntfy://ntfy.sh/secret-topic"


@pytest.fixture(autouse=True)
def no_parts() -> Iterator[None]:
    yield
    parts.load_source(parts.Source())


def test_a_route_is_read() -> None:
    section = {"urls": [SECRET], "least": "info", "quiet": "22:00-07:00", "zone": "Europe/Berlin"}
    phone, alive = channels_of(parse({"alert": {"phone": section, "alive": {"ping": "https://example.com/x"}}}))
    assert (phone.label, phone.url, phone.route.least) == ("phone", SECRET, Severity.INFO)
    assert phone.route.quiet is not None
    assert phone.route.quiet[:2] == (time(22), time(7))
    assert (alive.ping, alive.url) == ("https://example.com/x", "")


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"urls": SECRET}, "urls is a list of addresses"),
        ({"urls": []}, "urls is a list of addresses"),
        ({"urls": [SECRET], "last": "info"}, "has no key 'last'; did you mean least?"),
        ({"urls": [SECRET], "least": "all"}, "least = 'all': it is one of info, warning, critical"),
        ({"urls": [SECRET], "quiet": "22-7"}, "quiet = '22-7': write two different times"),
        ({"urls": [SECRET], "quiet": "07:00-07:00"}, "write two different times"),
        ({"urls": [SECRET], "quiet": 22}, "quiet = 22: write two different times"),
        ({"urls": [SECRET], "zone": "Berlin"}, "zone = 'Berlin' is not known"),
        ({"ping": "example.com"}, "ping is an address that begins with https"),
        ({"ping": "https://example.com", "quiet": "22:00-07:00"}, "has no key 'quiet'"),
    ],
)
def test_what_cannot_be_is_a_sentence_that_shows_no_address(section: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError, match=r"\[alert\.phone\]") as refused:
        refuse_options_of_nobody(parse({"alert": {"phone": section}}))
    assert sentence in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_section_that_is_neither_a_route_nor_a_parts_is_refused() -> None:
    with pytest.raises(PartsError, match=r"\[alert\.phone\] in minhos\.toml: no alert channel has that name"):
        refuse_options_of_nobody(parse({"alert": {"phone": {"url": SECRET}}}))


def test_a_part_and_a_route_cannot_have_one_name(tmp_path) -> None:
    parts.alerts.register("phone", lambda options: None)
    try:
        with pytest.raises(SettingsError, match="a part of yours has that name"):
            channels_of(parse({"alert": {"phone": {"urls": [SECRET]}}}))
    finally:
        parts.alerts.forget("minhos")


def test_each_address_is_a_channel_so_that_one_that_fails_holds_up_no_other() -> None:
    first, second = channels_of(parse({"alert": {"phone": {"urls": [SECRET, "json://localhost"]}}}))
    assert (first.label, second.label) == ("phone (address 1)", "phone (address 2)")
    assert (first.url, second.url) == (SECRET, "json://localhost")


def test_an_address_that_apprise_does_not_know_is_named_by_its_scheme() -> None:
    with pytest.raises(ValueError, match=r"its address \(nosuch\) is none") as refused:
        AppriseChannel("nosuch://secret")
    assert "secret" not in str(refused.value)


def test_a_service_that_did_not_take_it_is_named_without_its_address(monkeypatch) -> None:
    channel = AppriseChannel("json://localhost/secret")
    monkeypatch.setattr(channel._server, "notify", lambda **_: False)
    with pytest.raises(OSError, match=r"^JSON did not take it$"):
        channel.send("critical", "MinhOS", "unprotected")
