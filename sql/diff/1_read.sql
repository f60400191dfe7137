-- Reads a CSV file.
--
-- The columns of all queries here bear the names of their roles, so no name from a file reaches the SQL:
--
--   key_0, key_1 …            the key columns, in the order of the comparison
--   value_0, value_1 …        the value columns, likewise
--   rest_0, rest_1 …          all other columns
--   number_0, number_1 …      the number that a value stands for, else NULL
--   old_value_0, old_number_0 …  those of old, where they meet rows of new
--
-- Groups of columns are named by patterns with anchors, such as columns('^value_[0-9]+$'): without them
-- old_value_0 would be meant, too. columns(…) gives columns in the order of their table.
--
-- An empty field is '' from here to step 7, so no key and no text is NULL; step 8 and error messages make
-- it NULL. Joins are NULL-safe all the same (`is not distinct from`), so as not to rely on that.
--
-- Parameters of many queries:
--
--   old, new  struct of what is read:
--               files      list of four files, the pieces of one; those at the end may be empty
--               columns    struct of VARCHAR columns by role, in the order of the file
--               rewritten  the file is a copy that the service made: only then are records that go over
--                          a border of the reader's buffers read right, and lines may be longer; a
--                          broken file is noticed only when false
--   old_roles, new_roles  struct of the same columns in the order key_0 … value_0 … rest_0 …; apart, for to
--             take it out of a struct costs time for each column
--   old_rows, new_rows  name of the view that reads the file, such as old_in_one_piece
--   keys      what stands for a key: 'hashed' or 'exact' (2_key.sql)
--   salt      random text, for hashed keys
--   rel_tols, abs_tols  lists of tolerances, one for each value column
--   single    there is one value column
--   alike     the tolerances of all value columns are the same

-- read --

-- The rows of one file or piece, as text, in the order of the file.
--
-- parameters  file  path, or name of a piece; glob characters of a path stand in brackets
--             side, roles  $old and $old_roles, or those of new
-- columns     the roles, in their order: columns of two files pair in any order
--
-- Nothing is guessed: sniffing drops rows and rounds numbers, and told that there is a header the
-- reader finds no rows at all where it misjudges the line ends. The null string cannot stand in a file
-- without quotes, so nothing is NULL; with '' a surplus empty field goes unnoticed. Buffers are as
-- small as the longest line allows: each thread holds some.
--
-- Only one thread should read a file: when several do, they fail now and then under load (2.0.0,
-- "dereference an optional pointer" between two buffers). It is parallel all the same, for otherwise
-- all buffers are held until the end of the file.
create temp macro csv_rows(file, side, roles) as table
    select unnest(roles)
    where false
    union all by name
    from
        read_csv(
            file, columns = side['columns'], auto_detect = false,
            header = false, skip = 1, -- in a rewritten file that is a blank line
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            nullstr = e'\n', allow_quoted_nulls = false,
            compression = 'none', parallel = not side['rewritten'],
            max_line_size = if(side['rewritten'], 16000000, 4000000),
            buffer_size = if(side['rewritten'], 16000000, 4000000)
        );

-- one_piece --

-- The rows of both files, with `row`, a number that grows in the order of the file. To number the rows makes
-- one thread read a piece. Here the first piece is all: to plan four takes longer than to read a few rows.
--
-- parameters  old, old_roles, new, new_roles. A view takes no parameters, but it reads variables.
set variable old = $old;
set variable new = $new;
set variable old_roles = $old_roles;
set variable new_roles = $new_roles;

create temp macro in_one_piece(side, roles) as table
    select *, row_number() over () as row
    from csv_rows(side['files'][1], side, roles);

create temp view old_in_one_piece as
from in_one_piece(getvariable('old'), getvariable('old_roles'));

create temp view new_in_one_piece as
from in_one_piece(getvariable('new'), getvariable('new_roles'));

-- four_pieces --

-- The same where a file was cut: several threads need several pieces.
set variable old = $old;
set variable new = $new;
set variable old_roles = $old_roles;
set variable new_roles = $new_roles;

create temp macro in_four_pieces(side, roles) as table
    select *, row_number() over () as row
    from csv_rows(side['files'][1], side, roles)
    union all
    select *, (1::bigint << 40) + row_number() over ()
    from csv_rows(side['files'][2], side, roles)
    union all
    select *, (2::bigint << 40) + row_number() over ()
    from csv_rows(side['files'][3], side, roles)
    union all
    select *, (3::bigint << 40) + row_number() over ()
    from csv_rows(side['files'][4], side, roles);

create temp view old_in_four_pieces as
from in_four_pieces(getvariable('old'), getvariable('old_roles'));

create temp view new_in_four_pieces as
from in_four_pieces(getvariable('new'), getvariable('new_roles'));
