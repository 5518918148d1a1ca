//! The statements that write changes down.

use std::sync::Arc;

use crate::clock::Stamp;
use crate::count::to_i64;
use crate::registrar::{Caller, Chore, CourseId, LimitsChange};
use crate::seat_changes::change::{ChangeStatus, CourseStatus, Reason};
use crate::seat_changes::choice::CourseChoice;
use crate::seat_changes::json::to_json;
use crate::seat_changes::plan::{Plan, PlannedCourse};

/// A worker and its change.
#[derive(Clone, Debug)]
pub(in crate::seat_changes) struct Assignment {
    pub(in crate::seat_changes) change_id: i64,
    /// A random text. Commits of a worker whose text is not the current one any more are refused.
    pub(in crate::seat_changes) worker: Arc<str>,
}

impl Assignment {
    /// A new worker.
    pub(in crate::seat_changes) fn new(change_id: i64) -> Self {
        Self { change_id, worker: random().into() }
    }
}

/// A text that is never made again.
pub(in crate::seat_changes) fn random() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Adds a change that nobody sees yet. `record` is a random text by which it is found.
pub(in crate::seat_changes) fn add(
    record: &str,
    (choice, change): (&CourseChoice, &LimitsChange),
    plan: &Plan,
    caller: &Caller,
    now: &Stamp,
) -> Chore {
    let counts = plan.counts();
    Chore {
        sql: "insert into matricula_seat_changes (created_at, actor, status, courses, seats, named, planned, unchanged, \
              refused, moves_up, done, not_done, undone, remaining, moved_up, touched_at, record) \
              values ($1, $2, 'staging', $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, 0, $10, $11)",
        args: vec![
            now.into(),
            caller.actor.to_string().into(),
            to_json(choice).into(),
            to_json(change).into(),
            plan.named.as_str().into(),
            counts.changed.into(),
            counts.unchanged.into(),
            counts.refused.into(),
            plan.moves_up().into(),
            now.into(),
            record.into(),
        ],
    }
}

/// Adds a course of a change; `place` counts from 1.
pub(in crate::seat_changes) fn add_course(change_id: i64, place: usize, course: &PlannedCourse) -> Chore {
    let why = course.why.clone();
    let (code, detail) = why.map(|Reason { code, detail }| (code, detail)).unzip();
    let is_kept = course.status == CourseStatus::Unchanged;
    Chore {
        sql: "insert into matricula_seat_change_courses (change_id, course_id, place, status, limits_before, limits_after, \
              enrolled, moves_up, moved_up, code, detail) values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)",
        args: vec![
            change_id.into(),
            course.course_id.0.into(),
            to_i64(place).into(),
            course.status.as_str().into(),
            course.before.as_ref().map(to_json).into(),
            (!is_kept).then(|| to_json(&course.after)).into(),
            course.enrolled.into(),
            course.moves_up.into(),
            code.into(),
            detail.into(),
        ],
    }
}

/// Shows a change, once its courses are written down. Changes nothing if another request with the same key was faster.
pub(in crate::seat_changes) fn publish(change_id: i64, caller: &Caller) -> Chore {
    let request = caller.key.as_ref().map(|key| (key.name.clone(), key.fingerprint.clone()));
    let (request, fingerprint) = request.unzip();
    Chore {
        sql: "update matricula_seat_changes set status = 'planned', request = $1, fingerprint = $2 \
              where id = $3 and status = 'staging' \
              and not exists (select 1 from matricula_seat_changes other where other.request = $1)",
        args: vec![request.into(), fingerprint.into(), change_id.into()],
    }
}

/// Begins to work on a change; changes nothing if its status is not `from` any more.
pub(in crate::seat_changes) fn claim(
    assignment: &Assignment,
    (from, to): (ChangeStatus, ChangeStatus),
    caller: &Caller,
    now: &Stamp,
) -> Chore {
    Chore {
        sql: "update matricula_seat_changes set status = $1, worker = $2, worked_by = $3, rights = $4, touched_at = $5 \
              where id = $6 and status = $7",
        args: vec![
            to.as_str().into(),
            (&*assignment.worker).into(),
            caller.actor.to_string().into(),
            caller.grants.rights.to_string().into(),
            now.into(),
            assignment.change_id.into(),
            from.as_str().into(),
        ],
    }
}

