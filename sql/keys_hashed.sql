-- What stands for a key in the tables of a diff: 128 bits of MD5, so that keys of any length take 16
-- bytes. Two different keys with the same bits would be taken for one. Of n keys some two have them
-- with a chance below n * n / 2^129 (the birthday bound), 10^-24 for 20 million; the salt in front of
-- `text` is drawn for each diff, so nobody can prepare such keys. DuckDB's hash() will not do: its 64
-- bits are the same for many texts that differ in two places eight apart (2.0.0).
--
-- parameters  fields  struct of the key columns
--             text    those columns with a character between them that stands in none
create or replace temp macro key_of(fields, text) as md5_number(text);
