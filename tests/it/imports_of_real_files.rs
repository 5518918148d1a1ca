//! `matricula import`: files as other systems and people write them. After each case the same files have nothing to do, also
//! as the whole truth.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::imports::{Files, import, seq};
use crate::school::School;

/// Files and the right results.
struct Case {
    seen_in: &'static str,
    files: &'static [(&'static str, &'static [u8])],
    /// Each student: the number (or the address) and the name.
    students: &'static [&'static str],
    /// Each enrollment: the student and the course.
    enrolled: &'static [&'static str],
    /// Each row that is refused: file, line and code.
    refused: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        seen_in: "PowerSchool: tabs, numbers for the status, zeros before ids",
        files: &[("export.txt", b"Student_Number\tLast_Name\tFirst_Name\tEnroll_Status\n\
            0101\tLin\tEve\t0\n0102\tEk\tBo\t2\n0103\tOde\tCy\t9\n")],
        students: &["0101 Eve Lin"],
        enrolled: &[],
        refused: &["export.txt:4 status-unknown"],
    },
    Case {
        seen_in: "OneRoster 1.2: roles in a file of their own",
        files: &[
            ("manifest.csv", b"propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n\
                file.classes,bulk\nfile.enrollments,bulk\nfile.roles,bulk\nfile.users,bulk\n"),
            ("users.csv", b"sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName,email\n\
                u1,,,true,eve,Eve,Lin,eve@x.edu\nu2,,,true,tia,Tia,Wend,tia@x.edu\nu3,,,true,bo,Bo,-,bo@x.edu\n"),
            ("roles.csv", b"sourcedId,status,dateLastModified,userSourcedId,roleType,role,orgSourcedId\n\
                r1,,,u1,primary,student,s\nr2,,,u2,primary,teacher,s\nr3,,,u3,primary,student,s\n"),
            ("classes.csv", b"sourcedId,status,dateLastModified,title,courseSourcedId,classCode,classType,schoolSourcedId,termSourcedIds\n\
                k1,,,Algebra 1,a,ALG,scheduled,s,t\n"),
            ("enrollments.csv", b"sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\n\
                e1,,,k1,s,u1,student\ne2,,,k1,s,u2,teacher\ne3,,,k1,s,u3,student\n"),
        ],
        students: &["u1 Eve Lin", "u3 Bo"],
        enrolled: &["u1 k1", "u3 k1"],
        refused: &[],
    },
    Case {
        seen_in: "Canvas: a section that has moved to another course, named with either",
        files: &[
            ("courses.csv", b"course_id,short_name,long_name,status\nC1,C1,Biology,active\nX1,X1,Science,active\n"),
            ("sections.csv", b"section_id,course_id,name,status\ns1,C1,One,active\n"),
            ("xlists.csv", b"xlist_course_id,section_id,status\nX1,s1,active\n"),
            ("users.csv", b"user_id,login_id,full_name,status\nu1,u1,Eve Lin,active\nu2,u2,Bo Ek,active\nu3,u3,Cy Ode,active\n"),
            ("enrollments.csv", b"course_id,user_id,role,section_id,status\nX1,u1,student,s1,active\nC1,u2,student,s1,active\n\
                Q1,u3,student,s1,active\n"),
        ],
        students: &["u1 Eve Lin", "u2 Bo Ek", "u3 Cy Ode"],
        enrolled: &["u1 X1", "u2 X1"],
        refused: &["enrollments.csv:4 section-of-another-course"],
    },
    Case {
        seen_in: "Canvas: students named by integration ids, some of them twice or never",
        files: &[
            ("courses.csv", b"course_id,abstract_course_id,short_name,long_name,status\nC1,A1,C1,Biology,active\n"),
            ("enrollments.csv", b"course_id,user_id,user_integration_id,role,status\nC1,,i1,student,active\n\
                C1,u2,,student,active\nC1,,i9,student,active\nC1,u3,i1,student,deleted_last_completed\nC1,,i2,student,active\n"),
            ("users.csv", b"user_id,integration_id,login_id,short_name,status\nu1,i1,u1,Eve Lin,active\nu2,i2,u2,Bo Ek,active\n\
                u3,i2,u3,Cy Ode,active\n"),
        ],
        students: &["u1 Eve Lin", "u2 Bo Ek"],
        enrolled: &["u1 C1", "u2 C1"],
        refused: &["enrollments.csv:4 integration-id-unknown", "enrollments.csv:6 integration-id-not-unique", "users.csv:4 contradicts-another-row"],
    },
    Case {
        seen_in: "Canvas: files that are not about students, courses or enrollments",
        files: &[
            ("users.csv", b"user_id,login_id,full_name,status\nu1,u1,Eve Lin,active\n"),
            ("differentiation_tags.csv", b"tag_id,tag_set_id,course_id,name,status\nT1,,C1,Advanced,available\n"),
            ("differentiation_tag_sets.csv", b"tag_set_id,course_id,set_name,status\nS1,C1,First,active\n"),
            ("differentiation_tag_membership.csv", b"tag_id,user_id,status\nT1,u1,accepted\n"),
            ("admins.csv", b"user_id,account_id,role,status\nu9,A1,AccountAdmin,active\n"),
            ("logins.csv", b"user_id,login_id,password,existing_user_id,email\nu8,u8,x,u1,b@x.edu\n"),
            ("change_sis_id.csv", b"old_id,new_id,type\nu7,u1,user\n"),
            ("abstract_courses.csv", b"abstract_course_id,short_name,long_name,account_id,term_id,status\nAC,H,Hum,,,active\n"),
            ("groups.csv", b"group_id,name,status\nG1,Readers,available\n"),
        ],
        students: &["u1 Eve Lin"],
        enrolled: &[],
        refused: &[],
    },
    Case {
        seen_in: "Clever: section ids that two schools use, a student in both",
        files: &[
            ("students.csv", b"School_id,Student_id,Last_name,First_name\nn1,7,Lin,Eve\nn2,7,Lin,Eve\n"),
            ("sections.csv", b"School_id,Section_id,Teacher_id,Name,Course_name\nn1,1,t,Art A,Art\nn2,1,t,Art B,Art\n"),
            ("enrollments.csv", b"School_id,Section_id,Student_id\nn1,1,7\nn2,1,7\nn1,1,7\n"),
        ],
        students: &["7 Eve Lin"],
        enrolled: &["7 n1/1", "7 n2/1"],
        refused: &[],
    },
    Case {
        seen_in: "a list with bars, and line breaks within quotes: lines are those of the file",
        files: &[("students.csv", b"Number|Name|E-mail\n01|\"Eve\nLin\"|eve@x.edu\n02|Bo|bo@x\n03|Cy|cy@x.edu\n")],
        students: &["02 Bo", "03 Cy"],
        enrolled: &[],
        refused: &["students.csv:2 name-not-valid"],
    },
    Case {
        seen_in: "Excel: course codes that became dates, numbers and formulas",
        files: &[("courses.csv", b"code,name,level\n5-Mar,A,1\n2.0E+05,B,1\n\"=\"\"007\"\"\",C,1\n101.0,D,1\n####,E,1\n02E800,F,1\n"),
            ("students.csv", b"number,name\n1,Eve\n"),
            ("enrollments.csv", b"student,course\n1,02E800\n1,5-Mar\n")],
        students: &["1 Eve"],
        enrolled: &["1 02E800"],
        refused: &["courses.csv:2 id-is-date", "courses.csv:3 id-is-scientific", "courses.csv:4 id-is-formula",
            "courses.csv:5 id-is-decimal", "courses.csv:6 id-is-error", "enrollments.csv:3 id-is-date"],
    },
    Case {
        seen_in: "carriage returns only, next to a file of line feeds; capitals and blanks in headings",
        files: &[
            ("students.csv", b"  STUDENT NUMBER ;First  Name;LAST-NAME\r1;Eve;Lin\r2;Bo;Ek\r"),
            ("courses.csv", b"Course Code,Course Name\nA,Algebra\n"),
            ("enrollments.csv", b"Student Number,Course Code\r\n1 , A\r\n,\r\n 2,A"),
        ],
        students: &["1 Eve Lin", "2 Bo Ek"],
        enrolled: &["1 A", "2 A"],
        refused: &[],
    },
    Case {
        seen_in: "Windows-1252 without saying so",
        files: &[("students.csv", b"number;name;email\n1;Zo\xeb M\xfcller;zoe@x.edu\n")],
        students: &["1 Zo\u{eb} M\u{fc}ller"],
        enrolled: &[],
        refused: &[],
    },
    Case {
        seen_in: "one pair three times, and one that is deleted and active",
        files: &[
            ("users.csv", b"user_id,full_name,email,status\ns1,Eve,e@x.edu,active\ns2,Bo,b@x.edu,active\n"),
            ("courses.csv", b"course_id,short_name,long_name,status\nA,A,Algebra,active\n"),
            ("enrollments.csv", b"course_id,user_id,role,status\nA,s1,student,active\nA,s2,student,deleted\n\
                A,s1,Student,ACTIVE\nA,s1,student,active\nA,s2,student,active\n"),
        ],
        students: &["s1 Eve", "s2 Bo"],
        enrolled: &["s1 A"],
        refused: &["enrollments.csv:3 contradicts-another-row", "enrollments.csv:6 contradicts-another-row"],
    },
    Case {
        seen_in: "enrollments by address, people by number",
        files: &[
            ("people.csv", b"number,name,email\ns1,Eve,Eve@X.edu\ns2,Hal,twins@x.edu\ns3,Ida,twins@x.edu\n"),
            ("courses.csv", b"code,name,level\nA,Algebra,one\n"),
            ("takes.csv", b"email,course\neve@x.EDU,A\ntwins@x.edu,A\nnobody@x.edu,A\n"),
        ],
        students: &["s1 Eve", "s2 Hal", "s3 Ida"],
        enrolled: &["s1 A"],
        refused: &["takes.csv:3 email-not-unique", "takes.csv:4 student-not-found"],
    },
    Case {
        seen_in: "roles in several languages of systems",
        files: &[
            ("users.csv", b"user_id,full_name,email,status\ns1,Eve,e@x.edu,active\ns2,Bo,b@x.edu,active\ns3,Tia,t@x.edu,active\n"),
            ("courses.csv", b"course_id,short_name,long_name,status\nA,A,Algebra,active\n"),
            ("enrollments.csv", b"course_id,user_id,role,status\nA,s1,StudentEnrollment,active\nA,s2,Learner,\n\
                A,s3,TaEnrollment,active\nA,s2,,active\n"),
        ],
        students: &["s1 Eve", "s2 Bo"],
        enrolled: &["s1 A", "s2 A"],
        refused: &["enrollments.csv:5 role-missing"],
    },
    Case {
        seen_in: "a course that has ended, with students; a student whose row is wrong",
        files: &[
            ("users.csv", b"user_id,full_name,email,status\ns1,Eve,e@x.edu,active\ns2,Bo,b@@x.edu,active\n"),
            ("courses.csv", b"course_id,short_name,long_name,status\nA,A,Algebra,completed\nB,B,Botany,active\n"),
            ("enrollments.csv", b"course_id,user_id,role,status\nA,s1,student,active\nB,s1,student,completed\nB,s2,student,active\n"),
        ],
        students: &["s1 Eve"],
        enrolled: &[],
        refused: &["enrollments.csv:2 course-left-out", "enrollments.csv:4 student-not-found", "users.csv:3 email-not-valid"],
    },
    Case {
        seen_in: "names: last name first, an apostrophe, a letter that turns text around, a formula",
        files: &[("students.csv", "number,\"Last, First\"\n1,\"Simpson, Bart\"\n2,\"O\u{2019}Neil, Pat\"\n3,\"Evil\u{202e}, Eve\"\n\
            4,\"=1+1, Ann\"\n".as_bytes())],
        students: &["1 Bart Simpson", "2 Pat O\u{2019}Neil", "4 Ann =1+1"],
        enrolled: &[],
        refused: &["students.csv:4 name-not-valid"],
    },
    Case {
        seen_in: "Moodle's upload: wide rows, roles, deleted people, passwords",
        files: &[
            ("users.csv", b"username,password,firstname,lastname,email,idnumber,course1,role1,course2,deleted\n\
                eve,Secret-1,Eve,Lin,eve@x.edu,01,A,student,B,0\nbo,Secret-2,Bo,Ek,bo@x.edu,02,A,editingteacher,,0\n\
                cy,Secret-3,Cy,Ode,cy@x.edu,03,A,,,1\n"),
            ("courses.csv", b"code,name,level\nA,Algebra,one\nB,Botany,one\n"),
        ],
        students: &["01 Eve Lin"],
        enrolled: &["01 A", "01 B"],
        refused: &[],
    },
    Case {
        seen_in: "a row with too many cells, one with too few, and text after a quote",
        files: &[("students.csv", b"number,name,email\n1,Lin, Eve,e@x.edu\n2,Bo\n3,\"Cy\" Ode,c@x.edu\n")],
        students: &["2 Bo"],
        enrolled: &[],
        refused: &["students.csv:2 too-many-cells", "students.csv:4 text-after-quote"],
    },
    Case {
        seen_in: "sections of two courses under one name, and an enrollment in a section of another course",
        files: &[
            ("users.csv", b"user_id,full_name,email,status\ns1,Eve,e@x.edu,active\n"),
            ("courses.csv", b"course_id,short_name,long_name,status\nA,A,Algebra,active\nB,B,Botany,active\n"),
            ("sections.csv", b"section_id,course_id,name,status\n1,A,One,active\n2,B,One,active\n3,B,Two,active\n"),
            ("enrollments.csv", b"course_id,section_id,user_id,role,status\nA,1,s1,student,active\nA,2,s1,student,active\n,3,s1,student,active\n"),
        ],
        students: &["s1 Eve"],
        enrolled: &["s1 A", "s1 B/3"],
        refused: &["enrollments.csv:3 section-of-another-course"],
    },
    Case {
        seen_in: "a list of members by address, with one person in two spellings",
        files: &[
            ("members.csv", b"Name;E-mail\nEve Lin;eve@x.edu\nEve  Lin;EVE@x.edu\nBo Ek;bo@x.edu\nBoris Ek;bo@x.edu\n"),
        ],
        students: &["eve@x.edu Eve Lin"],
        enrolled: &[],
        refused: &["members.csv:4 email-not-unique", "members.csv:5 email-not-unique"],
    },
    Case {
        seen_in: "headings alone, for two of three kinds",
        files: &[
            ("users.csv", b"user_id,full_name,email,status\n"),
            ("courses.csv", b"course_id,short_name,long_name,status\n"),
            ("enrollments.csv", b"course_id,user_id,role,status\nA,s1,student,active\nA,s1,student,deleted\n"),
        ],
        students: &[],
        enrolled: &[],
        refused: &["enrollments.csv:2 contradicts-another-row", "enrollments.csv:3 contradicts-another-row"],
    },
    Case {
        seen_in: "words for nothing where ids should be",
        files: &[
            ("students.csv", b"number,name,email\n1,Eve,e@x.edu\nnull,Bo,b@x.edu\n-,Cy,c@x.edu\n"),
            ("courses.csv", b"code,name,level\nN/A,Algebra,one\nB,Botany,none\n"),
            ("enrollments.csv", b"student,course\n1,B\n1,N/A\n?,B\n"),
        ],
        students: &["1 Eve"],
        enrolled: &["1 B"],
        refused: &["courses.csv:2 id-is-placeholder", "enrollments.csv:3 id-is-placeholder",
            "enrollments.csv:4 id-is-placeholder", "students.csv:3 id-is-placeholder", "students.csv:4 id-is-placeholder"],
    },
    Case {
        seen_in: "a set of changes: the later time counts",
        files: &[
            ("users.csv", b"user_id,full_name,email,status\ns1,Eve,e@x.edu,active\ns2,Bo,b@x.edu,active\n"),
            ("courses.csv", b"course_id,short_name,long_name,status\nA,A,Algebra,active\n"),
            ("enrollments.csv", b"course_id,user_id,role,status,dateLastModified\n\
                A,s1,student,deleted,2026-09-02T10:00:00.000Z\nA,s1,student,active,2026-09-02T12:00:00+02:00\n\
                A,s2,student,deleted,2026-09-02T10:00:00.000Z\nA,s2,student,active,2026-09-02T10:00:01.000Z\n"),
        ],
        students: &["s1 Eve", "s2 Bo"],
        enrolled: &["s2 A"],
        refused: &["enrollments.csv:2 contradicts-another-row", "enrollments.csv:3 contradicts-another-row"],
    },
    Case {
        seen_in: "one student in the users of two systems, under two ids",
        files: &[
            ("users.csv", b"user_id,full_name,email,status\n0042,Eve,e@x.edu,active\n42,Eve,e@x.edu,active\n"),
        ],
        students: &["0042 Eve", "42 Eve"],
        enrolled: &[],
        refused: &[],
    },
];