/// Takes over the work that another server has left, if it has not gone on since.
pub(in crate::seat_changes) fn take_over(
    assignment: &Assignment,
    status: ChangeStatus,
    before: &Stamp,
    now: &Stamp,
) -> Chore {
    Chore {
        sql: "update matricula_seat_changes set worker = $1, touched_at = $2 \
              where id = $3 and status = $4 and touched_at < $5",
        args: vec![
            (&*assignment.worker).into(),
            now.into(),
            assignment.change_id.into(),
            status.as_str().into(),
            before.into(),
        ],
    }
}

/// Writes down why a course has not changed.
pub(in crate::seat_changes) fn note(
    assignment: &Assignment,
    course_id: CourseId,
    status: CourseStatus,
    why: &Reason,
) -> Chore {
    Chore {
        sql: "update matricula_seat_change_courses set status = $1, code = $2, detail = $3 \
              where change_id = $4 and course_id = $5 \
              and exists (select 1 from matricula_seat_changes where id = $4 and worker = $6)",
        args: vec![
            status.as_str().into(),
            why.code.as_str().into(),
            why.detail.as_str().into(),
            assignment.change_id.into(),
            course_id.0.into(),
            (&*assignment.worker).into(),
        ],
    }
}

/// Counts what became of the courses, and says that the server is still at work.
pub(in crate::seat_changes) fn count(assignment: &Assignment, now: &Stamp) -> Chore {
    Chore {
        sql: "update matricula_seat_changes set \
              done = (select count(*) from matricula_seat_change_courses c where c.change_id = $1 and c.status = 'done'), \
              not_done = (select count(*) from matricula_seat_change_courses c where c.change_id = $1 and c.status = 'not-done'), \
              undone = (select count(*) from matricula_seat_change_courses c where c.change_id = $1 and c.status = 'undone'), \
              remaining = (select count(*) from matricula_seat_change_courses c where c.change_id = $1 and c.status = 'remaining'), \
              moved_up = (select cast(coalesce(sum(c.moved_up), 0) as bigint) from matricula_seat_change_courses c \
              where c.change_id = $1), touched_at = $2 where id = $1 and worker = $3",
        args: vec![assignment.change_id.into(), now.into(), (&*assignment.worker).into()],
    }
}

/// How the work on a change ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::seat_changes) enum End {
    /// It is carried out.
    Applied,
    /// It is undone.
    Undone,
    /// Whoever had it carried out or undone may not do that any more.
    Stopped,
    /// Nothing was changed, since a course was not as it was shown: the plan is as it was.
    Planned,
}

/// Ends the work; changes nothing if another worker has taken over.
pub(in crate::seat_changes) fn finish(assignment: &Assignment, end: End, now: &Stamp) -> Chore {
    let Assignment { change_id, worker } = assignment;
    let own = vec![(*change_id).into(), (&**worker).into()];
    let timed = vec![now.into(), (*change_id).into(), (&**worker).into()];
    match end {
        End::Applied => Chore {
            sql: "update matricula_seat_changes set status = 'applied', applied_at = $1 where id = $2 and worker = $3",
            args: timed,
        },
        End::Undone => Chore {
            sql: "update matricula_seat_changes set status = 'undone', undone_at = $1 where id = $2 and worker = $3",
            args: timed,
        },
        // What was carried out completely before it was to be undone still is.
        End::Stopped => Chore {
            sql: "update matricula_seat_changes set status = \
                  case when status = 'undoing' and applied_at is not null then 'applied' else 'stopped' end \
                  where id = $1 and worker = $2",
            args: own,
        },
        End::Planned => Chore {
            sql: "update matricula_seat_changes set status = 'planned', worker = null where id = $1 and worker = $2",
            args: own,
        },
    }
}

/// Deletes changes that nothing was done with since `unused`, and all from before `used`, with at most `max` rows at a time.
pub(in crate::seat_changes) fn delete_old(unused: &Stamp, used: &Stamp, max: i64) -> [Chore; 2] {
    let sql = [
        "delete from matricula_seat_change_courses where (change_id, course_id) in \
         (select c.change_id, c.course_id from matricula_seat_changes s \
         join matricula_seat_change_courses c on c.change_id = s.id \
         where ((s.created_at < $1 and s.status in ('staging', 'planned')) or s.created_at < $2) limit $3)",
        "delete from matricula_seat_changes where id in (select s.id from matricula_seat_changes s \
         where ((s.created_at < $1 and s.status in ('staging', 'planned')) or s.created_at < $2) \
         and not exists (select 1 from matricula_seat_change_courses c where c.change_id = s.id) limit $3)",
    ];
    sql.map(|sql| Chore { sql, args: vec![unused.into(), used.into(), max.into()] })
}
