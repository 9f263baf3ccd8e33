//! A limit on how often a statement reaches relations. What WITH and views name is planned again wherever it is named: thirty
//! lines, each of which joins the one before with itself, would be a plan of 2^30 nodes.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement, Visitor};
use varve_types::VarveError;

use super::within;
use crate::error::into_datafusion;
use crate::statement::names;
use crate::statement::walk::look;

/// Relations, each as often as it is reached.
const REACHED_MAX: usize = 2_000;

/// Refuses a statement that reaches relations too often; `view` gives what a view stands for.
///
/// # Errors
/// `SQL_LIMIT`.
pub(crate) fn of_reached(
    statement: &Statement,
    view: &dyn Fn(&ObjectName) -> Option<Statement>,
) -> Result<()> {
    let mut reached = Reached { view, views: HashMap::new(), open: Vec::new() };
    match reached.of(statement) {
        Ok(_) => Ok(()),
        Err(error) => Err(into_datafusion(error)),
    }
}

struct Reached<'v> {
    view: &'v dyn Fn(&ObjectName) -> Option<Statement>,
    /// What views that were met reach.
    views: HashMap<ObjectName, usize>,
    /// Queries that one is in, from the outermost.
    open: Vec<Open>,
}

#[derive(Default)]
struct Open {
    reached: usize,
    /// What its WITH names, and how much that reaches.
    named: HashMap<String, usize>,
    /// Queries of its WITH that are still to come, by where they lie.
    naming: HashMap<*const Query, String>,
}

impl Reached<'_> {
    fn of(&mut self, statement: &Statement) -> varve_types::Result<usize> {
        let outer = std::mem::replace(&mut self.open, vec![Open::default()]);
        let looked = look(statement, self);
        let whole = std::mem::replace(&mut self.open, outer).pop();
        looked?;
        Ok(whole.map_or(0, |whole| whole.reached))
    }

    fn add(&mut self, count: usize) -> varve_types::Result<()> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        open.reached += count;
        let hint = "put what is used often into a table";
        within("the statement", open.reached, REACHED_MAX, "relations in all that it names", hint)
    }

    fn relation(&mut self, relation: &ObjectName) -> varve_types::Result<usize> {
        if let [part] = relation.0.as_slice()
            && let Some(name) = part.as_ident().map(names::ident)
            && let Some(count) = self.open.iter().rev().find_map(|open| open.named.get(&name))
        {
            return Ok(*count);
        }
        if let Some(count) = self.views.get(relation) {
            return Ok(*count);
        }
        // One that stands on itself is refused by the planner.
        self.views.insert(relation.clone(), 1);
        let Some(query) = (self.view)(relation) else { return Ok(1) };
        let count = 1 + self.of(&query)?;
        self.views.insert(relation.clone(), count);
        Ok(count)
    }
}

impl Visitor for Reached<'_> {
    type Break = VarveError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<VarveError> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        let naming = ctes.map(|cte| (std::ptr::from_ref(cte.query.as_ref()), names::ident(&cte.alias.name)));
        self.open.push(Open { naming: naming.collect(), ..Open::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<VarveError> {
        let count = 1 + self.open.pop().map_or(0, |open| open.reached);
        let Some(around) = self.open.last_mut() else { return ControlFlow::Continue(()) };
        match around.naming.remove(&std::ptr::from_ref(query)) {
            Some(name) => {
                around.named.insert(name, count);
                ControlFlow::Continue(())
            }
            None => super::flow(self.add(count)),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<VarveError> {
        super::flow(self.relation(relation).and_then(|count| self.add(count)))
    }
}
