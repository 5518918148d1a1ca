//! Commands about accounts and tokens that share a commit.

use matricula::clock::{Clock, ManualClock};
use matricula::db::Db;
use matricula::registrar::{
    AssignInstructor, Caller, ChangeAccount, ChangePassword, Command, CourseId, CreateAccount, CreateCourse,
    CreateLink, CreateStudent, CreateToken, DeleteCourse, DeleteStudent, ExternalId, Proof, Refusal,
    Registrar, RemoveInstructor, RevokeToken, Right, Rights, Role, SetPassword, SignOn, StudentId,
    UnlinkAccount,
};
use proptest::prelude::*;

use crate::school::{Database, FIRST_DAY};

#[derive(Clone, Debug)]
enum Access {
    CreateToken(CreateToken),
    RevokeToken(RevokeToken),
    CreateAccount(CreateAccount),
    ChangeAccount(ChangeAccount),
    CreateLink(CreateLink),
    SetPassword(SetPassword),
    ChangePassword(ChangePassword),
    SignOn(SignOn),
    Unlink(UnlinkAccount),
    Assign(AssignInstructor),
    Remove(RemoveInstructor),
    DeleteStudent(DeleteStudent),
    DeleteCourse(DeleteCourse),
    CreateStudent(CreateStudent),
}

impl Access {
    /// The answer, as text.
    async fn carry_out(self, caller: &Caller, registrar: &Registrar) -> String {
        async fn submit<C: Command>(command: C, caller: &Caller, registrar: &Registrar) -> String
        where
            C::Answer: std::fmt::Debug,
        {
            let outcome = registrar.submit(command, caller).await;
            format!("{:?}", outcome.map(|outcome| outcome.answer).map_err(|outcome| outcome.answer))
        }
        match self {
            Self::CreateToken(command) => submit(command, caller, registrar).await,
            Self::RevokeToken(command) => submit(command, caller, registrar).await,
            Self::CreateAccount(command) => submit(command, caller, registrar).await,
            Self::ChangeAccount(command) => submit(command, caller, registrar).await,
            Self::CreateLink(command) => submit(command, caller, registrar).await,
            Self::SetPassword(command) => submit(command, caller, registrar).await,
            Self::ChangePassword(command) => {
                let actor = matricula::registrar::Actor::Account(command.account_id);
                submit(command, &Caller { actor, ..caller.clone() }, registrar).await
            }
            Self::SignOn(command) => submit(command, caller, registrar).await,
            Self::Unlink(command) => submit(command, caller, registrar).await,
            Self::Assign(command) => submit(command, caller, registrar).await,
            Self::Remove(command) => submit(command, caller, registrar).await,
            Self::DeleteStudent(command) => submit(command, caller, registrar).await,
            Self::DeleteCourse(command) => submit(command, caller, registrar).await,
            Self::CreateStudent(command) => submit(command, caller, registrar).await,
        }
    }
}

/// Ids of accounts and tokens: the numbers of the events after those of three students and two courses.
fn id() -> impl Strategy<Value = i64> {
    6..14_i64
}

fn student() -> impl Strategy<Value = StudentId> {
    (1..4_i64).prop_map(StudentId)
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![3 => Just(Role::Admin), 1 => Just(Role::Registrar), 2 => Just(Role::Instructor), 2 => Just(Role::Student)]
}

fn address() -> impl Strategy<Value = String> {
    prop_oneof![Just("ana@example.edu"), Just("Ben@example.edu"), Just("cleo@example.edu")]
        .prop_map(str::to_owned)
}

fn password() -> impl Strategy<Value = String> {
    prop_oneof![Just("$argon2id$1"), Just("$argon2id$2")].prop_map(str::to_owned)
}

/// A role and, if it is that of a student, mostly whose.
fn bound_role() -> impl Strategy<Value = (Role, Option<StudentId>)> {
    (role(), student(), any::<bool>()).prop_map(|(role, student, is_odd)| {
        (role, (role == Role::Student || is_odd && student.0 == 1).then_some(student))
    })
}

