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

-- bridge --

-- What each group's cells add to the sum of a value column.
--
-- parameters  by, chosen
-- reads       named_groups
-- columns     groups   list of texts, as in named_groups, by place
--             parts    list of
--                        nth
--                        place      of the group; 0 for all groups that are not named
--                        part       added, removed, up, down or other (in changed rows: not two numbers)
--                        cells
--                        left_out   numbers among them that are infinite or NaN
--                        old_unit, old_sum, new_unit, new_sum  sums, in units of a power of two
--
-- Sums of doubles depend on the order in which they are added. These do not: each number becomes a whole
-- number of a unit that loses none of its digits, and units are summed apart.
create or replace temp macro unit_of(number) as
    if(number = 0, 0, greatest(-1074, 32 * floor(log2(abs(number)) / 32)::int - 54));

-- in two steps, because 2 ^ 1074 is not a double
create or replace temp macro in_units(number, unit) as
    (number * pow(2, -unit // 2) * pow(2, -unit // 2))::hugeint;

create or replace temp macro finite(number) as if(isfinite(number), number, 0);

select
    (select list(texts order by place) from named_groups) as groups,
    coalesce(list(parts), []) as parts
from (
    select
        nth, place, part,
        count(*) as cells,
        sum(left_out) as left_out,
        old_unit, sum(in_units(old, old_unit)) as old_sum,
        new_unit, sum(in_units(new, new_unit)) as new_sum
    from (
        select
            nth, coalesce(place, 0) as place, part, left_out,
            finite(old) as old, unit_of(finite(old)) as old_unit,
            finite(new) as new, unit_of(finite(new)) as new_unit
        from (
            select
                nth,
                list_select(keys, $by) as texts,
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
    group by nth, place, part, old_unit, new_unit
) as parts;
