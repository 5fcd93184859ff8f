"""Pages of one organisation, below owner/<its slug>/."""

from django.urls import URLPattern, path

from portal.owner import forecast, placement, views

urlpatterns: list[URLPattern] = [
    path("", views.today, name="today"),
    path("board/", views.board, name="board"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("stations/", views.stations, name="stations"),
    path("stations/<uuid:station_id>/code/", views.station_code, name="station-code"),
    path("forecast/", forecast.forecast, name="forecast"),
    path("forecast/<uuid:site_id>/holidays/", forecast.holidays, name="forecast-holidays"),
    path("placement/", placement.placement, name="placement"),
    path("placement/candidates/", placement.add, name="placement-add"),
    path("placement/candidates/<uuid:candidate_id>/remove/", placement.remove, name="placement-remove"),
]
