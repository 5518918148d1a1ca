-- What was answered to a request with an Idempotency-Key, written with what the request changed.
create table idempotency_keys (
    key text not null,
    part {{key}} not null, -- of a request that takes several commits
    fingerprint text not null, -- of its method, path and body
    answered_at text not null, -- RFC 3339, UTC, milliseconds
    answer text not null, -- a JSON object
    primary key (key, part)
);

-- What has expired.
create index idempotency_keys_answered on idempotency_keys (answered_at);
