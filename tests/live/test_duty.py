"""A share of a processor: whoever sets it meanwhile, one hand holds the process and lets it go."""

from __future__ import annotations

import asyncio

from harness.live.duty import FULL_PERCENT, PERIOD_S, Duty


class Process:
    """Counts its holds. Signals take their time."""

    def __init__(self) -> None:
        self.holds = 0
        self.most = 0

    async def hold(self) -> bool:
        await asyncio.sleep(PERIOD_S / 4)
        self.holds += 1
        self.most = max(self.most, self.holds)
        return True

    async def let_go(self) -> None:
        await asyncio.sleep(PERIOD_S / 4)
        self.holds -= 1


def test_limits_that_overlap_leave_nothing_behind() -> None:
    async def overlap() -> Process:
        process = Process()
        duty = Duty(process.hold, process.let_go)
        for _ in range(5):
            await duty.set(10)
            await asyncio.sleep(PERIOD_S)
            await asyncio.gather(duty.set(FULL_PERCENT), duty.set(40), duty.set(FULL_PERCENT), duty.set(7))
            await asyncio.sleep(PERIOD_S)
            await duty.set(FULL_PERCENT)
        assert not duty.limited
        assert not duty.holding
        return process

    process = asyncio.run(asyncio.wait_for(overlap(), 60))
    assert (process.holds, process.most) == (0, 1)
