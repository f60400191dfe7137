-- The totals of a whole file, which a diff takes for its analysis.

-- totals --

-- `groups` is a pattern of the roles of the columns that are read: those of a group, at the places `kept`, and the
-- period, at `place`, or 0.
--
-- parameters  rows_of_file, rules, single, most
--             grouped, groups, kept
--             place, newest_of_old, settled_until
-- reads       units, by_rules, state_at
-- columns     sums     number of the sums
--             totals   list of them, of no more than `most`:
--                        state  of the period; NULL without periods
--                        texts  of the group, in the order of the key; NULL is an empty field
--                        nth    number of the value column
--                        rows   of the file
--                        left_out  infinite or NaN values, which are in no sum
--                        unit, sum  the sum, in units of a power of two
create or replace temp macro field_by_rules(field, rules) as
    if(
        rules['trim'] or rules['nocase'] or len(rules['empty']) > 0,
        by_rules([field], rules)[1],
        field
    );

create or replace temp table sums_of_file as
with
-- only one of the two is read; lists take longer
cells_of_file as (
    select
        texts, 1 as nth,
        if($rules['numbers'][1], field_by_rules(field, $rules), null) as field
    from (
        select
            if($grouped, by_rules([*columns($groups)], $rules), []) as texts,
            coalesce(*columns('^value_[0-9]+$')) as field
        from query_table($rows_of_file)
        where $single and row > 0 -- else several threads would read one piece
    )
    union all
    select
        texts, unnest(range(1, len(fields) + 1)) as nth,
        if(unnest($rules['numbers']), unnest(by_rules(fields, $rules)), null) as field
    from (
        select
            if($grouped, by_rules([*columns($groups)], $rules), []) as texts,
            [*columns('^value_[0-9]+$')] as fields
        from query_table($rows_of_file)
        where not $single and row > 0
    )
),
numbered as (
    select texts, nth, number_in(field) as number
    from cells_of_file
),
measured as (
    select
        texts, nth, finite(number) as number, unit_of(finite(number)) as unit,
        coalesce(not isfinite(number), false)::int as left_out
    from numbered
)
select
    texts, nth, unit,
    count(*) as rows, sum(left_out)::bigint as left_out, sum(in_units(number, unit)) as sum
from measured
group by texts, nth, unit;

select
    count(*) as sums,
    if(
        count(*) <= $most,
        coalesce(list(sums_of_group), []),
        []
    ) as totals
from (
    select
        state_at(texts[greatest($place, 1)], $place, $newest_of_old, $settled_until) as state,
        [nullif(text, '') for text in list_select(texts, $kept)] as texts, nth, unit,
        sum(rows)::bigint as rows, sum(left_out)::bigint as left_out, sum(sum) as sum
    from sums_of_file
    group by all
) as sums_of_group;
