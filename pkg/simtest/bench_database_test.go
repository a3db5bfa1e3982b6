package simtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/pointsync/pointsync/pkg/store"
)

// benchAccounts are accounts with a live subscription and more points than any benchmark spends. fill makes them with
// their first grant and one login each.
const benchAccounts = 10_000

func fill(b *testing.B, db *store.DB, now time.Time) {
	b.Helper()
	const layout = "2006-01-02T15:04:05.000000Z"
	names := strings.NewReplacer(
		"{now}", "'"+now.UTC().Format(layout)+"'", "{later}", "'"+now.Add(28*24*time.Hour).UTC().Format(layout)+"'",
		"{points}", strconv.Itoa(1<<40),
		"{n}", fmt.Sprintf(
			"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)", benchAccounts),
	)
	for _, statement := range []string{
		`{n} INSERT INTO accounts (id, password_hash, role, available, held, debt, unsettled, version, spent_points,
			sub_id, sub_plan, sub_quantity, sub_status, sub_period_start, sub_period_end, sub_cancels, sub_paused,
			window_from, window_until, ticket_issued, ticket_applied, budget_at, parked_reason, grants_approved,
			cut_over_running, logins_ended, disabled_reason, created_at)
		SELECT 'acc_bench' || i, '', 'user', {points}, 0, 0, 0, 2, 0, 'sub_bench' || i, 'pro', 1, 'active', {now},
			{later}, false, false, {now}, {later}, 0, 0, {now}, '', false, false, 0, '', {now} FROM n`,
		`{n} INSERT INTO lots (account_id, id, grant_key, source, granted, remaining, held, expired, clawed_back,
			clawed_own, period_inner, created_at)
		SELECT 'acc_bench' || i, 'lot_bench' || i, 'bench', 'bench', {points}, {points}, 0, 0, 0, 0, false, {now}
			FROM n`,
		`{n} INSERT INTO entries (account_id, seq, id, kind, amount, held, balance_after, lot_id, by_kind, description,
			metadata, request_hash, created_at)
		SELECT 'acc_bench' || i, 2, 'ent_bench' || i, 'grant', {points}, 0, {points}, 'lot_bench' || i, 'system', '',
			'{}', '', {now} FROM n`,
		`{n} INSERT INTO logins (account_id, id, name, created_at, last_used_at, expires_at)
		SELECT 'acc_bench' || i, 'ses_bench' || i, '', {now}, {now}, {later} FROM n`,
	} {
		if _, err := db.SQL().ExecContext(b.Context(), names.Replace(statement)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := db.SQL().ExecContext(b.Context(), "ANALYZE"); err != nil {
		b.Fatal(err)
	}
}

// The scripts of pgbench. One statement does what a spend does at least, and one what a webhook does.
const (
	pgbenchSpend = `\set id random(1, %d)
WITH debit AS (
	UPDATE accounts SET available = available - 1, unsettled = unsettled + 1, version = version + 1,
		spent_points = spent_points + 1, spent_day = date_trunc('day', now())
	WHERE id = 'acc_bench' || :id AND available >= 1 AND (next_expiry IS NULL OR next_expiry > now())
	RETURNING id, version, available + held - debt AS balance)
INSERT INTO entries (account_id, seq, id, kind, amount, held, balance_after, by_kind, description, metadata,
	idempotency_key, request_hash, created_at)
SELECT id, version, id || version, 'spend', -1, 0, balance, 'customer', '', '{}', 'pgbench' || version, '', now()
FROM debit;
`
	pgbenchEvent = `\set a random(1, 1000000000)
\set b random(1, 1000000000)
WITH event AS (
	INSERT INTO inbox_events (id, type, api_version, livemode, object_type, object_id, customer_id, status, reason,
		attempts, last_error, created_at, received_at)
	VALUES ('evt_' || :a || :b, 'customer.updated', '', false, 'customer', 'cus_' || :a, 'cus_' || :a, 'pending', '',
		0, '', now(), now()))
INSERT INTO river_job (kind, args, max_attempts, queue, state, priority, scheduled_at)
VALUES ('pgbench', '{}', 1, 'pgbench', 'pending', 4, now());
`
)

// pgbench runs a script and returns what it took.
func pgbench(b *testing.B, url, script string, conns int, d time.Duration) (s sample) {
	b.Helper()
	dir := b.TempDir()
	file := filepath.Join(dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("pgbench", "-n", "-M", "prepared", "-f", file, "-c", strconv.Itoa(conns),
		"-j", strconv.Itoa(min(conns, 2)), "-T", strconv.Itoa(int(d.Seconds())), "-l", url)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "pgbench_log.*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			b.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			fields := bytes.Fields(line)
			if len(fields) < 3 {
				continue
			}
			micros, err := strconv.ParseInt(string(fields[2]), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			s.latencies = append(s.latencies, time.Duration(micros)*time.Microsecond)
		}
	}
	s.took = d.Truncate(time.Second)
	return s
}

// textbookAccount is the model of the textbook transaction.
type textbookAccount struct {
	ID        string `gorm:"primaryKey"`
	Available int64
	Held      int64
	Debt      int64
	Unsettled int64
	Version   int64
}

// TableName returns the table that the product uses.
func (textbookAccount) TableName() string { return "accounts" }

// openTextbook opens GORM as its first page shows it, with as many connections as the server has.
func openTextbook(b *testing.B, url string) *gorm.DB {
	b.Helper()
	db, err := gorm.Open(postgres.Open(url), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		b.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		b.Fatal(err)
	}
	pool.SetMaxOpenConns(20)
	pool.SetMaxIdleConns(20)
	b.Cleanup(func() { _ = pool.Close() })
	return db
}

// textbookSpend locks the account, saves it with a point less, and creates the entry: three statements between begin
// and commit.
func textbookSpend(db *gorm.DB, id string) error {
	return db.Transaction(func(tx *gorm.DB) error {
		var a textbookAccount
		if err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).First(&a, "id = ?", id).Error; err != nil {
			return err
		}
		a.Available--
		a.Unsettled++
		a.Version++
		if err := tx.Save(&a).Error; err != nil {
			return err
		}
		return tx.Table("entries").Create(map[string]any{
			"account_id": id, "seq": a.Version, "id": fmt.Sprint(id, a.Version), "kind": "spend", "amount": -1,
			"held": 0, "balance_after": a.Available + a.Held - a.Debt, "by_kind": "customer", "description": "",
			"metadata": "{}", "idempotency_key": fmt.Sprint("textbook", a.Version), "request_hash": "",
			"created_at": time.Now(),
		}).Error
	})
}

// serverProcess returns the process that started all of PostgreSQL's others.
func serverProcess(b *testing.B, db *store.DB) int {
	b.Helper()
	var backend int
	if err := db.SQL().QueryRow("SELECT pg_backend_pid()").Scan(&backend); err != nil {
		b.Fatal(err)
	}
	parent, _ := processTimes(backend)
	return parent
}

// cpuOfFamily returns how long a process and its children have used a processor, those that have ended too.
func cpuOfFamily(pid int) (sum time.Duration) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		n, _ := strconv.Atoi(filepath.Base(folder))
		if parent, took := processTimes(n); parent == pid || n == pid {
			sum += took
		}
	}
	return sum
}

// processTimes returns a process's parent, and how long it and its ended children have used a processor. Both are 0
// where the system does not say so.
func processTimes(pid int) (parent int, took time.Duration) {
	const tick = time.Second / 100
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	_, rest, _ := bytes.Cut(raw, []byte(") ")) // the program's name may hold spaces
	fields := bytes.Fields(rest)
	if len(fields) < 15 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1]))
	for _, f := range fields[11:15] {
		n, _ := strconv.ParseInt(string(f), 10, 64)
		took += time.Duration(n) * tick
	}
	return parent, took
}
