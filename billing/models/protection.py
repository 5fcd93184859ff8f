"""The trigger of rows that, once written, stay as they are."""

import pgtrigger


def immutable(name: str) -> tuple[pgtrigger.Trigger, ...]:
    """Refuse UPDATE, DELETE and TRUNCATE of the table, whoever asks."""
    return (
        pgtrigger.Protect(name=f"{name}_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name=f"{name}_is_not_emptied",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME;",
        ),
    )
