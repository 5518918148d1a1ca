use matricula::registrar::{
    self, Answer, Batch, Caller, ChangeSeats, CreateCourse, CreateStudent, DeleteCourse, DeleteGroup,
    DeleteStudent, DropCourse, Enroll, Event, Facts, Grants, JoinGroup, LeaveGroup, Needs, PlaceHold,
    Refusal, Registrar, ReleaseHold, RemoveSeats, Restore, Role, SetCourses, SetGroup, SetRules, SetSeats,
    StudentId, UpdateCourse, UpdateStudent,
};

#[derive(Clone, Debug)]
pub(crate) enum Command {
    CreateStudent(CreateStudent),
    UpdateStudent(UpdateStudent),
    DeleteStudent(DeleteStudent),
    CreateCourse(CreateCourse),
    UpdateCourse(UpdateCourse),
    DeleteCourse(DeleteCourse),
    Enroll(Enroll),
    Drop(DropCourse),
    /// Submitted by a student instead of staff.
    DropAsStudent(DropCourse),
    SetSeats(SetSeats),
    ChangeSeats(ChangeSeats),
    RemoveSeats(RemoveSeats),
    Batch(Batch),
    SetCourses(SetCourses),
    Restore(Restore),
    PlaceHold(PlaceHold),
    ReleaseHold(ReleaseFirstHold),
    SetRules(SetRules),
    SetGroup(SetGroup),
    DeleteGroup(DeleteGroup),
    JoinGroup(JoinGroup),
    LeaveGroup(LeaveGroup),
}

/// Evaluates an expression with the command of any variant.
macro_rules! each {
    ($command:expr, $one:ident => $done:expr) => {
        match $command {
            Command::CreateStudent($one) => $done,
            Command::UpdateStudent($one) => $done,
            Command::DeleteStudent($one) => $done,
            Command::CreateCourse($one) => $done,
            Command::UpdateCourse($one) => $done,
            Command::DeleteCourse($one) => $done,
            Command::Enroll($one) => $done,
            Command::Drop($one) | Command::DropAsStudent($one) => $done,
            Command::SetSeats($one) => $done,
            Command::ChangeSeats($one) => $done,
            Command::RemoveSeats($one) => $done,
            Command::Batch($one) => $done,
            Command::SetCourses($one) => $done,
            Command::Restore($one) => $done,
            Command::PlaceHold($one) => $done,
            Command::ReleaseHold($one) => $done,
            Command::SetRules($one) => $done,
            Command::SetGroup($one) => $done,
            Command::DeleteGroup($one) => $done,
            Command::JoinGroup($one) => $done,
            Command::LeaveGroup($one) => $done,
        }
    };
}

impl Command {
    fn caller(&self, default: &Caller) -> Caller {
        let Self::DropAsStudent(drop) = self else { return default.clone() };
        let grants = Grants { rights: Role::Student.rights(), student: Some(drop.student_id) };
        Caller { grants, ..default.clone() }
    }
}

/// Releases the first hold of a student.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReleaseFirstHold(pub(crate) StudentId);

impl ReleaseFirstHold {
    fn of(self, hold_id: i64) -> ReleaseHold {
        ReleaseHold { student_id: self.0, hold_id }
    }
}

impl registrar::Command for ReleaseFirstHold {
    type Answer = ();

    fn needs(&self, needs: &mut Needs) {
        self.of(0).needs(needs);
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        self.of(0).permit(caller)
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, ()), Refusal> {
        let first = facts.standings.get(&self.0).and_then(|standing| standing.holds.first());
        self.of(first.map_or(0, |hold| hold.id)).decide(caller, facts)
    }
}

/// Submits a command as the default caller.
pub(crate) async fn submit<C: registrar::Command>(
    registrar: &Registrar,
    command: C,
) -> Result<C::Answer, Refusal> {
    let outcome = registrar.submit(command, &Caller::default()).await;
    outcome.map(|outcome| outcome.answer).map_err(|outcome| outcome.answer)
}

impl registrar::Command for Command {
    type Answer = Answer;

    fn needs(&self, needs: &mut Needs) {
        each!(self, one => one.needs(needs));
    }

    fn permit(&self, caller: &Caller) -> Result<(), Refusal> {
        let caller = &self.caller(caller);
        each!(self, one => one.permit(caller))
    }

    fn decide(&self, caller: &Caller, facts: &Facts) -> Result<(Vec<Event>, Answer), Refusal> {
        let caller = &self.caller(caller);
        each!(self, one => one.decide(caller, facts).map(|(events, answer)| (events, answer.into())))
    }

    fn carry_out(&self, caller: &Caller, facts: &mut Facts) -> Result<(Vec<Event>, Answer), Refusal> {
        let caller = &self.caller(caller);
        each!(self, one => one.carry_out(caller, facts).map(|(events, answer)| (events, answer.into())))
    }

    fn weight(&self) -> usize {
        each!(self, one => one.weight())
    }
}
