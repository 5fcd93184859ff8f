"""Connect accounts: https://docs.stripe.com/api/accounts"""

from __future__ import annotations

from fakestripe import money
from fakestripe.call import Call, endpoint, only
from fakestripe.errors import StripeError, invalid, not_implemented
from fakestripe.expand import includable
from fakestripe.ids import new_id
from fakestripe.lists import created_fits, page
from fakestripe.merge import address, assign, merge_metadata
from fakestripe.resources import capabilities
from fakestripe.types import Obj, clone

PLATFORM = "acct_1FakeStripe000000"
CURRENCY = {
    "GB": "gbp",
    "US": "usd",
    "CH": "chf",
    "SE": "sek",
    "NO": "nok",
    "DK": "dkk",
    "PL": "pln",
    "CZ": "czk",
}
FIELDS = (
    "business_profile",
    "business_type",
    "capabilities",
    "company",
    "email",
    "metadata",
    "settings",
    "default_currency",
)
PROFILE = ("mcc", "name", "product_description", "support_email", "support_phone", "support_url", "url")
COMPANY = ("address", "name", "phone", "tax_id", "vat_id")
INTERVALS = ("daily", "manual")


@endpoint("POST /v1/accounts", *FIELDS, "type", "country", "controller", "tos_acceptance")
def create(call: Call) -> Obj:
    account = blank(new_id("acct", 16), call.now, call.get("country", "DE"))
    account |= _controller(call)
    call.tx.add("account", account, private={"onboarded": False})
    _apply(call, account)
    requested = call.get("capabilities") or {}
    for name in requested or {"transfers": {}}:
        capabilities.request(call, account, name)
    capabilities.refresh(call, account)
    call.emit("account.updated", account, account=account["id"])
    return account


def blank(account_id: str, now: int, country: str) -> Obj:
    """An account nobody has filled in yet."""
    return {
        "id": account_id,
        "object": "account",
        "business_profile": {**dict.fromkeys(PROFILE), "annual_revenue": None, "support_address": None},
        "business_type": None,
        "capabilities": {},
        "charges_enabled": False,
        "controller": None,
        "country": country,
        "created": now,
        "default_currency": CURRENCY.get(country, "eur"),
        "details_submitted": False,
        "email": None,
        "external_accounts": {"object": "list", "data": [], "has_more": False, "total_count": 0, "url": ""},
        "future_requirements": capabilities.no_requirements(),
        "metadata": {},
        "payouts_enabled": False,
        "requirements": capabilities.no_requirements(),
        "settings": _settings(),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "none",
    }


def _settings() -> Obj:
    descriptors = ("statement_descriptor", "statement_descriptor_kana", "statement_descriptor_kanji")
    prefixes = (
        "statement_descriptor_prefix",
        "statement_descriptor_prefix_kana",
        "statement_descriptor_prefix_kanji",
    )
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            **dict.fromkeys(prefixes),
        },
        "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": "offer"},
        "payments": dict.fromkeys(descriptors),
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }


def _controller(call: Call) -> Obj:
    type_, sent = call.get("type"), call.get("controller")
    if type_ and sent:
        message = "You may only specify one of these parameters: type, controller."
        raise invalid(message, param="controller")
    if type_ not in (None, "express"):
        raise not_implemented(f"accounts of type '{type_}' (only express, or controller properties)")
    given = sent or {"fees": {"payer": "application"}, "stripe_dashboard": {"type": "express"}}
    only(given, "controller", "fees", "losses", "requirement_collection", "stripe_dashboard")
    payer = (given.get("fees") or {}).get("payer", "account")
    if type_ == "express" and payer == "application":
        payer = "application_express"
    dashboard = (given.get("stripe_dashboard") or {}).get("type", "full")
    controller = {
        "fees": {"payer": payer},
        "is_controller": True,
        "losses": {
            "payments": (given.get("losses") or {}).get("payments", "application" if type_ else "stripe")
        },
        "requirement_collection": given.get("requirement_collection", "stripe"),
        "stripe_dashboard": {"type": dashboard},
        "type": "application",
    }
    return {
        "controller": controller,
        "type": "express" if type_ == "express" or dashboard == "express" else "none",
    }


def _apply(call: Call, account: Obj) -> None:
    assign(call, account, "email", "business_type")
    if currency := call.get("default_currency"):
        account["default_currency"] = money.known_currency(currency, "default_currency")
    profile = only(call.get("business_profile"), "business_profile", *PROFILE)
    account["business_profile"] |= {name: value or None for name, value in profile.items()}
    if company := call.get("company"):
        account["company"] = _company(account.get("company") or {}, company)
    _payout_schedule(call, account)
    if accepted := call.get("tos_acceptance"):
        account["tos_acceptance"] |= accepted
    merge_metadata(account, call.params.get("metadata"))


