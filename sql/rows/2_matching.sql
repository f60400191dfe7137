-- The rows of a file of 1_changes.sql that a person asks for.

-- texts_compared --

-- parameters  fields, rules
-- reads       by_rules
-- columns     texts   the fields as they are compared
select by_rules($fields::varchar[], $rules) as texts;

-- matching --

-- parameters  file     the file
--             kinds    list of the wanted kinds
--             by       list of columns of keys as they are compared, or of `every`, which is empty in each row
--             equal    struct of the text of each
--             first, first_text  one of these columns in a list, and its text; NULL is not allowed. Parquet can skip
--                      row groups by it.
--             nth      number of the value column that must differ; 0 for any row
--             least, below  bounds of the relative change of that column, or else the largest one; NULL for none
--             up       whether numbers are more; NULL for any
--             sort     file, relative or moved
-- columns     those of the file, every, slice, found_size (NaN as in sizes), found_move
--             rank     ascending, then row, is the order; NULL is last
set variable changes_file = $file;
set variable kinds_wanted = $kinds;
set variable slice_by = $by;
set variable slice_equal = $equal;
set variable first_by = $first;
set variable first_text = $first_text;
set variable nth_wanted = $nth;
set variable least_wanted = $least::double;
set variable below_wanted = $below::double;
set variable up_wanted = $up::boolean;
set variable sort_wanted = $sort;

create temp view matching as
select
    *,
    case getvariable('sort_wanted')
        when 'relative' then if(isfinite(found_size), -found_size, null)
        when 'moved' then if(isinf(found_move), -1.7976931348623157e308, -abs(found_move)) -- finite in a cursor
        else null::double
    end as rank
from (
    select
        *,
        struct_pack(*columns(getvariable('slice_by'))) as slice,
        if(getvariable('nth_wanted') = 0, size, sizes[getvariable('nth_wanted')]) as found_size,
        if(getvariable('nth_wanted') = 0, moved, moves[getvariable('nth_wanted')]) as found_move
    from (
        select *, '' as every
        from read_parquet(getvariable('changes_file'))
    )
)
where
    list_contains(getvariable('kinds_wanted'), kind)
    and columns(getvariable('first_by')) = getvariable('first_text')
    and slice is not distinct from getvariable('slice_equal')
    and (getvariable('nth_wanted') = 0 or found_size is not null)
    and (
        getvariable('least_wanted') is null
        or isfinite(found_size) and found_size >= getvariable('least_wanted')
    )
    and (
        getvariable('below_wanted') is null
        or isfinite(found_size) and found_size < getvariable('below_wanted')
    )
    and (
        getvariable('up_wanted') is null
        or if(getvariable('up_wanted'), found_move > 0, found_move < 0)
    );

-- rows_counted --

-- reads       matching
-- columns     added, changed, removed
select
    count(*) filter (kind = 'added') as added,
    count(*) filter (kind = 'changed') as changed,
    count(*) filter (kind = 'removed') as removed
from matching;

-- rows_chosen --

-- The first rows after a place in the order.
--
-- parameters  rank, row  of the last row before; row is 0 before the first one
--             most       number of rows
-- columns     chosen     list of row, rank
--
-- A page begins after a row, not after a number of rows: to skip millions takes memory for them.
select coalesce(list({'row': row, 'rank': rank} order by rank nulls last, row), []) as chosen
from (
    select row, rank
    from matching
    where
        case
            when $row = 0 then true
            when $rank::double is null then rank is null and row > $row
            else rank is null or rank > $rank or rank = $rank and row > $row
        end
    order by rank nulls last, row
    limit $most
);

-- rows_shown --

-- parameters  file
--             rows    list of numbers of rows
-- columns     found   list of the rows, as structs, in any order
select coalesce(list(shown), []) as found
from (
    from read_parquet($file)
    where list_contains($rows::bigint[], row)
) as shown;

-- rows_written --

-- Writes all matching rows as CSV, as detail has them.
--
-- parameters  roles    list of the columns
--             prefix   first line of the file, with their names
--             output   file to write
-- columns     Count    number of written rows
--
-- DuckDB sorts only if it is asked to, so rows in the order of the file need no memory. They must be all removed
-- or none: 1_changes.sql keeps the order of each of the two.
copy (
    select columns($roles)
    from matching
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', nullstr '', comment '', use_tmp_file false
);

-- rows_written_sorted --

-- parameters  roles, prefix, output
copy (
    select columns($roles)
    from matching
    order by rank nulls last, row
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', nullstr '', comment '', use_tmp_file false
);
