"""What is done about a port: one work order per finding, and windows that are planned ahead."""

from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.money import MoneyField
from accounts.tenancy import TenantModel, TenantQuerySet
from stations.models.outage import PlacedModel
from stations.models.places import EVSE


class WorkOrderQuerySet(TenantQuerySet["WorkOrder"]):
    def open(self) -> "WorkOrderQuerySet":
        return self.filter(closed_at__isnull=True)

    def ranked(self) -> "WorkOrderQuerySet":
        """What costs most a day first; what nobody could measure last, oldest first."""
        return self.order_by(F("loss_per_day").desc(nulls_last=True), "since", "id")


class WorkOrder(TenantModel):
    """One finding at one port, open until somebody closes it with a reason.

    `loss_per_day` is what the port earned before, net of tax; `basis` says on what it was measured
    (`sessions`, `days`, `first_day`, `last_day`), and is empty where nothing could be.
    """

    class Kind(models.TextChoices):
        OUTAGE = "outage", "Out of order"
        SILENT = "silent", "Silent"
        DERATED = "derated", "Weak"
        FAILED_STARTS = "starts", "Starts fail"

    class CloseReason(models.TextChoices):
        REPAIRED = "repaired", "Repaired"
        REPLACED = "replaced", "Part replaced"
        RESTARTED = "restarted", "Restarted, works again"
        NO_FAULT = "no_fault", "No fault found"
        NOT_OURS = "not_ours", "Not ours to mend"
        CAME_BACK = "came_back", "Came back by itself"

    evse = models.ForeignKey(EVSE, on_delete=models.PROTECT, related_name="work_orders")
    kind = models.CharField(max_length=8, choices=Kind)
    since = models.DateTimeField(help_text="when what was found began")
    evidence = models.JSONField(default=dict)
    loss_per_day = MoneyField(null=True, blank=True)
    basis = models.JSONField(default=dict)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="when the finding last stood")
    cleared_at = models.DateTimeField(null=True, blank=True, help_text="the port does it again, by itself")
    closed_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=9, choices=CloseReason, blank=True)

    objects: ClassVar[Any] = WorkOrderQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "evse", "kind"],
                condition=Q(closed_at__isnull=True),
                name="work_order_one_open",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("outage", "silent", "derated", "starts")), name="work_order_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, close_reason="")
                | Q(closed_at__isnull=False) & ~Q(close_reason=""),
                name="work_order_closed_says_why",
            ),
            models.CheckConstraint(
                condition=Q(loss_per_day__isnull=True) | Q(loss_per_day__gte=0),
                name="work_order_loss_positive",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organisation", "-loss_per_day"],
                condition=Q(closed_at__isnull=True),
                name="work_order_open",
            ),
            models.Index(fields=["organisation", "evse", "kind", "-closed_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.evse}: {self.get_kind_display()}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class WorkOrderEntry(TenantModel):
    """A step of a work order: who did what, when. Append only; nobody in `by` is the system itself."""

    class Action(models.TextChoices):
        OPENED = "opened", "Opened"
        CHANGED = "changed", "Found again"
        CLEARED = "cleared", "Works again"
        ASSIGNED = "assigned", "Assigned"
        NOTE = "note", "Note"
        CLOSED = "closed", "Closed"
        REOPENED = "reopened", "Opened again"

    order = models.ForeignKey(WorkOrder, on_delete=models.PROTECT, related_name="entries")
    action = models.CharField(max_length=8, choices=Action)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()
    text = models.CharField(max_length=1000, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["at", "id"]
        verbose_name_plural = "work order entries"
        constraints = [
            models.CheckConstraint(
                condition=~Q(action="note") | Q(by__isnull=False) & ~Q(text=""), name="work_order_note_says"
            ),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            pgtrigger.Protect(
                name="work_order_entry_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.at:%Y-%m-%d %H:%M}"


class PlannedWindow(PlacedModel):
    """Scheduled maintenance: ports are taken out of service for it, drivers read of it beforehand."""

    since = models.DateTimeField()
    until = models.DateTimeField()
    words = models.CharField(max_length=200, blank=True, help_text="what drivers read, after the times")
    exclusion = models.OneToOneField(
        "stations.Exclusion", on_delete=models.PROTECT, related_name="planned_window"
    )
    planned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    planned_at = models.DateTimeField(auto_now_add=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(
        null=True, blank=True, help_text="over, and the ports are back in service"
    )

    class Meta(PlacedModel.Meta):
        ordering = ["-since"]
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("since")), name="planned_window_runs_forward"),
            models.CheckConstraint(
                condition=Q(evse__isnull=True) | Q(station__isnull=False), name="planned_window_of_one_place"
            ),
        ]
        indexes = [
            models.Index(
                fields=["since"], condition=Q(settled_at__isnull=True), name="planned_window_to_settle"
            )
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.since:%Y-%m-%d %H:%M}"
