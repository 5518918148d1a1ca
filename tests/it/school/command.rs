use matricula::registrar::{
    self, Answer, Batch, Caller, ChangeSeats, CreateCourse, CreateStudent, DeleteCourse, DeleteStudent,
    DropCourse, Enroll, Event, Facts, Grants, Needs, Refusal, Registrar, RemoveSeats, Restore, Role,
    SetSeats, UpdateCourse, UpdateStudent,
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
    Restore(Restore),
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
            Command::Restore($one) => $done,
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
