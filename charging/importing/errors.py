"""Why an import can't begin; a bad row never stops one."""


class ImportRefused(Exception):
    """`field` is the option, mapping key or column that is wrong; the message says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
