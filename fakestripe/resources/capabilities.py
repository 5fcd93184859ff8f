"""What a connected account may do, and the onboarding that unlocks it."""

from __future__ import annotations

from fakestripe.addresses import web_address
from fakestripe.call import Call, endpoint
from fakestripe.errors import StripeError, invalid, missing_object, not_implemented
from fakestripe.ids import new_id, token
from fakestripe.types import Obj, clone

KNOWN = ("transfers", "card_payments")
DUE = ("business_type", "external_account", "tos_acceptance.date", "tos_acceptance.ip")
LINK_S = 300
DAY_S = 86_400


def no_requirements() -> Obj:
    """Requirements of an account with nothing left to do."""
    lists = ("currently_due", "errors", "eventually_due", "past_due", "pending_verification")
    return {
        "alternatives": [],
        "current_deadline": None,
        "disabled_reason": None,
        **{name: [] for name in lists},
    }


def request(call: Call, account: Obj, name: str) -> None:
    """Ask for a capability; it is inactive until the account is onboarded."""
    if name not in KNOWN:
        raise not_implemented(f"the capability '{name}' (only {' and '.join(KNOWN)})")
    account["capabilities"].setdefault(name, "inactive")


def refresh(call: Call, account: Obj) -> None:
    """Bring capabilities and requirements in line with the onboarding."""
    onboarded = account["details_submitted"]
    due = [] if onboarded else list(DUE)
    account["requirements"] = no_requirements() | {
        "currently_due": due,
        "eventually_due": list(due),
        "past_due": list(due),
        "disabled_reason": None if onboarded else "requirements.past_due",
    }
    for name in account["capabilities"]:
        account["capabilities"][name] = "active" if onboarded else "inactive"
    account["payouts_enabled"] = onboarded
    account["charges_enabled"] = onboarded and account["capabilities"].get("card_payments") == "active"
    account["external_accounts"]["url"] = f"/v1/accounts/{account['id']}/external_accounts"


def onboard(call: Call, account_id: str) -> Obj:
    """What a visitor of the onboarding page does: fill everything in. A repeat changes nothing."""
    account = call.tx.edit_anywhere(account_id).obj
    if account["details_submitted"]:
        return account
    before = clone(account)
    bank = _bank_account(account)
    call.tx.add("bank_account", bank, account=account_id)
    account["external_accounts"] |= {"data": [clone(bank)], "total_count": 1}
    account["tos_acceptance"] = {"date": call.now, "ip": "127.0.0.1", "user_agent": None}
    account |= {"details_submitted": True, "business_type": account["business_type"] or "company"}
    refresh(call, account)
    call.emit("account.updated", account, before=before, account=account_id)
    for name in account["capabilities"]:
        call.emit("capability.updated", capability(account, name), account=account_id)
    call.emit("account.external_account.created", bank, account=account_id)
    call.later(call.now + DAY_S, "pay_out", account_id)
    return account


def _bank_account(account: Obj) -> Obj:
    return {
        "id": new_id("ba"),
        "object": "bank_account",
        "account": account["id"],
        "account_holder_name": None,
        "account_holder_type": "company",
        "account_type": None,
        "available_payout_methods": ["standard"],
        "bank_name": "STRIPE TEST BANK",
        "country": account["country"],
        "currency": account["default_currency"],
        "default_for_currency": True,
        "fingerprint": token(16),
        "last4": "3000",
        "metadata": {},
        "routing_number": "110000000",
        "status": "new",
    }


def capability(account: Obj, name: str) -> Obj:
    """The capability object of an account."""
    status = account["capabilities"].get(name, "unrequested")
    due = list(account["requirements"]["currently_due"]) if status == "inactive" else []
    requirements = no_requirements() | {
        "currently_due": due,
        "eventually_due": list(due),
        "past_due": list(due),
    }
    return {
        "id": name,
        "object": "capability",
        "account": account["id"],
        "future_requirements": no_requirements(),
        "requested": status != "unrequested",
        "requested_at": account["created"] if status != "unrequested" else None,
        "requirements": requirements,
        "status": status,
    }


def require_transfers(account: Obj) -> None:
    """Refuse a transfer to an account that can't take one."""
    if account["capabilities"].get("transfers") != "active":
        raise StripeError(
            400,
            "Your destination account needs to have at least one of the following capabilities enabled: "
            "transfers, crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
            param="destination",
        )


def _account(call: Call, account_id: str) -> Obj:
    found = call.tx.find(account_id)
    if found is None or found.kind != "account" or found.obj.get("deleted"):
        raise missing_object("account", account_id, "account")
    return found.obj


@endpoint("GET /v1/accounts/{account}/capabilities")
def list_capabilities(call: Call) -> Obj:
    account = _account(call, call.ids[0])
    data = [capability(account, name) for name in account["capabilities"]]
    return {
        "object": "list",
        "data": data,
        "has_more": False,
        "url": f"/v1/accounts/{account['id']}/capabilities",
    }


@endpoint("GET /v1/accounts/{account}/capabilities/{capability}")
def retrieve(call: Call) -> Obj:
    if call.ids[1] not in KNOWN:
        raise missing_object("capability", call.ids[1], "capability")
    return capability(_account(call, call.ids[0]), call.ids[1])


@endpoint("POST /v1/accounts/{account}/capabilities/{capability}", "requested")
def update(call: Call) -> Obj:
    _account(call, call.ids[0])
    account = call.tx.edit_anywhere(call.ids[0]).obj
    if not call.get("requested", True):
        raise not_implemented("giving a capability back (requested=false)")
    request(call, account, call.ids[1])
    refresh(call, account)
    shown = capability(account, call.ids[1])
    call.emit("capability.updated", shown, account=account["id"])
    return shown


@endpoint("POST /v1/account_links", "account", "type", "refresh_url", "return_url", "collection_options")
def create_link(call: Call) -> Obj:
    account = _account(call, call.params["account"])
    for name in ("refresh_url", "return_url"):
        if not call.get(name):
            raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
        web_address(call.params[name], name)
    link_id = new_id("link")
    link = {"id": link_id, "account": account["id"], "expires_at": call.now + LINK_S}
    urls = {name: call.get(name) for name in ("refresh_url", "return_url")}
    call.tx.add("_account_link", link | urls, account=None)
    url = f"{call.base_url}/setup/{link_id}"
    return {"object": "account_link", "created": call.now, "expires_at": link["expires_at"], "url": url}
