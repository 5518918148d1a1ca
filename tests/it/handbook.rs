//! A term in a browser, as the handbook for registrars (`docs/registrar/`) tells it: each step of it, in its order.
//! With `MATRICULA_PICTURES=1` it takes the pictures of the handbook.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::school::{Browser, School};
use crate::sign_in::PASSWORD;

/// The files of the student information system, as the handbook shows them.
const FILES: [(&str, &str); 3] = [
    (
        "students.csv",
        "Student ID,First name,Last name,E-mail,Cohort,Phone\n\
         S10231,Mia,Berg,mia.berg@example.edu,First years,555-0131\n\
         S10232,Omar,Haddad,omar.haddad@example.edu,First years,555-0132\n\
         S10233,Lucía,Fernández,lucia.fernandez@example.edu,First years,\n\
         1.0235E+5,Priya,Nair,priya.nair@example.edu,First years,555-0135\n",
    ),
    (
        "courses.csv",
        "Course code,Title,Level\n\
         BIO-110,Cell Biology,introductory\n\
         HIS-204,History of Science,undergraduate\n",
    ),
    (
        "enrollments.csv",
        "Student ID,Course code\n\
         S10231,BIO-110\n\
         S10232,BIO-110\n\
         S10233,HIS-204\n\
         S10299,BIO-110\n",
    ),
];

/// The office at its desk, in Chicago.
struct Office {
    school: School,
    page: Browser,
    files: tempfile::TempDir,
}

impl Office {
    /// The sample school, in which students have enrolled already, on a Monday two months before the term.
    async fn open() -> Self {
        let school = School::open().await;
        let page = Browser::open(&school).await.in_zone("America/Chicago").await;
        let office = Self { school, page, files: tempfile::tempdir().unwrap() };
        office.is_at("2026-11-09T15:00:00Z");
        office.page.goto("/courses").await;
        office.page.click_text("Load the sample school").await;
        office.page.waits_for_text("40 courses").await;
        office
    }

    fn is_at(&self, time: &str) {
        self.school.clock.set(time.parse().unwrap());
    }

    async fn creates_account(&self, name: &str, role: &str) -> String {
        self.page.goto("/accounts").await;
        self.page.type_into("Name", name).await;
        self.page.type_into("E-mail address", &address(name)).await;
        self.page.type_into("Role", role).await;
        self.page.click_text("Create account").await;
        let link = self.page.text("code.secret").await;
        let (_, secret) = link.split_once("/set-password/").unwrap();
        format!("/set-password/{secret}")
    }

    async fn sets_password(&self, link: &str) {
        self.page.goto(link).await;
        self.page.type_into("New password", PASSWORD).await;
        self.page.click_text("Set password and sign in").await;
        self.page.waits_for_text("Sign out").await;
    }

    async fn signs_in(&self, name: &str) {
        self.page.goto("/sign-in").await;
        self.page.type_into("E-mail address", &address(name)).await;
        self.page.type_into("Password", PASSWORD).await;
        self.page.click_text("Sign in").await;
        self.page.waits_for_text("Sign out").await;
    }

    async fn signs_out(&self) {
        self.page.click_text("Sign out").await;
        self.page.waits_for_text("You have no password yet").await;
    }

    /// Finds a student by the number, as at the counter.
    async fn finds_student(&self, number: &str, name: &str) {
        self.page.goto("/students").await;
        self.page.type_into("Search by name, e-mail or number", number).await;
        self.page.waits_for_text("1 student").await;
        self.page.click_text(name).await;
        self.page.waits_for_text(&format!("number {number}")).await;
    }

    async fn finds_course(&self, name: &str) {
        self.page.goto("/courses").await;
        self.page.type_into("Search by name, level or code", name).await;
        self.page.waits_for_text("1 course").await;
        self.page.click_text(name).await;
        self.page.waits_for_text("Roster").await;
    }

    /// Clicks *Drop* of the first student of the roster, and returns the name.
    async fn drops_the_first_of(&self, course: &str) -> String {
        self.finds_course(course).await;
        let first = "[aria-label='Students on the roster'] tbody tr:first-child";
        let name = self.page.text(&format!("{first} a")).await;
        self.page.click_text(&format!("Drop {name}")).await;
        name
    }
}

