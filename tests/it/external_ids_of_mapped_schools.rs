//! A school that has numbers and codes in columns of its own: those count, and are written where they can be.

use matricula::adoption::{self, ProposedLine};
use serde_json::{Value, json};

use crate::mapping::migrate;
use crate::school::{Database, School, matricula};

const STUDENTS: &str = "/api/v1/students";

const TABLES: &str =
    "create table person (id integer primary key, name text, mail text, roll_no text, badge integer);
    create table class (id integer primary key, title text, short varchar(20));
    create index person_roll on person (roll_no);
    insert into person values (1, 'Ada', 'a@x.edu', '0042', 42), (2, 'Bo', 'b@x.edu', null, null),
        (3, 'Cy', 'c@x.edu', '', 7), (4, 'Di', 'd@x.edu', 'ab', 8);
    insert into class values (1, 'Algebra', 'M-101'), (2, 'Botany', null);";

/// The school, with this number in its mapping.
async fn school(number: &str) -> School {
    let database = Database::new();
    database.other_program().execute_batch(TABLES).unwrap();
    let mapping = format!(
        "[students]\ntable = 'person'\nid = 'id'\nname = 'name'\nemail = 'mail'\nnumber = '''{number}'''\n\
         [courses]\ntable = 'class'\nid = 'id'\nname = 'title'\ncode = 'short'"
    );
    migrate(&database, &mapping).await.unwrap();
    School::open_at(&database).await
}

async fn numbers(school: &School) -> Vec<Value> {
    let students = school.get(STUDENTS).await.is_ok().json();
    students.as_array().unwrap().iter().map(|student| student["number"].clone()).collect()
}

fn stored(school: &School, column: &str) -> Vec<String> {
    let sql = format!("select coalesce({column}, 'null') from person order by id");
    school.other_program().column(&sql)
}

#[tokio::test]
async fn the_column_of_the_school_is_read() {
    let school = school("roll_no").await;
    assert_eq!(numbers(&school).await, [json!("0042"), json!(null), json!(null), json!("ab")]);
    assert_eq!(school.get("/api/v1/courses/1").await.is_ok().json()["code"], "M-101");
    assert_eq!(school.get("/api/v1/courses/2").await.is_ok().json().get("code"), None);
    for (query, ids) in [
        ("number=0042", &[1][..]),
        ("number=42", &[]),
        ("number=AB", &[]),
        ("q=AB", &[4]),
        ("q=42", &[1]),
        ("q=0&sort=name", &[1]),
    ] {
        assert_eq!(school.get(&format!("{STUDENTS}?{query}")).await.is_ok().ids(), ids, "{query}");
    }
    assert_eq!(school.get("/api/v1/courses?code=M-101").await.is_ok().ids(), [1]);
    // What another program writes is seen at once.
    school.other_program_runs("update person set roll_no = '0043' where id = 1");
    assert_eq!(school.get(&format!("{STUDENTS}?number=0043")).await.is_ok().ids(), [1]);
}

#[tokio::test]
async fn it_is_written_to_the_column_of_the_school() {
    let school = school("roll_no").await;
    let patch = async |id: i64, number: Value| {
        school.patch(&format!("{STUDENTS}/{id}"), json!({"number": number})).await
    };
    assert_eq!(patch(2, json!("007")).await.is_ok().json()["number"], "007");
    assert_eq!(patch(3, json!("007")).await.is_refused(409, "number-taken")["url"], format!("{STUDENTS}/2"));
    assert_eq!(patch(1, json!(null)).await.is_ok().json().get("number"), None);
    assert_eq!(patch(4, json!("0042")).await.is_ok().json()["number"], "0042");
    school.patch(&format!("{STUDENTS}/3"), json!({"name": "Cyd"})).await.is_ok();
    let new = |number: Value| json!({"name": "Eve", "email": "e@x.edu", "number": number});
    let created = school.post(STUDENTS, new(json!("9"))).await.is_created().json();
    assert_eq!((&created["id"], &created["number"]), (&json!(5), &json!("9")));
    school.post(STUDENTS, new(json!("9"))).await.is_refused(409, "number-taken");
    school.post(STUDENTS, new(json!(null))).await.is_created();
    assert_eq!(stored(&school, "roll_no"), ["null", "007", "", "0042", "9", "null"]);
    school.patch("/api/v1/courses/2", json!({"code": "B 1"})).await.is_ok();
    assert_eq!(school.other_program().column("select short from class order by id"), ["M-101", "B 1"]);
    // Tables of ours have no part in it.
    for table in ["matricula_student_numbers", "matricula_course_codes"] {
        let count = format!("select count(*) || '' from {table}");
        assert_eq!(school.other_program().column(&count), ["0"]);
    }
    // A deleted student's number is free.
    school.delete(&format!("{STUDENTS}/5")).await.is(204);
    school.post(STUDENTS, new(json!("9"))).await.is_created();
}

#[tokio::test]
async fn one_that_several_records_have_does_not_break_reads() {
    let school = school("roll_no").await;
    school.other_program_runs("update person set roll_no = '7' where id in (2, 3)");
    assert_eq!(school.get(&format!("{STUDENTS}?number=7")).await.is_ok().ids(), [2, 3]);
    assert_eq!(school.get(&format!("{STUDENTS}?q=7")).await.is_ok().ids(), [2, 3]);
    assert_eq!(numbers(&school).await.len(), 4);
    // The one with the lowest id is named; each of them may keep it.
    let new = json!({"name": "Eve", "email": "e@x.edu", "number": "7"});
    let refused = school.post(STUDENTS, new.clone()).await.is_refused(409, "number-taken");
    assert_eq!(refused["url"], format!("{STUDENTS}/2"));
    school.patch(&format!("{STUDENTS}/3"), json!({"number": "7", "name": "Cyd"})).await.is_ok();
    school.patch(&format!("{STUDENTS}/2"), json!({"number": "8"})).await.is_ok();
    let refused = school.post(STUDENTS, new).await.is_refused(409, "number-taken");
    assert_eq!(refused["url"], format!("{STUDENTS}/3"));
}

