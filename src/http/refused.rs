//! The error type of handlers, which lists the kinds of problems: `Refused<(StudentNotFound, CourseNotFound)>`.

use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};

use super::problem::{Kind, Problem, ProblemKind, Scope};

/// A list of kinds, as a type.
pub trait Kinds {
    /// The kinds in the list.
    fn kinds() -> Vec<&'static Kind>;
}

impl Kinds for () {
    fn kinds() -> Vec<&'static Kind> {
        Vec::new()
    }
}

macro_rules! tuple_of_kinds {
    ($($name:ident)+) => {
        impl<$($name: ProblemKind),+> Kinds for ($($name,)+) {
            fn kinds() -> Vec<&'static Kind> {
                vec![$($name::KIND),+]
            }
        }
    };
}

tuple_of_kinds!(A);
tuple_of_kinds!(A B);
tuple_of_kinds!(A B C);
tuple_of_kinds!(A B C D);
tuple_of_kinds!(A B C D E);
tuple_of_kinds!(A B C D E F G);
tuple_of_kinds!(A B C D E F G H I);
tuple_of_kinds!(A B C D E F G H I J K);
tuple_of_kinds!(A B C D E F G H I J K L);

/// A problem of one of the kinds `P`, or of a kind that any request can cause.
#[derive(Debug)]
pub struct Refused<P>(Problem, PhantomData<P>);

impl<P: Kinds, E: Into<Problem>> From<E> for Refused<P> {
    fn from(error: E) -> Self {
        let problem = error.into();
        debug_assert!(
            problem.kind().scope != Scope::Signature
                || P::kinds().iter().any(|kind| kind.slug == problem.kind().slug),
            "the signature does not list {}",
            problem.kind().slug
        );
        Self(problem, PhantomData)
    }
}

impl<P> IntoResponse for Refused<P> {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
