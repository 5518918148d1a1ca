//! What is left of an import that was interrupted.

use std::collections::{HashMap, HashSet};

use super::carry_out::{Done, Order};
use super::rows::{ImportRow, RowStatus};
use super::staging::Shift;
use super::steps::{Obstacle, Plan};
use crate::registrar::Refusal;

/// The plan that was confirmed, and what the log has of it.
pub(super) struct Resumed {
    planned: Vec<ImportRow>,
    /// The numbers of rows because of which something has happened already.
    in_log: HashSet<i64>,
}

impl Resumed {
    pub(super) fn new(planned: Vec<ImportRow>, in_log: HashSet<i64>) -> Self {
        Self { planned, in_log }
    }

    /// Carries out the rows of a new plan that do what was confirmed. What has happened already is not done once more: if it
    /// is to be done again by the new plan, somebody has reversed it since.
    pub(super) fn order(&self, shift: &Shift, plan: &Plan) -> Order {
        let left = self.planned.iter().filter(|row| !self.in_log.contains(&row.row));
        let left: HashMap<u64, &ImportRow> = left.map(|row| (row.fingerprint(), row)).collect();
        Order::new(shift.clone(), plan, |number, row| {
            let now = plan.row(number, row);
            let planned = left.get(&now.fingerprint()).filter(|planned| planned.is_about_the_same(&now));
            planned.map(|planned| planned.row)
        })
    }

    /// The rows that were confirmed and not carried out, with the reasons. `in_log` are the numbers of rows because of which
    /// something has happened by now.
    pub(super) fn not_done(
        self,
        plan: &Plan,
        order: &Order,
        done: &Done,
        in_log: &HashSet<i64>,
    ) -> Vec<ImportRow> {
        let refused: HashMap<i64, &Obstacle> =
            done.changed.iter().filter_map(|(row, why)| Some((order.number(*row)?, why))).collect();
        let now: HashMap<u64, ImportRow> = plan
            .rows()
            .into_iter()
            .map(|row| plan.row(0, row))
            .filter(|row| {
                matches!(row.status, RowStatus::Refused | RowStatus::Unchanged | RowStatus::Vanishing)
            })
            .map(|row| (row.subject(), row))
            .collect();
        let mut not_done = Vec::new();
        for row in self.planned.into_iter().filter(|row| row.is_step() && !in_log.contains(&row.row)) {
            let by_now = now.get(&row.subject());
            let is_so = match row.status {
                // It is gone, whoever has removed it.
                RowStatus::Vanishing => by_now.is_none_or(|row| row.status != RowStatus::Vanishing),
                _ => by_now.is_some_and(|row| row.status == RowStatus::Unchanged),
            };
            if is_so {
                continue;
            }
            let why = match (refused.get(&row.row), by_now) {
                (Some(why), _) => (*why).clone(),
                (None, Some(ImportRow { code: Some(_), detail: Some(detail), .. })) => {
                    Obstacle { code: "plan-changed", detail: detail.clone() }
                }
                _ => Obstacle::from(&Refusal::PlanChanged),
            };
            not_done.push(row.with_obstacle(&why));
        }
        not_done
    }
}
