package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"testing"
)

// Proves that each call returns a new database: empty, reachable, and gone when its test is over.
func TestPostgres(t *testing.T) {
	t.Parallel()
	var first string
	t.Run("Use", func(t *testing.T) {
		first = emptyPostgres(t)
		exec(t, first, "CREATE TABLE marks (n int)")
		exec(t, emptyPostgres(t), "CREATE TABLE marks (n int)") // would fail in the same database
	})
	const query = "SELECT count(*) FROM pg_database WHERE datname = $1"
	if got := count(t, emptyPostgres(t), query, nameOf(t, first)); got != 0 {
		t.Errorf("the database outlived its test")
	}
}

// Proves that a template is prepared once per name, that a clone contains what was prepared, and that clones do not
// see each other.
func TestPostgresTemplate(t *testing.T) {
	t.Parallel()
	name := rand.Text() // templates stay for the whole process, and -count runs this test again in it
	prepared := 0
	migrate := func(url string) error {
		prepared++
		exec(t, url, "CREATE TABLE marks (n int)")
		return nil
	}
	for range 3 {
		url := clonePostgres(t, name, migrate)
		exec(t, url, "INSERT INTO marks VALUES (1)")
		if got := count(t, url, "SELECT count(*) FROM marks"); got != 1 {
			t.Errorf("a clone holds %d rows, want its own 1", got)
		}
	}
	if prepared != 1 {
		t.Errorf("prepared %d times, want once", prepared)
	}
	other := clonePostgres(t, rand.Text(), func(string) error { return nil })
	if got := count(t, other, "SELECT count(*) FROM pg_tables WHERE tablename = 'marks'"); got != 0 {
		t.Errorf("two names share a template")
	}
}

// Proves that a failed preparation is reported to every caller, not only to the first.
func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	broken, name := errors.New("broken migration"), rand.Text()
	for range 2 {
		if _, err := startedServer(t).template(name, func(string) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("got %v, want the migration's error", err)
		}
	}
}

// Proves that the next run drops the databases of a run that is over, and that those of a live run stay.
func TestSweep(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	mine := startedServer(t)
	dead, err := openDatabases(ctx, mine.url.String())
	if err != nil {
		t.Fatal(err)
	}
	left, err := dead.template("left", func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	exists := func() bool {
		return count(t, mine.url.String(), "SELECT count(*) FROM pg_database WHERE datname = $1", left) == 1
	}
	if err := mine.sweep(ctx); err != nil || !exists() {
		t.Fatalf("a living run lost its database (sweep: %v)", err)
	}
	if err := errors.Join(dead.lock.Close(), dead.admin.Close()); err != nil { // what its death would do
		t.Fatal(err)
	}
	// The server releases the lock a moment after the connection closed. Asking for the lock waits for that moment.
	exec(t, mine.url.String(), "SELECT pg_advisory_lock($1, $2), pg_advisory_unlock($1, $2)", lockClass, dead.run)
	if err := mine.sweep(ctx); err != nil || exists() {
		t.Errorf("a dead run's database is still there (sweep: %v)", err)
	}
}

// Proves that the server commits as production does. No test may accept a commit that a power cut would undo.
func TestServerIsDurable(t *testing.T) {
	t.Parallel()
	db := open(t, emptyPostgres(t))
	for _, name := range []string{"fsync", "synchronous_commit"} {
		var value string
		if err := db.QueryRow("SELECT current_setting($1)", name).Scan(&value); err != nil || value != "on" {
			t.Errorf("%s = %q (%v), want on", name, value, err)
		}
	}
}

// Proves that an unusable address is refused without repeating its password.
func TestErrBadAddress(t *testing.T) {
	t.Parallel()
	_, err := openDatabases(context.Background(), "postgres://u:hunter2@127.0.0.1:bad/x")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, url, statement string, args ...any) {
	t.Helper()
	db := open(t, url)
	defer db.Close()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func count(t *testing.T, url, query string, args ...any) (n int) {
	t.Helper()
	db := open(t, url)
	defer db.Close()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func nameOf(t *testing.T, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}
