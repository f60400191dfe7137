-- Writes one side of a sample pair for the metric c-revenue: cohort revenue by month of age, with and
-- without a customer segment.
--
-- parameters  rows  data rows to write
--             side  'old' or 'new'
--             path  file to write; .gz and .zst compress
-- writes      CSV with a header, the columns of the last select; the same bytes on every run
--
-- Rows are numbered 0 .. rows + rows/200. The first two-hundredth, spread over the file, is only in old
-- (removed), the last only in new (added). New is shuffled: i * prime mod n visits each i once, so both
-- sides stream at any size.

-- c-revenue --
copy (
    with
    size as (
        select $rows + $rows // 200 as total, $rows // 200 as moved
    ),
    numbered as (
        select
            if($side = 'new', (range * 1000000007 + 41) % total, range) as i,
            (i * 2147483647 + 17) % total as scattered
        from size, range((select total from size))
        where if($side = 'new', scattered >= moved, scattered < $rows)
    ),
    -- 2 stats x 25 segments (the whole, then 4 fields of 6 values) x 13 ages x the needed number of cohorts
    placed as (
        select
            i,
            i % 2 as stat,
            i // 2 % 25 as segment,
            (segment - 1) // 6 as field,
            (segment - 1) % 6 as position,
            i // 50 % 13 as age,
            i // 650 as cohort,
            date '2015-01-01' + to_months(((cohort // 40) % 120)::integer) as cohort_month,
            -- a cheap, portable scramble: SQL's own hash may change between releases
            (i * 48271 + 12345) * 69621 % 2147483647 as noise
        from numbered
    ),
    valued as (
        select
            *,
            round((noise % 900000) / 100.0 * if(noise % 31 = 0, -1, 1), 2)
                / if(stat = 1, 7 + noise % 13, 1) as amount,
            -- new: one row in 40 truly moved, every third carries float noise far below the tolerance
            case
                when $side = 'new' and noise % 40 = 7 then amount * 1.0125 + 0.01
                when $side = 'new' and noise % 3 = 1 then amount * (1 + 3e-13)
                else amount
            end as value
        from placed
    )
    select
        strftime(cohort_month, '%Y-%m') as cohort,
        100000 + cohort as cohort_id,
        if(age = 12, null, strftime(cohort_month + to_months(age::integer), '%Y-%m-01')) as month_date,
        if(age = 12, null, age) as month_nth,
        if(segment = 0, null, ['country', 'plan', 'channel', 'industry'][field + 1]) as segment_field,
        if(segment = 0, null, ['Country', 'Plan', 'Sales channel', 'Industry, main'][field + 1])
            as segment_name,
        case
            when segment = 0 then null
            when position = 5 then '(not set)'
            else ['North', 'South', 'East', 'West', 'The "Rest"'][position + 1]
        end as segment_value,
        if(segment = 0 or position = 5, null, field * 100 + position) as segment_value_id,
        ['c-revenue', 'c-revenue-pc'][stat + 1] as stat,
        value
    from valued
) to $path (format csv, header true);
