-- The properties of a sample of a file; a single row.
--
-- parameters  file        the sample
--             side        the file, like old in other queries
--             keys, salt, exact_from
-- columns     repeats     whether a key repeats
--             numbers     whether all values are numbers or empty, and doubles suffice to compare them

-- sample --
select
    count(*) > count(distinct key) as repeats,
    coalesce(
        bool_and(
            not_numbers_in(texts, numbers) = 0 and not any_needs_text(texts, numbers, $exact_from)
        ),
        true
    ) as numbers
from (
    select *, numbers_in(texts) as numbers
    from (
        select
            key_of(
                struct_pack(*columns('^key_[0-9]+$')),
                [*columns('^key_[0-9]+$')],
                concat_ws(e'\x1f', $salt, *columns('^key_[0-9]+$')),
                $salt,
                $keys
            ) as key,
            [*columns('^value_[0-9]+$')] as texts
        from csv_rows($file, $side)
    )
);
