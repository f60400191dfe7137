-- Patterns: properties that the changes of a value column share. Movers: the series that moved most.

-- alike --

-- The most frequent factor and difference of each value column, in a sample of the rows, if a twentieth of
-- the sample has it.
--
-- parameters  chosen
--             stride  every row whose number is a multiple of it is in the sample
-- columns     factors      list of nth, number, by: see factor_of
--             differences  list of nth, number
create or replace temp macro digits_of(number, digits) as
    if(
        number = 0 or not isfinite(number),
        null,
        round(number / pow(10, floor(log10(abs(number)))), digits) * pow(10, floor(log10(abs(number))))
    );

-- The factor and the change in parts of old, to four digits. One alone says little of factors near 1,
-- the other alone little of factors near 0.
create or replace temp macro factor_of(old, new) as
    {'number': digits_of(new / old, 3), 'part': digits_of((new - old) / old, 3)};

create or replace temp table numbers_sampled as
select nth, old, new
from cells
where
    kind = 'changed' and row % $stride = 0 and list_contains($chosen, nth)
    and isfinite(old) and isfinite(new) and old <> new;

create or replace temp table factors as
select nth, arg_max(factor, {'cells': cells, 'factor': factor}) as factor
from (
    select nth, factor_of(old, new) as factor, count(*) as cells
    from numbers_sampled
    where old <> 0 and new <> 0
    group by all
)
group by nth
having max(cells) >= sum(cells) / 20;

create or replace temp table differences as
select nth, arg_max(difference, {'cells': cells, 'difference': difference}) as difference
from (
    select nth, digits_of(new - old, 3) as difference, count(*) as cells
    from numbers_sampled
    group by all
)
group by nth
having max(cells) >= sum(cells) / 20;

-- patterns --

-- How many cells have them, and how many are only written with another number of decimals.
--
-- parameters  chosen
-- reads       factors, differences
-- columns     patterns  list of nth; factor, factor_cells; difference, difference_cells; rounded
create or replace temp macro places_of(text) as
    if(contains(lower(text), 'e'), null, length(split_part(text, '.', 2)));

create or replace temp macro is_rounding(old, new, old_places, new_places) as
    old_places <> new_places
    and abs(new - old) <= 0.50000001 * pow(10, -least(old_places, new_places));

with
by_column as (
    select
        cells.nth,
        any_value(factor.number) as factor,
        count(*) filter (
            case when factor is null then false else factor_of(old, new) = factor end
        ) as factor_cells,
        any_value(difference) as difference,
        count(*) filter (
            case when difference is null then false else digits_of(new - old, 3) = difference end
        ) as difference_cells,
        count(*) filter (is_rounding(old, new, places_of(old_text), places_of(new_text))) as rounded
    from cells
    left join factors on cells.nth = factors.nth
    left join differences on cells.nth = differences.nth
    where
        kind = 'changed' and list_contains($chosen, cells.nth)
        and isfinite(old) and isfinite(new) and old <> new
    group by cells.nth
)
select coalesce(list(by_column order by nth), []) as patterns
from by_column;

-- movers --

-- The series whose values moved most: rows with equal keys, but for the time.
--
-- parameters  chosen
--             by      list of the numbers of key columns; values of a group are alike
--             series  list of the numbers of key columns
--             time    number of the key column with dates; 0 for none
--             most    series that are named
--             parts   of the time, from the first to the last day of these series
-- reads       date_in
-- columns     movers  list, most first:
--                       nth, texts
--                       cells
--                       first, last  texts of the time
--                       net          sum of new - old
--                       gross        the same without signs
--                       largest      new - old of one cell
--                       times_usual  gross, in parts of the usual number of its group
--                       course       list of part, from 0, and the mean of new - old there; NULL without dates
-- The order of additions is that of the file, because only one thread runs it.
with
moves as (
    select
        nth, list_select(keys, $series) as texts, list_select(keys, $by) as alike,
        if($time = 0, null, keys[$time]) as time,
        new - old as moved, greatest(abs(old), abs(new)) as size
    from cells
    where
        kind = 'changed' and list_contains($chosen, nth)
        and isfinite(old) and isfinite(new) and isfinite(new - old) and new <> old
),
usual as (
    select nth, alike, fsum(size) / count(*) as size
    from moves
    group by nth, alike
),
-- by a hash: the texts of millions of series would not fit in memory
likely as (
    select moves.nth, hash(texts) as series
    from moves
    join usual on moves.nth = usual.nth and moves.alike is not distinct from usual.alike
    group by moves.nth, hash(texts)
    order by fsum(abs(moved) / usual.size) desc, moves.nth, hash(texts)
    limit 2 * $most
),
by_series as (
    select
        moves.nth, texts, any_value(alike) as alike,
        count(*) as cells, min(time) as first, max(time) as last,
        fsum(moved) as net, fsum(abs(moved)) as gross,
        arg_max(moved, abs(moved)) as largest
    from moves
    semi join likely on moves.nth = likely.nth and hash(texts) = likely.series
    group by moves.nth, texts
),
movers as (
    select by_series.* exclude (alike), gross / size as times_usual
    from by_series
    join usual on by_series.nth = usual.nth and by_series.alike is not distinct from usual.alike
    order by times_usual desc, cells desc, nth, texts
    limit $most
),
dated as (
    select moves.nth, moves.texts, date_in(moves.time) as date, moved
    from moves
    semi join movers on moves.nth = movers.nth and moves.texts is not distinct from movers.texts
),
span as (
    select min(date) as first, max(date) - min(date) + 1 as days
    from dated
),
by_part as (
    select
        nth, texts,
        ($parts * (date - first) // days)::int as part, fsum(moved) / count(*) as moved
    from dated, span
    where date is not null
    group by all
),
courses as (
    select nth, texts, list({'part': part, 'moved': moved} order by part) as course
    from by_part
    group by nth, texts
),
found as (
    select movers.*, course
    from movers
    left join courses on movers.nth = courses.nth and movers.texts is not distinct from courses.texts
)
select coalesce(list(found order by times_usual desc, cells desc, nth, texts), []) as movers
from found;
