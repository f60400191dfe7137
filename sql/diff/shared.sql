-- Hashes of keys, which show the shared rows of two files that need no comparison.
--
-- DuckDB's hash() is fast and weak. Equal keys have equal hashes; nothing else is assumed. If two rows have
-- the same hash, their text is compared.

-- key_hashes --

-- A hash of each key, in any order. Its lowest bits are the number of values in the row that are neither empty
-- nor a number. One column takes half the time of two on the way to Python.
--
-- parameters  side, roles  four pieces of a file: what old and old_roles are to others
--             counts       a power of two, greater than the number of value columns
-- columns     hash_and_count
select hash - hash % $counts::ubigint + not_numbers_in(texts, numbers)::ubigint as hash_and_count
from (
    select *, numbers_of(texts, doubles) as numbers
    from (
        select *, doubles_in(texts) as doubles
        from (
            select hash(*columns('^key_[0-9]+$')) as hash, [*columns('^value_[0-9]+$')] as texts
            from in_four_pieces($side, $roles)
            where row > 0 -- so that one thread reads a piece, as 4_old.sql has it
        )
    )
);

-- rows_met --

-- Empty tables for rows whose key has one of these hashes.
--
-- parameters  side, roles  of old
-- columns     key_0 … value_0 … rest_0 …; and pulled, in rows_met: the row itself is needed
create temp table rows_met as
select false as pulled, columns('^(key|value|rest)_[0-9]+$')
from in_four_pieces($side, $roles)
limit 0;

create temp table rows_left as
select * exclude (pulled) from rows_met;

-- add_rows_met --

-- parameters  side, roles, counts
-- reads       hashes_met  view of hash and pulled
insert into rows_met
select hashes_met.pulled, columns('^(key|value|rest)_[0-9]+$')
from (
    select *, hash(*columns('^key_[0-9]+$')) as hash
    from in_four_pieces($side, $roles)
    where row > 0
) as rows_of_old
join hashes_met on rows_of_old.hash - rows_of_old.hash % $counts::ubigint = hashes_met.hash;

-- add_rows_left --

-- The same from the rest of old, for pulled hashes only.
insert into rows_left
select columns('^(key|value|rest)_[0-9]+$')
from (
    select *, hash(*columns('^key_[0-9]+$')) as hash
    from in_four_pieces($side, $roles)
    where row > 0
) as rows_of_old
join hashes_met on rows_of_old.hash - rows_of_old.hash % $counts::ubigint = hashes_met.hash
where hashes_met.pulled;

-- count_met --

-- reads       rows_met
-- columns     rows that are not pulled, and their keys
select count(*) as rows, count(distinct struct_pack(*columns('^key_[0-9]+$'))) as keys
from rows_met
where not pulled;

-- pulled --

-- The pulled rows that are shared, as lines of the file.
--
-- parameters  header  struct with the roles of the file's columns, in file order
--             output  file to write
-- reads       rows_met, rows_left
copy (
    select nullif(columns('^(key|value|rest)_[0-9]+$'), '')
    from (
        select unnest($header) -- for their order
        where false
        union all by name
        (
            select columns('^(key|value|rest)_[0-9]+$')
            from rows_met
            where pulled
            except all
            from rows_left
        )
    )
) to $output (format csv, header false, comment '', use_tmp_file false);
