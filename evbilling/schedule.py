"""The timetable of `manage.py scheduler`: what is swept, and how often."""

from evbilling.scheduler import Task

DAY = 86_400

SCHEDULE = (
    Task("charging.rating.pin_sweep", every_s=1),
    Task("charging.rating.sweep", every_s=1),
    Task("charging.running_cost.sweep", every_s=2),
    Task("charging.quality.close_stale", every_s=300),
    Task("stations.uptime.sweep", every_s=30),
    Task("revenue.maintenance.windows.sweep", every_s=15),
    Task("revenue.maintenance.sweeps.every_few_minutes", every_s=300, slow=True),
    Task("revenue.maintenance.sweeps.every_few_hours", every_s=6 * 3600, slow=True),
    Task("billing.sweeps.every_few_seconds", every_s=2),
    Task("billing.sweeps.every_few_minutes", every_s=300),
    Task("charging.local_list_sweep.sweep", every_s=10),
    Task("charging.reservations.sweep", every_s=10),
    Task("charging.profiles.sweep", every_s=30),
    Task("charging.station_tariffs.sweep", every_s=30, slow=True),
    Task("billing.invoicing.sweep", every_s=3600, slow=True),
    Task("accounts.partitions.ensure_all", every_s=DAY, slow=True),
    Task("billing.invoicing.sweep", every_s=3600),
    Task("revenue.forecast.sweep", every_s=30),
    Task("accounts.partitions.ensure_all", every_s=DAY),
    Task("charging.curves.archive_sweep", every_s=300, slow=True),
    Task("charging.curves.drop_old_readings", every_s=DAY, slow=True),
    Task("gateway.retention.drop_old_messages", every_s=DAY, slow=True),
    Task("revenue.rollups.sweep", every_s=5),
    Task("revenue.rollups.check.nightly", every_s=DAY, slow=True),
    Task("portal.owner.reports.sweep", every_s=600, slow=True),
    Task("revenue.dynamic.feeds.sweep", every_s=60, slow=True),
    Task("revenue.dynamic.sweep.sweep", every_s=30),
)