#[tokio::test]
async fn what_is_computed_or_a_number_is_only_read() {
    for (number, first) in [("'S-' || roll_no", "S-0042"), ("badge", "42"), ("badge + 1", "43")] {
        let school = school(number).await;
        assert_eq!(numbers(&school).await[0], first, "{number}");
        assert_eq!(school.get(&format!("{STUDENTS}?number={first}")).await.is_ok().ids(), [1]);
        let refused = school.patch(&format!("{STUDENTS}/1"), json!({"number": "x"})).await;
        assert_eq!(refused.is_refused(409, "read-only-field")["pointer"], "/number");
        // The present one is no change.
        school.patch(&format!("{STUDENTS}/1"), json!({"number": first, "name": "Ann"})).await.is_ok();
        let new = json!({"name": "Eve", "email": "e@x.edu"});
        assert_eq!(school.post(STUDENTS, new).await.is_created().json()["id"], 5);
        let form = school.get("/students/1/edit").header("accept", "text/html").await.is_ok();
        assert!(form.text().contains("name=\"email\"") && !form.text().contains("name=\"number\""));
    }
}

#[tokio::test]
async fn the_table_of_a_school_may_have_the_plain_names() {
    let database = Database::new();
    database
        .other_program()
        .execute_batch(
            "create table students (id integer primary key, name text not null, email text not null, student_no text);
             insert into students values (1, 'Ada', 'a@x.edu', '0042')",
        )
        .unwrap();
    let mapping =
        "[students]\ntable = 'students'\nid = 'id'\nname = 'name'\nemail = 'email'\nnumber = 'student_no'";
    migrate(&database, mapping).await.unwrap();
    let school = School::open_at(&database).await;
    let ada =
        school.patch(&format!("{STUDENTS}/1"), json!({"email": "ada@x.edu", "number": "1"})).await.is_ok();
    assert_eq!(ada.json(), json!({"id": 1, "name": "Ada", "email": "ada@x.edu", "number": "1"}));
    let stored = school.other_program().column("select email || student_no from students");
    assert_eq!(stored, ["ada@x.edu1"]);
    let course = json!({"name": "Algebra", "level": "one", "code": "M1"});
    school.post("/api/v1/courses", course).await.is_created();
}

/// The proposal for a database with these statements: whether it fits, and the lines for numbers and codes.
async fn proposed(sql: &str) -> (bool, Vec<String>) {
    let database = Database::new();
    database.other_program().execute_batch(sql).unwrap();
    let proposal = adoption::propose(database.location()).await.unwrap();
    assert_eq!(proposal.questions, []);
    let lines = proposal.lines.iter().filter(|line| ["number", "code"].contains(&line.key));
    let line = |line: &ProposedLine| {
        format!("{} = {}: {}", line.key, line.value.as_deref().unwrap_or("-"), line.reason)
    };
    (proposal.fits, lines.map(line).collect())
}

#[tokio::test]
async fn adopt_proposes_columns_that_look_like_it() {
    let school = |student: &str, course: &str, rows: &str| {
        format!(
            "create table student (id integer primary key, name text, {student});
             create table course (id integer primary key, title text, {course}); {rows}"
        )
    };
    let rows =
        "insert into student values (1, 'Ana', '007'), (2, 'Ben', '008'), (3, 'Cy', ''), (4, 'Di', '');";
    let (_, lines) = proposed(&school("student_no text", "code varchar(20)", rows)).await;
    assert_eq!(
        lines,
        [
            "number = student_no: the column that looks like the number",
            "code = code: the column that looks like the code"
        ]
    );
    let rows = "insert into student values (1, 'Ana', 7), (2, 'Ben', 8);";
    let (_, lines) = proposed(&school("\"rollNumber\" integer", "number text", rows)).await;
    assert_eq!(
        lines,
        [
            "number = rollNumber: the column that looks like the number; it can only be read",
            "code = number: the column that may be the code; leave it out if it is not"
        ]
    );
    let rows = "insert into student values (1, 'Ana', '7'), (2, 'Ben', '7'), (3, 'Cy', '8');";
    let (_, lines) = proposed(&school("student_no text", "credits integer", rows)).await;
    assert_eq!(
        lines,
        ["number = -: the column student_no looks like it, but 1 value is there more than once"]
    );
    let (_, lines) = proposed(&school("phone text", "room text", "")).await;
    assert_eq!(lines, [""; 0]);
}

#[tokio::test]
async fn a_database_that_fits_still_fits_with_such_a_column() {
    let plain = "create table students (id integer primary key, name text, email text, student_number text);
        create table courses (id integer primary key, name text, level text);";
    let (fits, lines) = proposed(plain).await;
    assert_eq!((fits, lines.len()), (true, 1));
    // It is taken without a mapping, as it is; its owner can choose to map the column.
    let database = Database::new();
    database.other_program().execute_batch(plain).unwrap();
    let mut command = matricula();
    let output = command.args(["adopt", "--yes", "--database"]).arg(database.argument()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("needs no mapping, except to take numbers or codes from its own columns"),
        "{printed}"
    );
    let school = School::open_at(&database).await;
    let ana = json!({"name": "Ana", "email": "a@x.edu", "number": "1"});
    school.post(STUDENTS, ana).await.is_created();
    assert_eq!(
        school.other_program().column("select coalesce(student_number, 'null') from students"),
        ["null"]
    );
}
