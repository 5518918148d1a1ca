//! The ratios, and the goals for them.

use crate::contender::{Contender, Program};
use crate::data::{Engine, School};
use crate::growth::{CROWD, MEMORY, START};
use crate::setups::{self, Setup};
use crate::turns::CONNECTIONS;
use crate::work::Kind;
use crate::{Bench, growth, import, turns};

/// The goal for a ratio.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// No goal: the ratio explains the others.
    Any,
}

use Bound::{Any, AtLeast, AtMost};

impl Bound {
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            AtLeast(bound) => value >= bound,
            AtMost(bound) => value <= bound,
            Any => true,
        }
    }
}

/// Returns a ratio on an engine; `None` if it was not measured.
pub(crate) type Value<'a> = Box<dyn Fn(Engine) -> Option<f64> + 'a>;

/// All ratios: the name, the value, and the goals in the order of `ENGINES`.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn all(bench: &Bench) -> Vec<(String, Value<'_>, [Bound; 2])> {
    let journal = &bench.journal;
    let load = move |contender: &Contender, kind, rate| journal.load(&turns::name(contender, (kind, rate)));
    let ours = move |engine, kind, rate| load(&Program::Matricula.on(engine), kind, rate);
    let to_hello = move |kind| -> Value<'_> {
        Box::new(move |engine| {
            Some(ours(engine, kind, None)?.rate / load(&Contender::HELLO, kind, None)?.rate)
        })
    };
    let to_peer = move |kind, peer: Program| -> Value<'_> {
        Box::new(move |engine| {
            Some(ours(engine, kind, None)?.rate / load(&peer.clone().on(engine), kind, None)?.rate)
        })
    };
    let of_size =
        move |school, kind, engine| journal.load(&growth::load_name(engine, school, (kind, CONNECTIONS)));
    let sizes = &bench.settings.sizes;
    let (first, last) = (sizes.first().copied(), sizes.last().copied());
    let grown = move |kind| -> Value<'_> {
        Box::new(move |engine| Some(of_size(last?, kind, engine)?.rate / of_size(first?, kind, engine)?.rate))
    };
    let large_to_hello = move |kind| -> Value<'_> {
        Box::new(move |engine| {
            Some(of_size(last?, kind, engine)?.rate / load(&Contender::HELLO, Kind::W1, None)?.rate)
        })
    };
    let in_setup = move |setup| -> Value<'_> {
        let rate = move |engine, setup| Some(journal.load(&setups::name(engine, setup))?.rate);
        Box::new(move |engine| Some(rate(engine, setup)? / rate(engine, Setup::Plain)?))
    };
    let number = |school: Option<School>, what: &'static str| -> Value<'_> {
        Box::new(move |engine| journal.value(&growth::name(engine, school?, what)))
    };
    let crowd = Box::new(move |engine| {
        let p99 = |kind| Some(journal.load(&growth::load_name(engine, last?, (kind, CROWD)))?.p99);
        Some(p99(Kind::R1)?.max(p99(Kind::W1)?))
    });
    let of_import = move |what: &'static str| -> Value<'_> {
        Box::new(move |engine| journal.value(&import::name(engine, what)))
    };
    let imported = bench.settings.import.rows.total();
    let count = |school: Option<School>| school.map_or(0, |school| school.students);
    let (middle, large) = (sizes.get(1).or(sizes.first()).copied(), last);
    vec![
        ("R1 : hello".into(), to_hello(Kind::R1), [AtLeast(0.55), AtLeast(0.30)]),
        ("R2 : hello".into(), to_hello(Kind::R2), [AtLeast(0.65), AtLeast(0.50)]),
        (
            "W1 : the same rows written without HTTP".into(),
            Box::new(move |engine| {
                Some(ours(engine, Kind::W1, None)?.rate / journal.value(&turns::raw_name(engine))?)
            }),
            [AtLeast(0.80), AtLeast(0.60)],
        ),
        (
            "W1 : hello's POST plus the same rows, on one core".into(),
            Box::new(move |engine| {
                let each = 1.0 / load(&Contender::HELLO, Kind::W1, None)?.rate
                    + 1.0 / journal.value(&turns::raw_name(engine))?;
                Some(ours(engine, Kind::W1, None)?.rate * each)
            }),
            [Any, Any],
        ),
        ("R1 : Flask's".into(), to_peer(Kind::R1, Program::Flask), [AtLeast(50.0), AtLeast(30.0)]),
        ("R1 : Fastify's".into(), to_peer(Kind::R1, Program::Fastify), [AtLeast(3.5), AtLeast(4.5)]),
        ("W1 : Flask's".into(), to_peer(Kind::W1, Program::Flask), [AtLeast(30.0), AtLeast(35.0)]),
        ("W1 : Fastify's".into(), to_peer(Kind::W1, Program::Fastify), [AtLeast(6.0), AtLeast(8.0)]),
        (
            "W2 : W1".into(),
            Box::new(move |engine| {
                Some(ours(engine, Kind::W2, None)?.rate / ours(engine, Kind::W1, None)?.rate)
            }),
            [AtLeast(0.9), AtLeast(0.9)],
        ),
        (
            "p99 of R1 at 2000/s : hello's".into(),
            Box::new(move |engine| {
                let rate = Some(2_000);
                Some(ours(engine, Kind::R1, rate)?.p99 / load(&Contender::HELLO, Kind::R1, rate)?.p99)
            }),
            [AtMost(2.0), AtMost(3.0)],
        ),
        (
            "p99 of W1 at 1000/s, ms".into(),
            Box::new(move |engine| Some(ours(engine, Kind::W1, Some(1_000))?.p99)),
            [AtMost(2.0), AtMost(2.0)],
        ),
        (
            format!("p99 of {CROWD} busy clients, {} students, ms", count(large)),
            crowd,
            [AtMost(200.0), AtMost(200.0)],
        ),
        (
            format!("p99.9 of W1, {CONNECTIONS} busy clients, {} students, ms", count(large)),
            Box::new(move |engine| Some(of_size(last?, Kind::W1, engine)?.p999)),
            [AtMost(30.0), AtMost(30.0)],
        ),
        (
            format!("W1 with {} students : hello's POST", count(last)),
            large_to_hello(Kind::W1),
            [AtLeast(0.14), AtLeast(0.13)],
        ),
        (
            format!("WS with {} students : hello's POST", count(last)),
            large_to_hello(Kind::WS),
            [AtLeast(0.13), AtLeast(0.13)],
        ),
        ("R1 with a token : without".into(), in_setup(Setup::Token), [AtLeast(0.95), AtLeast(0.95)]),
        (
            "R1 in tables of a school's own : in ours".into(),
            in_setup(Setup::Mapped),
            [AtLeast(0.9), AtLeast(0.9)],
        ),
        (
            "R1 next to four clients that page : alone".into(),
            in_setup(Setup::Paged),
            [AtLeast(0.8), AtLeast(0.8)],
        ),
        (
            format!("R1 with {} students : with {}", count(last), count(first)),
            grown(Kind::R1),
            [AtLeast(0.9), AtLeast(0.9)],
        ),
        (
            format!("W1 with {} students : with {}", count(last), count(first)),
            grown(Kind::W1),
            [AtLeast(0.75), AtLeast(0.75)],
        ),
        (
            format!("memory, {} students, MiB", count(middle)),
            number(middle, MEMORY),
            [AtMost(96.0), AtMost(32.0)],
        ),
        (
            format!("memory, {} students, MiB", count(large)),
            number(large, MEMORY),
            [AtMost(160.0), AtMost(32.0)],
        ),
        (
            format!("start to first answer, {} students, ms", count(large)),
            number(large, START),
            [AtMost(20.0), AtMost(40.0)],
        ),
        (
            format!("import of {imported} rows : the engine's bulk load"),
            Box::new(move |engine| {
                let value = |what| journal.value(&import::name(engine, what));
                Some(value(import::APPLIED)? / value(import::BULK)?)
            }),
            [Any, Any],
        ),
        (
            format!("import of {imported} rows, next to clients, s"),
            of_import(import::APPLIED_WITH_CLIENTS),
            [AtMost(25.0), AtMost(35.0)],
        ),
        (
            format!("plan of {imported} rows, next to clients, s"),
            of_import(import::PLAN_WITH_CLIENTS),
            [AtMost(5.0), AtMost(5.0)],
        ),
        (
            format!("memory of an import of {imported} rows, MiB"),
            of_import(import::MEMORY),
            [AtMost(286.0), AtMost(286.0)],
        ),
        (
            format!("p99 of W1 at {}/s next to an import, ms", import::RATE),
            of_import(import::P99_DURING),
            [AtMost(50.0), AtMost(50.0)],
        ),
    ]
}
