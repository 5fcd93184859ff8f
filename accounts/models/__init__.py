"""Users, organisations and memberships, drivers and their tokens, API keys, and the registry of world-wide keys."""

from accounts.models.api_key import ApiKey
from accounts.models.driver import (
    BillingPreference,
    Driver,
    DriverBlock,
    DriverGroup,
    DriverGroupMember,
    Token,
)
from accounts.models.fleet import Fleet, FleetMember
from accounts.models.organisation import Membership, Organisation, RegistryKey, Role
from accounts.models.user import User

__all__ = [
    "ApiKey",
    "BillingPreference",
    "Driver",
    "DriverBlock",
    "DriverGroup",
    "DriverGroupMember",
    "Fleet",
    "FleetMember",
    "Membership",
    "Organisation",
    "RegistryKey",
    "Role",
    "Token",
    "User",
]
