-- Classifies every row of both files by a full join: the anti join of new against old, which also counts the
-- rows that it drops.

-- outcome --

-- The outcome of a diff; one of the three queries below fills it. Each added, changed or ambiguous row has
-- its own row here. Other rows may be grouped by kind.
--
-- columns  kind             added, changed, removed, unchanged, within_tolerance;
--                           within_tolerance_whole: the same, but a whole number differs;
--                           ambiguous: the key repeats, so 6_duplicates.sql or 6_multisets.sql decides
--          row              number of an added, changed or ambiguous row, in the order of new
--          fields           that row of new, in a list
--          differs          places of the values of a changed row that differ, from 1; NULL if there is only
--                           one value column
--          removed_key      key of removed rows, as key_of makes it
--          joined           number of rows of the join in this row
--          copies           number of removed rows of old
--          new_not_numbers, old_not_numbers  number of values in those rows that are neither empty nor a
--                           number; of old, once for each joined row of new
--          old_row          number of a row of old, if 6_multisets.sql decided: the removed row itself, or
--                           the one that a row of new is paired with
create temp table outcome as
select
    null::varchar as kind,
    null::bigint as row,
    [fields] as fields,
    null::usmallint[] as differs,
    key as removed_key,
    null::bigint as joined,
    null::bigint as copies,
    null::bigint as new_not_numbers,
    null::bigint as old_not_numbers,
    null::bigint as old_row
from compact_rows($new_rows, $keys, $salt)
where false;

-- kind_of --

-- The kind of a joined row.
--
-- arguments  row, old_key    NULL if new, or old, lacks the key
--            same            whether the values are the same
--            repeats         whether the key repeats
--            close           whether all values are equal, within tolerances
--            other_wholes    whether a whole number differs
create temp macro kind_of(row, old_key, same, repeats, close, other_wholes) as
    case
        when row is null then 'removed'
        when old_key is null then 'added'
        when same then 'unchanged'
        when repeats then 'ambiguous'
        when close then if(other_wholes, 'within_tolerance_whole', 'within_tolerance')
        else 'changed'
    end;

-- outcome_of_numbers --

-- All values are numbers, compared with a tolerance. It leaves out unchanged rows, and rows within
-- tolerance, unless a whole number differs. The rows of the two filters above the join differ by the number of
-- rows within tolerance. A removed key has a row for each row of the old side.
--
-- parameters  old_side  name of the old side: old_once_numbers or old_grouped_numbers
--             grouped   whether it has one row per key
--             new_rows, keys, salt, rel_tols, abs_tols, single, alike
--             exact_from    the least whole number that is compared by its text
--             wholes_close  whether different whole numbers may be within tolerance
insert into outcome by name
with
-- in this order, because DuckDB keeps the rows on the right in memory
joined as (
    select new_rows.* exclude (key), old_side.key as old_key, old_side.* exclude (key)
    from rows_of_numbers($new_rows, $keys, $salt, $exact_from) as new_rows
    full join query_table($old_side) as old_side on new_rows.key is not distinct from old_side.key
),
compared as (
    select
        *,
        row is not null and old_key is not null and not counted and mark = old_mark
        and if($single, number is not distinct from old_number, numbers = old_numbers) as same
    from joined
),
classified as (
    select
        row,
        fields,
        numbers,
        old_numbers,
        old_key,
        if($grouped, copies, 1) as copies,
        kind_of(
            row,
            old_key,
            false,
            $grouped and (copies > 1 or counted),
            case
                when $single
                    then numbers_close(number, old_number, relative($rel_tols[1]), $abs_tols[1])
                when $alike
                    then all_numbers_close_alike(
                        numbers, old_numbers, relative($rel_tols[1]), $abs_tols[1]
                    )
                else all_numbers_close(numbers, old_numbers, $rel_tols, $abs_tols)
            end,
            $wholes_close and if(
                $single,
                whole_numbers_differ(number, old_number),
                any_whole_numbers_differ(numbers, old_numbers)
            )
        ) as kind
    from compared
    where not same
)
select
    kind,
    if(kind = 'removed', null, row) as row,
    if(kind in ('removed', 'within_tolerance_whole'), null, [fields]) as fields,
    if(
        kind = 'changed' and not $single,
        numbers_that_differ(numbers, old_numbers, $rel_tols, $abs_tols),
        null
    ) as differs,
    if(kind = 'removed', old_key, null) as removed_key,
    1 as joined,
    if(kind = 'removed', copies, 0) as copies,
    0 as new_not_numbers,
    0 as old_not_numbers
from classified
where kind <> 'within_tolerance';

-- outcome_of_text --

