"""The Checkout page."""

from __future__ import annotations

from fakestripe.cards import CARDS, OFFERED, Card
from fakestripe.money import display
from fakestripe.pages.templates import Html, element, fill, join, page
from fakestripe.store import Row
from fakestripe.types import Obj


def render(row: Row, *, manual: bool) -> bytes:
    """The form of an open session; ``manual`` tells of a hold."""
    session, setup = row.obj, row.obj["mode"] == "setup"
    given = session["customer_details"] or {}
    amount = "" if setup else display(session["amount_total"], session["currency"])
    verb = "Save card" if setup else f"Reserve {amount}" if manual else f"Pay {amount}"
    body = fill(
        "checkout.html",
        session=session["id"],
        heading="Save a card for later" if setup else "Your order",
        total=Html("") if setup else element("p", amount, "total"),
        items=_items(row.private["line_items"]),
        hold=_hold(setup=setup, manual=manual),
        form_title="Card details",
        error=element("p", row.private["error"], "alert", role="alert") if row.private["error"] else Html(""),
        contact=_contact(session, given),
        name=given.get("name") or "",
        cards=join([_card(card, checked=index == 0) for index, card in enumerate(OFFERED)]),
        others=join(
            [element("option", _title(card), value=card.number) for card in CARDS if card not in OFFERED]
        ),
        submit=verb,
        cancel=_cancel(session),
    )
    return page(verb, body)


def _items(items: list[Obj]) -> Html:
    rows = [
        element(
            "li",
            Html(
                element(
                    "span", item["description"] + (f" × {item['quantity']}" if item["quantity"] > 1 else "")
                )
                + element("span", display(item["amount_total"], item["currency"]))
            ),
        )
        for item in items
    ]
    return element("ul", join(rows), "items") if rows else Html("")


def _hold(*, setup: bool, manual: bool) -> Html:
    if setup:
        return element("p", "Nothing is charged now. The card is kept for later payments.", "hold")
    if manual:
        return element(
            "p", "The amount is only reserved. You pay what you use; the rest is released.", "hold"
        )
    return Html("")


def _contact(session: Obj, given: Obj) -> Html:
    known = given.get("email")
    if known and (session["customer"] or session["customer_email"]):
        return element("p", f"Receipt to {known}", "hold")
    box = (
        '<input id="email" name="email" type="email" required autocomplete="email" maxlength="512" '
        'placeholder="you@example.com">'
    )
    return Html(f'<label class="field" for="email"><span>E-mail</span>\n{box}</label>')


def _card(card: Card, *, checked: bool) -> Html:
    mark = " checked" if checked else ""
    return Html(
        f'<label><input type="radio" name="card" value="{card.number}"{mark}>'
        f"{element('span', card.label)}{element('span', _spaced(card.number), 'number')}</label>"
    )


def _title(card: Card) -> str:
    return f"{_spaced(card.number)} · {card.label or card.names[0]} · {card.country}"


def _spaced(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _cancel(session: Obj) -> Html:
    if not session["cancel_url"]:
        return Html("")
    return element("a", "Cancel and go back", "back", href=session["cancel_url"])
