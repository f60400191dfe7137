-- The numbers of values. Equal is what equality.sql says; here are the same answers for numbers alone.

-- number --

-- An error for what is neither empty nor a number, so that nothing needs to be counted.
create temp macro number_or_error(field) as
    case
        when field >= '0' and field < ':' then field::double
        when field = '' then null
        when a_cast_misreads(field) then ('no ' || field)::double -- which is an error
        else field::double
    end;

-- A text and its number, side by side: columns of two kinds cannot be paired in one expression.
create temp macro cell_of(field) as {'text': field, 'number': number_in(field)};

-- True for a value that is neither empty nor a number, else NULL: count() counts it.
create temp macro no_number(cell) as if(cell.text <> '' and cell.number is null, true, null);

-- all_values_equal for lists of numbers, where NULL is an empty field. With a tolerance, equal texts
-- are equal numbers.
create temp macro all_numbers_close(a, b, rel_tols, abs_tols) as
    list_bool_and([
        coalesce(
            numbers_close(pair[1], pair[2], pair[3], pair[4]), pair[1] is null and pair[2] is null
        )
        for pair in list_zip(a, b, rel_tols, abs_tols)
    ]);

-- The same with one tolerance for all, which takes a third less.
create temp macro all_numbers_close_alike(a, b, rel_tol, abs_tol) as
    list_bool_and([
        coalesce(numbers_close(pair[1], pair[2], rel_tol, abs_tol), pair[1] is null and pair[2] is null)
        for pair in list_zip(a, b)
    ]);

-- The rows of a file with what a join needs of them. What a query does not name is not made. Numbers are
-- cast here, below the join: above it, a filter would cast them again.
--
-- columns  key                    as key_of makes it
--          value_0 …, number_0 …  values, which may be any text, and their numbers
--          not_numbers            how many of the values are neither empty nor a number
--          fields                 struct of the row as it stands in the file
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

-- The same where all values are numbers or empty; any other is an error.
--
-- columns  key, number_0 …, fields, row
--          mark  64 bits that equal texts of values have in common, and others hardly ever
create temp macro rows_of_numbers(rows_of_file, keys, salt) as table
    select
        key,
        number_or_error(columns('^value_([0-9]+)$')) as 'number_\1',
        hash(*columns('^value_[0-9]+$')) as mark,
        struct_pack(*columns('^(key|value|rest)_[0-9]+$')) as fields,
        row
    from keyed_rows(rows_of_file, keys, salt);