/// The address of an account with this name.
fn address(name: &str) -> String {
    format!("{}@example.edu", name.to_lowercase().replace(' ', "."))
}

#[tokio::test]
async fn a_term_goes_from_the_import_to_the_census() {
    let office = Office::open().await;
    accounts(&office).await;
    import(&office).await;
    groups(&office).await;
    seats(&office).await;
    before_the_opening(&office).await;
    registration_day(&office).await;
    lists(&office).await;
    drops(&office).await;
    census(&office).await;
    end(&office).await;
    office.page.has_no_complaints().await;
    office.page.loads_nothing_from_elsewhere().await;
}

async fn accounts(office: &Office) {
    let Office { page, .. } = office;
    let admin = office.creates_account("Ruth Office", "admin").await;
    office.sets_password(&admin).await;
    let instructor = office.creates_account("Irene Moreau", "instructor").await;
    let registrar = office.creates_account("Nora Blake", "registrar").await;
    page.picture_to(500, "accounts").await;
    office.signs_out().await;
    office.sets_password(&instructor).await;
    office.signs_out().await;
    office.sets_password(&registrar).await;
    page.waits_for_text("40 courses").await;
}

async fn import(office: &Office) {
    let Office { page, .. } = office;
    let paths = FILES.map(|(name, text)| {
        let path = office.files.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    });
    page.goto("/imports").await;
    page.type_into("#files", &paths.join("\n")).await;
    page.click_text("Preview").await;
    page.waits_for_text("1 new group: First years. The refused rows are left out.").await;
    page.waits_for_text("the spreadsheet has lost digits of the id").await;
    page.waits_for_text("There is no student with the number S10299, and the files add none.").await;
    page.picture_to(540, "import").await;
    page.click_text("Import 8 changes").await;
    page.waits_for_text("Undo this import").await;
    page.picture_to(222, "imported").await;
    let odd = office.files.path().join("matrikel.csv");
    fs::write(&odd, "Matrikel;Studierende;Mail\nS10240;Ida Holm;ida.holm@example.edu\n").unwrap();
    page.goto("/imports").await;
    page.type_into("#files", odd.to_str().unwrap()).await;
    page.click_text("Preview").await;
    page.waits_for_text("There is no column for a name.").await;
    page.expects_status(422);
    page.picture_of("#columns", "columns").await;
    page.type_into("Matrikel", "student number").await;
    page.type_into("Studierende", "name").await;
    page.click_text("Preview").await;
    page.click_text("Import 1 change").await;
    page.waits_for_text("Undo this import").await;
}

async fn groups(office: &Office) {
    let Office { page, .. } = office;
    page.goto("/students").await;
    page.click_text("Groups").await;
    page.type_into("Name", "Seniors").await;
    page.click_text("Save group").await;
    page.click_text("Seniors").await;
    page.type_into("Students, one per line", "S10233\nomar.haddad@example.edu\nida holm\nS10299").await;
    page.click_text("Add all").await;
    page.waits_for_text("Ida Holm S10240 in the group").await;
    page.waits_for_text("S10299 Nobody has this number, address or name.").await;
    page.picture_to(545, "group").await;
    page.goto("/groups").await;
    page.type_into("#school_limit", "6").await;
    page.picture_of("[aria-labelledby=school]", "limit").await;
    page.click_text("Save limit").await;
    page.waits_for("#school_limit[value='6']").await;
}

async fn seats(office: &Office) {
    let Office { page, .. } = office;
    page.goto("/courses").await;
    page.click_text("Change the seats of these 42 courses…").await;
    page.type_into("Registration opens", "2026-11-16T08:00").await;
    page.type_into("Registration closes", "2026-12-04T17:00").await;
    page.type_into("Students can drop until", "2027-01-22T17:00").await;
    page.type_into("Group", "Seniors").await;
    page.type_into("Opens for the group", "2026-11-12T08:00").await;
    page.picture_to(860, "seats").await;
    page.click_text("Preview").await;
    page.waits_for_text("To change: 42 courses").await;
    page.picture_to(540, "seats-preview").await;
    page.click_text("Apply to 42 courses").await;
    page.waits_for_text("Undo this change").await;
    office.finds_course("Cell Biology").await;
    page.type_into("Capacity", "2").await;
    page.type_into("Places on the waitlist", "10").await;
    page.click_text("Save seats").await;
    page.waits_for_text("The seats are saved.").await;
    page.picture_of("[aria-labelledby=seats]", "course-seats").await;
    page.picture_of("[aria-labelledby=openings]", "course-groups").await;
    page.type_into("Add an instructor", "Irene Moreau").await;
    page.click_text("Add instructor").await;
    page.waits_for_text("The instructor is added.").await;
}