fn sign_on() -> impl Strategy<Value = SignOn> {
    (
        (0..2_u8, 0..3_u8),
        proptest::option::of(address()),
        proptest::option::weighted(0.4, prop_oneof![Just(Role::Admin), Just(Role::Instructor)]),
        any::<bool>(),
        proptest::option::weighted(0.3, student()),
        proptest::collection::vec(student(), 0..3),
    )
        .prop_map(|((provider, subject), address, role, may_be_student, student, students)| SignOn {
            external: ExternalId {
                provider: format!("https://{provider}.example.edu"),
                subject: format!("subject{subject}"),
            },
            name: None,
            address: address.map(|address| address.to_lowercase()),
            role,
            may_be_student,
            student,
            students,
        })
}

fn commands() -> impl Strategy<Value = Vec<(Access, Caller)>> {
    let later = || "2027-01-01T00:00:00Z".parse().unwrap();
    let scopes = proptest::option::weighted(0.3, Just(Rights::of(&[Right::ReadStudents, Right::Administer])));
    let command = prop_oneof![
        3 => (bound_role(), scopes).prop_map(|((role, student_id), scopes)| {
            let (name, hash) = ("token".to_owned(), String::new());
            Access::CreateToken(CreateToken { name, role, scopes, student_id, hash, expires_at: None })
        }),
        3 => id().prop_map(|id| Access::RevokeToken(RevokeToken { id })),
        4 => (bound_role(), address(), proptest::bool::weighted(0.7)).prop_map(
            move |((role, student_id), address, has_link)| {
                let link = has_link.then(|| (String::new(), later()));
                Access::CreateAccount(CreateAccount { name: "Somebody".to_owned(), address, role, student_id, link })
            }
        ),
        5 => (id(), proptest::option::of(address()), proptest::option::of(role()), proptest::option::of(any::<bool>()))
            .prop_map(|(id, address, role, enabled)| {
                Access::ChangeAccount(ChangeAccount { id, name: None, address, role, enabled })
            }),
        3 => id().prop_map(move |account_id| {
            Access::CreateLink(CreateLink { account_id, hash: String::new(), expires_at: later() })
        }),
        4 => (0..12_u8, password()).prop_map(|(link, password)| {
            Access::SetPassword(SetPassword { link: format!("secret{link}"), password })
        }),
        2 => (id(), password(), password()).prop_map(|(account_id, checked, password)| {
            Access::ChangePassword(ChangePassword { account_id, checked, password })
        }),
        5 => sign_on().prop_map(Access::SignOn),
        3 => id().prop_map(|id| Access::Unlink(UnlinkAccount { id })),
        3 => (1..3_i64, id()).prop_map(|(course, account_id)| {
            Access::Assign(AssignInstructor { course_id: CourseId(course), account_id })
        }),
        2 => (1..3_i64, id()).prop_map(|(course, account_id)| {
            Access::Remove(RemoveInstructor { course_id: CourseId(course), account_id })
        }),
        1 => student().prop_map(|id| {
            Access::DeleteStudent(DeleteStudent { id, drop: false, max_dropped: None, expected: None })
        }),
        1 => (1..3_i64).prop_map(|id| {
            Access::DeleteCourse(DeleteCourse { id: CourseId(id), drop: false, max_dropped: None, expected: None })
        }),
        1 => Just(Access::CreateStudent(named("Dora"))),
    ];
    proptest::collection::vec((command, caller()), 1..60).prop_map(with_secrets)
}

/// Gives each new token and link a secret of its own.
fn with_secrets(mut commands: Vec<(Access, Caller)>) -> Vec<(Access, Caller)> {
    let hashes = commands.iter_mut().filter_map(|(command, _)| match command {
        Access::CreateToken(CreateToken { hash, .. })
        | Access::CreateLink(CreateLink { hash, .. })
        | Access::CreateAccount(CreateAccount { link: Some((hash, _)), .. }) => Some(hash),
        _ => None,
    });
    hashes.enumerate().for_each(|(number, hash)| *hash = format!("secret{number}"));
    commands
}

/// Mostly the program itself; else somebody whose rights were looked up when they arrived.
fn caller() -> impl Strategy<Value = Caller> {
    let resumed = |kind: &'static str| {
        (id(), any::<bool>(), any::<bool>()).prop_map(move |(id, is_admin, has_session)| {
            let role = if is_admin { Role::Admin } else { Role::Registrar };
            let caller = Caller::resumed(&format!("{kind}:{id}"), &role.rights().to_string());
            let key = has_session.then(|| [u8::try_from(id).unwrap(); 32]);
            Caller { proof: Proof { key, ..caller.proof.clone() }, ..caller }
        })
    };
    let everybody = Caller::resumed("anonymous", &Rights::ALL.to_string());
    prop_oneof![6 => Just(Caller::default()), 1 => Just(everybody), 2 => resumed("token"), 2 => resumed("account")]
}

