"""The portal's URL map."""

from django.urls import URLPattern, path

from portal.public import design, views as public

app_name = "portal"

urlpatterns: list[URLPattern] = [
    path("", public.start, name="start"),
    path("theme/", public.theme, name="theme"),
    path("design/", design.design, name="design"),
]