-- A single value column, with any values. It leaves out rows whose texts are unchanged, and all numbers.
--
-- parameters  old_side  name of the old side: old_once_text or old_grouped_text
--             grouped   whether it has one row per key
--             new_rows, keys, salt, rel_tols, abs_tols
insert into outcome by name
with
joined as (
    select new_rows.* exclude (key), old_side.key as old_key, old_side.* exclude (key)
    from rows_of_text($new_rows, $keys, $salt) as new_rows
    full join query_table($old_side) as old_side on new_rows.key is not distinct from old_side.key
),
compared as (
    select
        *,
        row is not null and old_key is not null and not counted and value = old_value as same
    from joined
),
-- casts a value of old only if its text differs from new
cast_once as (
    select
        * exclude (old_not_numbers),
        case
            when $grouped then coalesce(old_not_numbers, 0)
            when same then not_numbers
            when old_key is null then 0
            else not_number(old_value, old_number)
        end as old_not_numbers
    from (
        select *, if(same, null, number_in(old_value)) as old_number from compared
    )
),
classified as (
    select
        row,
        fields,
        old_key,
        if($grouped, copies, 1) as copies,
        not_numbers as new_not_numbers,
        old_not_numbers,
        kind_of(
            row,
            old_key,
            same,
            $grouped and (copies > 1 or counted),
            numbers_equal(value, old_value, number, old_number, $rel_tols[1], $abs_tols[1]),
            wholes_differ(value, old_value, number, old_number)
        ) as kind
    from cast_once
    where not same or old_not_numbers > 0
)
-- Each kept row is its own group; other rows are grouped by kind. The structs are in lists, because
-- grouping by many columns is slower, even if all are NULL.
select
    kind,
    if(kept, row, null) as row,
    if(kept, [fields], null) as fields,
    if(kind = 'removed', old_key, null) as removed_key,
    count(*) as joined,
    sum(if(kind = 'removed', copies, 0)) as copies,
    sum(new_not_numbers) as new_not_numbers,
    sum(old_not_numbers) as old_not_numbers
from (
    select *, kind in ('added', 'changed', 'ambiguous') as kept from classified
)
group by all;

-- outcome_of_texts --

-- Several value columns, with any values, or rules. It leaves out rows whose texts are unchanged, and all
-- numbers. A row that is equal by a rule alone is within tolerance, also one whose key has another text.
--
-- parameters  old_side  name of the old side: old_once_texts or old_grouped_texts
--             grouped   whether it has one row per key
--             new_rows, keys, salt, rel_tols, abs_tols
insert into outcome by name
with
joined as (
    select new_rows.* exclude (key), old_side.key as old_key, old_side.* exclude (key)
    from rows_of_texts($new_rows, $keys, $salt) as new_rows
    full join query_table($old_side) as old_side on new_rows.key is not distinct from old_side.key
),
compared as (
    select
        *,
        row is not null and old_key is not null and not counted
        and if($keys = 'hashed', packed = old_packed, texts = old_texts) as same
    from joined
),
-- each is a column, because DuckDB plans an argument of a macro several times
by_rules as (
    select
        * exclude (texts, old_texts),
        if(same or row is null or old_key is null, null, compared_values(texts)) as texts,
        if(same, null, compared_values(old_texts)) as old_texts
    from (
        select
            * exclude (old_texts),
            if(not same and $keys = 'hashed', string_split(old_packed, e'\x1f'), old_texts) as old_texts
        from compared
    )
),
-- the values whose texts differ decide
differing as (
    select
        *,
        if(
            same or row is null or old_key is null, null, places_of_other_texts(texts, old_texts)
        ) as places,
        if(row is null, in_number_columns(old_texts), null) as maybe_old
    from by_rules
),
paired as (
    select
        *,
        in_number_columns_at(places, here) as maybe_here,
        in_number_columns_at(places, there) as maybe_there
    from (
        select
            *,
            list_select(numbers, places) as numbers_here,
            list_select(texts, places) as here,
            list_select(old_texts, places) as there
        from differing
    )
),
-- casts values of old only if their text differs from new
cast_once as (
    select
        * exclude (old_not_numbers),
        case
            when $grouped then coalesce(old_not_numbers, 0)
            when same then not_numbers
            when old_key is null then 0
            when row is null then not_numbers_in(maybe_old, old_numbers)
            else
                not_numbers::integer
                - not_numbers_in(maybe_here, numbers_here)
                + not_numbers_in(maybe_there, numbers_there)
        end as old_not_numbers
    from (
        select
            *,
            numbers_in(maybe_old) as old_numbers,
            numbers_in(maybe_there) as numbers_there
        from paired
    )
),
decided as (
    select
        *,
        values_that_differ_at(
            places, here, there, numbers_here, numbers_there, $rel_tols, $abs_tols
        ) as differ
    from cast_once
    where not same or old_not_numbers > 0
),
classified as (
    select
        row,
        fields,
        differ,
        old_key,
        if($grouped, copies, 1) as copies,
        not_numbers as new_not_numbers,
        old_not_numbers,
        kind_of(
            row,
            old_key,
            same,
            $grouped and (copies > 1 or counted),
            len(differ) = 0,
            any_wholes_differ(maybe_here, maybe_there, numbers_here, numbers_there)
        ) as kind
    from decided
)
select
    kind,
    if(kept, row, null) as row,
    if(kept, [fields], null) as fields,
    differs,
    if(kind = 'removed', old_key, null) as removed_key,
    count(*) as joined,
    sum(if(kind = 'removed', copies, 0)) as copies,
    sum(new_not_numbers) as new_not_numbers,
    sum(old_not_numbers) as old_not_numbers
from (
    select
        *,
        kind in ('added', 'changed', 'ambiguous') as kept,
        if(kind = 'changed', differ, null) as differs
    from classified
)
group by all;
