-- The value columns: what happened to their cells in changed rows.

-- columns --

-- reads       cells
-- columns     rows     struct of added, changed and removed: the rows that `cells` has
--             columns  list, one struct for each value column that has a cell in changed rows:
--                        nth, cells (those that differ)
--                        filled, emptied     were empty, are empty
--                        text                not empty, but no number on a side
--                        from_zero, to_zero  one side is 0
--                        turned              the sign is another
--                        up, down            are more, are less; both numbers are finite
--                        largest             relative change
--                        alike               the numbers differ, but not their doubles
with
rows_by_kind as (
    select
        count(*) filter (kind = 'added') as added,
        count(*) filter (kind = 'changed') as changed,
        count(*) filter (kind = 'removed') as removed
    from cells
    where first
),
by_column as (
    select
        nth,
        count(*) as cells,
        count(*) filter (old_text is null) as filled,
        count(*) filter (new_text is null) as emptied,
        count(*) filter (old is null and old_text is not null or new is null and new_text is not null)
            as text,
        count(*) filter (old = 0 and new <> 0) as from_zero,
        count(*) filter (new = 0 and old <> 0) as to_zero,
        count(*) filter (
            not isnan(old) and not isnan(new) and (old < 0 and new > 0 or old > 0 and new < 0)
        ) as turned,
        count(*) filter (new > old and isfinite(old) and isfinite(new)) as up,
        count(*) filter (new < old and isfinite(old) and isfinite(new)) as down,
        max(relative_change(old, new)) filter (isfinite(old) and isfinite(new) and old <> new) as largest,
        count(*) filter (old = new) as alike
    from cells
    where kind = 'changed'
    group by nth
)
select
    (select rows_by_kind from rows_by_kind) as rows,
    coalesce((select list(by_column order by nth) from by_column), []) as columns;

-- middles --

-- The middle of the relative changes of each value column: the lower one of two.
--
-- reads       cells
-- columns     middles  list of nth, middle
--
-- A sort can spill, the aggregate functions for quantiles keep all numbers in memory.
select coalesce(list({'nth': nth, 'middle': change} order by nth), []) as middles
from (
    select
        nth, change,
        row_number() over (partition by nth order by change) as place,
        count(*) over (partition by nth) as changes
    from (
        select nth, relative_change(old, new) as change
        from cells
        where kind = 'changed' and isfinite(old) and isfinite(new) and old <> new
    )
)
where place = (changes + 1) // 2;

-- curve --

-- The changed rows, by how many tolerances of the curve leave them changed.
--
-- parameters  single
-- columns     places  list of left_by, rows
select coalesce(list({'left_by': left_by, 'rows': rows} order by left_by), []) as places
from (
    select left_by, count(*) as rows
    from (
        select left_by
        from cells
        where $single and kind = 'changed'
        union all
        select max(left_by)
        from cells
        where not $single and kind = 'changed'
        group by row
    )
    group by left_by
);

-- sizes --

-- The cells of each value column by the size of their relative change, four bins to a power of ten.
--
-- parameters  chosen
--             curve   as cells_found takes it
-- columns     sizes   list of nth, bin, up, down: bin 4 * n + q has changes that n tolerances of the curve
--                     leave. Above the last of these, q quarters of a power of ten are passed.
--
-- left_by decides about the powers of ten, so the bins add up to the curve of a column. In between, a logarithm is good
-- enough.
create or replace temp macro quarter_in(change, left_by, curve) as
    greatest(0, least(3, ceil(4 * (log10(change) - round(log10(curve[1])) + 1 - left_by)) - 1))::int;

select coalesce(list({'nth': nth, 'bin': bin, 'up': up, 'down': down} order by nth, bin), []) as sizes
from (
    select
        nth,
        4 * left_by + quarter_in(relative_change(old, new), left_by, $curve::double[]) as bin,
        count(*) filter (new > old) as up,
        count(*) filter (new < old) as down
    from cells
    where
        kind = 'changed' and list_contains($chosen, nth)
        and isfinite(old) and isfinite(new) and old <> new
    group by all
);
