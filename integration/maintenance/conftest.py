from __future__ import annotations

from tests.support.maintenance import alone

__all__ = ["alone"]
