"""Pages of one organisation, below owner/<its slug>/."""

from django.urls import URLPattern, path

from portal.owner import (
    api_keys,
    stations_messages,
    stations_page,
    stations_setup,
    stations_stickers,
    views,
)

STATION = "stations/<uuid:station_id>/"

urlpatterns: list[URLPattern] = [
    path("", views.today, name="today"),
    path("board/", views.board, name="board"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/<uuid:session_id>/", views.session, name="session"),
    path("stations/", views.stations, name="stations"),
    path("stations/<uuid:station_id>/code/", views.station_code, name="station-code"),
    path("stations/new/", stations_setup.new_station, name="new-station"),
    path("stations/stickers.pdf", stations_stickers.stickers, name="stickers"),
    path(STATION, stations_page.station, name="owner-station"),
    path(f"{STATION}now/", stations_page.station_now, name="station-now"),
    path(f"{STATION}commands/", stations_page.station_commands, name="station-commands"),
    path(f"{STATION}commands/<slug:way>/", stations_page.station_command, name="station-command"),
    path(f"{STATION}local-list/", stations_page.local_list, name="local-list"),
    path(f"{STATION}messages/", stations_messages.station_messages, name="station-messages"),
    path(f"{STATION}messages/<uuid:message_id>/", stations_messages.station_message, name="station-message"),
    path(f"{STATION}connect/", stations_setup.connect, name="station-connect"),
    path(f"{STATION}contact/", stations_setup.contact, name="station-contact"),
    path(f"{STATION}password/", stations_setup.new_station_password, name="station-password"),
    path(f"{STATION}ports/", stations_setup.new_ports, name="station-ports"),
    path(f"{STATION}stickers.pdf", stations_stickers.station_stickers, name="station-stickers"),
    path("api-keys/", api_keys.api_keys, name="api-keys"),
    path("api-keys/<uuid:key_id>/revoke/", api_keys.revoke_api_key, name="revoke-api-key"),
]
