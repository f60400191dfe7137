-- The rows of both files, and those that changed, by period: a date, month, quarter or year in a key column.
--
-- Parameters of these queries:
--
--   place   of that column among the key columns of the file or the comparison; 0 for no periods
--   rules   as cells_found takes them

-- periods --

-- The last day of the period whose first day date_in gives.
create temp macro last_day_in(text) as
    case
        when regexp_full_match(text, '[0-9]{4}-[0-9]{2}') then last_day(date_in(text))
        when regexp_full_match(text, '[0-9]{4}-?Q[1-4]')
            then last_day(date_in(text) + interval 2 months)
        when regexp_full_match(text, '[0-9]{4}') then last_day(date_in(text) + interval 11 months)
        else date_in(text)
    end;

-- The state of a period, as core/periods.py defines it.
--
-- newest_of_old  first day of the newest period of old; NULL without one
-- settled_until  last day of the newest period that is settled; NULL if none can be
create temp macro state_in(text, newest_of_old, settled_until) as
    case
        when date_in(text) is null then 'none'
        when newest_of_old is null or date_in(text) > newest_of_old::date then 'new'
        when settled_until is not null and last_day_in(text) <= settled_until::date then 'settled'
        else 'open'
    end;

-- The same, but NULL without periods: if place, that of the key column, is 0.
create temp macro state_at(text, place, newest_of_old, settled_until) as
    if(place = 0, null, state_in(text, newest_of_old, settled_until));

create temp macro period_in(keys, place, rules) as
    if(place = 0, null, by_rules(keys, rules)[greatest(place, 1)]);

-- rows_by_period --

-- parameters  rows_of_file  view of diff/1_read.sql
-- columns     periods  list of start, last (both NULL for texts that are not periods), rows
with
by_text as (
    select text, count(*) as rows
    from (
        select period_in(keys, $place, $rules) as text
        from (
            select [*columns('^key_[0-9]+$')] as keys
            from query_table($rows_of_file)
            where row > 0 -- makes one thread read a piece, as in 4_old.sql
        )
    )
    group by text
),
by_period as (
    select date_in(text) as start, last_day_in(text) as last, sum(rows)::bigint as rows
    from by_text
    group by all
)
select coalesce(list(by_period), []) as periods
from by_period;

-- sums_by_period --

-- The sums of value columns without their signs.
--
-- parameters  rows_of_file
--             nths    list of the numbers of value columns
--             values  for each of them, its place among the value columns of the file
-- columns     periods  list of start, last, nth, sum
with
cells_of_file as (
    select
        period_in(keys, $place, $rules) as text,
        unnest($nths::int[]) as nth,
        unnest(list_select(by_rules(texts, $rules), $values::bigint[])) as value
    from (
        select [*columns('^key_[0-9]+$')] as keys, [*columns('^value_[0-9]+$')] as texts
        from query_table($rows_of_file)
        where row > 0
    )
),
by_text as (
    select text, nth, fsum(abs(number)) as sum
    from (select text, nth, number_in(value) as number from cells_of_file)
    where isfinite(number)
    group by text, nth
),
by_period as (
    select date_in(text) as start, last_day_in(text) as last, nth, fsum(sum) as sum
    from by_text
    group by all
)
select coalesce(list(by_period), []) as periods
from by_period;

-- changes_by_period --

-- parameters  those of cells_found
-- columns     periods  list of start, last, nth (of the value column),
--                        added, changed, removed  rows whose first cell is in this column
--                        cells     that differ in changed rows
--                        moved     sum of their differences without signs
--                        farthest  the largest of them
--                        largest   relative change
--
-- An empty cell, or a text beside a number, counts as 0. A change between two texts, or of a number that is
-- not finite, is infinite; fsum would make NaN of it. That of two long whole numbers is exact, as in
-- 6_single_cells.sql.
with
moves as (
    select
        period_in(keys, $place, $rules) as text, nth, kind, first,
        kind = 'changed' as is_changed,
        old, new,
        case
            when kind <> 'changed' then null
            when old is null and new is null then 'inf'::double
            when not (isfinite(coalesce(old, 0)) and isfinite(coalesce(new, 0))) then 'inf'::double
            when
                greatest(abs(old), abs(new)) >= 9007199254740992
                and is_short_whole(old_text, old) and is_short_whole(new_text, new)
                then abs(difference_of(old_text, new_text, old, new)::double)
            else abs(coalesce(new, 0) - coalesce(old, 0))
        end as difference
    from cells_found($detail, $removed, $rules, $rel_tols, $abs_tols, $curve)
),
by_text as (
    select
        text, nth,
        count(*) filter (first and kind = 'added') as added,
        count(*) filter (first and kind = 'changed') as changed,
        count(*) filter (first and kind = 'removed') as removed,
        count(*) filter (is_changed) as cells,
        sum(difference) as moved,
        max(difference) as farthest,
        max(
            if(
                isfinite(difference) and difference > 0,
                difference / greatest(abs(coalesce(old, 0)), abs(coalesce(new, 0))),
                difference
            )
        ) as largest
    from moves
    group by text, nth
),
by_period as (
    select
        date_in(text) as start, last_day_in(text) as last, nth,
        sum(added)::bigint as added, sum(changed)::bigint as changed,
        sum(removed)::bigint as removed, sum(cells)::bigint as cells,
        sum(moved) as moved, max(farthest) as farthest, max(largest) as largest
    from by_text
    group by all
)
select coalesce(list(by_period), []) as periods
from by_period;
