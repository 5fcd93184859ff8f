from django.apps import AppConfig


class EvbillingConfig(AppConfig):
    name = "evbilling"
    verbose_name = "evbilling"

    def ready(self) -> None:
        from evbilling import checks  # noqa: F401 - importing registers them
