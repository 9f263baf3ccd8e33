//! Random queries within queries, which mean the same in SQLite.

use crate::beside::{Beside, seeds};

/// Queries of one seed.
const QUERIES: usize = 150;
/// Queries within one.
const WITHIN_MAX: usize = 4;
/// Queries stand within queries, so deep.
const DEPTH_MAX: usize = 3;

/// What a query within may name: columns of those around it.
type Scope = Vec<String>;

/// Around a comparison with ANY or ALL, which SQLite does not have.
const OPEN: &str = "\u{1}";
const CLOSE: &str = "\u{2}";

/// `query` with such comparisons as `written`, which gets value, operator, quantifier and rows.
fn quantified(mut query: String, written: fn([&str; 4]) -> String) -> String {
    while let Some(from) = query.rfind(OPEN) {
        let to = from + query[from..].find(CLOSE).expect("it is closed");
        let mut parts = query[from + OPEN.len()..to].splitn(4, '|');
        let parts = [(); 4].map(|()| parts.next().expect("a part"));
        query = format!("{}{}{}", &query[..from], written(parts), &query[to + CLOSE.len()..]);
    }
    query
}

fn any_or_all([value, op, quantifier, rows]: [&str; 4]) -> String {
    format!("({value} {op} {quantifier} ({rows}))")
}

fn by_exists([value, op, quantifier, rows]: [&str; 4]) -> String {
    let is_any = quantifier == "ANY";
    let any = |says: &str| format!("EXISTS (SELECT 1 FROM ({rows}) AS r WHERE ({value} {op} r.x) {says})");
    let (decided, decision) = if is_any { (any("IS TRUE"), 1) } else { (any("IS FALSE"), 0) };
    format!(
        "(CASE WHEN {decided} THEN {decision} WHEN {} THEN NULL ELSE {} END)",
        any("IS NULL"),
        1 - decision
    )
}

struct Asking {
    beside: Beside,
    tables: usize,
    /// Queries that one may still have within it.
    left: usize,
}

