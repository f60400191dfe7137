"""Runs the queries of `sql/` in their order on two checked files."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from diffing.core.errors import BadInput, DiffFailed
from diffing.core.text import shown
from diffing.csvfiles.borders import Borders
from diffing.csvfiles.verify import Inspection
from diffing.engine.connection import CsvRefused, Session
from diffing.engine.counts import Counts, Differing
from diffing.engine.multisets import decide
from diffing.engine.on_cluster import OnCluster
from diffing.engine.parameters import Side, Work, parameters, reading_sections, roles
from diffing.engine.plan import Misfit, Plan
from diffing.engine.query_profile import Profile
from diffing.engine.renames import MOST_COLUMNS, Rename, likely_renames
from diffing.engine.write import write_outputs

# assumed of a file without a sample: the resulting plan fits any file
_UNSAMPLED = {"repeats": True, "numbers": False}
# The part of the keys expected in both samples that a rule must match.
_MATCHED = 0.2
_KINDS = (
    *("added", "changed", "removed", "unchanged"),
    *("within_tolerance", "within_tolerance_whole"),
)


def compare(
    work: Work,
    connect: Callable[[], Session],
    inspection: Inspection,
    on_stage: Callable[[str], None],
    cluster: OnCluster | None = None,
) -> Counts | CsvRefused:
    """Compare two files and write the outputs. A sample picks the plan; misfits change it.

    Args:
        work: the order.
        connect: opens a session that may read both files and write the outputs.
        inspection: of both files.
        on_stage: called with a word at the start of each stage.
        cluster: joins the rows; None for DuckDB.

    Returns:
        The counts; or an error, if DuckDB refuses a file, or may misread it.

    Raises:
        BadInput: a file is not UTF-8, or repeats keys against the options.
        OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
        Interrupted: the session was interrupted.
    """
    plan: Plan | None = None
    try:
        while True:
            with connect() as session:
                bound = parameters(work)
                for section in (*reading_sections(work), "rules"):
                    session.run(section, bound)
                if not plan:
                    plan = cluster.plan(bound) if cluster else _sampled(session, bound, work)
                bound |= _named(plan)
                tried = _Try(session, work, inspection, plan, bound, cluster).run(on_stage)
            if isinstance(tried, Counts):
                return tried
            if plan.after(tried) == plan:
                raise DiffFailed(f"The files have {tried.value}; this is a fault of the service.")
            plan = plan.after(tried)
    except CsvRefused as refused:
        for side in work.sides:  # it raises the clearer error if a file is not UTF-8
            inspection.contents(side.file)
        return refused


def _named(plan: Plan) -> dict[str, Any]:
    """The parameters of `sql/` that depend on the plan."""
    return {
        "keys": plan.keys,
        "old_side": plan.old_side,
        "grouped": plan.old == "grouped",
    }


def _sampled(session: Session, bound: dict[str, Any], work: Work) -> Plan:
    """The plan that samples of the files suggest."""
    found = [_sample_of(session, bound, side) for side in work.sides]
    comparison = work.comparison
    numbers = all(sample["numbers"] for sample in found)
    any_value = comparison.compares_decimals or comparison.has_rules
    return Plan(
        keys=bound["keys"],
        old="grouped" if any(sample["repeats"] for sample in found) else "once",
        values="numbers" if numbers and not any_value else "any",
        single=bound["single"],
    )


def _sample_of(session: Session, bound: dict[str, Any], side: Side) -> dict[str, Any]:
    """The properties of a sample of a file."""
    pieces = side.pieces
    try:
        if pieces.sample:
            name = pieces.protocol
            of_side = {"side": bound[name]}
            return session.run("sample", bound | of_side | {"file": pieces.sample})
    except CsvRefused:
        pass  # the sample splits fields of several lines
    return _UNSAMPLED


@dataclass(frozen=True)
class _Try:
    """One try to compare two files."""

    session: Session
    work: Work
    inspection: Inspection
    plan: Plan
    bound: dict[str, Any]
    cluster: OnCluster | None = None

    def run(self, on_stage: Callable[[str], None]) -> Counts | Misfit:
        """Compare by the plan. If the files fit it, write the outputs."""
        on_stage("comparing")
        profile = self._classified()
        if not profile:
            return Misfit.NO_NUMBER
        rows = self._rows_of_both(profile.read)
        bound = self.bound | {
            "new_count": rows[1],
            "old_held": profile.held,
            "within_tolerance": self._within_tolerance(profile),
        }
        found = self.session.run("counts", bound)
        if misfit := self._misfit(profile.joined, found):
            return misfit
        found |= self._decided(found, bound)
        counts = _counts(found | {"changed_columns": self._changed_columns(found)}, *rows)
        if counts.new_surplus and counts.old_not_numbers:
            cells = self.session.run("old_not_numbers", bound)["cells"]
            counts = replace(counts, old_not_numbers=cells)
        if self.work.comparison.duplicates == "error" and (
            counts.old_surplus or counts.new_surplus
        ):
            raise self._repeated(counts)
        if counts.has_few_keys_in_common:
            counts = replace(counts, differing=self._differing(counts))
        counts = replace(counts, renames=self._renames(), decimal_comma=self._decimal_comma(counts))
        on_stage("writing")
        write_outputs(self.session, self.work, self.bound, counts)
        return counts

    def _classified(self) -> Profile | None:
        """Make `outcome`; None if a supposed number is not a number."""
        self.session.run("outcome", self.bound)
        if self.cluster:
            return self.cluster.outcome(self.session, self.work, self.bound, self._rows_of_both)
        sections = [self.plan.old_side, self.plan.outcome]
        if self.bound["counts"] and self.plan.old == "grouped":
            self.session.run("new_repeats", self.bound)
            sections.insert(1, self.plan.counted)
        return self.session.profiled(sections, self.bound)

    def _decided(self, found: dict[str, Any], bound: dict[str, Any]) -> dict[str, Any]:
        """The counts that change when the rows are decided whose key repeats."""
        alone = {"old_alone": found["removed"], "new_alone": found["added"]}
        if not found["ambiguous"]:
            return alone
        if bound["counts"]:
            decide(self.session, bound)
        else:
            self.session.run("duplicates", bound)
        again = self.session.run("counts", bound)
        return alone | {name: again[name] for name in _KINDS}

    def _rows_of_both(self, read: Counter[str]) -> list[int]:
        return [self._rows_read(read, side) for side in self.work.sides]

    def _rows_read(self, read: Counter[str], side: Side) -> int:
        """The rows that DuckDB read of a file, checked by the count of the inspection."""
        rows = sum(read[name] for name in side.pieces.names)
        contents = self.inspection.contents(side.file)
        counted, borders = contents.rows, Borders(side.file.path, contents.folded)
        if (
            counted is None
            or not borders.are_lines_at(side.pieces.cuts)
            or not borders.are_at(side.cuts)
        ):
            raise CsvRefused(f"{side.file.name}: DuckDB may misread it.")
        if counted != rows:
            raise CsvRefused(
                f"{side.file.name}: it has {counted:,} rows, but DuckDB read {rows:,}; "
                "this is a fault of the service."
            )
        return rows

    def _within_tolerance(self, profile: Profile) -> int:
        """The rows within tolerance, which `outcome` leaves out."""
        # DuckDB omits a filter if old is empty
        if self.plan.values == "any" or not profile.held:
            return 0
        try:
            not_same, kept = profile.filtered
        except ValueError:
            raise DiffFailed(
                "The rows within tolerance do not add up; this is a fault of the service."
            ) from None
        return not_same - kept

    def _misfit(self, joined: int, found: dict[str, Any]) -> Misfit | None:
        """The property of the files that contradicts the plan; None if they fit."""
        contents = [self.inspection.contents(side.file) for side in self.work.sides]
        if self._joins_fields() and any(content.has_separator for content in contents):
            return Misfit.SEPARATOR
        if joined == found["joined"]:
            ungrouped = self.bound["counts"] and self.plan.old == "once"
            return Misfit.REPEATED_KEY if ungrouped and found["new_surplus"] else None
        if self.plan.old == "grouped":
            raise DiffFailed("The rows of new do not add up; this is a fault of the service.")
        return Misfit.REPEATED_KEY

    def _joins_fields(self) -> bool:
        """Whether U+001F separates fields in the tables of the diff."""
        several = len(self.work.comparison.key) > 1 or self.plan.joined == "texts"
        return self.plan.keys == "hashed" and several

    def _changed_columns(self, found: dict[str, Any]) -> tuple[int, ...]:
        """The changed rows by the value column that differs."""
        columns = self.work.comparison.value
        if len(columns) == 1:
            return (found["changed"],)
        counted = self.session.run("changed_columns")["columns"]
        rows = {column["place"]: column["rows"] for column in counted}
        return tuple(rows.get(place, 0) for place in range(1, len(columns) + 1))

    def _differing(self, counts: Counts) -> Differing | None:
        """How the keys of both files seem to differ, from a sample of them."""
        found = self.session.run("differing_keys", self.bound)
        for best in (found["rules"] or [])[:1]:
            in_both = found["sampled_old"] * min(1, found["sampled_new"] / counts.new_rows)
            if best["matched"] >= _MATCHED * in_both:
                return Differing(best["rule"], best["example"]["old"], best["example"]["new"])
        return None

    def _decimal_comma(self, counts: Counts) -> str | None:
        """A changed value with a decimal comma, if most changed rows have one."""
        comparison = self.work.comparison
        if not (counts.changed and counts.new_not_numbers and comparison.numbers):
            return None
        places = "|".join(str(comparison.value.index(name)) for name in comparison.numbers)
        found = self.session.run("decimal_commas", {"numbers": f"^value_({places})$"})
        example: str | None = found["example"]
        return example if found["with_comma"] * 2 > found["rows"] else None

    def _renames(self) -> tuple[Rename, ...]:
        """The columns of one file alone that a sample shows in the other one."""
        old, new = self.work.alone
        if not (old and new):
            return ()
        bound = {
            "old_alone": [*old.values()][:MOST_COLUMNS],
            "new_alone": [*new.values()][:MOST_COLUMNS],
        }
        rows = self.session.run("rows_of_both", self.bound | bound)["rows"]
        return likely_renames([*old], [*new], rows)

    def _repeated(self, counts: Counts) -> BadInput:
        """The error that lists examples of repeated keys."""
        faults = []
        for side, surplus in zip(
            self.work.sides, (counts.old_surplus, counts.new_surplus), strict=True
        ):
            if surplus:
                rows_of_file = self.bound[f"{side.pieces.protocol}_rows"]
                found = self.session.run("repeated_keys", {"rows_of_file": rows_of_file})
                names = roles(side.file, self.work.comparison)
                examples = "; ".join(
                    _example(e["key"], e["copies"], names) for e in found["examples"]
                )
                rows = "row repeats" if surplus == 1 else "rows repeat"
                faults.append(
                    f"{side.file.name}: {surplus:,} {rows} the key of an earlier row, "
                    f"for example {examples}"
                )
        return BadInput(f'{". ".join(faults)}. duplicates = "error" refuses that.')


def _counts(found: dict[str, Any], old_rows: int, new_rows: int) -> Counts:
    names = {field.name for field in fields(Counts)}
    return Counts(
        old_rows=old_rows,
        new_rows=new_rows,
        old_surplus=old_rows - found["old_keys"],
        **{name: value for name, value in found.items() if name in names},
    )


def _example(key: dict[str, str], copies: int, names: dict[str, str]) -> str:
    columns = ", ".join(
        f"{shown(names[role])}={repr(field[:80]) if field else 'NULL'}"
        for role, field in key.items()
    )
    return f"{columns} ({copies:,} rows)"
