-- What happened, in order: every change appends its event in the transaction that made it.
-- No foreign keys: the log outlives the rows that it speaks of.
create table events (
    seq {{key}} not null primary key,
    at text not null, -- RFC 3339, UTC, milliseconds; never earlier than the event before
    type text not null,
    student_id {{key}},
    course_id {{key}},
    enrollment_id {{key}},
    actor text,
    request_id text,
    data text not null -- a JSON object
);

create index events_student on events (student_id, seq);
create index events_course on events (course_id, seq);
create index events_type on events (type, seq);

-- The head of the log: the row that every batch updates first, so that batches take turns and `seq` has no gaps.
create table log_head (
    id {{key}} not null primary key check (id = 1),
    last_seq {{key}} not null,
    last_enrollment_id {{key}} not null,
    last_at text not null
);

insert into log_head (id, last_seq, last_enrollment_id, last_at) values (1, 0, 0, '');