/// The students and the enrollments, by the ids of the outside world.
async fn found(school: &School) -> [Vec<String>; 2] {
    let id = |row: &Value, id: &str, other: &str| {
        row[id].as_str().or_else(|| row[other].as_str()).unwrap_or_default().to_owned()
    };
    let (mut names, mut enrolled) = (Vec::new(), Vec::new());
    for student in school.get("/api/v1/students").await.is_ok().json().as_array().unwrap() {
        let number = id(student, "number", "email");
        names.push(format!("{number} {}", student["name"].as_str().unwrap()));
        let taken = school.get(&format!("/api/v1/students/{}/courses", student["id"])).await.is_ok().json();
        enrolled.extend(
            taken.as_array().unwrap().iter().map(|course| format!("{number} {}", id(course, "code", "name"))),
        );
    }
    names.sort();
    enrolled.sort();
    [names, enrolled]
}

/// Each refused row: file, line and code.
fn refused(report: &Value, files: &Files) -> Vec<String> {
    let line = |row: &Value| {
        let file = PathBuf::from(row["file"].as_str().unwrap());
        let name = file.strip_prefix(files.path()).unwrap().to_str().unwrap().to_owned();
        format!("{name}:{} {}", row["line"], row["code"].as_str().unwrap())
    };
    let mut lines: Vec<_> = report["refused_rows"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn every_case_is_imported_as_it_is_meant() {
    for case in CASES {
        let (school, files, name) = (School::open().await, Files::new(), case.seen_in);
        let paths: Vec<_> = case.files.iter().map(|(name, bytes)| files.with(name, bytes)).collect();
        let report = import(&school, &paths, &[]).is_done();
        assert_eq!(refused(&report, &files), case.refused, "{name}: {report:#}");
        assert_eq!(found(&school).await, [case.students, case.enrolled], "{name}: {report:#}");
        assert!(report["plan_changed"].as_array().is_none_or(Vec::is_empty), "{name}: {report:#}");
        let log = seq(&school).await;
        for options in [&[][..], &["--mode", "full"]] {
            let again = import(&school, &paths, options).is_done();
            assert_eq!(refused(&again, &files), case.refused, "{name}: {again:#}");
            assert_eq!((seq(&school).await, &again["counts"]["would_vanish"]), (log, &json!(0)), "{name}");
        }
        assert!(!report.to_string().contains("Secret-"), "{name}: a password is not repeated");
    }
}
