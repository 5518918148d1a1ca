-- ok: 3 enrollments agree with the 30 events in the log
-- token mtr_LCiGWInomA0KeWWE20-HFHiTWZkakl5_M6MmuV98i5g
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE matricula_migrations (
    version bigint primary key, name varchar(255), applied_on varchar(255), checksum varchar(255)
);
INSERT INTO matricula_migrations VALUES(1,'students','2026-11-27T08:08:17.291Z','7767331831636230670');
INSERT INTO matricula_migrations VALUES(2,'courses','2026-11-27T08:08:17.291Z','3121713217963407798');
INSERT INTO matricula_migrations VALUES(3,'student_courses','2026-11-27T08:08:17.291Z','766989643353046671');
INSERT INTO matricula_migrations VALUES(4,'event_log','2026-11-27T08:08:17.292Z','18363468985587166540');
INSERT INTO matricula_migrations VALUES(5,'course_seats','2026-11-27T08:08:17.292Z','17227747871117172851');
INSERT INTO matricula_migrations VALUES(6,'waitlist','2026-11-27T08:08:17.292Z','14232141762480102607');
INSERT INTO matricula_migrations VALUES(7,'idempotency_keys','2026-11-27T08:08:17.292Z','3436870646785186862');
INSERT INTO matricula_migrations VALUES(8,'nothing_lost','2026-11-27T08:08:17.292Z','14773140689633357615');
INSERT INTO matricula_migrations VALUES(9,'writes_by_others','2026-11-27T08:08:17.293Z','12715271737101715106');
INSERT INTO matricula_migrations VALUES(10,'writes_within_batches','2026-11-27T08:08:17.294Z','16251011176909500396');
INSERT INTO matricula_migrations VALUES(11,'access','2026-11-27T08:08:17.300Z','16361146577677343452');
INSERT INTO matricula_migrations VALUES(12,'sessions','2026-11-27T08:08:17.301Z','14873501092995099956');
INSERT INTO matricula_migrations VALUES(13,'instructors','2026-11-27T08:08:17.301Z','1053229577879877044');
INSERT INTO matricula_migrations VALUES(14,'records','2026-11-27T08:08:17.301Z','875299819246139903');
INSERT INTO matricula_migrations VALUES(15,'uses_and_keys','2026-11-27T08:08:17.301Z','7709313604871077128');
INSERT INTO matricula_migrations VALUES(16,'sign_on','2026-11-27T08:08:17.301Z','17441487127969026794');
INSERT INTO matricula_migrations VALUES(17,'external_ids','2026-11-27T08:08:17.302Z','8130055806316743087');
INSERT INTO matricula_migrations VALUES(18,'imports','2026-11-27T08:08:17.303Z','3091218288804435234');
INSERT INTO matricula_migrations VALUES(19,'mode_of_imports','2026-11-27T08:08:17.303Z','12722647187856423139');
INSERT INTO matricula_migrations VALUES(20,'deadlines','2026-11-27T08:08:17.303Z','9007849446817473184');
INSERT INTO matricula_migrations VALUES(21,'restored_enrollments','2026-11-27T08:08:17.304Z','13523046225782508095');
INSERT INTO matricula_migrations VALUES(22,'groups_and_holds','2026-11-27T08:08:17.305Z','9367792184976117751');
INSERT INTO matricula_migrations VALUES(23,'seat_changes','2026-11-27T08:08:17.310Z','15154665935212482785');
CREATE TABLE students (
    id integer primary key autoincrement,
    name text not null,
    email text not null
);
INSERT INTO students VALUES(1,'Ana','1@example.edu');
INSERT INTO students VALUES(2,'Ben','2@example.edu');
INSERT INTO students VALUES(3,'Cleo','3@example.edu');
INSERT INTO students VALUES(4,'Dan','4@example.edu');
INSERT INTO students VALUES(5,'Élan O’Brien','5@example.edu');
INSERT INTO students VALUES(7,'Gus','7@example.edu');
CREATE TABLE courses (
    id integer primary key autoincrement,
    name text not null,
    level text not null
);
INSERT INTO courses VALUES(1,'Algebra','undergraduate');
INSERT INTO courses VALUES(2,'Botany','undergraduate');
INSERT INTO courses VALUES(3,'Chemistry','undergraduate');
INSERT INTO courses VALUES(4,'Drawing','undergraduate');
CREATE TABLE student_courses (
    id integer not null primary key autoincrement,
    student_id integer not null references students (id),
    course_id integer not null references courses (id),
    enrolled_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- RFC 3339, UTC, milliseconds
    unique (student_id, course_id)
);
INSERT INTO student_courses VALUES(2,2,1,'2026-11-27T08:08:17.587Z');
INSERT INTO student_courses VALUES(3,1,2,'2026-11-27T08:08:17.595Z');
INSERT INTO student_courses VALUES(4,3,1,'2026-11-27T08:08:17.598Z');
CREATE TABLE events (
    seq integer not null primary key,
    at text not null, -- RFC 3339, UTC, milliseconds; never earlier than the event before
    type text not null,
    student_id integer,
    course_id integer,
    enrollment_id integer,
    actor text,
    request_id text,
    data text not null -- a JSON object
, batch integer);
INSERT INTO events VALUES(1,'2026-11-27T08:08:17.524Z','student.created',1,NULL,NULL,'anonymous','3e8548a23250d80f-1','{}',228538899032727072);
INSERT INTO events VALUES(2,'2026-11-27T08:08:17.529Z','student.created',2,NULL,NULL,'anonymous','3e8548a23250d80f-2','{}',7896412713710763924);
INSERT INTO events VALUES(3,'2026-11-27T08:08:17.540Z','student.created',3,NULL,NULL,'anonymous','3e8548a23250d80f-3','{}',7255437082929311566);
INSERT INTO events VALUES(4,'2026-11-27T08:08:17.543Z','student.created',4,NULL,NULL,'anonymous','3e8548a23250d80f-4','{}',9089134485240342638);
INSERT INTO events VALUES(5,'2026-11-27T08:08:17.545Z','student.created',5,NULL,NULL,'anonymous','3e8548a23250d80f-5','{}',5255253509310584808);
INSERT INTO events VALUES(6,'2026-11-27T08:08:17.548Z','student.created',6,NULL,NULL,'anonymous','3e8548a23250d80f-6','{}',2504585092331853126);
INSERT INTO events VALUES(7,'2026-11-27T08:08:17.550Z','course.created',NULL,1,NULL,'anonymous','3e8548a23250d80f-7','{}',4548997324964040380);
INSERT INTO events VALUES(8,'2026-11-27T08:08:17.553Z','course.created',NULL,2,NULL,'anonymous','3e8548a23250d80f-8','{}',4000057716640389705);
INSERT INTO events VALUES(9,'2026-11-27T08:08:17.556Z','course.created',NULL,3,NULL,'anonymous','3e8548a23250d80f-9','{}',5199367724104783950);
INSERT INTO events VALUES(10,'2026-11-27T08:08:17.561Z','course.created',NULL,4,NULL,'anonymous','3e8548a23250d80f-a','{}',7452486561753557384);
INSERT INTO events VALUES(11,'2026-11-27T08:08:17.564Z','seats.set',NULL,1,NULL,'anonymous','3e8548a23250d80f-b','{"capacity":2,"waitlist_capacity":5,"opens_at":"2026-01-01T08:00:00.000Z","closes_at":null,"waitlist_closes_at":null,"drop_until":null,"group_opens_at":{}}',2638528348601754144);
INSERT INTO events VALUES(12,'2026-11-27T08:08:17.571Z','seats.set',NULL,2,NULL,'anonymous','3e8548a23250d80f-c','{"capacity":30,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{}}',1382281790022485989);
INSERT INTO events VALUES(13,'2026-11-27T08:08:17.575Z','enrollment.created',1,1,1,'anonymous','3e8548a23250d80f-d','{}',2281809329215751625);
INSERT INTO events VALUES(14,'2026-11-27T08:08:17.587Z','enrollment.created',2,1,2,'anonymous','3e8548a23250d80f-e','{}',3130033315519279579);
INSERT INTO events VALUES(15,'2026-11-27T08:08:17.590Z','waitlist.joined',3,1,NULL,'anonymous','3e8548a23250d80f-f','{"position":1}',260391852128056806);
INSERT INTO events VALUES(16,'2026-11-27T08:08:17.593Z','waitlist.joined',4,1,NULL,'anonymous','3e8548a23250d80f-10','{"position":2}',6638713453009925256);
INSERT INTO events VALUES(17,'2026-11-27T08:08:17.595Z','enrollment.created',1,2,3,'anonymous','3e8548a23250d80f-11','{}',1384949955695155672);
INSERT INTO events VALUES(18,'2026-11-27T08:08:17.598Z','enrollment.dropped',1,1,1,'anonymous','3e8548a23250d80f-12','{}',5955463314836782462);
INSERT INTO events VALUES(19,'2026-11-27T08:08:17.598Z','waitlist.promoted',3,1,4,'anonymous','3e8548a23250d80f-12','{}',NULL);
INSERT INTO events VALUES(20,'2026-11-27T08:08:17.603Z','group.set',NULL,NULL,NULL,'anonymous','3e8548a23250d80f-13','{"group":"Seniors","course_limit":3}',8139703057503709466);
INSERT INTO events VALUES(21,'2026-11-27T08:08:17.606Z','group.joined',1,NULL,NULL,'anonymous','3e8548a23250d80f-14','{"group":"Seniors"}',8825913853331699453);
INSERT INTO events VALUES(22,'2026-11-27T08:08:17.609Z','seats.set',NULL,3,NULL,'anonymous','3e8548a23250d80f-15','{"capacity":9,"waitlist_capacity":0,"opens_at":"2099-01-01T08:00:00.000Z","closes_at":null,"waitlist_closes_at":null,"drop_until":null,"group_opens_at":{"Seniors":"2026-01-01T08:00:00.000Z"}}',4385878893879476479);
INSERT INTO events VALUES(23,'2026-11-27T08:08:17.613Z','hold.placed',4,NULL,NULL,'anonymous','3e8548a23250d80f-16','{"reason":"fees"}',3055085778920210019);
INSERT INTO events VALUES(24,'2026-11-27T08:08:17.619Z','rules.set',NULL,NULL,NULL,'anonymous','3e8548a23250d80f-17','{"course_limit":4}',4009530290014231790);
INSERT INTO events VALUES(25,'2026-11-27T08:08:17.622Z','student.deleted',6,NULL,NULL,'anonymous','3e8548a23250d80f-18','{}',7894330625758843153);
INSERT INTO events VALUES(26,'2026-11-27T08:08:17.653Z','seats.set',NULL,2,NULL,'anonymous','3e8548a23250d80f-1a','{"capacity":40,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{},"seat_change":1}',6917101504754574906);
INSERT INTO events VALUES(27,'2026-11-27T08:08:17.683Z','student.created',7,NULL,NULL,'anonymous','3e8548a23250d80f-1c','{"import":1,"row":0}',5804938696062736206);
INSERT INTO events VALUES(28,'2026-11-27T08:08:17.741Z','token.created',NULL,NULL,NULL,'cli',NULL,'{"token_id":28,"role":"admin","scopes":["catalogue:read","students:read","rosters:read","events:read","students:write","courses:write","enrollments:write","admin"],"expires_at":null}',6271414211858885836);
INSERT INTO events VALUES(29,'2026-11-27T08:08:17.797Z','account.created',NULL,NULL,NULL,'cli',NULL,'{"account_id":29,"role":"instructor"}',3760074139449258168);
INSERT INTO events VALUES(30,'2026-11-27T08:08:17.822Z','instructor.assigned',NULL,1,NULL,'token:28','3e8548a23250d80f-1e','{"account_id":29}',4058987726558024281);
CREATE TABLE log_head (
    id integer not null primary key check (id = 1),
    last_seq integer not null,
    last_enrollment_id integer not null,
    last_at text not null
, keeps integer not null default 0, in_batch integer not null default 0);
INSERT INTO log_head VALUES(1,30,4,'2026-11-27T08:08:17.822Z',0,0);
CREATE TABLE course_seats (
    course_id integer not null primary key references courses (id),
    capacity integer, -- null: as many as come
    waitlist_capacity integer not null, -- 0: no waitlist
    opens_at text, -- RFC 3339, UTC, milliseconds; null: always
    closes_at text -- the same; null: never
, waitlist_closes_at text, drop_until text, group_opens_at text);
INSERT INTO course_seats VALUES(1,2,5,'2026-01-01T08:00:00.000Z',NULL,NULL,NULL,NULL);
INSERT INTO course_seats VALUES(2,40,0,NULL,NULL,NULL,'2099-01-01T08:00:00.000Z',NULL);
INSERT INTO course_seats VALUES(3,9,0,'2099-01-01T08:00:00.000Z',NULL,NULL,NULL,'{"Seniors":"2026-01-01T08:00:00.000Z"}');
CREATE TABLE waitlist (
    student_id integer not null references students (id),
    course_id integer not null references courses (id),
    joined_seq integer not null,
    joined_at text not null, on_hold integer not null default 0, -- RFC 3339, UTC, milliseconds
    primary key (student_id, course_id)
);
INSERT INTO waitlist VALUES(4,1,16,'2026-11-27T08:08:17.593Z',1);
CREATE TABLE idempotency_keys (
    key text not null,
    part integer not null, -- of a request that takes several commits
    fingerprint text not null, -- of its method, path and body
    answered_at text not null, -- RFC 3339, UTC, milliseconds
    answer text not null, student_id integer, -- a JSON object
    primary key (key, part)
);
INSERT INTO idempotency_keys VALUES('one',0,'fb08f3316fc7249f26ca2c404ca9513a','2026-11-27T08:08:17.595Z','{"form":4,"outcome":{"Ok":{"Enrollment":{"id":3,"student_id":1,"course_id":2,"enrolled_at":"2026-11-27T08:08:17.595Z"}}}}',1);
CREATE TABLE kept_columns (
    student_id integer not null,
    course_id integer not null,
    name text not null, -- of the column
    value ,
    primary key (student_id, course_id, name)
);
CREATE TABLE matricula_people (
    id integer not null primary key, -- the seq of the event that bound it
    student_id integer not null
);
CREATE TABLE matricula_accounts (
    id integer not null primary key, -- the seq of the event that created it
    name text not null,
    address text not null unique, -- in lower case
    role text not null,
    person_id integer,
    password text, -- argon2id (RFC 9106) as a PHC string; null until one is set
    created_at text not null,
    disabled_at text
, by_groups text);
INSERT INTO matricula_accounts VALUES(29,'Ruth','ruth@example.edu','instructor',NULL,NULL,'2026-11-27T08:08:17.797Z',NULL,NULL);
CREATE TABLE matricula_tokens (
    id integer not null primary key, -- the seq of the event that created it
    name text not null,
    role text not null,
    scopes text not null, -- separated by blanks
    person_id integer,
    hash text not null unique, -- SHA-256 in hexadecimal; the token itself is nowhere
    created_at text not null,
    expires_at text,
    revoked_at text
);
INSERT INTO matricula_tokens VALUES(28,'Office','admin','catalogue:read students:read rosters:read events:read students:write courses:write enrollments:write admin',NULL,'08a9323b390e95e1d793586313316ac79a7ad2d7dbe7b410ae146458cb6d9710','2026-11-27T08:08:17.741Z',NULL,NULL);
CREATE TABLE matricula_access (
    id integer not null primary key check (id = 1),
    version integer not null,
    is_closed integer not null
);
INSERT INTO matricula_access VALUES(1,5,1);
CREATE TABLE matricula_sessions (
    hash text not null primary key,
    account_id integer not null,
    created_at text not null,
    used_at text not null, -- up to a few minutes earlier
    expires_at text not null
);
CREATE TABLE matricula_links (
    hash text not null primary key,
    account_id integer not null,
    expires_at text not null
);
INSERT INTO matricula_links VALUES('74f7a29ea0f094101a27e59ec3077ade4037c34833cb7147f5a9de22e1934157',29,'2026-11-28T08:08:17.781Z');
CREATE TABLE matricula_instructors (
    course_id integer not null references courses (id) on delete cascade,
    account_id integer not null,
    primary key (course_id, account_id)
);
INSERT INTO matricula_instructors VALUES(1,29);
CREATE TABLE matricula_sign_ins (
    id integer primary key autoincrement,
    at text not null,
    account_id integer, -- null for an address that is no account's; what was typed is nowhere
    outcome text not null, -- signed-in, failed, waiting, signed-out
    way text, -- password, link, sign-on; null for signing out
    network text, -- null for that of a proxy
    times integer not null, -- failures of the same kind within a minute are one row
    record text unique -- of failures, what is counted in this row
);
CREATE TABLE matricula_disclosures (
    id integer primary key autoincrement,
    at text not null, -- the first reading within a minute
    until text not null, -- the last one
    token_id integer not null,
    what text not null, -- students, roster, waitlist, events
    course_id integer,
    student_id integer, -- of events about one student
    as_of text, -- of a roster of the past
    rows_sent integer not null,
    record text not null unique -- what is counted in this row
);
CREATE TABLE matricula_token_uses (
    token_id integer not null primary key,
    used_at text not null -- up to a few minutes earlier
);
INSERT INTO matricula_token_uses VALUES(28,'2026-11-27T08:08:17.818Z');
CREATE TABLE matricula_keys (
    name text not null primary key,
    value text not null
);
INSERT INTO matricula_keys VALUES('etag','f9af957a4214fc48201b530260a38aa6');
CREATE TABLE matricula_identities (
    provider text not null, -- the provider's issuer, or `proxy`
    subject text not null, -- the person's identifier there, which never changes
    account_id integer not null,
    primary key (provider, subject)
);
CREATE TABLE matricula_used_states (
    state text not null primary key, -- SHA-256 in hexadecimal
    session text not null,
    used_at text not null
);
CREATE TABLE matricula_student_numbers (
    student_id integer not null primary key references students (id) on delete cascade,
    number text not null unique
);
INSERT INTO matricula_student_numbers VALUES(1,'001');
INSERT INTO matricula_student_numbers VALUES(2,'002');
INSERT INTO matricula_student_numbers VALUES(3,'003');
INSERT INTO matricula_student_numbers VALUES(4,'004');
INSERT INTO matricula_student_numbers VALUES(5,'005');
INSERT INTO matricula_student_numbers VALUES(7,'007');
CREATE TABLE matricula_course_codes (
    course_id integer not null primary key references courses (id) on delete cascade,
    code text not null unique
);
INSERT INTO matricula_course_codes VALUES(1,'C1');
INSERT INTO matricula_course_codes VALUES(2,'C2');
INSERT INTO matricula_course_codes VALUES(3,'C3');
INSERT INTO matricula_course_codes VALUES(4,'C4');
CREATE TABLE matricula_imports (
    id integer primary key autoincrement,
    created_at text not null,
    actor text not null, -- as in the log
    status text not null, -- staging, planned, applying, stopped, applied, undoing, undone
    settings text not null, -- JSON: how the files are read
    report text not null, -- JSON: the files, the counts
    digest text not null, -- of all rows of the plan
    total integer not null, -- steps of the plan
    done integer not null, -- steps that were tried
    not_done integer not null, -- steps that would have had another effect, and were not carried out
    remaining integer not null, -- what could not be undone
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
INSERT INTO matricula_imports VALUES(1,'2026-11-27T08:08:17.668Z','anonymous','applied','{"kind":null,"encoding":null,"corrections":[],"mode":"add","override":null}','{"files":[{"name":"upload.csv","format":"list","kind":"students","encoding":"UTF-8","encoding_guessed":false,"delimiter":",","columns":[{"heading":"name","meaning":"name"},{"heading":"email","meaning":"email"},{"heading":"number","meaning":"number"}],"ignored":[],"rows":1,"blank":0,"refused":0,"skipped":{},"refusal":null}],"counts":{"new":1,"waiting":0,"overridden":0,"changed":0,"unchanged":0,"refused":0,"would_vanish":0,"promoted":0,"new_groups":0},"held_back":[],"confirm":null,"warnings":[],"new_groups":[]}','60f0e52000f3945a28109bf1f9983d2353580c4b9d2666670df4362a0fd8b52c',1,1,0,0,'6037899851152b2bcab8887ce5729e64','anonymous','catalogue:read students:read rosters:read events:read students:write courses:write enrollments:write own-record:read own-enrollments:write own-rosters:read admin','2026-11-27T08:08:17.688Z','2026-11-27T08:08:17.688Z',NULL,NULL,NULL,'17de49633040f0369c11038ef6eb8463');
CREATE TABLE matricula_import_files (
    import_id integer not null,
    place integer not null,
    part integer not null,
    name text not null,
    content text not null, -- base64
    primary key (import_id, place, part)
);
CREATE TABLE matricula_import_rows (
    import_id integer not null,
    list text not null, -- plan, not-done, remaining
    place integer not null,
    content text not null, -- JSON: up to 500 rows
    primary key (import_id, list, place)
);
INSERT INTO matricula_import_rows VALUES(1,'plan',0,'[{"row":0,"file":"upload.csv","line":2,"status":"new","record":"student","student":"007","fields":[{"field":"name","old":null,"new":"Gus"},{"field":"email","old":null,"new":"7@example.edu"},{"field":"number","old":null,"new":"007"}]}]');
CREATE TABLE matricula_import_entries (
    import_id integer not null,
    first_seq integer not null,
    last_seq integer not null,
    primary key (import_id, first_seq)
);
INSERT INTO matricula_import_entries VALUES(1,27,27);
CREATE TABLE matricula_groups (
    name text not null primary key,
    course_limit integer -- the most courses of a member; null: as in the whole school
);
INSERT INTO matricula_groups VALUES('Seniors',3);
CREATE TABLE matricula_group_students (
    group_name text not null references matricula_groups (name) on delete cascade,
    student_id integer not null references students (id) on delete cascade,
    primary key (group_name, student_id)
);
INSERT INTO matricula_group_students VALUES('Seniors',1);
CREATE TABLE matricula_holds (
    id integer not null primary key, -- the seq of the event that placed it
    student_id integer not null references students (id) on delete cascade,
    reason text not null, -- the student reads it
    placed_at text not null -- RFC 3339, UTC, milliseconds
);
INSERT INTO matricula_holds VALUES(23,4,'fees','2026-11-27T08:08:17.613Z');
CREATE TABLE matricula_rules (
    id integer not null primary key check (id = 1),
    course_limit integer, -- the most courses of a student; null: no limit
    has_groups integer not null,
    has_holds integer not null
);
INSERT INTO matricula_rules VALUES(1,4,1,1);
CREATE TABLE matricula_seat_changes (
    id integer primary key autoincrement,
    created_at text not null,
    actor text not null, -- as in the log
    status text not null, -- staging, planned, applying, stopped, applied, undoing, undone
    courses text not null, -- JSON: which courses
    seats text not null, -- JSON: what changes, a merge patch
    named text not null, -- a digest of the courses that were named
    planned integer not null, -- courses that change
    unchanged integer not null, -- courses that are so already
    refused integer not null, -- courses in which it cannot be
    moves_up integer not null, -- students who would have moved up from waitlists when it was planned
    done integer not null, -- courses that have changed
    not_done integer not null, -- courses that were not as planned any more, and have not changed
    undone integer not null, -- courses that are as before again
    remaining integer not null, -- courses that could not be put back
    moved_up integer not null, -- students who have moved up from waitlists
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
INSERT INTO matricula_seat_changes VALUES(1,'2026-11-27T08:08:17.640Z','anonymous','applied','{"ids":[2]}','{"capacity":40}','cd04a4754498e06db5a13c5f371f1f04ff6d2470f24aa9bd886540e5dce77f70',1,0,0,0,1,0,0,0,0,'2c688a3e8eaa8052ef7f44f677aa13d1','anonymous','catalogue:read students:read rosters:read events:read students:write courses:write enrollments:write own-record:read own-enrollments:write own-rosters:read admin','2026-11-27T08:08:17.658Z','2026-11-27T08:08:17.658Z',NULL,NULL,NULL,'3c6d21ba53adad65c2ed8b7adeb32ddb');
CREATE TABLE matricula_seat_change_courses (
    change_id integer not null,
    course_id integer not null,
    place integer not null, -- from 1
    status text not null, -- planned, unchanged, refused, done, not-done, undone, remaining
    limits_before text, -- JSON; null: none
    limits_after text, -- JSON; null: as before
    enrolled integer not null, -- students when it was planned
    moves_up integer not null, -- students who would have moved up when it was planned
    moved_up integer not null, -- students who have moved up
    code text, -- why it is refused, not done, or not put back: the kind
    detail text, -- the same in words
    primary key (change_id, course_id)
);
INSERT INTO matricula_seat_change_courses VALUES(1,2,1,'done','{"capacity":30,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{}}','{"capacity":40,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{}}',1,0,0,NULL,NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('student_courses',4);
INSERT INTO sqlite_sequence VALUES('students',7);
INSERT INTO sqlite_sequence VALUES('courses',4);
INSERT INTO sqlite_sequence VALUES('matricula_seat_changes',1);
INSERT INTO sqlite_sequence VALUES('matricula_imports',1);
CREATE INDEX student_courses_course on student_courses (course_id, id);
CREATE INDEX events_student on events (student_id, seq);
CREATE INDEX events_course on events (course_id, seq);
CREATE INDEX events_type on events (type, seq);
CREATE INDEX waitlist_course on waitlist (course_id, joined_seq);
CREATE INDEX idempotency_keys_answered on idempotency_keys (answered_at);
CREATE INDEX idempotency_keys_student on idempotency_keys (student_id) where student_id is not null;
CREATE TRIGGER matricula_ids_given after update of last_enrollment_id on log_head
when new.last_enrollment_id > old.last_enrollment_id
begin
    update sqlite_sequence set seq = new.last_enrollment_id
    where name = 'student_courses' and seq < new.last_enrollment_id;
end;
CREATE TRIGGER matricula_enrollment_deleted after delete on student_courses
when typeof(old.student_id) = 'integer' and typeof(old.course_id) = 'integer'
    and exists (select 1 from log_head h where h.in_batch >= 0 and (h.in_batch = 0
        or not exists (select 1 from events e where e.student_id = old.student_id and e.seq >= h.in_batch
            and e.enrollment_id = old.id and e.type = 'enrollment.dropped')))
begin
    update log_head set last_seq = last_seq + 1, last_at = max(last_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    where id = 1;
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select last_seq, last_at, 'enrollment.dropped', old.student_id, old.course_id, old.id, 'database', '{}'
    from log_head;
end;
CREATE INDEX matricula_people_student on matricula_people (student_id);
CREATE INDEX matricula_sessions_account on matricula_sessions (account_id);
CREATE INDEX matricula_sessions_used on matricula_sessions (used_at);
CREATE INDEX matricula_instructors_account on matricula_instructors (account_id);
CREATE INDEX matricula_sign_ins_at on matricula_sign_ins (at);
CREATE INDEX matricula_sign_ins_account on matricula_sign_ins (account_id, outcome, id);
CREATE INDEX matricula_sign_ins_outcome on matricula_sign_ins (outcome, id);
CREATE INDEX matricula_disclosures_at on matricula_disclosures (at);
CREATE INDEX matricula_disclosures_course on matricula_disclosures (course_id, what);
CREATE INDEX matricula_disclosures_student on matricula_disclosures (student_id);
CREATE INDEX matricula_identities_account on matricula_identities (account_id);
CREATE INDEX matricula_used_states_used on matricula_used_states (used_at);
CREATE TRIGGER matricula_enrollment_inserted after insert on student_courses
when typeof(new.student_id) = 'integer' and typeof(new.course_id) = 'integer'
    and exists (select 1 from log_head h where h.in_batch >= 0 and (h.in_batch = 0
        or not exists (select 1 from events e where e.student_id = new.student_id and e.seq >= h.in_batch
            and e.enrollment_id = new.id and e.type <> 'enrollment.dropped')))
begin
    select raise(abort, 'student_courses.id has to be from 1 to 9007199254740991: leave it out, and the row gets one')
    where new.id not between 1 and 9007199254740991;
    select raise(abort, 'student_courses.id was used before: leave it out, and the row gets one')
    where (new.id <= (select last_enrollment_id from log_head where id = 1) or new.id >= 4503599627370496)
        and exists (select 1 from events where enrollment_id = new.id);
    -- The upper half of the range is left to other programs, as in a batch.
    update log_head set
        last_enrollment_id = max(last_enrollment_id, case when new.id < 4503599627370496 then new.id else 0 end),
        last_at = max(last_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) where id = 1;
    -- A row that `insert or replace` has replaced: SQLite does not call triggers for it.
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select h.last_seq + 1, h.last_at, 'enrollment.dropped', e.student_id, e.course_id, e.enrollment_id, 'database', '{}'
    from log_head h, events e where e.student_id = new.student_id and +e.course_id = new.course_id
        and +e.type in ('enrollment.created', 'enrollment.adopted', 'enrollment.restored', 'waitlist.promoted')
        and not exists (select 1 from events d where d.student_id = e.student_id and +d.type = 'enrollment.dropped'
            and d.enrollment_id = e.enrollment_id and d.seq > e.seq);
    update log_head set last_seq = last_seq + changes() where id = 1;
    -- Nobody waits for a seat that they have.
    insert into events (seq, at, type, student_id, course_id, actor, data)
    select h.last_seq + 1, h.last_at, 'waitlist.left', w.student_id, w.course_id, 'database', '{}'
    from log_head h, waitlist w where w.student_id = new.student_id and w.course_id = new.course_id;
    update log_head set last_seq = last_seq + changes() where id = 1;
    delete from waitlist where student_id = new.student_id and course_id = new.course_id;
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select last_seq + 1, last_at, 'enrollment.created', new.student_id, new.course_id, new.id, 'database', '{}'
    from log_head;
    update log_head set last_seq = last_seq + 1 where id = 1;
    -- The time that the log says.
    update student_courses set enrolled_at = (select last_at from log_head where id = 1)
    where id = new.id and enrolled_at is not (select last_at from log_head where id = 1);
end
;
CREATE TRIGGER matricula_enrollment_changed after update of id, student_id, course_id on student_courses
when (select in_batch from log_head where id = 1) >= 0
    and (old.id <> new.id or old.student_id is not new.student_id or old.course_id is not new.course_id)
begin
    select raise(abort, 'student_courses.id cannot be changed: delete the row, and insert another') where old.id <> new.id;
    update log_head set last_at = max(last_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) where id = 1;
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select last_seq + 1, last_at, 'enrollment.dropped', old.student_id, old.course_id, old.id, 'database', '{}'
    from log_head where typeof(old.student_id) = 'integer' and typeof(old.course_id) = 'integer';
    update log_head set last_seq = last_seq + changes() where id = 1;
    -- A row that `update or replace` has replaced.
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select h.last_seq + 1, h.last_at, 'enrollment.dropped', e.student_id, e.course_id, e.enrollment_id, 'database', '{}'
    from log_head h, events e where e.student_id = new.student_id and +e.course_id = new.course_id
        and +e.type in ('enrollment.created', 'enrollment.adopted', 'enrollment.restored', 'waitlist.promoted')
        and not exists (select 1 from events d where d.student_id = e.student_id and +d.type = 'enrollment.dropped'
            and d.enrollment_id = e.enrollment_id and d.seq > e.seq);
    update log_head set last_seq = last_seq + changes() where id = 1;
    insert into events (seq, at, type, student_id, course_id, actor, data)
    select h.last_seq + 1, h.last_at, 'waitlist.left', w.student_id, w.course_id, 'database', '{}'
    from log_head h, waitlist w where w.student_id = new.student_id and w.course_id = new.course_id;
    update log_head set last_seq = last_seq + changes() where id = 1;
    delete from waitlist where student_id = new.student_id and course_id = new.course_id;
    -- Not logged once more where triggers are recursive.
    update log_head set in_batch = -1 - in_batch, last_enrollment_id = last_enrollment_id + 1 where id = 1;
    update student_courses set id = (select last_enrollment_id from log_head where id = 1),
        enrolled_at = (select last_at from log_head where id = 1)
    where id = new.id;
    update log_head set in_batch = -1 - in_batch where id = 1;
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select last_seq + 1, last_at, 'enrollment.created', new.student_id, new.course_id, last_enrollment_id, 'database', '{}'
    from log_head where typeof(new.student_id) = 'integer' and typeof(new.course_id) = 'integer';
    update log_head set last_seq = last_seq + changes() where id = 1;
end
;
CREATE INDEX matricula_group_students_student on matricula_group_students (student_id);
CREATE INDEX matricula_holds_student on matricula_holds (student_id);
CREATE UNIQUE INDEX matricula_seat_change_courses_place on matricula_seat_change_courses (change_id, place);
COMMIT;