fn named(name: &str) -> CreateStudent {
    let address = format!("{}@example.edu", name.to_lowercase());
    CreateStudent::new([("name", name.to_owned()), ("email", address)])
}

/// An admin, an instructor with a course, and two people who sign in at a provider.
fn accounts() -> [Access; 5] {
    let account = |address: &str, role| {
        let link = Some((format!("link of {address}"), "2027-01-01T00:00:00Z".parse().unwrap()));
        let name = "Somebody".to_owned();
        Access::CreateAccount(CreateAccount {
            name,
            address: address.to_owned(),
            role,
            student_id: None,
            link,
        })
    };
    let person = |subject: &str, role| {
        Access::SignOn(SignOn {
            external: ExternalId {
                provider: "https://0.example.edu".to_owned(),
                subject: subject.to_owned(),
            },
            name: None,
            address: None,
            role: Some(role),
            may_be_student: false,
            student: None,
            students: Vec::new(),
        })
    };
    [
        account("ana@example.edu", Role::Admin),
        account("ben@example.edu", Role::Instructor),
        Access::Assign(AssignInstructor { course_id: CourseId(1), account_id: 7 }),
        person("subject0", Role::Admin),
        person("subject1", Role::Instructor),
    ]
}

/// A school with students, courses, perhaps accounts, and sessions of accounts that may come.
async fn open(database: &Database, has_accounts: bool) -> matricula::server::School {
    let clock = ManualClock::default();
    clock.set(FIRST_DAY.parse().unwrap());
    let school =
        matricula::server::School::open(database.location(), Clock::Manual(clock), None).await.unwrap();
    let registrar = &school.app.registrar;
    for name in ["Ana", "Ben", "Cleo"] {
        Access::CreateStudent(named(name)).carry_out(&Caller::default(), registrar).await;
    }
    for name in ["Algebra", "Botany"] {
        let course = CreateCourse::new([("name", name.to_owned()), ("level", "graduate".to_owned())]);
        registrar.submit(course, &Caller::default()).await.unwrap();
    }
    if has_accounts {
        for command in accounts() {
            let answer = command.clone().carry_out(&Caller::default(), registrar).await;
            assert!(answer.starts_with("Ok"), "{command:?}: {answer}");
        }
    }
    for id in 6..14_u8 {
        database.runs(&format!(
            "insert into matricula_sessions (hash, account_id, created_at, used_at, expires_at) \
             values ('{}', {id}, '{FIRST_DAY}', '{FIRST_DAY}', '2027-01-01T00:00:00.000Z')",
            format!("{id:02x}").repeat(32)
        ));
    }
    school
}

/// What the tables about access and the log have, a row a line.
async fn tables(database: &Database) -> Vec<String> {
    let db = Db::open(database.location()).unwrap();
    let mut rows = Vec::new();
    for sql in [
        "select cast(a.id as text) || address || role || coalesce(cast(a.person_id as text), '-') \
         || ' is ' || coalesce(cast(p.student_id as text), '-') \
         || coalesce(password, '-') || coalesce(disabled_at, '-') || coalesce(by_groups, '-') \
         from matricula_accounts a left join matricula_people p on p.id = a.person_id order by 1",
        "select cast(t.id as text) || role || scopes || coalesce(cast(t.person_id as text), '-') \
         || ' is ' || coalesce(cast(p.student_id as text), '-') || hash \
         || coalesce(revoked_at, '-') from matricula_tokens t left join matricula_people p on p.id = t.person_id order by 1",
        "select hash || cast(account_id as text) from matricula_links order by 1",
        "select s.hash || cast(a.id as text) from matricula_sessions s join matricula_accounts a on a.id = s.account_id order by 1",
        "select provider || subject || cast(account_id as text) from matricula_identities order by 1",
        "select cast(course_id as text) || ' by ' || cast(account_id as text) from matricula_instructors order by 1",
        "select cast(seq as text) || type || coalesce(actor, '-') || coalesce(data, '-') from events order by 1",
    ] {
        rows.extend(db.query(sql, [], |row| row.text(0)).await.unwrap());
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn commands_about_access_are_answered_as_if_they_had_come_one_by_one(
        commands in commands(), has_accounts in proptest::bool::weighted(0.7)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let [alone, together] = [Database::new(), Database::new()];
            let schools = [open(&alone, has_accounts).await, open(&together, has_accounts).await];
            let [one, other] = schools.each_ref().map(|school| &school.app.registrar);
            let mut expected = Vec::new();
            for (command, caller) in &commands {
                expected.push(command.clone().carry_out(caller, one).await);
            }
            let asked = commands.iter().map(|(command, caller)| command.clone().carry_out(caller, other));
            let answers = futures_util::future::join_all(asked).await;
            for ((command, answer), expected) in commands.iter().zip(&answers).zip(&expected) {
                assert_eq!(answer, expected, "{command:?}");
            }
            for school in schools {
                school.close().await;
            }
            assert_eq!(tables(&together).await, tables(&alone).await);
        });
    }
}

