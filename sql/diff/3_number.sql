-- The numbers of values. equality.sql defines when they are equal; this file repeats it for numbers alone.

-- number --

-- An error for a value that is neither empty nor a number, so a count is not needed.
create temp macro number_or_error(field) as
    case
        when field >= '0' and field < ':' and not may_exceed_doubles(field) then field::double
        when field = '' then null
        when a_cast_misreads(field)
            or may_exceed_doubles(field) and exceeds_doubles(field, field::double)
            then ('no ' || field)::double -- raises an error
        else field::double
    end;

-- A text and its number in one struct, because one expression cannot pair columns of two groups.
create temp macro cell_of(field) as {'text': field, 'number': number_in(field)};

-- True for a value that is neither empty nor a number, else NULL, for count().
create temp macro no_number(cell) as if(cell.text <> '' and cell.number is null, true, null);

-- all_values_equal for lists of numbers, in which NULL is an empty field. With a tolerance, equal texts
-- are equal numbers.
create temp macro all_numbers_close(a, b, rel_tols, abs_tols) as
    list_bool_and([
        coalesce(
            numbers_close(pair[1], pair[2], pair[3], pair[4]), pair[1] is null and pair[2] is null
        )
        for pair in list_zip(a, b, rel_tols, abs_tols)
    ]);

-- The same with one tolerance for all columns, a third faster.
create temp macro all_numbers_close_alike(a, b, rel_tol, abs_tol) as
    list_bool_and([
        coalesce(numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null)
        for pair in list_zip(a, b)
    ]);

-- The rows of a file, with the columns that a join needs. DuckDB computes only the columns that a query
-- names. Casts are here, below the join: above it, a filter would cast again.
--
-- columns  key                    as key_of makes it
--          value_0 …, number_0 …  values, with any text, and their numbers
--          not_numbers            number of values that are neither empty nor a number
--          fields                 struct of the row in the file
--          row                    its number, in the order of the file
create temp macro rows_of_any(rows_of_file, keys, salt) as table
    select
        key,
        columns('^(value|number)_[0-9]+$'),
        if(
            coalesce(*columns('^no_number_[0-9]+$')), list_count([*columns('^no_number_[0-9]+$')]), 0
        )::usmallint as not_numbers,
        struct_pack(*columns('^(key|value|rest)_[0-9]+$')) as fields,
        row
    from (
        select
            *,
            columns('^cell_([0-9]+)$').number as 'number_\1',
            no_number(columns('^cell_([0-9]+)$')) as 'no_number_\1'
        from (
            select *, cell_of(columns('^value_([0-9]+)$')) as 'cell_\1'
            from keyed_rows(rows_of_file, keys, salt)
        )
    );

-- The same for values that are all numbers or empty. Any other value raises an error.
--
-- columns  key, number_0 …, fields, row
--          mark  64 bits, the same for equal texts of values, and almost always different for others
create temp macro rows_of_numbers(rows_of_file, keys, salt) as table
    select
        key,
        number_or_error(columns('^value_([0-9]+)$')) as 'number_\1',
        hash(*columns('^value_[0-9]+$')) as mark,
        struct_pack(*columns('^(key|value|rest)_[0-9]+$')) as fields,
        row
    from keyed_rows(rows_of_file, keys, salt);
