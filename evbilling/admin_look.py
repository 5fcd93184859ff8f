"""How the admin looks and where its pages stand: django-unfold's settings."""

from typing import Any

from django.urls import reverse_lazy

SHADES = {50: 0.98, 100: 0.955, 200: 0.9, 300: 0.83, 400: 0.72, 500: 0.6, 600: 0.455, 700: 0.385, 800: 0.32,
          900: 0.27, 950: 0.2}  # fmt: skip
PALE, FULL, HUE = 0.02, 0.165, 350  # the accent of static/css/tokens.css

ROOMS = {
    "Charging": [
        ("Sessions", "charging_chargingsession", "bolt"),
        ("Priced sessions", "charging_pricedsession", "calculate"),
        ("Quarantined facts", "charging_quarantinedfact", "report"),
        ("Imports", "charging_importbatch", "upload_file"),
        ("Station commands", "charging_stationcommand", "send"),
    ],
    "Money": [
        ("Payments", "billing_payment", "credit_card"),
        ("Session charges", "billing_sessioncharge", "receipt"),
        ("Documents", "billing_document", "description"),
        ("Refunds", "billing_refund", "undo"),
        ("Journals", "billing_journal", "menu_book"),
        ("Ledger accounts", "billing_account", "account_balance"),
        ("Stripe events", "billing_stripeeventinbox", "inbox"),
        ("Letters", "billing_mail", "mail"),
    ],
    "Places and prices": [
        ("Sites", "stations_site", "location_on"),
        ("Stations", "stations_station", "ev_station"),
        ("Status intervals", "stations_statusinterval", "schedule"),
        ("Tariffs", "tariffs_tariff", "sell"),
        ("Tariff assignments", "tariffs_tariffassignment", "assignment"),
    ],
    "People": [
        ("Organisations", "accounts_organisation", "domain"),
        ("Users", "accounts_user", "person"),
        ("Memberships", "accounts_membership", "badge"),
        ("Drivers", "accounts_driver", "directions_car"),
        ("Tokens", "accounts_token", "contactless"),
        ("Driver blocks", "accounts_driverblock", "block"),
    ],
}


def _colour(lightness: float) -> str:
    chroma = FULL if 0.3 < lightness < 0.7 else PALE + (1 - lightness) * 0.3
    return f"oklch({lightness:.1%} {chroma:.3f} {HUE})"


def _link(title: str, model: str, icon: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


UNFOLD = {
    "SITE_TITLE": "evbilling",
    "SITE_HEADER": "evbilling",
    "SITE_SYMBOL": "ev_station",
    "SHOW_HISTORY": True,
    "COLORS": {"primary": {str(shade): _colour(lightness) for shade, lightness in SHADES.items()}},
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": True,
        "navigation": [
            {"title": room, "collapsible": True, "items": [_link(*page) for page in pages]}
            for room, pages in ROOMS.items()
        ],
    },
}
