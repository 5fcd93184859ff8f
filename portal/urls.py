"""The portal's URL map. Each view says who may see it (portal.scopes)."""

from django.urls import URLPattern, URLResolver, include, path

from portal.driver import actions
from portal.driver import views as driver
from portal.guest import live, paying
from portal.guest import views as guest
from portal.owner import shared
from portal.owner import views as owner
from portal.public import design
from portal.public import views as public

app_name = "portal"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", public.start, name="start"),
    path("theme/", public.theme, name="theme"),
    path("design/", design.design, name="design"),
    path("station/", driver.find_station, name="find-station"),
    path("s/<str:code>/", guest.station, name="station"),
    path("s/<str:code>/start/", guest.start, name="station-start"),
    path("g/<str:signed>/", live.live, name="guest-live"),
    path("g/<str:signed>/state/", live.state, name="guest-state"),
    path("g/<str:signed>/stop/", live.stop, name="guest-stop"),
    path("pay/<str:signed>/", paying.pay, name="pay"),
    path("pay/<str:signed>/settle/", paying.settle, name="pay-settle"),
    path("driver/", driver.home, name="driver-home"),
    path("driver/now/", driver.now, name="driver-now"),
    path("driver/history/", driver.history, name="driver-history"),
    path("driver/charge/", driver.charge, name="driver-charge"),
    path("driver/account/", driver.account, name="driver-account"),
    path("driver/card/", actions.add_card, name="add-card"),
    path("driver/card/added/", actions.card_added, name="card-added"),
    path("driver/card/remove/", actions.remove_card, name="remove-card"),
    path("driver/sessions/<uuid:session_id>/", driver.session, name="driver-session"),
    path("driver/sessions/<uuid:session_id>/stop/", actions.stop, name="driver-stop"),
    path("driver/sessions/<uuid:session_id>/receipt/", actions.receipt, name="driver-receipt"),
    path("shared/<str:signed>/", shared.shared, name="shared"),
    path("owner/", owner.organisations, name="organisations"),
    path("owner/<slug:organisation>/", include("portal.owner.urls")),
]
