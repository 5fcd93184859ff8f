"""The timetable of `manage.py scheduler`: what is swept, and how often."""

from evbilling.scheduler import Task

DAY = 86_400

SCHEDULE = (
    Task("charging.rating.pin_sweep", every_s=1),
    Task("charging.rating.sweep", every_s=1),
    Task("charging.running_cost.sweep", every_s=2),
    Task("charging.quality.close_stale", every_s=300),
    Task("billing.sweeps.every_few_seconds", every_s=2),
    Task("billing.sweeps.every_few_minutes", every_s=300),
    Task("billing.invoicing.sweep", every_s=3600),
    Task("accounts.partitions.ensure_all", every_s=DAY),
)