/// Thursday: registration is open for seniors only.
async fn before_the_opening(office: &Office) {
    let Office { page, .. } = office;
    office.is_at("2026-11-12T15:00:00Z");
    office.signs_in("Nora Blake").await;
    office.finds_student("S10231", "Mia Berg").await;
    page.type_into("Course name", "logic").await;
    page.waits_for_text("Enroll anyway… in Logic 101").await;
    page.picture_to(425, "not-open").await;
    office.finds_student("S10233", "Lucía Fernández").await;
    page.type_into("Course name", "ethics 531").await;
    page.click_text("Enroll in Ethics 531").await;
    page.waits_for_text("Enrolled in Ethics 531.").await;
}

async fn registration_day(office: &Office) {
    let Office { page, .. } = office;
    office.is_at("2026-11-16T14:30:00Z");
    office.signs_in("Nora Blake").await;
    page.goto("/registration").await;
    page.waits_for_text("Most wanted").await;
    page.goto("/registration?wall=true").await;
    page.waits_for_text("Fewest seats left").await;

    office.finds_student("S10231", "Mia Berg").await;
    page.type_into("Course name", "logic").await;
    page.click_text("Join waitlist of Logic 101 (4 waiting)").await;
    page.waits_for_text("Logic 101 is full: the student is on the waitlist.").await;
    page.picture_to(520, "waits").await;
    page.click_text("Enroll anyway…").await;
    page.type_into("Reason", "Needs it to graduate; approved by the dean").await;
    page.picture_to(500, "override").await;
    page.click_text("Enroll with this reason").await;
    page.waits_for_text("with an override: “Needs it to graduate; approved by the dean”").await;

    office.finds_student("S10232", "Omar Haddad").await;
    page.click_text("Place a hold…").await;
    page.type_into("Reason", "Library fees: please see the desk in room 12.").await;
    page.click_text("Place hold").await;
    page.waits_for_text("The hold is placed.").await;
    page.type_into("Course name", "anatomy 314").await;
    page.waits_for_text("Enroll anyway… in Anatomy 314").await;
    page.picture_to(600, "hold").await;

    office.finds_student("S10233", "Lucía Fernández").await;
    for course in ["Anatomy 314", "Anatomy 515", "Algebra 503", "Algebra 507"] {
        page.type_into("Course name", course).await;
        page.click_text(&format!("Enroll in {course}")).await;
        page.waits_for_text(&format!("Enrolled in {course}.")).await;
    }
    page.type_into("Course name", "drawing 526").await;
    page.waits_for_text("At the limit of courses").await;
}

async fn lists(office: &Office) {
    let Office { page, .. } = office;
    office.finds_course("Chemistry 538").await;
    page.click_text("Paste a list…").await;
    page.type_into("Students, one per line", "S10231\nS10232\nS10233\nida holm\nS10299").await;
    page.click_text("Enroll all").await;
    page.waits_for_text("Mia Berg S10231 enrolled").await;
    page.waits_for_text("S10299 Nobody has this number, address or name.").await;
    page.picture_to(430, "pasted").await;
    // Omar keeps the seat that he had before the hold.
    office.finds_course("Cell Biology").await;
    page.type_into("Name, number or e-mail", "ida").await;
    page.click_text("Join waitlist for Ida Holm").await;
    page.waits_for_text("The course is full: Ida Holm is on the waitlist.").await;
}

