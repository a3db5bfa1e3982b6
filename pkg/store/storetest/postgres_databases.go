package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver
)

// databases creates and drops databases on one server for this process.
//
// The server may outlive us and be shared with other processes. So the name of each database carries the number of
// this run, and the run holds an advisory lock with that number while the process lives. If that lock is free, the
// process of the run is gone, and anyone may drop its databases.
type databases struct {
	admin *sql.DB
	lock  *sql.Conn // holds the run's advisory lock
	url   *url.URL
	run   int32
	next  atomic.Int64

	mu        sync.Mutex
	templates map[string]func() (string, error)
}

const (
	namePrefix = "pointsync_test_"
	lockClass  = 0x706f696e // "poin": separates our advisory locks from those of others
)

func openDatabases(ctx context.Context, serverURL string) (*databases, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return nil, fmt.Errorf("the test server's address is not a postgres:// URL") // the cause repeats the password
	}
	admin, err := sql.Open("pgx", serverURL)
	if err != nil {
		return nil, fmt.Errorf("open the test server: %w", err)
	}
	d := &databases{admin: admin, url: u, run: rand.Int32(), templates: map[string]func() (string, error){}}
	if d.lock, err = admin.Conn(ctx); err != nil {
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	if _, err := d.lock.ExecContext(ctx, "SELECT pg_advisory_lock($1, $2)", lockClass, d.run); err != nil {
		return nil, fmt.Errorf("lock the run's databases: %w", err)
	}
	return d, d.sweep(ctx)
}

// create makes a database, a copy of the template unless that is "", and drops it when the test ends.
func (d *databases) create(t testing.TB, template string) string {
	t.Helper()
	name := d.name(strconv.FormatInt(d.next.Add(1), 10))
	if err := d.createDatabase(name, template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.drop(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return d.urlOf(name)
}

// template returns the name of the prepared database. No one may connect to it any more.
func (d *databases) template(name string, migrate func(url string) error) (string, error) {
	d.mu.Lock()
	prepare, ok := d.templates[name]
	if !ok {
		prepare = sync.OnceValues(func() (string, error) {
			database := d.name("template_" + strconv.FormatInt(d.next.Add(1), 10))
			if err := d.createDatabase(database, ""); err != nil {
				return "", err
			}
			return database, migrate(d.urlOf(database))
		})
		d.templates[name] = prepare
	}
	d.mu.Unlock()
	return prepare()
}

func (d *databases) createDatabase(name, template string) error {
	statement := "CREATE DATABASE " + quote(name)
	if template != "" {
		statement += " TEMPLATE " + quote(template)
	}
	if _, err := d.admin.Exec(statement); err != nil {
		return fmt.Errorf("create the test database %s: %w", name, err)
	}
	return nil
}

// drop drops a database. It does not wait for connections that a test left open.
func (d *databases) drop(ctx context.Context, name string) error {
	if _, err := d.admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop the test database %s: %w", name, err)
	}
	return nil
}

// sweep drops what earlier runs left behind: their templates, and whatever they had no time to drop.
func (d *databases) sweep(ctx context.Context) error {
	rows, err := d.admin.QueryContext(ctx, `SELECT datname FROM pg_database
		WHERE starts_with(datname, $1) AND pg_get_userbyid(datdba) = current_user`, namePrefix)
	if err != nil {
		return fmt.Errorf("look for old test databases: %w", err)
	}
	defer rows.Close()
	left := map[int32][]string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("look for old test databases: %w", err)
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(name, namePrefix), "_")
		if run, err := strconv.ParseInt(number, 10, 32); err == nil {
			left[int32(run)] = append(left[int32(run)], name)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for old test databases: %w", err)
	}
	delete(left, d.run)
	for run, names := range left {
		if err := d.dropRun(ctx, run, names); err != nil {
			return err
		}
	}
	return nil
}

// dropRun drops the databases of a run. It does nothing while the run's process lives, or while another process drops
// them.
func (d *databases) dropRun(ctx context.Context, run int32, names []string) error {
	var over bool
	err := d.lock.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1, $2)", lockClass, run).Scan(&over)
	if err != nil || !over {
		return err
	}
	for _, name := range names {
		if err := d.drop(ctx, name); err != nil {
			return err
		}
	}
	_, err = d.lock.ExecContext(ctx, "SELECT pg_advisory_unlock($1, $2)", lockClass, run)
	return err
}

func (d *databases) name(rest string) string {
	return namePrefix + strconv.Itoa(int(d.run)) + "_" + rest
}

func (d *databases) urlOf(name string) string {
	u := *d.url
	u.Path = "/" + name
	return u.String()
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
