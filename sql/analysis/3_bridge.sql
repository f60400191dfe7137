-- The bridge from old to new.

-- groups --

-- The groups with most rows.
--
-- parameters  by
--             most    number of groups that are named
-- columns     groups  number of all groups
create or replace temp table named_groups as
with
by_group as (
    select texts, count(*) as rows
    from (select list_select(keys, $by) as texts from cells where first)
    group by texts
)
select texts, row_number() over (order by rows desc, texts) as place
from (
    from by_group
    order by rows desc, texts
    limit $most
);

select count(*) as groups
from (select distinct list_select(keys, $by) as texts from cells where first);

-- units --

-- Exact sums of numbers.
--
-- Sums of doubles depend on the order in which they are added. These do not: each number becomes a whole
-- number of a unit that loses none of its digits, and units are summed apart. A unit is a power of two, one
-- for numbers within 32 powers. The usual ones need no logarithm.
create temp macro unit_of(number) as
    case
        when number = 0 then 0
        when abs(number) >= 1 and abs(number) < pow(2, 32) then -54
        when abs(number) < 1 and abs(number) >= pow(2, -32) then -86
        else greatest(-1074, 32 * floor(log2(abs(number)) / 32)::int - 54)
    end;

-- in two steps otherwise, because 2 ^ 1074 is not a double
create temp macro in_units(number, unit) as
    case unit
        when -54 then (number * pow(2, 54))::hugeint
        when -86 then (number * pow(2, 86))::hugeint
        else (number * pow(2, -unit // 2) * pow(2, -unit // 2))::hugeint
    end;

create temp macro finite(number) as if(isfinite(number), number, 0);

-- bridge --

-- What each group's cells add to the sum of a value column.
--
-- parameters  by, chosen
--             place      of the period among the key columns; 0 for no periods
--             newest_of_old, settled_until  as state_in takes them
-- reads       named_groups, units, state_at
-- columns     groups   list of texts, as in named_groups, by place
--             others   list of state, others (the groups that are not named)
--             parts    list of
--                        nth
--                        state      of the period; NULL without periods
--                        place      of the group; 0 for all groups that are not named
--                        part       added, removed, up, down or other (in changed rows: not two numbers)
--                        cells
--                        left_out   numbers among them that are infinite or NaN
--                        old_unit, old_sum, new_unit, new_sum  sums, in units of a power of two
create or replace temp table parts_by_text as
select
    nth, place, text, part,
    count(*) as cells,
    sum(left_out) as left_out,
    old_unit, sum(in_units(old, old_unit)) as old_sum,
    new_unit, sum(in_units(new, new_unit)) as new_sum
from (
    select
        nth, coalesce(place, 0) as place, text, part, left_out,
        finite(old) as old, unit_of(finite(old)) as old_unit,
        finite(new) as new, unit_of(finite(new)) as new_unit
    from (
        select
            nth,
            list_select(keys, $by) as texts,
            if($place = 0, null, keys[greatest($place, 1)]) as text,
            case
                when kind <> 'changed' then kind
                when isfinite(old) and isfinite(new) and new > old then 'up'
                when isfinite(old) and isfinite(new) and new < old then 'down'
                else 'other'
            end as part,
            coalesce(not isfinite(old), false)::int + coalesce(not isfinite(new), false)::int
                as left_out,
            old, new
        from cells
        where list_contains($chosen, nth)
    ) as cells
    left join named_groups on cells.texts is not distinct from named_groups.texts
)
group by nth, place, text, part, old_unit, new_unit;

with
unnamed as (
    select state_at(text, $place, $newest_of_old, $settled_until) as state, count(distinct texts) as others
    from (
        select distinct
            list_select(keys, $by) as texts,
            if($place = 0, null, keys[greatest($place, 1)]) as text
        from cells
        where first and $place > 0
    ) as of_texts
    anti join named_groups on of_texts.texts is not distinct from named_groups.texts
    group by state
),
parts as (
    select
        nth, state_at(text, $place, $newest_of_old, $settled_until) as state, place, part,
        sum(cells)::bigint as cells, sum(left_out)::bigint as left_out,
        old_unit, sum(old_sum) as old_sum, new_unit, sum(new_sum) as new_sum
    from parts_by_text
    group by all
)
select
    (select list(texts order by place) from named_groups) as groups,
    coalesce((select list(unnamed) from unnamed), []) as others,
    coalesce((select list(parts) from parts), []) as parts;
