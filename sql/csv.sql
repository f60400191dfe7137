-- The rows of a CSV file: how every query here reads one.
--
-- parameters  file          path, or name of a piece; glob characters of a path stand in brackets
--             file_columns  struct of VARCHAR columns in file order, named by their role in the diff:
--                           k0, k1 … the key, v0, v1 … the values, x0, x1 … the rest
--             roles         the same in the order of k0, k1 … v0, v1 … x0 …: columns of two files pair
--                           in any order, but columns(…) gives them in that of their table
--             rewritten     the file is a copy that the service made: only then are records that go
--                           over a border of the reader's buffers read right, and lines may be longer;
--                           a broken file is noticed only when false
-- columns     those, in the order of roles, as text; an empty field is '', never NULL
-- order       that of the file
--
-- Nothing is guessed: sniffing drops rows and rounds numbers, and told that there is a header the
-- reader finds no rows at all where it misjudges the line ends. The null string cannot stand in a file
-- without quotes, so nothing is NULL; with '' a surplus empty field goes unnoticed. Buffers are as
-- small as the longest line allows: each thread holds some.
--
-- Only one thread should read a file, which numbered_rows of pieces_four.sql sees to: when several do,
-- they fail now and then under load (2.0.0, "dereference an optional pointer" between two buffers). It
-- is parallel all the same, for otherwise all buffers are held until the end of the file.
create or replace temp macro csv_rows(file, file_columns, roles, rewritten) as table
    select unnest(roles)
    where false
    union all by name
    from
        read_csv(
            file, columns = file_columns, auto_detect = false,
            header = false, skip = 1, -- in a rewritten file that is a blank line
            delim = ',', quote = '"', escape = '"', comment = '', strict_mode = true,
            nullstr = e'\n', allow_quoted_nulls = false,
            compression = 'none', parallel = not rewritten,
            max_line_size = if(rewritten, 16000000, 4000000),
            buffer_size = if(rewritten, 16000000, 4000000)
        );
