-- The functions run with the rights of their owner, since a program that may write student_courses may have no right
-- on the log, and only find matricula's own tables (set below).

-- Locks the head of the log first, as every batch does, so that the order of locks is the same for all.
create or replace function matricula_lock_head() returns trigger language plpgsql security definer as $matricula$
begin
    perform 1 from log_head where in_batch = 0 for no key update;
    return null;
end $matricula$;

-- Gives a new row an id and a time. Another pair is another enrollment, so it gets the next id too.
create or replace function matricula_number_row() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
begin
    select * into head from log_head where in_batch >= 0;
    if not found then
        return new;
    end if;
    if tg_op = 'UPDATE' and new.id <> old.id then
        raise 'student_courses.id cannot be changed: delete the row, and insert another' using errcode = '23514';
    end if;
    if tg_op = 'UPDATE' or new.id is null then
        -- Rows that this statement has written are in the table, but not yet in the head. The upper half of the range
        -- is left to other programs, as in a batch.
        new.id := 1 + greatest(head.last_enrollment_id,
            (select max(id) from student_courses where id < 4503599627370496));
    end if;
    new.enrolled_at := matricula_entry_time(head.last_at);
    return new;
end $matricula$;

-- Logs new rows: one update of the head for all rows of a statement.
create or replace function matricula_log_inserted() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
    in_log bigint[]; -- ids of enrollments that the log has already, since a batch is being written
begin
    select * into head from log_head where in_batch >= 0;
    if not found then
        return null;
    end if;
    in_log := array(select enrollment_id from events
        where head.in_batch > 0 and seq between head.in_batch and head.last_seq
            and enrollment_id is not null and type <> 'enrollment.dropped');
    if not exists (select 1 from inserted where id not in (select unnest(in_log))) then
        return null;
    end if;
    if exists (select 1 from inserted where id not between 1 and 9007199254740991) then
        raise 'student_courses.id has to be from 1 to 9007199254740991: leave it out, and the row gets one'
            using errcode = '23514';
    end if;
    if exists (select 1 from inserted i where i.id <> all (in_log)
        and (i.id <= head.last_enrollment_id or i.id >= 4503599627370496)
        and exists (select 1 from events e where e.enrollment_id = i.id))
    then
        raise 'student_courses.id was used before: leave it out, and the row gets one' using errcode = '23505';
    end if;
    entry_time := matricula_entry_time(head.last_at);
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select head.last_seq + row_number() over (order by row_id, place), entry_time, type, student_id, course_id,
        enrollment_id, 'database', '{}'
    from (
        -- Nobody waits for a seat that they have.
        select i.id as row_id, 1 as place, 'waitlist.left' as type, i.student_id, i.course_id,
            cast(null as bigint) as enrollment_id
        from inserted i join waitlist w on w.student_id = i.student_id and w.course_id = i.course_id
        where i.id <> all (in_log)
        union all
        select id, 2, 'enrollment.created', student_id, course_id, id from inserted where id <> all (in_log)
    ) entry;
    get diagnostics entries = row_count;
    delete from waitlist w using inserted i
    where i.id <> all (in_log) and w.student_id = i.student_id and w.course_id = i.course_id;
    -- The time that the log says, where the program has set one.
    if exists (select 1 from inserted where id <> all (in_log) and enrolled_at <> entry_time) then
        update student_courses sc set enrolled_at = entry_time from inserted i
        where i.id <> all (in_log) and sc.id = i.id and i.enrolled_at <> entry_time;
    end if;
    update log_head set last_seq = last_seq + entries, last_at = entry_time,
        last_enrollment_id = greatest(last_enrollment_id,
            (select max(id) from inserted where id < 4503599627370496 and id <> all (in_log)))
    where id = 1;
    return null;
end $matricula$;

create or replace function matricula_log_deleted() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
begin
    select * into head from log_head where in_batch >= 0;
    if not found then
        return null;
    end if;
    entry_time := matricula_entry_time(head.last_at);
    if tg_op = 'TRUNCATE' then
        insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
        select head.last_seq + row_number() over (order by id), entry_time, 'enrollment.dropped', student_id, course_id,
            id, 'database', '{}'
        from student_courses;
    else
        insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
        select head.last_seq + row_number() over (order by id), entry_time, 'enrollment.dropped', student_id, course_id,
            id, 'database', '{}'
        from deleted d
        where head.in_batch = 0 or (select count(*) from events e
            where e.student_id = d.student_id and e.seq between head.in_batch and head.last_seq
                and e.enrollment_id = d.id and e.type = 'enrollment.dropped') = 0;
    end if;
    get diagnostics entries = row_count;
    if entries > 0 then
        update log_head set last_seq = last_seq + entries, last_at = entry_time where id = 1;
    end if;
    return null;
end $matricula$;

create or replace function matricula_log_changed() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
begin
    select * into head from log_head where in_batch >= 0;
    if not found then
        return null;
    end if;
    entry_time := matricula_entry_time(head.last_at);
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select head.last_seq + row_number() over (order by place), entry_time, type, student_id, course_id,
        enrollment_id, 'database', '{}'
    from (
        select 1 as place, 'enrollment.dropped' as type, old.student_id, old.course_id, old.id as enrollment_id
        union all
        select 2, 'waitlist.left', student_id, course_id, null from waitlist
        where student_id = new.student_id and course_id = new.course_id
        union all
        select 3, 'enrollment.created', new.student_id, new.course_id, new.id
    ) entry;
    get diagnostics entries = row_count;
    delete from waitlist where student_id = new.student_id and course_id = new.course_id;
    update log_head set last_seq = last_seq + entries, last_at = entry_time,
        last_enrollment_id = greatest(last_enrollment_id, new.id)
    where id = 1;
    return null;
end $matricula$;

do $matricula$
declare
    name text;
    own_schema text := (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'log_head'::regclass);
begin
    -- Another program's temporary table must not take the place of the log.
    foreach name in array array['matricula_lock_head()', 'matricula_number_row()', 'matricula_log_inserted()',
        'matricula_log_deleted()', 'matricula_log_changed()']
    loop
        execute format('alter function %s set search_path = %I, pg_temp', name, own_schema);
        -- One plan for all calls, which finds the entries of a batch by their `seq` however short the log was at first.
        execute format('alter function %s set plan_cache_mode = force_generic_plan', name);
        execute format('alter function %s set enable_seqscan = off', name);
    end loop;
end $matricula$;
