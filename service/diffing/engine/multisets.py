"""Decides the rows whose key repeats by multisets, for `duplicates = "count"`."""

from typing import Any

from diffing.engine.connection import Session


def decide(session: Session, bound: dict[str, Any]) -> None:
    """Run `6_multisets.sql`.

    Args:
        session: has the ambiguous rows in `outcome`.
        bound: the parameters of `sql/`.
    """
    for section in ("left_over", "close_groups"):
        session.run(section, bound)
    found = session.run("chains", bound)
    paired: dict[str, list[int]] = {"paired_new": [], "paired_old": []}
    if found["chains"]:
        # numpy takes long to import, and chains are rare
        from diffing.engine.chains import Chains

        tolerances = list(zip(found["rel_tols"], bound["abs_tols"], strict=True))
        pairs = Chains(found["chains"], tolerances).pairs(session.raise_if_interrupted)
        paired = {"paired_new": pairs.new, "paired_old": pairs.old}
    session.run("multisets", bound | paired)
