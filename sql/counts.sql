-- Counts the rows of both files by kind; a single row.
--
-- reads  outcome
select
    coalesce(max(new_last), 0)::bigint as new_rows,
    coalesce(max(old_last), 0)::bigint as old_rows,
    coalesce(sum(new_rows) filter (kind = 'added'), 0)::bigint as added,
    coalesce(sum(new_rows) filter (kind = 'changed'), 0)::bigint as changed,
    coalesce(sum(old_rows) filter (kind = 'removed'), 0)::bigint as removed,
    coalesce(sum(new_rows) filter (kind in ('unchanged', 'within_tolerance')), 0)::bigint
        as unchanged,
    coalesce(sum(new_rows) filter (kind = 'ambiguous'), 0)::bigint as ambiguous,
    coalesce(sum(new_rows) filter (kind = 'within_tolerance'), 0)::bigint as within_tolerance
from outcome;
