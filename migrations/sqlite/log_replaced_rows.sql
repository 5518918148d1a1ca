drop trigger matricula_enrollment_inserted;
drop trigger matricula_enrollment_changed;

-- Rows whose ids are not numbers are left out, as everywhere: they hold no seat.
create trigger matricula_enrollment_inserted after insert on student_courses
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
end;

-- Another pair is another enrollment: the row gets the next id.
create trigger matricula_enrollment_changed after update of id, student_id, course_id on student_courses
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
end;
