-- Where and when: rows of each kind by the texts of key columns.

-- slices --

-- parameters  most    texts of a key column that are named
-- columns     slices  list, by column and place:
--                       nth       number of the key column
--                       text      NULL for an empty field, and for all texts that are not named
--                       place     among the texts of the column, 0 for all that are not named
--                       texts     number of texts: 1, or 2 and more if place is 0
--                       added, changed, removed
--
-- The order is that of surprise, the G of a test against rows that are spread evenly over the texts: a sum
-- over the kinds of rows * ln(rows / expected).
create or replace temp macro surprise(rows, all_rows, texts) as
    if(rows = 0, 0, rows * ln(rows * texts / all_rows));

with
by_text as (
    select
        nth, text,
        count(*) filter (kind = 'added') as added,
        count(*) filter (kind = 'changed') as changed,
        count(*) filter (kind = 'removed') as removed
    from (
        select unnest(range(1, len(keys) + 1)) as nth, unnest(keys) as text, kind
        from cells
        where first
    )
    group by nth, text
),
sums as (
    select
        nth, count(*) as texts,
        sum(added) as added, sum(changed) as changed, sum(removed) as removed
    from by_text
    group by nth
),
-- the first ones of each column, without a sort of all
ranked as (
    select
        by_text.nth, any_value(sums) as sums,
        min(
            {
                'expected': 0
                    - surprise(by_text.added, sums.added, sums.texts)
                    - surprise(by_text.changed, sums.changed, sums.texts)
                    - surprise(by_text.removed, sums.removed, sums.texts),
                'text': text,
                'added': by_text.added,
                'changed': by_text.changed,
                'removed': by_text.removed
            },
            $most + 1
        ) as first_ones
    from by_text
    join sums using (nth)
    group by by_text.nth
),
-- the rest is never a single text
named as (
    select
        nth, sums,
        unnest(if(sums.texts > $most + 1, first_ones[:$most], first_ones)) as one,
        unnest(range(1, 1 + if(sums.texts > $most + 1, $most, len(first_ones)))) as place
    from ranked
),
slices as (
    select
        nth, one.text as text, place, 1 as texts,
        one.added as added, one.changed as changed, one.removed as removed
    from named
    union all
    select
        nth, null, 0, any_value(sums.texts) - count(*),
        (any_value(sums.added) - sum(one.added))::bigint,
        (any_value(sums.changed) - sum(one.changed))::bigint,
        (any_value(sums.removed) - sum(one.removed))::bigint
    from named
    group by nth
    having any_value(sums.texts) > count(*)
)
select coalesce(list(slices order by nth, place = 0, place), []) as slices
from slices;

-- dates --

-- The first day of a date, month, quarter or year; NULL for other texts.
create temp macro date_in(text) as
    case
        when regexp_full_match(text, '(1[789]|2[01])[0-9]{2}-[0-9]{2}-[0-9]{2}([T ].*)?')
            then try_cast(text[:10] as date)
        when regexp_full_match(text, '(1[789]|2[01])[0-9]{2}-[0-9]{2}')
            then try_cast(text || '-01' as date)
        when regexp_full_match(text, '(1[789]|2[01])[0-9]{2}-?Q[1-4]')
            then make_date(text[:4]::int, text[-1:]::int * 3 - 2, 1)
        when regexp_full_match(text, '(1[789]|2[01])[0-9]{2}')
            then try_cast(text || '-01-01' as date)
        when regexp_full_match(text, '(1[789]|2[01])[0-9]{6}')
            then try_cast(text[:4] || '-' || text[5:6] || '-' || text[7:8] as date)
    end;

-- times --

-- Which key columns are dates, in a sample of the rows.
--
-- parameters  stride  every row whose number is a multiple of it is in the sample
-- reads       date_in
-- columns     times   list of nth, texts (not empty), dates
select
    coalesce(list({'nth': nth, 'texts': texts, 'dates': dates} order by nth), []) as times
from (
    select nth, count(text) as texts, count(date_in(text)) as dates
    from (
        select unnest(range(1, len(keys) + 1)) as nth, unnest(keys) as text
        from cells
        where first and row % $stride = 0
    )
    group by nth
);

-- calendar --

-- parameters  by
--             time    number of the key column with dates
--             places  number of groups that are named
-- reads       named_groups, date_in
-- columns     unit      the finest of which there are at most 100
--             groups    list of texts, by place
--             calendar  list of place, start (NULL for texts that are not dates), added, changed,
--                       removed; place is 0 for all groups that are not named
with
by_text as (
    select
        keys[$time] as text, list_select(keys, $by) as texts,
        count(*) filter (kind = 'added') as added,
        count(*) filter (kind = 'changed') as changed,
        count(*) filter (kind = 'removed') as removed
    from cells
    where first
    group by all
),
dated as (
    select date_in(text) as date, if(place <= $places, place, 0) as place, added, changed, removed
    from by_text
    left join named_groups on by_text.texts is not distinct from named_groups.texts
),
units as (
    select
        case
            when days <= 99 then 'day'
            when days <= 99 * 7 then 'week'
            when days <= 99 * 28 then 'month'
            when days <= 99 * 90 then 'quarter'
            when days <= 99 * 365 then 'year'
            else 'decade'
        end as unit
    from (select max(date) - min(date) as days from dated)
),
started as (
    select
        coalesce(place, 0) as place, date_trunc(unit, date)::date::varchar as start,
        sum(added)::bigint as added, sum(changed)::bigint as changed, sum(removed)::bigint as removed
    from dated, units
    group by all
)
select
    (select unit from units) as unit,
    (select list(texts order by place) from named_groups where place <= $places) as groups,
    (select list(started order by place = 0, place, start) from started) as calendar;
