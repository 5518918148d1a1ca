-- Files that were brought, what they would change, and what was done. No registration, so the log does not have it; it is
-- deleted after a while.
create table matricula_imports (
    id {{self_numbering_key}},
    created_at text not null,
    actor text not null, -- as in the log
    status text not null, -- staging, planned, applying, stopped, applied, undoing, undone
    settings text not null, -- JSON: how the files are read
    report text not null, -- JSON: the files, the counts
    digest text not null, -- of all rows of the plan
    total {{key}} not null, -- steps of the plan
    done {{key}} not null, -- steps that were tried
    not_done {{key}} not null, -- steps that would have had another effect, and were not carried out
    remaining {{key}} not null, -- what could not be undone
    worker text, -- random: whoever works on it; nobody else adds to what it has done
    worked_by text, -- who had it carried out or undone, as in the log
    rights text, -- what they could do then; checked again by a server that goes on with it
    touched_at text not null, -- the last sign of whoever works on it
    applied_at text,
    undone_at text,
    request text unique, -- the Idempotency-Key of the request, with its actor
    fingerprint text, -- of that request
    record text not null unique -- random; finds the row that was just added
);

create table matricula_import_files (
    import_id {{key}} not null,
    place {{key}} not null,
    part {{key}} not null,
    name text not null,
    content text not null, -- base64
    primary key (import_id, place, part)
);

create table matricula_import_rows (
    import_id {{key}} not null,
    list text not null, -- plan, not-done, remaining
    place {{key}} not null,
    content text not null, -- JSON: up to 500 rows
    primary key (import_id, list, place)
);

-- Which entries of the log an import has made, so that it can be undone.
create table matricula_import_entries (
    import_id {{key}} not null,
    first_seq {{key}} not null,
    last_seq {{key}} not null,
    primary key (import_id, first_seq)
);
