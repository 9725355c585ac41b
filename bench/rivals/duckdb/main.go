// Command duckdb does the reconciliation benchmark's work with DuckDB: the same two
// files, the same classes, by one full outer join. It has a module of its own, so that
// nothing of it reaches a user's build.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

// total counts rows and sums fen.
type total struct {
	Rows   int64 `json:"rows"`
	Amount int64 `json:"amount"`
}

// The join is on the id alone: a row that is there twice meets its partner twice, and
// comes out as one pair too many. That is cheaper for DuckDB than counting each id, and
// says the same where ids occur twice at most. Amounts are exact decimals.
const query = `
WITH l AS (SELECT payment AS id, CAST(time AS DATE) AS day, merchant, amount_fen AS amount, fee_fen AS fee,
    currency, status FROM read_csv(?, header = true, delim = ',', quote = '', escape = '', columns = {
    'payment': 'VARCHAR', 'time': 'TIMESTAMP', 'merchant': 'VARCHAR', 'amount_fen': 'BIGINT',
    'fee_fen': 'BIGINT', 'currency': 'VARCHAR', 'status': 'VARCHAR'})),
r AS (SELECT id, CAST(time AS DATE) AS day, merchant, CAST(yuan * 100 AS BIGINT) AS amount,
    CAST(fee * 100 AS BIGINT) AS fee,
    CASE currency WHEN 'CNY' THEN '156' WHEN 'USD' THEN '840' ELSE currency END AS currency,
    CASE state WHEN 'S' THEN 'approved' WHEN 'F' THEN 'declined' ELSE state END AS status
    FROM read_csv(?, header = true, delim = ',', quote = '', escape = '', columns = {
    'id': 'VARCHAR', 'merchant': 'VARCHAR', 'yuan': 'DECIMAL(16,2)', 'fee': 'DECIMAL(16,2)',
    'currency': 'VARCHAR', 'state': 'VARCHAR', 'time': 'TIMESTAMP'}))
SELECT class, CAST(count(*) AS BIGINT), CAST(sum(amount) AS BIGINT) FROM (
  SELECT CASE WHEN r.id IS NULL THEN 'short' WHEN l.id IS NULL THEN 'long'
    WHEN l.currency <> r.currency THEN 'currency' WHEN l.amount <> r.amount THEN 'amount'
    WHEN l.fee <> r.fee THEN 'fee' WHEN l.status <> r.status THEN 'status'
    WHEN l.merchant <> r.merchant THEN 'party' WHEN l.day <> r.day THEN 'cut-off'
    ELSE 'matched' END AS class, coalesce(l.amount, r.amount) AS amount
  FROM l FULL OUTER JOIN r ON l.id = r.id) GROUP BY class`

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: duckdb LEFT RIGHT THREADS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

// run prints one line of JSON: seconds of the query alone, and its classes.
func run(left, right, threads string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, set := range []string{"SET threads = " + threads, "SET preserve_insertion_order = false"} {
		if _, err := db.Exec(set); err != nil {
			return err
		}
	}
	var out struct {
		Seconds float64          `json:"seconds"`
		Version string           `json:"version"`
		Classes map[string]total `json:"classes"`
	}
	if err := db.QueryRow("SELECT version()").Scan(&out.Version); err != nil {
		return err
	}
	start := time.Now()
	rows, err := db.Query(query, left, right)
	if err != nil {
		return err
	}
	defer rows.Close()
	out.Classes = map[string]total{}
	for rows.Next() {
		var class string
		var t total
		if err := rows.Scan(&class, &t.Rows, &t.Amount); err != nil {
			return err
		}
		out.Classes[class] = t
	}
	if err := rows.Err(); err != nil {
		return err
	}
	out.Seconds = time.Since(start).Seconds()
	return json.NewEncoder(os.Stdout).Encode(out)
}