impl Asking {
    fn can_ask(&self, depth: usize) -> bool {
        depth < DEPTH_MAX && self.left > 0
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.beside.below(texts.len() as u64) as usize]
    }

    fn chance(&mut self, of: u64) -> bool {
        self.beside.below(of) == 0
    }

    /// A column, with NULLs in it.
    fn column(&mut self, scope: &Scope) -> String {
        scope[self.beside.below(scope.len() as u64) as usize].clone()
    }

    fn number(&mut self, scope: &Scope, depth: usize) -> String {
        match self.beside.below(8) {
            0 => self.beside.below(5).to_string(),
            1 => format!("{} + {}", self.column(scope), self.column(scope)),
            2 if self.can_ask(depth) => self.value(scope, depth + 1),
            _ => self.column(scope),
        }
    }

    fn condition(&mut self, scope: &Scope, depth: usize) -> String {
        let choices = if self.can_ask(depth) { 14 } else { 6 };
        match self.beside.below(choices) {
            0..=2 => {
                let op = self.one_of(&["=", "=", "=", "<", "<=", "<>", "IS NOT DISTINCT FROM"]);
                format!("{} {op} {}", self.number(scope, depth), self.number(scope, depth))
            }
            3 => format!("({} AND {})", self.condition(scope, depth), self.condition(scope, depth)),
            4 => format!("({} OR {})", self.condition(scope, depth), self.condition(scope, depth)),
            5 => match self.beside.below(4) {
                0 => format!("(NOT {})", self.condition(scope, depth)),
                1 => format!("(({}) IS NULL)", self.condition(scope, depth)),
                2 => format!("({}) IS NOT TRUE", self.condition(scope, depth)),
                _ => format!("{} IS NULL", self.column(scope)),
            },
            6 | 7 => {
                let not = self.one_of(&["", "NOT "]);
                format!("{not}EXISTS ({})", self.rows(scope, depth + 1))
            }
            8..=10 => {
                let not = self.one_of(&["", "NOT "]);
                format!("{} {not}IN ({})", self.number(scope, depth), self.rows(scope, depth + 1))
            }
            11 => {
                let op = self.one_of(&["=", "<>", "<", "<=", ">", ">="]);
                let (quantifier, rows) = (self.one_of(&["ANY", "ALL"]), self.rows(scope, depth + 1));
                let value = self.number(scope, depth);
                [OPEN, &value, "|", op, "|", quantifier, "|", &rows, CLOSE].concat()
            }
            12 => {
                let (condition, other) = (self.condition(scope, depth), self.condition(scope, depth));
                format!("CASE WHEN {condition} THEN {other} ELSE {} END", self.condition(scope, depth))
            }
            _ => {
                let op = self.one_of(&["=", "<", ">=", "<>"]);
                format!("{} {op} {}", self.column(scope), self.value(scope, depth + 1))
            }
        }
    }

    /// FROM, and the columns that come from it.
    fn from(&mut self, around: &Scope, depth: usize) -> (String, Scope) {
        self.tables += 1;
        let a = format!("a{}", self.tables);
        let table = |a: &str, which: u64| match which {
            0 => (format!("t AS {a}"), vec![format!("{a}.id"), format!("{a}.g")]),
            1 => (format!("o AS {a}"), vec![format!("{a}.c"), format!("{a}.v")]),
            _ => (format!("p AS {a}"), vec![format!("{a}.k"), format!("{a}.w")]),
        };
        let which = self.beside.below(3);
        let (from, columns) = table(&a, which);
        match self.beside.below(8) {
            0 | 1 => {
                self.tables += 1;
                let (b, which) = (format!("a{}", self.tables), self.beside.below(3));
                let (other, others) = table(&b, which);
                let join = self.one_of(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
                let both: Scope = columns.iter().chain(&others).cloned().collect();
                let scope: Scope = match join {
                    "FULL JOIN" => both.clone(),
                    _ if self.chance(2) => both.iter().chain(around).cloned().collect(),
                    _ => both.clone(),
                };
                // What asks about both sides of a full join is refused.
                let depth = if join == "FULL JOIN" { DEPTH_MAX } else { depth };
                let more = if self.chance(2) {
                    String::new()
                } else {
                    format!(" AND {}", self.condition(&scope, depth))
                };
                let more = if join == "JOIN" || around.is_empty() || !self.chance(3) {
                    more
                } else {
                    format!("{more} AND {} <> {}", self.column(&both), self.column(around))
                };
                (format!("{from} {join} {other} ON {} = {}{more}", columns[0], others[0]), both)
            }
            2 if self.can_ask(depth) => {
                let rows = self.rows(around, depth + 1);
                (format!("({rows}) AS {a}"), vec![format!("{a}.x")])
            }
            _ => (from, columns),
        }
    }

    fn filter(&mut self, scope: &Scope, depth: usize) -> String {
        match self.beside.below(4) {
            0 => String::new(),
            1 => format!(" WHERE {} AND {}", self.condition(scope, depth), self.condition(scope, depth)),
            _ => format!(" WHERE {}", self.condition(scope, depth)),
        }
    }

    /// A query for one column.
    fn rows(&mut self, around: &Scope, depth: usize) -> String {
        if self.chance(8) {
            let set = self.one_of(&["UNION ALL", "UNION", "EXCEPT", "INTERSECT"]);
            return format!("{} {set} {}", self.plain_rows(around, depth), self.plain_rows(around, depth));
        }
        let rows = self.plain_rows(around, depth);
        if self.chance(5) {
            let count = self.beside.below(3);
            // SQLite counts rows that are the same for `EXISTS (SELECT DISTINCT ... OFFSET 1)`.
            let has_offset = self.chance(2) && !rows.starts_with("SELECT DISTINCT");
            let offset = if has_offset { " OFFSET 1" } else { "" };
            return format!("{rows} ORDER BY 1 NULLS FIRST LIMIT {count}{offset}");
        }
        rows
    }

    fn plain_rows(&mut self, around: &Scope, depth: usize) -> String {
        self.left = self.left.saturating_sub(1);
        let (from, own) = self.from(around, depth);
        let scope: Scope = own.iter().chain(around).cloned().collect();
        let filter = self.filter(&scope, depth);
        let first = own[0].clone();
        match self.beside.below(9) {
            0 => format!("SELECT DISTINCT {} AS x FROM {from}{filter}", self.column(&scope)),
            1 => {
                let having = match self.beside.below(3) {
                    0 => format!(" HAVING count(*) > {}", self.beside.below(3)),
                    1 => format!(" HAVING count(*) = {}", self.column(around)),
                    _ => String::new(),
                };
                let (column, aggregate) = (self.column(&own), self.aggregate(&own));
                format!("SELECT {aggregate} AS x FROM {from}{filter} GROUP BY {column}{having}")
            }
            2 => {
                let having = if self.chance(3) { " HAVING count(*) < 2" } else { "" };
                format!("SELECT {} AS x FROM {from}{filter}{having}", self.aggregate(&own))
            }
            3 => {
                let column = self.column(&own);
                format!("SELECT count(*) OVER (PARTITION BY {column}) AS x FROM {from}{filter}")
            }
            4 => {
                let by: Vec<_> = own.iter().map(|column| format!("{column} NULLS FIRST")).collect();
                format!("SELECT row_number() OVER (ORDER BY {}) AS x FROM {from}{filter}", by.join(", "))
            }
            _ => {
                let value = if self.chance(2) { first } else { self.number(&scope, depth) };
                format!("SELECT {value} AS x FROM {from}{filter}")
            }
        }
    }

    fn aggregate(&mut self, own: &Scope) -> String {
        let column = self.column(own);
        match self.beside.below(7) {
            0 | 1 => "count(*)".to_owned(),
            2 => format!("count({column})"),
            3 => format!("count(DISTINCT {column})"),
            4 => format!("sum({column})"),
            5 => format!("coalesce(max({column}), -1)"),
            _ => format!("min({column})"),
        }
    }

    /// A query for one value.
    fn value(&mut self, around: &Scope, depth: usize) -> String {
        if self.chance(4) {
            return format!(
                "(SELECT x FROM ({}) AS l ORDER BY x NULLS FIRST LIMIT 1)",
                self.rows(around, depth)
            );
        }
        self.left = self.left.saturating_sub(1);
        let (from, own) = self.from(around, depth);
        let scope: Scope = own.iter().chain(around).cloned().collect();
        let filter = self.filter(&scope, depth);
        let aggregate = self.aggregate(&own);
        match self.beside.below(4) {
            0 => format!("(SELECT {aggregate} + {} FROM {from}{filter})", self.column(around)),
            1 => format!("(SELECT {aggregate} FROM {from}{filter} HAVING count(*) = 1)"),
            _ => format!("(SELECT {aggregate} FROM {from}{filter})"),
        }
    }

    fn query(&mut self) -> String {
        let (from, scope) = self.from(&Vec::new(), DEPTH_MAX);
        let filter = self.filter(&scope, 0);
        let whether = |condition: String| format!("CAST({condition} AS INT)");
        match self.beside.below(5) {
            0 => {
                let (value, condition) = (self.value(&scope, 1), whether(self.condition(&scope, 0)));
                format!("SELECT {}, {value} AS a, {condition} AS b FROM {from}{filter}", scope[0])
            }
            1 => {
                let (condition, value) = (self.condition(&scope, 0), self.value(&scope, 1));
                format!(
                    "SELECT count(*) FILTER (WHERE {condition}) AS a, sum({value}) AS b FROM {from}{filter}"
                )
            }
            2 => {
                let condition = whether(self.condition(&scope, 0));
                format!("SELECT {condition} AS a, count(*) AS b FROM {from}{filter} GROUP BY {condition}")
            }
            3 => {
                let by = self.value(&scope, 1);
                format!(
                    "SELECT {0}, rank() OVER (ORDER BY {by} NULLS FIRST) AS a FROM {from}{filter}",
                    scope[0]
                )
            }
            _ => format!("SELECT {} FROM {from}{filter}", scope.join(", ")),
        }
    }
}

