from __future__ import annotations

from tests.maintenance.conftest import alone

__all__ = ["alone"]
