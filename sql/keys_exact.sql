-- What stands for a key in the tables of a diff: its fields themselves. Parameters as keys_hashed.sql
-- has them.
create or replace temp macro key_of(fields, text) as fields;