async fn drops(office: &Office) {
    let Office { page, .. } = office;
    let name = office.drops_the_first_of("Geology 333").await;
    page.waits_for_text("5 students are on the waitlist: the first of them gets the seat at once.").await;
    page.picture_to(250, "drop").await;
    page.click_text("Drop Geology 333").await;
    page.waits_for_text(&format!("{name} is dropped. The seat is taken")).await;
    page.picture_to(265, "dropped").await;
    let path = page.path().await;
    page.goto("/courses").await;
    // The address of the page that offers to undo works later, too.
    page.goto(&path).await;
    page.click_text("Undo").await;
    page.waits_for_text("13 of 12").await;

    // After the deadline.
    office.is_at("2027-01-25T15:00:00Z");
    office.signs_in("Nora Blake").await;
    let name = office.drops_the_first_of("History of Science").await;
    assert_eq!(name, "Lucía Fernández");
    page.type_into("Reason", "Illness, approved by the dean of students").await;
    page.picture_to(365, "drop-late").await;
    page.click_text("Drop History of Science").await;
    page.waits_for_text("with an override: “Illness, approved by the dean of students”").await;
}

async fn census(office: &Office) {
    let Office { page, .. } = office;
    office.is_at("2027-02-01T15:00:00Z");
    office.signs_in("Nora Blake").await;
    office.finds_course("History of Science").await;
    assert!(page.text("main").await.contains("Nobody is enrolled yet."));
    // The browser has its own clock, by which this day has not come yet, so the form cannot be sent.
    let day = "as_of=2027-01-15&until=2027-01-16T05:59:59.999Z";
    let path = page.path().await;
    page.goto(&format!("{path}?{day}")).await;
    page.waits_for_text("You are looking at the past. As of the end of Jan 15, 2027: 1 student.").await;
    page.waits_for_text("Lucía Fernández S10233").await;
    page.picture_to(560, "census").await;
    let file = page.attribute("a[href*='students.csv']", "href").await.unwrap();
    assert!(file.contains("as_of=2027-01-16T05:59:59.999Z"), "{file}");
    page.goto(&format!("{path}/roster?sort=name")).await;

    office.signs_out().await;
    office.signs_in("Irene Moreau").await;
    page.waits_for_text("Your courses").await;
    page.picture_to(400, "instructor").await;
    page.click_text("Cell Biology").await;
    page.waits_for_text("Omar Haddad").await;
    page.waits_for_text("Ida Holm").await;
}

/// A file ends enrollments, and undoing it gives the seats back.
async fn end(office: &Office) {
    let Office { page, .. } = office;
    office.signs_out().await;
    office.signs_in("Nora Blake").await;
    let file = office.files.path().join("ended.csv");
    fs::write(
        &file,
        "student_number,course_code,status\nS10231,BIO-110,completed\nS10232,BIO-110,completed\n",
    )
    .unwrap();
    page.goto("/imports").await;
    page.type_into("#files", file.to_str().unwrap()).await;
    page.click_text("Preview").await;
    page.waits_for_text("Refused: 2 rows").await;
    // The deadline for drops is over.
    page.goto("/imports").await;
    page.type_into("#files", file.to_str().unwrap()).await;
    page.type_into("Reason to enroll beyond limits", "End of the term").await;
    page.click_text("Preview").await;
    page.waits_for_text("Removed: 2 rows").await;
    page.click_text("Import 2 changes").await;
    page.waits_for_text("Undo this import").await;
    office.finds_course("Cell Biology").await;
    page.waits_for_text("Nobody is enrolled yet.").await;
    page.goto("/imports").await;
    page.click_text("ended.csv").await;
    page.click_text("Undo this import").await;
    page.waits_for_text("Everything was undone.").await;
    office.finds_course("Cell Biology").await;
    page.waits_for_text("Omar Haddad").await;
}

/// The names of the pictures that the handbook has, that its pages show, and that the test above takes.
#[test]
fn the_pictures_of_the_handbook_are_taken_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/registrar");
    let (mut stored, mut shown) = (BTreeSet::new(), BTreeSet::new());
    let picture = Regex::new(r"!\[[^\]]+\]\(([a-z-]+)\.png\)").unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => {
                stored.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
            }
            Some("md") => {
                let text = fs::read_to_string(&path).unwrap();
                shown.extend(picture.captures_iter(&text).map(|found| found[1].to_owned()));
            }
            _ => {}
        }
    }
    let call = Regex::new(r#"\.picture_(?:to|of)\([^;]*"([a-z-]+)"\)"#).unwrap();
    let taken: BTreeSet<_> =
        call.captures_iter(include_str!("handbook.rs")).map(|found| found[1].to_owned()).collect();
    assert_eq!((&stored, &shown), (&taken, &taken));
}
