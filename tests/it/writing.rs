//! The queue of all changes: what happens when it is full, when it stops, and when a client does not wait.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use matricula::clock::Clock;
use matricula::db::Db;
use matricula::registrar::{
    Admission, Caller, Command, CourseId, CreateCourse, CreateStudent, Enroll, Event, Facts, Needs, Refusal,
    Registrar, Right, StudentId,
};
use serde_json::json;

use crate::school::{Database, OtherProgram, School, submit};

/// Another program's write transaction on the same database: commits wait until it is dropped.
fn lock_writes(database: &Database) -> OtherProgram {
    let other = database.other_program();
    other.execute_batch("begin immediate").unwrap();
    other
}

fn create(name: &str) -> CreateStudent {
    CreateStudent::new([("name", name.to_owned()), ("email", "ana@example.edu".to_owned())])
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_queued_commands_still_run() {
    let school = School::open().await;
    let registrar = &school.registrar;
    let other = lock_writes(school.database());

    // All of them are submitted before any of them can be answered.
    let mut asked = FuturesUnordered::new();
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut submitted = Box::pin(submit(registrar, create("Ana")));
        match (&mut submitted).now_or_never() {
            None => asked.push(submitted),
            Some(answer) => {
                assert_eq!(answer, Err(Refusal::Overloaded));
                refused += 1;
            }
        }
    }
    let accepted = asked.len();
    assert!(refused > 0 && accepted >= 8192, "{refused} refused, {accepted} accepted");
    let reply = school.post("/api/v1/students", json!({"name": "Ben", "email": "ben@example.edu"})).await;
    assert_eq!(reply.header("retry-after"), "1");
    reply.is_refused(503, "overloaded");
    school.get("/api/v1/students").await.is_ok();

    drop(other);
    while let Some(answer) = asked.next().await {
        answer.unwrap();
    }
    let reply = school.get("/api/v1/students?limit=1").await.is_ok();
    assert_eq!(reply.header("x-total-count"), accepted.to_string());
}

#[tokio::test]
async fn a_client_that_goes_away_undoes_nothing() {
    let school = School::open().await;
    let (ana, algebra) = (school.student("Ana").await, school.course("Algebra").await);
    let other = lock_writes(school.database());
    {
        let asking = ana.enrolls_in(&algebra).send();
        // The request is sent, and then its client gives up.
        let waited = tokio::time::timeout(Duration::from_millis(200), asking).await;
        assert!(waited.is_err(), "answered before the commit: {waited:?}");
    }
    drop(other);

    ana.enrolls_in(&algebra).await.is_refused(409, "already-enrolled");
    assert_eq!(ana.courses().await, ["Algebra"]);
}

#[tokio::test]
async fn a_school_that_closes_runs_the_commands_that_it_accepted_and_no_more() {
    let database = Database::new();
    let school = matricula::server::School::open(database.location(), Clock::System, None).await.unwrap();
    let registrar: Registrar = school.app.registrar.clone();
    let other = lock_writes(&database);
    let mut accepted = Box::pin(submit(&registrar, create("Ana")));
    assert!((&mut accepted).now_or_never().is_none());

    let closing = tokio::spawn(school.close());
    drop(other);
    assert_eq!(accepted.await.unwrap().id, StudentId(1));
    closing.await.unwrap();

    let late = submit(&registrar, create("Ben")).await;
    assert_eq!(late, Err(Refusal::Stopping));
    let db = Db::open(database.location()).unwrap();
    let names = db.query("select name from students", [], |row| row.text(0)).await.unwrap();
    assert_eq!(names, ["Ana"]);
}

#[tokio::test]
async fn a_row_that_the_database_rejects_fails_alone() {
    let database = Database::new();
    database.runs("create table students (id integer primary key, name text, email text unique)");
    let school = matricula::server::School::open(database.location(), Clock::System, None).await.unwrap();
    let registrar = &school.app.registrar;
    let level = "graduate".to_owned();
    let algebra = CreateCourse::new([("name", "Algebra".to_owned()), ("level", level)]);
    let algebra = submit(registrar, algebra).await.unwrap();
    let ana = submit(registrar, create("Ana")).await.unwrap();

    // While another program holds the lock, the three gather and share a commit.
    let other = lock_writes(&database);
    let hold = submit(
        registrar,
        CreateCourse::new([("name", "Botany".to_owned()), ("level", "graduate".to_owned())]),
    );
    let twin = submit(registrar, create("Twin"));
    let enroll = Enroll::new(ana.id, algebra.id);
    let enroll = submit(registrar, enroll);
    let release = async {
        tokio::task::yield_now().await;
        drop(other);
    };
    let (hold, twin, enroll, ()) = tokio::join!(hold, twin, enroll, release);

    assert!(hold.is_ok() && enroll.is_ok());
    let Err(Refusal::RowRefused(what)) = twin else { panic!("{twin:?}") };
    assert!(what.to_lowercase().contains("unique constraint") && what.contains("email"), "{what}");
    school.close().await;
}

/// Adds a student and enrolls them, as an import does.
#[derive(Debug)]
struct Admit {
    name: &'static str,
    course_id: CourseId,
}

impl Command for Admit {
    type Answer = Admission;

    fn needs(&self, needs: &mut Needs) {
        needs.course(self.course_id);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.ensure(Right::WriteStudents)
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Admission), Refusal> {
        self.carry_out(caller, &mut facts.clone())
    }

    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Result<(Vec<Event>, Admission), Refusal> {
        facts.course(self.course_id)?;
        let (added, student) = create(self.name).carry_out(caller, facts)?;
        let enroll = Enroll::new(student.id, self.course_id);
        let (enrolled, admission) = enroll.carry_out(caller, facts)?;
        Ok(([added, enrolled].concat(), admission))
    }
}

#[tokio::test]
async fn one_command_may_add_a_student_and_enroll_them() {
    let school = School::open().await;
    let algebra = school.course("Algebra").await;
    algebra.seats(2, 1).await;
    let course_id = CourseId(algebra.id);
    // Three at once, so that they share a commit.
    let other = lock_writes(school.database());
    let admit = |name| submit(&school.registrar, Admit { name, course_id });
    let release = async {
        tokio::task::yield_now().await;
        drop(other);
    };
    let (ana, ben, cleo, ()) = tokio::join!(admit("Ana"), admit("Ben"), admit("Cleo"), release);

    let (Admission::Enrolled(ana), Admission::Enrolled(ben)) = (ana.unwrap(), ben.unwrap()) else {
        panic!("not enrolled")
    };
    let Admission::Waitlisted(cleo) = cleo.unwrap() else { panic!("not on the waitlist") };
    assert_eq!([ana.student_id.0, ben.student_id.0, cleo.student_id.0], [1, 2, 3]);
    assert_eq!(algebra.roster().await, ["Ana", "Ben"]);
    let log = school.log().await;
    assert_eq!(
        log[2..],
        [
            "student.created",
            "enrollment.created",
            "student.created",
            "enrollment.created",
            "student.created",
            "waitlist.joined"
        ]
    );
    school.delete(&format!("/api/v1/students/1/courses/{}", algebra.id)).await.is(204);
    assert_eq!(algebra.roster().await, ["Ben", "Cleo"]);
}
