-- Looks in a sample for the reason why two files have hardly any key in common. It never changes a result.

-- key_forms --

-- A date in text, if it is written in one of these ways; else the text.
create temp macro date_form(field, formats) as
    coalesce(try_strptime(trim(field), formats)::varchar, field);

-- The common form of keys that differ in one way only. Each form gives the same text for keys that the
-- rule takes for equal.
create temp macro key_form(field, rule) as
    case rule
        when 'case' then lower(field)
        when 'blanks' then trim(regexp_replace(field, '[ \t\r\n]+', ' ', 'g'))
        when 'no-break spaces'
            then trim(regexp_replace(field, '[\x{a0}\x{202f}\x{200b}\x{feff} ]+', ' ', 'g'))
        when 'leading zeros' then regexp_replace(field, '^0+([0-9A-Za-z])', '\1')
        when 'numbers' then coalesce(number_in(replace(field, ',', ''))::varchar, field)
        when 'dates, month first'
            then date_form(
                field,
                [
                    '%Y-%m-%d', '%Y/%m/%d', '%Y.%m.%d', '%Y%m%d', '%m/%d/%Y', '%m-%d-%Y', '%m/%d/%y',
                    '%d.%m.%Y', '%d %b %Y', '%d-%b-%Y', '%d %B %Y', '%b %d, %Y', '%B %d, %Y',
                    '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%dT%H:%M:%SZ',
                    '%Y-%m-%d %H:%M:%S.%f', '%Y-%m-%dT%H:%M:%S.%f', '%Y-%m-%dT%H:%M:%S.%fZ',
                    '%Y-%m-%d %H:%M', '%Y-%m-%dT%H:%M', '%m/%d/%Y %H:%M', '%m/%d/%Y %H:%M:%S',
                    '%d.%m.%Y %H:%M', '%d.%m.%Y %H:%M:%S'
                ]
            )
        when 'dates, day first'
            then date_form(
                field,
                [
                    '%Y-%m-%d', '%Y/%m/%d', '%Y.%m.%d', '%Y%m%d', '%d/%m/%Y', '%d-%m-%Y', '%d/%m/%y',
                    '%d.%m.%Y', '%d.%m.%y', '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S',
                    '%d/%m/%Y %H:%M', '%d/%m/%Y %H:%M:%S'
                ]
            )
        when 'Unicode' then nfc_normalize(field)
    end;

-- differing_keys --

-- parameters  old_rows
-- reads       outcome, whose added rows are almost all rows of new; none has a key of old
-- columns     sampled_old, sampled_new  number of keys in each sample
--             rules  list of rule, matched (keys of old that have a key of new by this rule), and
--                    an example: the key in old and in new, lists of fields; most matched first
with
-- the first rows, for they cost least; of new any rows, in case the order differs
old_keys as materialized (
    select distinct [*columns('^key_[0-9]+$')] as key
    from (
        select columns('^key_[0-9]+$')
        from query_table($old_rows)
        where row > 0 -- makes one thread read a piece, as in 4_old.sql
        limit 5000
    )
),
new_keys as materialized (
    select distinct key
    from (
        select key
        from (
            select [*columns('^key_[0-9]+$')] as key
            from (select unnest(fields[1]) from outcome where kind = 'added')
        )
        using sample reservoir(50000 rows)
    )
),
rules as (
    select unnest(names) as rule, generate_subscripts(names, 1) as place
    from (
        select
            [
                'case', 'blanks', 'no-break spaces', 'leading zeros', 'numbers',
                'dates, month first', 'dates, day first', 'Unicode'
            ] as names
    )
),
old_forms as (
    select rule, place, key, [key_form(field, rule) for field in key] as form
    from old_keys, rules
),
new_forms as (
    select rule, key, [key_form(field, rule) for field in key] as form
    from new_keys, rules
),
matched as (
    select
        old_forms.rule,
        place,
        count(distinct old_forms.key) as matched,
        arg_min({'old': old_forms.key, 'new': new_forms.key}, (old_forms.key, new_forms.key)) as example
    from old_forms
    join new_forms
        on old_forms.rule is not distinct from new_forms.rule
        and old_forms.form is not distinct from new_forms.form
    group by old_forms.rule, place
)
select
    (select count(*) from old_keys) as sampled_old,
    (select count(*) from new_keys) as sampled_new,
    list({'rule': rule, 'matched': matched, 'example': example} order by matched desc, place) as rules
from matched;
