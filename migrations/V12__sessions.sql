-- Who is signed in. Of a secret only the hash is stored: SHA-256 in hexadecimal.
create table matricula_sessions (
    hash text not null primary key,
    account_id {{key}} not null,
    created_at text not null,
    used_at text not null, -- up to a few minutes earlier
    expires_at text not null
);

create index matricula_sessions_account on matricula_sessions (account_id);
create index matricula_sessions_used on matricula_sessions (used_at);

-- One-time links with which a person sets a password.
create table matricula_links (
    hash text not null primary key,
    account_id {{key}} not null,
    expires_at text not null
);
