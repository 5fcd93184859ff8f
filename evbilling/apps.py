from django.apps import AppConfig


class EvbillingConfig(AppConfig):
    name = "evbilling"
    verbose_name = "evbilling"
