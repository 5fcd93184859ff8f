"""Pages of one organisation, below owner/<its slug>/."""

from django.urls import URLPattern, path

from portal.owner import electricity, maintenance, revenue, sharing, uptime, views, windows

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
    path("maintenance/", maintenance.maintenance, name="maintenance"),
    path("maintenance/reliability/", maintenance.reliability_page, name="reliability"),
    path("maintenance/windows/", windows.planned, name="windows"),
    path("maintenance/windows/<uuid:window_id>/cancel/", windows.window_cancel, name="window-cancel"),
    path("maintenance/orders/<uuid:order_id>/", maintenance.work_order, name="work-order"),
    path("maintenance/orders/<uuid:order_id>/act/", maintenance.work_order_act, name="work-order-act"),
]
