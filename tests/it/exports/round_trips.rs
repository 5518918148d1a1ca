//! Export, import into an empty school, export: the same bytes.

use serde_json::{Value, json};

use super::{
    a_difficult_school, add_course, add_student, difficult_groups, enroll, exported, import,
    report_of_import, text, unzipped,
};
use crate::school::School;

const TABLES: [&str; 3] = ["students", "courses", "enrollments"];

async fn tables_come_back(options: &[&str]) {
    let school = a_difficult_school().await;
    let without = come_back(&school, options).await;
    assert!(!text(&without).contains("groups"), "{}", text(&without));
    difficult_groups(&school).await;
    let with = come_back(&school, options).await;
    assert!(text(&with).lines().next().unwrap().ends_with("email,groups"), "{}", text(&with));
}

/// Exports a school, imports that and exports it again. Returns the file of students.
async fn come_back(school: &School, options: &[&str]) -> Vec<u8> {
    let export = |school: &School, what: &str| exported(school.database(), &[&[what], options].concat());
    let files = TABLES.map(|what| export(school, what));
    let other = School::open().await;
    let named: Vec<_> = ["students.csv", "courses.csv", "enrollments.csv"]
        .into_iter()
        .zip(files.iter().map(Vec::as_slice))
        .collect();
    import(&other, &named);
    for (what, file) in TABLES.iter().zip(&files) {
        assert_eq!(text(&export(&other, what)), text(file));
    }
    files[0].clone()
}

#[tokio::test]
async fn tables_for_programs_come_back() {
    tables_come_back(&["--for", "machine"]).await;
}

#[tokio::test]
async fn tables_for_spreadsheets_come_back() {
    tables_come_back(&[]).await;
}

#[tokio::test]
async fn tables_with_a_byte_order_mark_come_back() {
    tables_come_back(&["--bom"]).await;
}

