"""Bank accounts ("bank"): transfers keep the total, so every read of all accounts must show it. After Jepsen's.

A read shows a state between transactions under snapshot isolation and above, so its balances must add up.

| anomaly | meaning |
|---|---|
| unknown-account | a read shows an account that does not exist |
| nil-balance | an account has no balance, or one that is no number |
| wrong-total | the balances do not add up to the total |
| negative-balance | an account is overdrawn although that is not allowed |

A read gives one of them, the first that applies. Its value is a map of account to balance, a list of
[account, balance], or a transaction's list of ["r", account, balance].
"""

from __future__ import annotations

from typing import Any

from checkers.history import MalformedHistoryError, Op
from checkers.result import Result
from checkers.running import Running, conclude
from checkers.words import canonical, listing, seconds, who

READS = frozenset({"read", "txn"})


class Bank(Running):
    """Options: ``accounts`` (a list; default: any), ``total`` (default: that of the first read that adds up to
    anything), ``negative_balances`` (default false: an account may not be overdrawn).

    Accounts are told apart by their text, because keys of JSON maps are texts. Memory is flat.
    """

    name = "bank"
    anomalies = ("unknown-account", "nil-balance", "wrong-total", "negative-balance")

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        accounts = self.options.get("accounts")
        self._accounts = None if accounts is None else frozenset(str(a) for a in accounts)
        self._total: Any = self.options.get("total", self.options.get("total_amount"))
        self._given = self._total is not None
        self._negative = self.flag("negative_balances", default=False)
        self._reads = 0
        self._transfers = 0
        self._lowest: Any = None
        self._highest: Any = None

    def ended(self, invoke: Op, begin: int, op: Op, end: int) -> None:  # noqa: ARG002
        if op.type != "ok":
            return
        if invoke.f not in READS or (balances := _balances(op)) is None:
            self._transfers += 1
            return
        self._reads += 1
        wrong = self._wrong(balances)
        if wrong is not None and self.found.room(wrong[0]):
            kind, text, data = wrong
            at = f"{who(op)} read at {seconds(op.time)}"
            self.found.keep(kind, (invoke.index, op.index), f"{at} {text}", **data)

    def _wrong(self, balances: dict[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
        if self._accounts is not None and not balances.keys() <= self._accounts:
            strange = [a for a in balances if a not in self._accounts]
            return "unknown-account", f"accounts that do not exist: {listing(strange)}", {"accounts": strange}
        for account, balance in balances.items():
            if not isinstance(balance, int | float) or isinstance(balance, bool):
                text = f"account {account} with no balance: {canonical(balance).decode()}"
                return "nil-balance", text, {"account": account}
        total = sum(balances.values())
        self._lowest = total if self._lowest is None else min(self._lowest, total)
        self._highest = total if self._highest is None else max(self._highest, total)
        if self._total is None:
            self._total = total
        if total != self._total:
            shown = listing([f"{a}: {b}" for a, b in balances.items()], 12)
            source = "" if self._given else " that the first read showed"
            gone = len(self._accounts - balances.keys()) if self._accounts is not None else 0
            lacking = f"; {gone} accounts are missing" if gone else ""
            text = f"balances of {total} in all, not the {self._total}{source} ({shown}{lacking})"
            return "wrong-total", text, {"total": total}
        if not self._negative:
            for account, balance in balances.items():
                if balance < 0:
                    return "negative-balance", f"account {account} overdrawn: {balance}", {"account": account}
        return None

    def result(self) -> Result:
        coverage = {"reads": self._reads, "transfers": self._transfers, "total": self._total}
        if self._reads:
            coverage |= {"lowest_total": self._lowest, "highest_total": self._highest}
        unknown = "" if self._reads else "no read of the accounts was ok"
        return conclude(self.name, self.anomalies, self.found, coverage, unknown)


def _balances(op: Op) -> dict[str, Any] | None:
    """What a read saw, by account; None for a transaction that writes."""
    value = op.value
    if isinstance(value, dict):
        return {str(account): balance for account, balance in value.items()}
    pairs: dict[str, Any] = {}
    for row in value if isinstance(value, list | tuple) else (value,):
        if isinstance(row, list | tuple) and len(row) == 3 and row[0] in ("r", "w", "append"):
            if row[0] != "r":
                return None
            pairs[str(row[1])] = row[2]
        elif isinstance(row, list | tuple) and len(row) == 2:
            pairs[str(row[0])] = row[1]
        else:
            raise MalformedHistoryError(
                f"op {op.index}: a read of a bank must have a map of account to balance, not {value!r}"
            )
    return pairs
