"""How far a diff is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What a diff is at.

    Args:
        stage: a word or two.
        bytes_read: how much of both inputs, unpacked, was read; None before that is known.
        bytes_total: how much there is to read; None likewise.
    """

    stage: str
    bytes_read: int | None = None
    bytes_total: int | None = None

    def __str__(self) -> str:
        if self.bytes_read is None or self.bytes_total is None:
            return f"{self.stage} …"
        read, total = self.bytes_read / 1e6, self.bytes_total / 1e6
        return f"{self.stage} … {read:,.0f} of {total:,.0f} MB read"
