"""Errors as Stripe words them: an HTTP status and an ``error`` object."""

from __future__ import annotations

from fakestripe.types import Obj

DOC_URL = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """Ends a request with ``status`` and ``{"error": {...}}``.

    ``commits`` says that the work done so far stays (a declined card leaves a failed charge behind);
    otherwise everything the request did is rolled back.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        commits: bool = False,
        headers: dict[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.commits = commits
        self.headers = headers or {}
        self.error: Obj = {"message": message, "type": type_}
        if code is not None:
            self.error |= {"code": code, "doc_url": DOC_URL + code.replace("_", "-")}
        if param is not None:
            self.error["param"] = param
        self.error |= {name: value for name, value in extra.items() if value is not None}

    def body(self) -> Obj:
        """The JSON body of the response."""
        return {"error": self.error}


def invalid(
    message: str, *, code: str | None = None, param: str | None = None, **extra: object
) -> StripeError:
    """A 400 invalid_request_error."""
    return StripeError(400, message, code=code, param=param, **extra)  # type: ignore[arg-type]  # extra fields only


def missing_object(kind: str, object_id: str, param: str = "id") -> StripeError:
    """The 404 of an id that does not exist (in this account)."""
    name = kind.rpartition(".")[2]
    return StripeError(404, f"No such {name}: '{object_id}'", code="resource_missing", param=param)


def not_implemented(what: str) -> StripeError:
    """A 501: Stripe has it, the local Stripe doesn't, and it says so rather than invent a success."""
    message = f"fakestripe does not implement {what}. Stripe itself may; nothing was done."
    return StripeError(501, message, type_="api_error", code="not_implemented")
