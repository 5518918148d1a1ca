-- Changes of the seats of many courses at once: planned, carried out, undone. No registration, so the log does not have them
-- (it has the seats that they set); they are deleted after a while.
create table matricula_seat_changes (
    id {{self_numbering_key}},
    created_at text not null,
    actor text not null, -- as in the log
    status text not null, -- staging, planned, applying, stopped, applied, undoing, undone
    courses text not null, -- JSON: which courses
    seats text not null, -- JSON: what changes, a merge patch
    named text not null, -- a digest of the courses that were named
    planned {{key}} not null, -- courses that change
    unchanged {{key}} not null, -- courses that are so already
    refused {{key}} not null, -- courses in which it cannot be
    moves_up {{key}} not null, -- students who would have moved up from waitlists when it was planned
    done {{key}} not null, -- courses that have changed
    not_done {{key}} not null, -- courses that were not as planned any more, and have not changed
    undone {{key}} not null, -- courses that are as before again
    remaining {{key}} not null, -- courses that could not be put back
    moved_up {{key}} not null, -- students who have moved up from waitlists
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

-- The courses of a change, in the order in which they are shown. A course that is deleted later stays in the list.
create table matricula_seat_change_courses (
    change_id {{key}} not null,
    course_id {{key}} not null,
    place {{key}} not null, -- from 1
    status text not null, -- planned, unchanged, refused, done, not-done, undone, remaining
    limits_before text, -- JSON; null: none
    limits_after text, -- JSON; null: as before
    enrolled {{key}} not null, -- students when it was planned
    moves_up {{key}} not null, -- students who would have moved up when it was planned
    moved_up {{key}} not null, -- students who have moved up
    code text, -- why it is refused, not done, or not put back: the kind
    detail text, -- the same in words
    primary key (change_id, course_id)
);

create unique index matricula_seat_change_courses_place on matricula_seat_change_courses (change_id, place);
