-- Who a person is at a provider of single sign-on, or to a proxy that signs people in.
create table matricula_identities (
    provider text not null, -- the provider's issuer, or `proxy`
    subject text not null, -- the person's identifier there, which never changes
    account_id {{key}} not null,
    primary key (provider, subject)
);

create index matricula_identities_account on matricula_identities (account_id);

-- Accounts that single sign-on has opened: `given` while the person's groups give the role, `lost` while the account is
-- disabled because they give none. Null for accounts that an admin has created.
alter table matricula_accounts add column by_groups text;

-- Attempts at single sign-on that have ended in a session: none ends in a second one.
create table matricula_used_states (
    state text not null primary key, -- SHA-256 in hexadecimal
    session text not null,
    used_at text not null
);

create index matricula_used_states_used on matricula_used_states (used_at);
