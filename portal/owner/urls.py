"""Pages of one organisation, below owner/<its slug>/."""

from django.urls import URLPattern, path

from portal.owner import views

urlpatterns: list[URLPattern] = [
    path("", views.today, name="today"),
    path("board/", views.board, name="board"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("stations/", views.stations, name="stations"),
    path("stations/<uuid:station_id>/code/", views.station_code, name="station-code"),
]
