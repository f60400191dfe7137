"""The progress of a diff."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The progress of a diff.

    Args:
        stage: a word or two.
        bytes_read: bytes of both inputs that were read, unpacked; None while unknown.
        bytes_total: bytes of both inputs, unpacked; None while unknown.
    """

    stage: str
    bytes_read: int | None = None
    bytes_total: int | None = None

    def __str__(self) -> str:
        if self.bytes_read is None or self.bytes_total is None:
            return f"{self.stage} …"
        read, total = self.bytes_read / 1e6, self.bytes_total / 1e6
        return f"{self.stage} … {read:,.0f} of {total:,.0f} MB read"
