-- Reads some rows whose key is in both files, to find columns that have another name. It never changes a
-- result.

-- rows_of_both --

-- parameters  old_rows, new_rows
--             old_alone, new_alone  lists of the roles of columns that one file alone has
-- columns     rows  list of old and new, the fields of these columns; at most 500
with
-- the first rows, for they cost least
old_some as (
    select [*columns('^key_[0-9]+$')] as key, [*columns($old_alone)] as fields
    from (
        select *
        from query_table($old_rows)
        where row > 0 -- makes one thread read a piece, as in 4_old.sql
        limit 5000
    )
),
new_some as (
    select [*columns('^key_[0-9]+$')] as key, [*columns($new_alone)] as fields
    from (
        select *
        from query_table($new_rows)
        where row > 0
        limit 5000
    )
),
pairs as (
    select {'old': first(old_some.fields), 'new': first(new_some.fields)} as pair
    from new_some
    join old_some on new_some.key is not distinct from old_some.key
    group by new_some.key
    limit 500
)
select coalesce(list(pair), []) as rows
from pairs;
