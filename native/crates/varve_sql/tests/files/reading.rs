//! Files as tables.

use crate::fixture::Fixture;

#[test]
fn csv_is_read_as_its_options_say() {
    let at = Fixture::new();
    at.write("a.csv", "id,name,x\n1,one,0.5\n2,\"two, \"\"2\"\"\nlines\",\n");
    at.write("b.tsv", "id\tname\n3\tthree\n");
    at.write("bare.csv", "1;x\n2;'a;b'\n");
    at.write("c.csv", "#note\nid\n7\n");
    at.check("SELECT id, x FROM '@/a.csv' ORDER BY id", &["1 0.5", "2 NULL"]);
    at.check("SELECT name FROM '@/a.csv' WHERE id = 2", &["two, \"2\"\nlines"]);
    at.check("SELECT a.id FROM '@/a.csv' WHERE a.name = 'one'", &["1"]);
    at.check("SELECT t.id FROM '@/a.csv' AS t WHERE t.name = 'one'", &["1"]);
    at.check("SELECT id + 1, name FROM '@/b.tsv'", &["4 three"]);
    at.check("SELECT count(*) FROM read_csv('@/a.csv', header = false)", &["3"]);
    at.check(
        "SELECT * FROM read_csv('@/bare.csv', header := false, delim => ';', quote = '''')",
        &["1 x", "2 a;b"],
    );
    at.check("SELECT * FROM read_csv('@/c.csv', comment = '#')", &["7"]);
    at.check("SELECT count(*) FROM read_csv('@/b.tsv', delim = ',')", &["1"]);
    at.refuses("SELECT * FROM read_csv('@/a.csv', nonsense = 1)", "SQL_UNSUPPORTED");
    at.refuses("SELECT * FROM read_csv('@/a.csv', header = 7)", "SQL_VALUE");
    at.refuses("SELECT * FROM read_csv('@/a.csv', 7)", "SQL_SYNTAX");
    at.refuses("SELECT * FROM read_csv(7)", "SQL_VALUE");
    at.refuses("SELECT nowhere FROM '@/a.csv'", "SQL_NAME");
    at.refuses("SELECT * FROM '@/a.txt'", "FILE_MALFORMED");
}

#[test]
fn json_is_read_line_by_line_or_as_an_array() {
    let at = Fixture::new();
    at.write("a.json", "{\"a\":1,\"b\":\"x\",\"c\":[1,2]}\n{\"a\":2,\"b\":null}\n");
    at.write("b.ndjson", "{\"a\":{\"b\":7}}\n");
    at.write("array.json", "[{\"a\":1},\n {\"a\":2}]");
    at.check("SELECT a, b, c FROM '@/a.json' ORDER BY a", &["1 x [1, 2]", "2 NULL NULL"]);
    at.check("SELECT a['b'] FROM '@/b.ndjson'", &["7"]);
    at.check("SELECT sum(a) FROM read_json('@/array.json', format = 'array')", &["3"]);
}

#[test]
fn patterns_stand_for_many_files() {
    let at = Fixture::new();
    for (name, rows) in
        [("p/1.csv", "a\n1\n"), ("p/2.csv", "a\n2\n"), ("p/q/3.csv", "a\n3\n"), ("p/.h.csv", "a\n9\n")]
    {
        at.write(name, rows);
    }
    at.check("SELECT sum(a) FROM '@/p/*.csv'", &["3"]);
    at.check("SELECT sum(a) FROM '@/p/[2-9].csv'", &["2"]);
    at.check("SELECT sum(a) FROM '@/p/**/*.csv'", &["6"]);
    at.check("SELECT sum(a) FROM '@/p/?/3.csv'", &["3"]);
    at.check("SELECT sum(a) FROM read_csv('@/*/?.csv')", &["3"]);
}

#[test]
fn a_file_that_changes_is_read_anew() {
    let at = Fixture::new();
    at.write("a.csv", "a\n1\n");
    at.check("SELECT a FROM '@/a.csv'", &["1"]);
    at.write("a.csv", "b\n2\n3\n");
    at.check("SELECT b FROM '@/a.csv'", &["2", "3"]);
    at.write("d/1.csv", "a\n1\n");
    at.check("SELECT sum(a) FROM '@/d/*.csv'", &["1"]);
    at.write("d/2.csv", "a\n1\n");
    at.check("SELECT sum(a) FROM '@/d/*.csv'", &["2"]);
}

#[test]
fn tables_and_views_are_made_of_files() {
    let at = Fixture::new();
    at.write("a.csv", "id,name\n1,one\n2,two\n");
    at.run("CREATE TABLE t AS SELECT * FROM '@/a.csv'").expect("it is made");
    at.run("INSERT INTO t SELECT id + 10, name FROM read_csv('@/a.csv')").expect("it is filled");
    at.check("SELECT sum(id), count(*) FROM t", &["26 4"]);
    at.run("CREATE VIEW v AS SELECT name FROM '@/a.csv' WHERE id = 2").expect("it is made");
    at.check("SELECT * FROM v", &["two"]);
    at.check("SELECT t.name FROM t JOIN '@/a.csv' AS f ON f.id = t.id ORDER BY 1", &["one", "two"]);
    at.check("WITH f AS (SELECT * FROM '@/a.csv') SELECT count(*) FROM f AS x, f AS y", &["4"]);
}