fn asked(seed: u64) {
    let beside = Beside::new(seed);
    let mut asking = Asking { beside, tables: 0, left: 0 };
    for table in ["t (id INT, g INT)", "o (c INT, v INT NOT NULL)", "p (k INT, w INT)"] {
        asking.beside.check(&format!("CREATE TABLE {table}"));
        let name = &table[..1];
        for _ in 0..2 {
            let rows = (0..2 + asking.beside.below(4)).map(|_| {
                let (first, second) = (asking.beside.below(6), asking.beside.below(5));
                let first = if first == 5 { "NULL".to_owned() } else { first.to_string() };
                let is_null = name == "p" && second == 4;
                format!("({first}, {})", if is_null { "NULL".to_owned() } else { second.to_string() })
            });
            let rows = rows.collect::<Vec<_>>().join(", ");
            asking.beside.check(&format!("INSERT INTO {name} VALUES {rows}"));
            if asking.chance(2) {
                asking.beside.rewrite();
            }
        }
    }
    let mut refused = 0;
    for _ in 0..QUERIES {
        asking.left = WITHIN_MAX;
        let query = asking.query();
        let (ours, theirs) = (quantified(query.clone(), any_or_all), quantified(query, by_exists));
        match asking.beside.ours(&ours) {
            Err(error) if error.contains("may differ each time") || error.contains("SQL_LIMIT") => {
                refused += 1
            }
            _ => asking.beside.check_both(&ours, &theirs),
        }
    }
    assert!(20 * refused < QUERIES, "{refused} of {QUERIES} were refused");
}

#[test]
fn random_queries_within_queries_answer_as_in_sqlite() {
    seeds(1..5).for_each(asked);
}
