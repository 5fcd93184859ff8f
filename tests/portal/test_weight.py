"""What a page loads: at most 60 KB of CSS and JS over the wire, all of it from here, none of it inline."""

import gzip
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from tests.builders import connector_of, make_member, make_organisation, make_session, make_site, make_station

STATIC = Path(__file__).parents[2] / "static"
LIMIT_BYTES = 60_000
LOADED = re.compile(r'<(?:link rel="stylesheet" href|script src)="([^"]+)"')
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)(?![^>]*application/json)")

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages(client: Client) -> dict[str, str]:
    """One page of each shell, the live ones among them."""
    organisation = make_organisation()
    station = make_station(make_site(organisation))
    make_session(connector_of(station), seconds=None)
    client.force_login(make_member(organisation).user)
    urls = {
        "owner": reverse("portal:today", args=[organisation.slug]),
        "driver": reverse("portal:driver-home"),
        "history": reverse("portal:driver-history"),
        "guest": reverse("portal:station", args=[station.public_code]),
        "log-in": reverse("account_reset_password"),
    }
    return {name: client.get(url).content.decode() for name, url in urls.items()}


def test_css_and_js_of_a_page_fit_into_60_kb_as_sent(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        files = LOADED.findall(page)
        assert files, name
        sent = sum(
            len(gzip.compress((STATIC / file.removeprefix("/static/")).read_bytes(), 9)) for file in files
        )
        assert sent <= LIMIT_BYTES, f"{name}: {sent} bytes"


def test_pages_hold_no_inline_style_or_script(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert not INLINE.search(page), f"{name}: {INLINE.search(page)}"


def test_pages_load_nothing_from_elsewhere(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page.replace("http://testserver", "")), name


def test_the_policy_allows_only_this_origin(client: Client) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
