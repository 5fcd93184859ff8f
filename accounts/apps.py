from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        post_migrate.connect(_ensure_partitions, sender=self, dispatch_uid="accounts.partitions")


def _ensure_partitions(**_: Any) -> None:
    """A new database has its first months before the first row comes."""
    from accounts.partitions import ensure_all

    ensure_all()