/// The names of all students and courses.
async fn names(school: &School) -> Vec<String> {
    let mut names = Vec::new();
    for list in ["students", "courses"] {
        let rows = school.get(&format!("/api/v1/{list}")).await.is_ok().json();
        names.extend(rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
    }
    names
}

#[tokio::test]
async fn no_name_is_changed_on_the_way() {
    let school = a_difficult_school().await;
    let expected = names(&school).await;
    for (options, file) in [
        (["students", "courses", "enrollments"].as_slice(), "csv"),
        (&["students", "courses", "enrollments"], "xlsx"),
        (&["canvas"], "zip"),
        (&["oneroster"], "zip"),
    ] {
        let other = School::open().await;
        let files: Vec<_> = options
            .iter()
            .map(|what| {
                let mut options = vec![*what];
                if file != "zip" {
                    options.extend(["--format", file]);
                }
                (format!("{what}.{file}"), exported(school.database(), &options))
            })
            .collect();
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        import(&other, &files);
        assert_eq!(names(&other).await, expected, "{options:?} {file}");
    }
}

#[tokio::test]
async fn a_canvas_archive_comes_back() {
    let school = a_difficult_school().await;
    let archive = exported(school.database(), &["canvas"]);
    let other = School::open().await;
    import(&other, &[("canvas.zip", &archive)]);
    let again = exported(other.database(), &["canvas"]);
    assert_eq!(unzipped(&again), unzipped(&archive));
    assert!(again == archive, "the bytes of the archive too");
}

/// Without numbers and codes that OneRoster ids cannot have: an import does not read those. A test of such a school is
/// below.
#[tokio::test]
async fn a_oneroster_archive_comes_back() {
    let school = School::open().await;
    let gone = add_course(&school, "Gone", None).await;
    let mut students = Vec::new();
    for (name, number) in [
        ("Zoë Martin", Some("0042")),
        ("=HYPERLINK(\"http://x\") Evil", Some("02E800")),
        ("Two  blanks", None),
        ("Madona", Some("a/b@c.d_e-f")),
        ("Ñuño", Some("Nº 7")),
        ("Eve", Some("@Nº@207")),
        ("Ned", Some("12.0")),
        ("Ina", Some("N/A")),
        ("Ana de la Cruz", None),
    ] {
        students.push(add_student(&school, name, number).await);
    }
    let courses = [
        add_course(&school, "Logic, \"101\"", Some("MATH-101")).await,
        add_course(&school, "Drawing", None).await,
        add_course(&school, "Compilers", Some("CS 101")).await,
        add_course(&school, "Computers", Some("@CS@20101")).await,
    ];
    school.delete(&format!("/api/v1/courses/{gone}")).await.is(204);
    for (place, student) in students.iter().enumerate() {
        enroll(&school, *student, courses[place % courses.len()]).await;
    }
    let archive = exported(school.database(), &["oneroster"]);
    let other = School::open().await;
    import(&other, &[("oneroster.zip", &archive)]);
    let again = exported(other.database(), &["oneroster"]);
    assert_eq!(unzipped(&again), unzipped(&archive));
    assert!(again == archive, "the bytes of the archive too");
    let course = other.get("/api/v1/courses?code=CS%20101").await.is_ok().json();
    assert_eq!(course[0]["name"], "Compilers");
}

#[tokio::test]
async fn students_without_a_number_get_a_lasting_and_unique_one_in_files() {
    let school = School::open().await;
    let ana = add_student(&school, "Ana", None).await;
    let ids = || {
        let file = exported(school.database(), &["students"]);
        let lines = text(&file).lines().skip(1);
        lines.map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let own = ids().remove(0);
    assert!(own.starts_with('m') && own.ends_with(&format!("-{ana}")), "{own}");
    // Another student gets this id as a number, as if an export was imported here.
    add_student(&school, "Ben", Some(&own)).await;
    assert_eq!(ids(), [format!("{own}.1"), own.clone()]);
    school.patch(&format!("/api/v1/students/{ana}"), json!({"number": "0042"})).await.is_ok();
    assert_eq!(ids(), ["0042".to_owned(), own]);
}

#[tokio::test]
async fn an_export_from_before_a_change_of_names_doubles_no_record_of_its_own_school() {
    let school = School::open().await;
    let ana = add_student(&school, "Ana", None).await;
    let algebra = add_course(&school, "Algebra", None).await;
    let archive = exported(school.database(), &["canvas"]);
    let gone = add_course(&school, "Gone", None).await;
    let with_gone = exported(school.database(), &["canvas"]);
    school.delete(&format!("/api/v1/courses/{gone}")).await.is(204);
    let renamed = json!({"name": "Ana Maria", "email": "ana@example.edu"});
    school.patch(&format!("/api/v1/students/{ana}"), renamed).await.is_ok();
    school.patch(&format!("/api/v1/courses/{algebra}"), json!({"name": "Linear algebra"})).await.is_ok();

    let refused = |report: &Value| -> Vec<String> {
        let rows = report["refused_rows"].as_array().unwrap().iter();
        rows.map(|row| format!("{}: {}", row["code"].as_str().unwrap(), row["detail"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(
        refused(&report_of_import(&school, &[("canvas.zip", &archive)])),
        [
            "id-made-up-here: An export of this school made up this code for Linear algebra, where there was none. Add a \
             code there, export again, and import that file.",
            "id-made-up-here: An export of this school made up this number for Ana Maria, where there was none. Add a \
             number there, export again, and import that file.",
        ]
    );
    school.patch(&format!("/api/v1/courses/{algebra}"), json!({"code": "A1"})).await.is_ok();
    let report = report_of_import(&school, &[("canvas.zip", &with_gone)]);
    assert_eq!(
        refused(&report)[0],
        "id-made-up-here: An export of this school made up this code for Linear algebra (A1), where there was none. \
         Export again, and import that file."
    );
    // What has been deleted since is added again.
    assert_eq!(report["counts"]["new"], 1, "{report:#}");
}

#[tokio::test]
async fn waiting_students_are_not_imported_as_enrolled() {
    let school = School::open().await;
    let [ana, ben] = school.students(["Ana", "Ben"]).await;
    let [algebra] = school.courses(["Algebra"]).await;
    algebra.seats(1, 5).await;
    ana.enrolls_in(&algebra).await.is_created();
    ben.enrolls_in(&algebra).await.is(202);
    let file = exported(school.database(), &["waitlists"]);
    assert!(text(&file).ends_with(",Ben,2026-09-01T08:00:00.000Z,waitlisted\r\n"), "{}", text(&file));
    for what in ["enrollments", "canvas", "oneroster"] {
        let file = exported(school.database(), &[what]);
        let rows = if what == "enrollments" {
            text(&file).lines().count()
        } else {
            let files = unzipped(&file);
            let (_, enrollments) = files.iter().find(|(name, _)| name == "enrollments.csv").unwrap();
            enrollments.lines().count()
        };
        assert_eq!(rows, 2, "{what}: the heading and Ana");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waitlists.csv");
    std::fs::write(&path, file).unwrap();
    let mut command = crate::school::matricula();
    command.arg("import").arg("--database").arg(school.database().argument()).args(["--json", "--yes"]);
    let report: serde_json::Value =
        serde_json::from_slice(&command.arg(path).output().unwrap().stdout).unwrap();
    assert_eq!(report["refused_rows"][0]["column"], "status", "{report:#}");
}
