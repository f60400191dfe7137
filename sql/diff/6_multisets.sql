-- Decides the ambiguous rows by multisets, for duplicates = 'count': each row of new takes one row of old
-- with its key. First come equal texts, then texts equal by rules, then values within tolerance. Of the rest,
-- the first row of new and the first of old are one changed row, and so on. Surplus rows are added or removed.
--
-- parameters  old_rows, keys, salt, rel_tols, abs_tols, single
--             paired_new, paired_old  the pairs that service/diffing/engine/chains.py finds
-- changes     outcome: ambiguous becomes another kind, and removed rows of these keys are added
--
-- No step compares all pairs of rows. Equal texts are numbered. Near values are sorted, and fall into groups
-- that no pair within tolerance crosses. In most groups, all pairs are within tolerance.

-- left_over --

-- The rows of both files whose key repeats, without those that have a row of the same texts.
--
-- columns  is_new, row, key
--          value  the values as they are compared
create temp table without_same_text as
with
of_new as (
    select
        row,
        key_of(
            struct_pack(*columns('^key_[0-9]+$')),
            [*columns('^key_[0-9]+$')],
            concat_ws(e'\x1f', $salt, *columns('^key_[0-9]+$')),
            $salt,
            $keys
        ) as key,
        texts_of(key_texts, value_texts) as texts
    from (
        select
            *,
            [*columns('^key_[0-9]+$')] as key_texts,
            [*columns('^value_[0-9]+$')] as value_texts
        from (select row, unnest(fields[1]) from outcome where kind = 'ambiguous')
    )
),
of_old as (
    select old_rows.row, old_rows.key, old_rows.texts
    from compact_rows($old_rows, $keys, $salt) as old_rows
    semi join of_new on old_rows.key is not distinct from of_new.key
    where old_rows.row > 0 -- makes one thread read a piece, as in 4_old.sql
),
numbered as materialized (
    select *, row_number() over (partition by key, texts, is_new order by row) as place
    from (
        select true as is_new, row, key, texts from of_new
        union all
        select false, row, key, texts from of_old
    )
)
select here.is_new, here.row, here.key, compared_values(here.texts) as value
from numbered as here
anti join numbered as there
    on here.is_new = not there.is_new
    and here.key is not distinct from there.key
    and here.texts is not distinct from there.texts
    and here.place = there.place;

-- The pairs of those rows whose texts are the same by trim, nocase and empty.
--
-- columns  new_row, old_row
create temp table same_by_rules as
with
numbered as materialized (
    select *, row_number() over (partition by key, value, is_new order by row) as place
    from without_same_text
    where getvariable('rules')['of_fields']
)
select here.row as new_row, there.row as old_row
from (select * from numbered where is_new) as here
join (select * from numbered where not is_new) as there
    on here.key is not distinct from there.key
    and here.value is not distinct from there.value
    and here.place = there.place;

-- The other rows, with the same columns.
create temp table left_over as
select without_same_text.*
from without_same_text
anti join (
    select true as is_new, new_row as row from same_by_rules
    union all
    select false, old_row from same_by_rules
) as paired
    on without_same_text.is_new = paired.is_new and without_same_text.row = paired.row;

-- close_groups --

-- Groups of left-over rows of a key. Rows within tolerance are always in the same group.
--
-- columns  new_rows, old_rows  lists of row, and where the pairs of the group may be too far apart: numbers
--                              and exacts, one for each value column, else NULL. With a single value column
--                              they are sorted by number, else by row.
--          alike               whether all pairs of the group are within tolerance
create temp table close_groups as
with
fields as (
    select
        is_new,
        row,
        key,
        unnest(value) as text,
        unnest(in_number_columns(value)) as numeral, -- as shape_of takes it
        unnest($rel_tols::double[]) as rel_tol,
        unnest($abs_tols::double[]) as abs_tol,
        unnest(getvariable('time_tols')) as time_tol,
        generate_subscripts(value, 1) as position
    from left_over
    semi join (
        select key from left_over group by key having bool_or(is_new) and not bool_and(is_new)
    ) as contested
        on left_over.key is not distinct from contested.key
),
numbered as (
    select *, if(is_exact(numeral, number, rel_tol), decimal_in(numeral, number), null) as exact
    from (
        select
            * exclude (number, shape),
            if(shape = 'time', 'time ' || time_in(text), shape) as shape, -- times have no tolerance
            if(shape = 'number', number, null) as number
        from (
            select
                *,
                shape_of(text, numeral, rel_tol, abs_tol, time_tol) as shape,
                number_in(numeral) as number
            from fields
        )
    )
),
-- a span ends where the next number is not within tolerance; from 1, all finite numbers may be
steps as (
    select
        *,
        coalesce(
            not (
                relative(rel_tol) >= 1 and isfinite(number) and isfinite(previous)
                or numbers_close(number, previous, relative(rel_tol), abs_tol)
            ),
            true
        ) as begins
    from (
        select
            *,
            lag(number) over (partition by key, position order by number nulls last) as previous
        from numbered
    )
),
-- count(*) filter (…) over (…) would take seconds for 100,000 rows (2.0.0)
spanned as materialized (
    select
        *,
        sum(begins::int) over (partition by key, position order by number nulls last) as span
    from steps
),
bounds as (
    select
        key,
        position,
        span,
        min(number) as low,
        max(number) as high,
        min(exact) is not distinct from max(exact) as one_exact,
        count(exact) = count(*) and first(abs_tol) = 0 as all_exact
    from spanned
    where number is not null
    group by key, position, span
),
placed as (
    select
        spanned.*,
        case
            when number is null then shape
            when all_exact then 'exact ' || exact
            else 'near ' || spanned.span
        end as spot,
        number is null
        or all_exact
        or one_exact
        and (
            low = high
            or relative(rel_tol) < 1 and numbers_close(low, high, relative(rel_tol), abs_tol)
        ) as alike
    from spanned
    left join bounds
        on spanned.key is not distinct from bounds.key
        and spanned.position = bounds.position
        and spanned.span = bounds.span
),
-- a single value column needs no grouping, so it takes half the time; DuckDB omits the other branch
rows_placed as (
    select
        is_new,
        row,
        key,
        [spot] as spots,
        [if(alike, null, number)] as numbers,
        [if(alike, null, exact)] as exacts,
        alike,
        number,
        exact is not null as is_exact
    from placed
    where len(getvariable('kinds')) = 1
    union all
    select
        is_new,
        row,
        key,
        list(spot order by position),
        list(if(alike, null, number) order by position),
        list(if(alike, null, exact) order by position),
        bool_and(alike),
        null,
        null
    from placed
    where len(getvariable('kinds')) > 1
    group by is_new, row, key
)
select
    list({'row': row, 'numbers': numbers, 'exacts': exacts} order by number, is_exact, row)
        filter (is_new) as new_rows,
    list({'row': row, 'numbers': numbers, 'exacts': exacts} order by number, is_exact, row)
        filter (not is_new) as old_rows,
    bool_and(alike) as alike
