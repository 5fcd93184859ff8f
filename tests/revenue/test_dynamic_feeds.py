"""Values from outside: read exactly, refused by row and field, fetched within bounds and never from inside."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from revenue.dynamic import feeds, fetching
from revenue.dynamic.feeds import FeedError, read_values
from revenue.dynamic.fetching import FetchError, fetch, is_public
from revenue.models import Feed, FeedValue
from tests.builders import make_organisation

SIX = datetime(2024, 1, 1, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "at,value\n2024-01-01T18:00Z,0.1042\n2024-01-01T20:00+01:00,-0.02\n",
        "\ufeffAt;Value\r\n2024-01-01T18:00:00+00:00;0,1042\r\n2024-01-01T19:00Z;-0,02\r\n",
        "start,per_mwh\n2024-01-01T18:00Z,104.2\n2024-01-01T19:00Z,-20\n",
        '[{"at": "2024-01-01T18:00Z", "value": 0.1042}, {"at": "2024-01-01T19:00Z", "value": "-0.02"}]',
        '{"prices": [{"start": "2024-01-01T18:00Z", "per_mwh": 104.2},'
        ' {"start": "2024-01-01T19:00Z", "per_mwh": -20}]}',
    ],
)
def test_csv_and_json_say_the_same(text: str) -> None:
    hour = timedelta(hours=1)
    assert read_values(text) == {SIX: Decimal("0.1042"), SIX + hour: Decimal("-0.02")}


def test_quarters_of_an_hour_are_averaged() -> None:
    rows = "".join(
        f"2024-01-01T18:{minute:02}Z,{value}\n" for minute, value in ((0, 1), (15, 2), (30, 3), (45, 6))
    )
    assert read_values("at,value\n" + rows) == {SIX: Decimal(3)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no row with a value"),
        ("at,value\n", "no row with a value"),
        ("value\n1\n", "row 1: `at` is missing"),
        ("at,value\n2024-01-01T18:00,1\n", "row 1: `at` has no offset"),
        ("at,value\nsoon,1\n", "row 1: `at` is 'soon'"),
        ("at,value\n9999-12-31T23:00-12:00,1\n", "too far away"),
        ("at,value\n2024-01-01T18:00Z,1\n2024-01-01T19:00Z,\n", "row 2: `value` is missing"),
        ("at,value\n2024-01-01T18:00Z,dear\n", "row 1: `value` is 'dear', not a number"),
        ("at,value\n2024-01-01T18:00Z,NaN\n", "not a number one can use"),
        ("at,value\n2024-01-01T18:00Z,1e99\n", "not a number one can use"),
        ("{", "not JSON"),
        ('{"hours": []}', "a list of objects"),
        ("[1]", "a list of objects"),
        ("[" * 100_000, "not JSON"),
        ("at,value\n" + "2024-01-01T18:00Z,1\n" * 20_001, "more than 20,000 rows"),
    ],
)
def test_what_cannot_be_read_is_refused_by_row_and_field(text: str, words: str) -> None:
    with pytest.raises(FeedError, match=words):
        read_values(text)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"],
)  # fmt: skip
def test_private_networks_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_the_internet_is_public() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "https://"),
        ("ftp://example.com/", "https://"),
        ("https://", "name a host"),
        ("https://me:secret@example.com/", "password"),
        ("http://example.com:22/", "port 22"),
        ("http://example.com:x/", "can't be read"),
    ],
)
def test_addresses_that_are_not_asked(url: str, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        fetch(url)


def test_a_name_that_leads_inside_is_refused_even_if_it_leads_outside_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lookup(host: str, port: int, **_: object) -> list[object]:
        return [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("10.0.0.5", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(FetchError, match="private network"):
        fetch("https://prices.example/day")


@contextmanager
def serving(status: int = 200, body: bytes = b"", drip_s: float = 0.0, **headers: str) -> Iterator[str]:
    """A web server on this machine that answers everything alike, in pieces if it drips."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            try:
                for piece in range(0, len(body), 1 if drip_s else len(body) or 1):
                    self.wfile.write(body[piece : piece + (1 if drip_s else len(body))])
                    time.sleep(drip_s)
            except OSError:
                pass  # the reader has had enough

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/prices?area=NL"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def anywhere(_address: str) -> bool:
    return True


def test_an_answer_is_fetched() -> None:
    with serving(body=b"at,value\n") as url:
        assert fetch(url, anywhere) == b"at,value\n"


def test_loopback_itself_is_refused() -> None:
    with serving() as url, pytest.raises(FetchError, match="private network"):
        fetch(url)


def test_redirects_are_not_followed() -> None:
    with serving(302, Location="http://169.254.169.254/") as url, pytest.raises(FetchError, match="302"):
        fetch(url, anywhere)


def test_an_endless_answer_is_cut_off() -> None:
    with serving(body=b"x" * (fetching.MAX_BYTES + 1)) as url, pytest.raises(FetchError, match="longer than"):
        fetch(url, anywhere)


def test_a_dripping_server_holds_us_no_longer_than_the_deadline() -> None:
    begin = time.monotonic()
    with serving(body=b"x" * 40, drip_s=0.05) as url, pytest.raises(FetchError, match="does not answer"):
        fetch(url, anywhere, seconds=0.3)
    assert time.monotonic() - begin < 5


def test_a_silent_server_holds_us_no_longer_than_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(FetchError, match="timed out"):
            fetch(url, anywhere, seconds=0.2)


@pytest.mark.django_db
class TestAsking:
    def feed(self, url: str) -> Feed:
        made: Feed = Feed.objects.create(organisation=make_organisation(), name="grid", url=url)
        return made

    def test_a_feed_is_asked_when_its_time_has_come_and_not_before(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feeds, "fetch", lambda url: fetch(url, anywhere))
        with serving(body=b"at,value\n2024-01-01T18:00Z,0.10\n") as url:
            feed = self.feed(url)
            assert [feeds.sweep(SIX), feeds.sweep(SIX + timedelta(minutes=59))] == [1, 0]
            assert feeds.sweep(SIX + timedelta(minutes=60)) == 1
        assert FeedValue.objects.get(feed=feed).value == Decimal("0.10")

    def test_a_failure_is_kept_and_the_values_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feeds, "fetch", lambda url: fetch(url, anywhere))
        with serving(500) as url:
            feed = self.feed(url)
            feeds.store(feed, {SIX: Decimal(1)}, SIX)
            assert feeds.sweep(SIX) == 0
        feed.refresh_from_db()
        assert "answers 500" in feed.failure
        assert FeedValue.objects.filter(feed=feed).count() == 1

    def test_a_later_word_on_an_hour_replaces_the_earlier(self) -> None:
        feed = self.feed("")
        feeds.store(feed, {SIX: Decimal(1)}, SIX)
        feeds.store(feed, {SIX: Decimal(2)}, SIX + timedelta(hours=1))
        value = FeedValue.objects.get(feed=feed)
        assert (value.value, value.received_at) == (Decimal(2), SIX + timedelta(hours=1))