def _company(known: Obj, sent: Obj) -> Obj:
    only(sent, "company", *COMPANY)
    company = {"address": None, "name": None, "phone": None, "tax_id_provided": False, **known}
    company |= {name: sent[name] or None for name in ("name", "phone") if name in sent}
    if "address" in sent:
        company["address"] = address(sent["address"])
    if sent.get("tax_id"):
        company["tax_id_provided"] = True
    if sent.get("vat_id"):
        company["vat_id_provided"] = True
    return company


def _payout_schedule(call: Call, account: Obj) -> None:
    payouts = only(call.get("settings"), "settings", "payouts").get("payouts")
    schedule = only(payouts, "settings[payouts]", "schedule").get("schedule") or {}
    only(schedule, "settings[payouts][schedule]", "interval")
    interval = schedule.get("interval", account["settings"]["payouts"]["schedule"]["interval"])
    if interval not in INTERVALS:
        raise not_implemented(f"the payout interval '{interval}' (only {' and '.join(INTERVALS)})")
    account["settings"]["payouts"]["schedule"]["interval"] = interval


def platform(call: Call) -> Obj:
    """The account that the key belongs to."""
    account = blank(PLATFORM, 1_577_836_800, "DE")
    settled = {
        "details_submitted": True,
        "charges_enabled": True,
        "payouts_enabled": True,
        "email": "platform@example.com",
    }
    account["business_profile"]["name"] = "fakestripe platform"
    account["settings"]["dashboard"]["display_name"] = "fakestripe platform"
    account["settings"]["payouts"]["schedule"]["interval"] = "manual"
    capable = {"card_payments": "active", "transfers": "active"}
    return (
        account | settled | {"capabilities": capable, "controller": {"type": "account"}, "type": "standard"}
    )


@endpoint("GET /v1/account")
def retrieve_current(call: Call) -> Obj:
    if call.account is not None:
        found = call.tx.find(call.account)
        if found is not None:
            return found.obj
    return platform(call)


@endpoint("GET /v1/accounts/{account}")
def retrieve(call: Call) -> Obj:
    if call.ids[0] == PLATFORM:
        return platform(call)
    return connected(call, call.ids[0])


def connected(call: Call, account_id: str, param: str = "account") -> Obj:
    """A connected account that is still there, not to be changed."""
    found = call.tx.find(account_id)
    if (
        found is None
        or found.kind != "account"
        or found.obj.get("deleted")
        or call.account not in (None, account_id)
    ):
        raise StripeError(
            403,
            f"The provided key does not have access to account '{account_id}' (or that account does not "
            "exist). Application access may have been revoked.",
            code="account_invalid",
            param=param,
        )
    return found.obj


@endpoint("POST /v1/accounts/{account}", *FIELDS, "tos_acceptance")
def update(call: Call) -> Obj:
    before = clone(connected(call, call.ids[0]))
    account = call.tx.edit_anywhere(call.ids[0]).obj
    _apply(call, account)
    for name in call.get("capabilities") or {}:
        capabilities.request(call, account, name)
    capabilities.refresh(call, account)
    call.emit("account.updated", account, before=before, account=account["id"])
    return account


@endpoint("DELETE /v1/accounts/{account}")
def delete(call: Call) -> Obj:
    connected(call, call.ids[0])
    for row in call.tx.rows_anywhere("balance_transaction"):
        if row.account == call.ids[0]:
            message = f"Account {call.ids[0]} has had money on it; fakestripe doesn't delete it."
            raise invalid(message, param="account")
    row = call.tx.edit_anywhere(call.ids[0])
    row.obj = {"id": call.ids[0], "object": "account", "deleted": True}
    return row.obj


@endpoint("GET /v1/accounts", "created")
def list_(call: Call) -> Obj:
    created = call.get("created")
    accounts = (
        row.obj
        for row in call.tx.rows_of("account")
        if not row.obj.get("deleted") and (created is None or created_fits(row.obj["created"], created))
    )
    return page(call, accounts, "/v1/accounts")


@endpoint("GET /v1/accounts/{account}/external_accounts", "object")
def list_external(call: Call) -> Obj:
    account = connected(call, call.ids[0])
    return page(call, account["external_accounts"]["data"], f"/v1/accounts/{account['id']}/external_accounts")


@includable("account", "company")
def _no_company(call: Call, account: Obj) -> None:
    return None