from rows_placed
group by key, spots
having bool_or(is_new) and not bool_and(is_new);

-- chains --

-- The groups whose pairs may be too far apart; a single row.
--
-- columns  chains   list of new_rows and old_rows, as in close_groups
--          rel_tols  the relative tolerances that apply
select
    list({'new_rows': new_rows, 'old_rows': old_rows}) as chains,
    [relative(rel_tol) for rel_tol in $rel_tols::double[]] as rel_tols
from close_groups
where not alike;

-- multisets --

-- The pairs within tolerance. Each is compared once more, so no pair rests on the sorting alone.
--
-- columns  new_row, old_row, whole
create temp table pairs as
with
proposed as (
    select pair[1].row as new_row, pair[2].row as old_row
    from (
        select unnest(list_zip(new_rows, old_rows, true)) as pair from close_groups where alike
    )
    union all
    select unnest($paired_new::bigint[]), unnest($paired_old::bigint[])
),
compared as (
    select
        new_row,
        old_row,
        here.value as value,
        there.value as old_value,
        numbers_in(in_number_columns(here.value)) as numbers,
        numbers_in(in_number_columns(there.value)) as old_numbers
    from proposed
    join (select row, value from left_over where is_new) as here on new_row = here.row
    join (select row, value from left_over where not is_new) as there on old_row = there.row
)
select
    new_row,
    old_row,
    any_wholes_differ(
        in_number_columns(value), in_number_columns(old_value), numbers, old_numbers
    ) as whole
from compared
where all_equal_by_rules(value, old_value, numbers, old_numbers, $rel_tols, $abs_tols);

-- The rows without an equal one, numbered within their key and file.
create temp table unpaired as
select
    left_over.is_new,
    left_over.row,
    left_over.key,
    left_over.value,
    row_number() over (partition by left_over.key, left_over.is_new order by left_over.row) as place
from left_over
anti join (
    select true as is_new, new_row as row from pairs
    union all
    select false, old_row from pairs
) as paired
    on left_over.is_new = paired.is_new and left_over.row = paired.row;

update outcome
set kind = verdict.kind, old_row = verdict.old_row, differs = verdict.differs
from (
    select
        new_row as row,
        if(whole, 'within_tolerance_whole', 'within_tolerance') as kind,
        old_row,
        null as differs
    from pairs
    union all
    select new_row, 'within_tolerance', old_row, null
    from same_by_rules
    union all
    select
        here.row,
        if(there.row is null, 'added', 'changed'),
        there.row,
        if(
            there.row is null or len(getvariable('kinds')) = 1,
            null,
            values_that_differ(
                here.value, there.value,
                numbers_in(in_number_columns(here.value)),
                numbers_in(in_number_columns(there.value)),
                $rel_tols, $abs_tols
            )
        )
    from (select * from unpaired where is_new) as here
    left join (select * from unpaired where not is_new) as there
        on here.key is not distinct from there.key and here.place = there.place
) as verdict
where outcome.row = verdict.row;

update outcome
set kind = 'unchanged'
where kind = 'ambiguous';

insert into outcome by name
select
    'removed' as kind,
    there.key as removed_key,
    0 as joined,
    1 as copies,
    0 as new_not_numbers,
    0 as old_not_numbers,
    there.row as old_row
from (select * from unpaired where not is_new) as there
anti join (select * from unpaired where is_new) as here
    on there.key is not distinct from here.key and there.place = here.place;
