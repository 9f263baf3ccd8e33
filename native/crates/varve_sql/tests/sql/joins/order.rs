//! A query costs about the same in whatever order its tables are named.

use super::fixture::{Fixture, joined_rows};

/// All orders of `items`.
fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        permutations(&rest).into_iter().map(move |mut order| {
            order.insert(0, first.clone());
            order
        })
    };
    (0..items.len()).flat_map(with_first).collect()
}

/// A few large tables, small ones beside them, and a filter on the farthest.
fn shop() -> Fixture {
    let shop = Fixture::new(256 << 20);
    for sql in [
        "CREATE TABLE country (id BIGINT, name TEXT)",
        "INSERT INTO country SELECT value, 'country ' || value FROM generate_series(0, 19)",
        "CREATE TABLE customer (id BIGINT, country BIGINT)",
        "INSERT INTO customer SELECT value, value % 20 FROM generate_series(0, 1999)",
        "CREATE TABLE orders (id BIGINT, customer BIGINT)",
        "INSERT INTO orders SELECT value, value * 7 % 2000 FROM generate_series(0, 9999)",
        "CREATE TABLE item (orders BIGINT, product BIGINT, amount BIGINT)",
        "INSERT INTO item SELECT value % 10000, value * 31 % 500, value % 10 FROM generate_series(0, 39999)",
        "CREATE TABLE product (id BIGINT, kind BIGINT)",
        "INSERT INTO product SELECT value, value % 10 FROM generate_series(0, 499)",
        "ANALYZE",
    ] {
        shop.run(sql);
    }
    shop
}

#[test]
fn every_order_of_from_joins_about_as_many_rows() {
    let shop = shop();
    let condition = "item.orders = orders.id AND item.product = product.id AND orders.customer = customer.id \
        AND customer.country = country.id AND country.name = 'country 3' AND product.kind = 4";
    let tables = ["item", "orders", "customer", "country", "product"];
    let mut answers = Vec::new();
    let mut joined = Vec::new();
    for order in permutations(&tables) {
        let from = order.join(", ");
        let sql = format!("SELECT count(*), sum(amount), min(orders.id) FROM {from} WHERE {condition}");
        answers.push(shop.run(&sql));
        joined.push(joined_rows(&shop.explain(&sql, true)));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let (least, most) = (joined.iter().min().expect("some"), joined.iter().max().expect("some"));
    assert!(*most <= 2 * *least, "between {least} and {most} rows were joined");
    // 5 % of the orders are of one country, and 10 % of the items of one kind.
    assert!(*most <= 6_000, "{most} rows were joined");
}

#[test]
fn explicit_joins_are_ordered_and_keep_their_columns() {
    let shop = shop();
    let check = |sql: &str, other: &str| assert_eq!(shop.run(sql), shop.run(other), "{sql}");
    check(
        "SELECT * FROM (SELECT item.*, product.kind, orders.customer FROM item JOIN orders ON item.orders = orders.id \
         JOIN product ON item.product = product.id JOIN customer ON customer.id = orders.customer AND customer.country \
         < product.kind WHERE customer.country = 3) ORDER BY 1, 2, 3, 4, 5 LIMIT 20",
        "SELECT * FROM (SELECT item.*, product.kind, orders.customer FROM customer JOIN orders ON customer.id = \
         orders.customer JOIN item ON item.orders = orders.id JOIN product ON item.product = product.id AND \
         customer.country < product.kind WHERE customer.country = 3) ORDER BY 1, 2, 3, 4, 5 LIMIT 20",
    );
    // The same table several times, equal names, keys that are expressions, and outer joins that stay where they are.
    check(
        "SELECT count(*) AS n, sum(a.id + b.id * 3 + c.id * 5) AS s FROM customer a JOIN customer b ON a.id + 1 = b.id JOIN \
         customer c ON b.id = c.id - 1 JOIN country ON country.id = c.country WHERE country.name = 'country 7'",
        "SELECT count(*) AS n, sum(id + (id + 1) * 3 + (id + 2) * 5) AS s FROM customer WHERE (id + 2) % 20 = 7 AND id < 1998",
    );
    check(
        "SELECT count(*) AS n, count(c.id) AS m, sum(o.id) AS s FROM orders o LEFT JOIN customer c ON o.customer = c.id AND c.country = 3 \
         JOIN item ON item.orders = o.id JOIN product ON product.id = item.product WHERE product.kind = 4",
        "SELECT count(*) AS n, count(*) FILTER (WHERE o.customer % 20 = 3) AS m, sum(o.id) AS s FROM item JOIN orders o ON item.orders = \
         o.id WHERE item.product % 10 = 4",
    );
}

#[test]
fn keys_of_one_table_that_equal_the_same_are_all_kept() {
    let fixture = Fixture::new(256 << 20);
    fixture.run("CREATE TABLE two (x BIGINT, y BIGINT, z BIGINT)");
    fixture.run("INSERT INTO two SELECT value % 10, value % 7, value % 5 FROM generate_series(1, 700)");
    fixture.run("CREATE TABLE one (k BIGINT, v BIGINT)");
    fixture.run("INSERT INTO one SELECT value, value % 3 FROM generate_series(0, 9)");
    fixture.run("CREATE TABLE other (v BIGINT, z BIGINT)");
    fixture.run("INSERT INTO other SELECT value % 3, value FROM generate_series(0, 4)");
    let wanted =
        fixture.run("SELECT count(*) FROM two JOIN other ON two.z = other.z WHERE x = y AND x % 3 = other.v");
    for from in ["two, one, other", "one, two, other", "other, two, one", "other, one, two"] {
        let sql = format!(
            "SELECT count(*) FROM {from} WHERE two.x = one.k AND two.y = one.k AND one.v = other.v AND two.z = other.z"
        );
        assert_eq!(fixture.run(&sql), wanted, "{sql}");
    }
}