#[tokio::test]
async fn who_is_disabled_loses_sessions_and_links_even_if_the_same_commit_enables_them_again() {
    let database = Database::new();
    let school = open(&database, false).await;
    let (registrar, program) = (&school.app.registrar, Caller::default());
    let later = || "2027-01-01T00:00:00Z".parse().unwrap();
    for (address, secret) in [("ana@example.edu", "old"), ("ben@example.edu", "other")] {
        let (name, link) = ("Somebody".to_owned(), Some((secret.to_owned(), later())));
        let account =
            CreateAccount { name, address: address.to_owned(), role: Role::Admin, student_id: None, link };
        registrar.submit(account, &program).await.unwrap();
    }
    let id = 6;
    let change = |enabled| ChangeAccount { id, enabled: Some(enabled), ..ChangeAccount::default() };
    let link = CreateLink { account_id: id, hash: "new".to_owned(), expires_at: later() };
    // All three are in the queue before the first is taken from it, so that they share a commit.
    let (linked, disabled, enabled) = tokio::join!(
        registrar.submit(link, &program),
        registrar.submit(change(false), &program),
        registrar.submit(change(true), &program),
    );
    linked.unwrap();
    disabled.unwrap();
    enabled.unwrap();

    for link in ["old", "new"] {
        let password = SetPassword { link: link.to_owned(), password: "$argon2id$1".to_owned() };
        let refused = registrar.submit(password, &program).await.unwrap_err();
        assert_eq!(refused.answer, Refusal::LinkEnded, "{link}");
    }
    let sessions = "select account_id from matricula_sessions where account_id < 8 order by 1";
    assert_eq!(database.other_program().column(sessions), ["7"]);
    school.close().await;
}

#[tokio::test]
async fn an_account_whose_student_is_deleted_in_the_same_commit_is_nobodys() {
    let database = Database::new();
    let school = open(&database, false).await;
    let (registrar, program) = (&school.app.registrar, Caller::default());
    let create = |role, student_id, address: &str| {
        let link = Some((address.to_owned(), "2027-01-01T00:00:00Z".parse().unwrap()));
        CreateAccount { name: "Somebody".to_owned(), address: address.to_owned(), role, student_id, link }
    };
    let delete = DeleteStudent { id: StudentId(1), drop: false, max_dropped: None, expected: None };
    let rename = ChangeAccount { id: 7, name: Some("Ana".to_owned()), ..ChangeAccount::default() };
    registrar.submit(create(Role::Admin, None, "ben@example.edu"), &program).await.unwrap();
    let (created, deleted, renamed) = tokio::join!(
        registrar.submit(create(Role::Student, Some(StudentId(1)), "ana@example.edu"), &program),
        registrar.submit(delete, &program),
        registrar.submit(rename, &program),
    );
    created.unwrap();
    deleted.unwrap();
    assert_eq!(renamed.unwrap().answer.student_id, None);
    // It stays bound to the student who is gone; without that, it would be an account that may do what any student may.
    let unbound = "select id from matricula_accounts where person_id is null";
    assert_eq!(database.other_program().column(unbound), ["6"]);
    school.close().await;
}
