-- Reads a CSV file.
--
-- In all queries of this folder, columns are named by role. No name from a file reaches the SQL:
--
--   key_0, key_1 …            the key columns, in the order of the comparison
--   value_0, value_1 …        the value columns, in the order of the comparison
--   rest_0, rest_1 …          all other columns
--   old_value_0 …             values of old, beside a row of new
--   texts, numbers            lists of the values of a row, and of the numbers in them; NULL is not a number
--   value, number             the same for a single value column
--   old_texts, old_number …   the same of old, joined to rows of new
--
-- Patterns with anchors select groups of columns, such as columns('^value_[0-9]+$'). Without anchors, the
-- pattern would match old_value_0, too. columns(…) returns columns in the order of their table.
--
-- A file may have 1,500 columns, and planning a query of n columns often takes n * n steps. So the first
-- query on a file packs them into a list or a struct, and no macro has columns(…) as its argument.
--
-- An empty field is '' up to step 7, so keys and texts are never NULL. Step 8 and error messages turn it
-- into NULL. Joins are still NULL-safe (`is not distinct from`), so they do not depend on that.
--
-- Parameters of many queries:
--
--   old, new  struct of the file to read:
--               files      list of four or sixteen pieces of the file; the last ones may be empty
--               columns    struct of VARCHAR columns by role, in the order of the file
--               rewritten  whether the file is a copy by the service. If true, the reader accepts
--                          longer lines, and reads records across the borders of its buffers. If
--                          false, it notices broken files.
--   old_roles, new_roles  struct of the same columns, ordered key_0 … value_0 … rest_0 …. It is not in old
--             and new, because access would cost time for each column.
--   old_rows, new_rows  name of the view that reads the file, such as old_in_one_piece
--   keys      representation of keys: 'hashed' or 'exact' (2_key.sql)
--   salt      random text, for hashed keys
--   rel_tols, abs_tols  lists of tolerances, one for each value column
--   single    whether there is only one value column
--   alike     whether all value columns have the same tolerances

-- read --

-- The rows of one file or piece, as text, in the order of the file.
--
-- parameters  file  path with glob characters in brackets, or name of a piece
--             side  $old or $new
-- columns     the roles, in the order of the file
--
-- The query sets all options, because sniffing drops rows and rounds numbers. With `header`, the reader
-- finds no rows if it misjudges the line ends. An unquoted field cannot contain the null string, so
-- nothing is NULL. With '', the reader would ignore a surplus empty field. Buffers are as small as the
-- longest line allows, because each thread keeps some.
--
-- Only one thread should read a file. Several threads sometimes fail under load (2.0.0, "dereference an
-- optional pointer" between two buffers). It is still parallel, because otherwise the reader keeps all
-- buffers until the end of the file.
create temp macro csv_rows(file, side) as table
    from
        read_csv(
            file, columns = side['columns'], auto_detect = false,
            header = false, skip = 1, -- a blank line in a rewritten file
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            nullstr = e'\n', allow_quoted_nulls = false,
            compression = 'none', parallel = not side['rewritten'],
            max_line_size = if(side['rewritten'], 16000000, 4000000),
            buffer_size = if(side['rewritten'], 16000000, 4000000)
        );

-- one_piece --

-- The rows of both files, with `row`, a number that grows in the order of the file. The numbers make one
-- thread read a piece. Here the first piece is the whole file: planning four takes longer than reading it.
--
-- parameters  old, new. A view cannot have parameters, but can read variables.
set variable old = $old;
set variable new = $new;

create temp macro in_one_piece(side) as table
    select *, row_number() over () as row
    from csv_rows(side['files'][1], side);

create temp view old_in_one_piece as
from in_one_piece(getvariable('old'));

create temp view new_in_one_piece as
from in_one_piece(getvariable('new'));

-- four_pieces --

-- The same for a file in several pieces, which several threads can read.
create temp macro in_four_pieces(side) as table
    select *, row_number() over () as row
    from csv_rows(side['files'][1], side)
    union all
    select *, (1::bigint << 40) + row_number() over ()
    from csv_rows(side['files'][2], side)
    union all
    select *, (2::bigint << 40) + row_number() over ()
    from csv_rows(side['files'][3], side)
    union all
    select *, (3::bigint << 40) + row_number() over ()
    from csv_rows(side['files'][4], side);

set variable old = $old;
set variable new = $new;

create temp view old_in_four_pieces as
from in_four_pieces(getvariable('old'));

create temp view new_in_four_pieces as
from in_four_pieces(getvariable('new'));

-- sixteen_pieces --

-- The same for more threads.
create temp macro in_quarter(side, quarter) as table
    select * replace ((quarter << 42) + row as row)
    from
        in_four_pieces({
            'files': side['files'][4 * quarter + 1:4 * quarter + 4],
            'columns': side['columns'],
            'rewritten': side['rewritten']
        });

create temp macro in_sixteen_pieces(side) as table
    from in_quarter(side, 0::bigint)
    union all
    from in_quarter(side, 1::bigint)
    union all
    from in_quarter(side, 2::bigint)
    union all
    from in_quarter(side, 3::bigint);

set variable old = $old;
set variable new = $new;

create temp view old_in_sixteen_pieces as
from in_sixteen_pieces(getvariable('old'));

create temp view new_in_sixteen_pieces as
from in_sixteen_pieces(getvariable('new'));

-- reordered --

-- The same rows, for files that have the columns in another order than the comparison, or than each other. A
-- union takes n * n steps for n columns.
--
-- parameters  old_read, new_read    names of the views above
--             old_roles, new_roles  the roles, key columns and value columns in the order of the comparison
set variable old_read = $old_read;
set variable new_read = $new_read;
set variable old_roles = $old_roles;
set variable new_roles = $new_roles;

create temp view old_reordered as
select unnest(getvariable('old_roles')), 0 as row
where false
union all by name
from query_table(getvariable('old_read'));

create temp view new_reordered as
select unnest(getvariable('new_roles')), 0 as row
where false
union all by name
from query_table(getvariable('new_read'));
