-- When tokens were used. A row is written every few minutes at most, so it is apart from the token itself.
create table matricula_token_uses (
    token_id {{key}} not null primary key,
    used_at text not null -- up to a few minutes earlier
);

-- Random keys of this school, in hexadecimal; a server that needs one that is missing adds it.
create table matricula_keys (
    name text not null primary key,
    value text not null
);
