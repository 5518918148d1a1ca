-- Who signed in, and which lists of students programs have read. This is no registration, so the log does not have it, and
-- it is deleted after a while.
create table matricula_sign_ins (
    id {{self_numbering_key}},
    at text not null,
    account_id {{key}}, -- null for an address that is no account's; what was typed is nowhere
    outcome text not null, -- signed-in, failed, waiting, signed-out
    way text, -- password, link, sign-on; null for signing out
    network text, -- null for that of a proxy
    times {{key}} not null, -- failures of the same kind within a minute are one row
    record text unique -- of failures, what is counted in this row
);

create index matricula_sign_ins_at on matricula_sign_ins (at);
create index matricula_sign_ins_account on matricula_sign_ins (account_id, outcome, id);
create index matricula_sign_ins_outcome on matricula_sign_ins (outcome, id);

create table matricula_disclosures (
    id {{self_numbering_key}},
    at text not null, -- the first reading within a minute
    until text not null, -- the last one
    token_id {{key}} not null,
    what text not null, -- students, roster, waitlist, events
    course_id {{key}},
    student_id {{key}}, -- of events about one student
    as_of text, -- of a roster of the past
    rows_sent {{key}} not null,
    record text not null unique -- what is counted in this row
);

create index matricula_disclosures_at on matricula_disclosures (at);
create index matricula_disclosures_course on matricula_disclosures (course_id, what);
create index matricula_disclosures_student on matricula_disclosures (student_id);
