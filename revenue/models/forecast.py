"""What was forecast for a site, kept by the day it was made; and whose public holidays the site keeps."""

from django.db import models

from accounts.tenancy import TenantModel
from stations.models import Site


class SiteForecast(TenantModel):
    """One day's forecast of one site: `document` as `revenue.forecast.Forecast.to_json` writes it."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    made_on = models.DateField(help_text="the local day it was made; what came later was not known")
    document = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["-made_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "site", "made_on"], name="site_forecast_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.site_id} on {self.made_on}"


class HolidayRegion(TenantModel):
    """The part of its country (ISO 3166-2, after the hyphen) whose public holidays a site keeps."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    subdivision = models.CharField(max_length=20)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "site"], name="holiday_region_once_a_site")
        ]

    def __str__(self) -> str:
        return f"{self.site_id}: {self.subdivision}"
