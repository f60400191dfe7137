-- The rows of old, as a join needs them. What a query does not name is not made.
--
-- parameters  files, file_columns, roles, rewritten  as pieces_four.sql takes them
--             key_columns, salt  names of those, and what keys_hashed.sql needs
-- columns     key          as key_of makes it
--             o0, o1 …     values, in the order of v0, v1 …
--             w0, w1 …     their numbers
--             mark         64 bits that equal values have in common, and hardly others
--             not_numbers  how many of the values are neither empty nor a number
create or replace temp macro old_rows(files, file_columns, roles, rewritten, key_columns, salt) as table
    select
        key_of(struct_pack(*columns(key_columns)), concat_ws(e'\x1f', salt, *columns(key_columns)))
            as key,
        columns('v([0-9]+)') as 'o\1',
        columns('c([0-9]+)').number as 'w\1',
        hash(*columns('v[0-9]+')) as mark,
        if(coalesce(*columns('f[0-9]+')), list_count([*columns('f[0-9]+')]), 0)::usmallint
            as not_numbers
    from (
        select *, no_number(columns('c([0-9]+)')) as 'f\1'
        from (
            select *, cell_of(columns('v([0-9]+)')) as 'c\1'
            from piece_rows(files, file_columns, roles, rewritten)
        )
    );
