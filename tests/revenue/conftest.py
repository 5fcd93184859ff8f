import pytest

from tests.revenue.clocks import Clock
from tests.revenue.pricing_world import NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """It is a Monday in 2030, 11:05 in Amsterdam."""
    return Clock(NOW, monkeypatch)
