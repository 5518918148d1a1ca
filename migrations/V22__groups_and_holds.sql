-- Groups of students, who can have times of their own from which they enroll, and their own number of courses. A group is
-- known by its name, exactly as it is written.
create table matricula_groups (
    name text{{by_bytes}} not null primary key,
    course_limit {{key}} -- the most courses of a member; null: as in the whole school
);

create table matricula_group_students (
    group_name text{{by_bytes}} not null references matricula_groups (name) on delete cascade,
    student_id {{key}} not null references students (id) on delete cascade,
    primary key (group_name, student_id)
);

create index matricula_group_students_student on matricula_group_students (student_id);

-- When registration opens for groups, as a JSON object of their names and times; null if for none at another time. It is
-- always read and written with the other limits of the course.
alter table course_seats add column group_opens_at text;

-- Holds: the student does not enroll, and does not move up from a waitlist, until all of them are released. The rows go
-- with the student, whoever deletes it.
create table matricula_holds (
    id {{key}} not null primary key, -- the seq of the event that placed it
    student_id {{key}} not null references students (id) on delete cascade,
    reason text not null, -- the student reads it
    placed_at text not null -- RFC 3339, UTC, milliseconds
);

create index matricula_holds_student on matricula_holds (student_id);

-- 1 while the student has a hold: seats that come free go to the next student without one.
alter table waitlist add column on_hold {{key}} not null default 0;

-- The rules for the whole school. `has_groups` and `has_holds` are 1 once there was a group or a hold: until then none are
-- looked up.
create table matricula_rules (
    id {{key}} not null primary key check (id = 1),
    course_limit {{key}}, -- the most courses of a student; null: no limit
    has_groups {{key}} not null,
    has_holds {{key}} not null
);

insert into matricula_rules (id, course_limit, has_groups, has_holds) values (1, null, 0, 0);
