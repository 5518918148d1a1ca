-- Who may do what. Names have the prefix because the school may have tables `accounts` and `tokens` of its own.

-- Who a student's account or token belongs to: its id is ours and never comes back. The row goes with the student, so
-- that a later student with the same id inherits nothing.
create table matricula_people (
    id {{key}} not null primary key, -- the seq of the event that bound it
    student_id {{key}} not null
);

create index matricula_people_student on matricula_people (student_id);

create table matricula_accounts (
    id {{key}} not null primary key, -- the seq of the event that created it
    name text not null,
    address text not null unique, -- in lower case
    role text not null,
    person_id {{key}},
    password text, -- argon2id (RFC 9106) as a PHC string; null until one is set
    created_at text not null,
    disabled_at text
);

create table matricula_tokens (
    id {{key}} not null primary key, -- the seq of the event that created it
    name text not null,
    role text not null,
    scopes text not null, -- separated by blanks
    person_id {{key}},
    hash text not null unique, -- SHA-256 in hexadecimal; the token itself is nowhere
    created_at text not null,
    expires_at text,
    revoked_at text
);

-- The changes of rights so far, which the servers follow, and whether there has ever been a token or an account: 1 then,
-- also after the last one is gone.
create table matricula_access (
    id {{key}} not null primary key check (id = 1),
    version {{key}} not null,
    is_closed {{key}} not null
);

insert into matricula_access (id, version, is_closed) values (1, 1, 0);
