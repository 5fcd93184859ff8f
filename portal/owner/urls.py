"""Pages of one organisation, below owner/<its slug>/."""

from django.urls import URLPattern, path

from portal.owner import dynamic, dynamic_setup, electricity, revenue, sharing, uptime, views

urlpatterns: list[URLPattern] = [
    path("", views.today, name="today"),
    path("board/", views.board, name="board"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("revenue/", revenue.revenue, name="revenue"),
    path("revenue/days/<str:day>/", revenue.revenue_day, name="revenue-day"),
    path("revenue/electricity/", electricity.electricity, name="electricity"),
    path("revenue/sharing/", sharing.sharing, name="sharing"),
    path("revenue/sharing/report/", sharing.report, name="report"),
    path("revenue/sharing/<uuid:share_id>/revoke/", sharing.revoke, name="revoke-share"),
    path("stations/", views.stations, name="stations"),
    path("stations/<uuid:station_id>/code/", views.station_code, name="station-code"),
    path("uptime/", uptime.uptime, name="uptime"),
    path("uptime/ports/<uuid:evse_id>/", uptime.uptime_port, name="uptime-port"),
    path("uptime/ports/<uuid:evse_id>/exclude/", uptime.uptime_exclude, name="uptime-exclude"),
    path("uptime/exclusions/<uuid:exclusion_id>/withdraw/", uptime.uptime_withdraw, name="uptime-withdraw"),
    path("prices/", dynamic.prices, name="prices"),
    path("prices/feeds/", dynamic_setup.feeds, name="prices-feeds"),
    path("prices/feeds/<uuid:feed_id>/", dynamic_setup.feed, name="prices-feed"),
    path("prices/rules/<uuid:rule_id>/", dynamic_setup.rule, name="prices-rule"),
    path("prices/rules/<uuid:rule_id>/up/", dynamic_setup.rule_up, name="prices-rule-up"),
    path("prices/rules/<uuid:rule_id>/delete/", dynamic_setup.rule_delete, name="prices-rule-delete"),
    path("prices/<uuid:site_id>/", dynamic.prices_site, name="prices-site"),
    path("prices/<uuid:site_id>/set-up/", dynamic.prices_set_up, name="prices-set-up"),
    path("prices/<uuid:site_id>/on/", dynamic.prices_on, name="prices-on"),
    path("prices/<uuid:site_id>/off/", dynamic.prices_off, name="prices-off"),
    path("prices/<uuid:site_id>/decisions/", dynamic.prices_decisions, name="prices-decisions"),
    path("prices/<uuid:site_id>/guardrails/", dynamic_setup.guardrails, name="prices-guardrails"),
    path("prices/<uuid:site_id>/rules/new/", dynamic_setup.rule_new, name="prices-rule-new"),
]
