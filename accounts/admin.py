"""Admin pages of users, organisations, drivers and their tokens."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.administration import BY_ORGANISATION, RecordAdmin, TenantAdmin
from accounts.models import (
    ApiKey,
    Driver,
    DriverBlock,
    DriverGroup,
    DriverGroupMember,
    Membership,
    Organisation,
    RegistryKey,
    Token,
    User,
)

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    pass


class EmailForm:
    """An e-mail address names one user, however it is typed."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class NewUserForm(EmailForm, UserCreationForm):  # type: ignore[misc]  # unfold has no types
    class Meta:
        model = User
        fields = ("email", "name")


class UserForm(EmailForm, UserChangeForm):  # type: ignore[misc]  # unfold has no types
    class Meta:
        model = User
        fields = "__all__"


class MembershipInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    model = Membership
    fields = ("organisation", "role")
    autocomplete_fields = ("organisation",)
    extra = 0


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # unfold has no types
    form, add_form, change_password_form = UserForm, NewUserForm, AdminPasswordChangeForm
    list_display = ("email", "name", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("date_joined", "last_login")
    filter_horizontal = ("groups", "user_permissions")
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "language")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("When", {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[Any, ...]:
        return self.inlines if obj else ()


@admin.register(Organisation)
class OrganisationAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    list_display = ("name", "slug", "kind", "currency", "country", "time_zone")
    list_filter = ("kind", "country", "currency")
    search_fields = ("name", "slug", "legal_name", "vat_id")
    readonly_fields = ("created_at",)
    prepopulated_fields: ClassVar[dict[str, tuple[str, ...]]] = {"slug": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Organisation | None = None) -> tuple[str, ...]:
        """The currency is that of books which have begun."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "slug", "currency")

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Organisation | None = None
    ) -> dict[str, tuple[str, ...]]:
        return self.prepopulated_fields if obj is None else {}


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    list_display = ("user", "organisation", "role", "created_at")
    list_filter = (BY_ORGANISATION, "role")
    list_select_related = ("user", "organisation")
    search_fields = ("user__email", "user__name", "organisation__name")
    autocomplete_fields = ("organisation", "user")
    fixed_fields = ("user",)


@admin.register(RegistryKey)
class RegistryKeyAdmin(RecordAdmin):
    list_display = ("kind", "key", "organisation", "target_id")
    list_filter = (BY_ORGANISATION, "kind")
    list_select_related = ("organisation",)
    search_fields = ("key",)


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    list_display = ("name", "prefix", "scopes", "last_used_at", "expires_at", "revoked_at", "organisation")
    list_filter = (BY_ORGANISATION, ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("organisation",)
    search_fields = ("name", "prefix")


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]  # the admin fills in the model
    """Adds a token by its uid, which is found again by its hash and shown by its last four characters."""

    uid = forms.CharField(label="UID", max_length=36, required=False, help_text="as the station reads it")

    def clean_uid(self) -> str:
        uid = str(self.cleaned_data["uid"]).strip()
        if not self.instance._state.adding:
            return uid
        if not uid:
            raise forms.ValidationError("A token needs the UID that the station reads.")
        if Token.objects.with_uid(uid).exists():
            raise forms.ValidationError("This token is known already.")
        return uid


@admin.register(Token)
class TokenAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = TokenForm
    list_display = ("masked", "kind", "driver", "label", "blocked_at", "expires_at")
    list_filter = ("kind", ("blocked_at", admin.EmptyFieldListFilter))
    list_select_related = ("driver",)
    search_fields = ("masked", "label", "driver__email", "driver__name")
    autocomplete_fields = ("driver",)
    readonly_fields = ("masked", "created_at")

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> tuple[str, ...]:
        start = ("uid", "driver") if obj is None else ("masked", "driver")
        return (*start, "kind", "label", "expires_at", "blocked_at", "blocked_reason")

    def get_readonly_fields(self, request: HttpRequest, obj: Token | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj is None else (*self.readonly_fields, "driver", "kind")

    def save_model(self, request: HttpRequest, obj: Token, form: TokenForm, change: bool) -> None:
        if not change:
            obj.take_uid(form.cleaned_data["uid"])
        super().save_model(request, obj, form, change)


class TokenInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    model = Token
    fields = readonly_fields = ("masked", "kind", "label", "blocked_at", "expires_at")
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Driver | None = None) -> bool:
        return False


@admin.register(Driver)
class DriverAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    list_display = ("email", "name", "country", "billing_preference", "tokens_count", "created_at")
    list_filter = ("billing_preference", ("user", admin.EmptyFieldListFilter), "country")
    search_fields = ("email", "name", "user__email")
    autocomplete_fields = ("user",)
    readonly_fields = ("created_at",)
    inlines = (TokenInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Driver]:
        found: QuerySet[Driver] = super().get_queryset(request)
        return found.annotate(tokens_held=Count("tokens")).select_related("user")

    @admin.display(description="tokens", ordering="tokens_held")
    def tokens_count(self, driver: Any) -> int:
        return int(driver.tokens_held)


class MemberInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    model = DriverGroupMember
    fields = ("driver",)
    autocomplete_fields = ("driver",)
    extra = 0


@admin.register(DriverGroup)
class DriverGroupAdmin(TenantAdmin):
    list_display = ("name", "organisation")
    list_filter = (BY_ORGANISATION,)
    list_select_related = ("organisation",)
    search_fields = ("name",)
    autocomplete_fields = ("organisation",)
    inlines = (MemberInline,)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for member in formset.save(commit=False):
            member.organisation_id = form.instance.organisation_id
        super().save_formset(request, form, formset, change)


@admin.register(DriverBlock)
class DriverBlockAdmin(TenantAdmin):
    list_display = ("driver", "organisation", "reason", "blocked_at", "lifted_at")
    list_filter = (BY_ORGANISATION, ("lifted_at", admin.EmptyFieldListFilter))
    list_select_related = ("driver", "organisation")
    search_fields = ("driver__email", "driver__name", "reason")
    autocomplete_fields = ("organisation", "driver")
    fixed_fields = ("driver", "reason", "blocked_at")
