package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm/schema"

	"github.com/pointsync/pointsync/pkg/billing"
)

// pgLane makes batches on PostgreSQL, in two round trips: it locks the rows and reads; it writes and commits. It uses
// pgx itself, because GORM sends one statement at a time.
type pgLane struct {
	db   *DB
	pool *pgxpool.Pool
}

// openLane opens the lane's own connections. Those of the other pool may all wait for locks.
func openLane(ctx context.Context, like *pgxpool.Config) (*pgxpool.Pool, error) {
	cfg := like.Copy()
	cfg.MaxConns, cfg.MinConns = 1+maxAside, 0
	p := cfg.ConnConfig.RuntimeParams
	p["lock_timeout"] = fmt.Sprint(briefWait.Milliseconds())
	// Each statement finds its rows by an index. A plan that reads a whole table while the table is small would be kept
	// when it has grown. Compiling a plan takes longer than running it.
	p["jit"], p["enable_seqscan"], p["enable_hashjoin"], p["enable_mergejoin"] = "off", "off", "off", "off"
	return pgxpool.NewWithConfig(ctx, cfg)
}

// The statements of a batch. Rows are locked in the order of their ids, so two batches cannot wait for each other.
var (
	laneAccounts = columnsOf(&accountRow{})
	laneEntries  = columnsOf(&entryRow{})
	laneLock     = "SELECT " + laneAccounts.list("") + " FROM accounts WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
	laneSkip     = laneLock + " SKIP LOCKED"
	laneLogins   = `SELECT l.account_id, l.id FROM unnest($1::text[], $2::text[]) AS k (account_id, id)
		JOIN logins l ON l.account_id = k.account_id AND l.id = k.id
		WHERE l.revoked_at IS NULL AND l.expires_at > $3`
	laneKeys = "SELECT " + laneEntries.list("e.") + ` FROM unnest($1::text[], $2::text[]) AS k (account_id, key)
		JOIN entries e ON e.account_id = k.account_id AND e.idempotency_key = k.key`
	laneWanted = "SELECT " + wantedQuery
	laneSave   = `UPDATE accounts a SET available = v.available, unsettled = v.unsettled, version = v.version,
		spent_day = v.spent_day, spent_points = v.spent_points
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[])
			AS v (id, available, unsettled, version, spent_day, spent_points)
		WHERE a.id = v.id`
	laneAppend = `INSERT INTO entries (account_id, seq, id, kind, amount, held, balance_after, action, quantity,
		description, metadata, by_kind, by_id, idempotency_key, request_hash, created_at)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
			$16::timestamptz[])`
	laneDeliver = `INSERT INTO deliveries
		(webhook_id, id, account_id, type, body, status, attempts, put_off, next_at, last_status, last_error,
			created_at)
		SELECT w.id, d.id, d.account_id, d.type, d.body, ` + statusAtFirst + `, 0, 0, $6, 0, '', d.created_at
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
			AS d (id, account_id, type, body, created_at)
		JOIN webhooks w ON w.types = ',*,' OR w.types LIKE '%,' || d.type || ',%'`
)

// run makes a batch. If a row is held by others for longer than wait, it makes the batch without the accounts that are
// held, and returns their moves.
func (l *pgLane) run(ctx context.Context, moves []*queued, wait time.Duration) (held []*queued, err error) {
	began := time.Now()
	defer func() { l.db.metrics.Transaction(time.Since(began)) }() // as InTx counts; it makes the batches of SQLite
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return nil, translate(err)
	}
	defer conn.Release()
	for try := 1; ; try++ {
		held, err = l.try(ctx, conn.Conn(), moves, wait, false)
		if isLockTimeout(err) {
			held, err = l.try(ctx, conn.Conn(), moves, wait, true)
		}
		if !lostRace(err) || try == maxTries {
			break
		}
	}
	var broken *pgconn.PgError
	switch {
	case errors.Is(err, ErrAlone), isLockTimeout(err), // of a table: by itself, a move waits longer for it
		errors.As(err, &broken) && !away(err): // a statement is refused, and all rolled back
		return nil, ErrAlone
	case err != nil:
		return nil, translate(err)
	}
	return held, nil
}

// try makes one attempt. An error of PostgreSQL's itself means that nothing was done. After any other error no one
// knows.
func (l *pgLane) try(
	ctx context.Context, conn *pgx.Conn, moves []*queued, wait time.Duration, skip bool,
) (held []*queued, err error) {
	s, err := l.read(ctx, conn, moves, wait, skip)
	if err != nil {
		return nil, l.undo(ctx, conn, err)
	}
	if skip {
		moves, held = s.split(moves)
	}
	decide(moves, s)
	w, err := l.db.writesOf(ctx, moves, s)
	if err != nil {
		_ = l.undo(ctx, conn, err)
		return nil, ErrAlone
	}
	if err := l.write(ctx, conn, moves, w); err != nil {
		if err = l.undo(ctx, conn, err); lostRace(err) || isLockTimeout(err) {
			err = ErrAlone // they were told what was decided, so it is not decided again here
		}
		return nil, err
	}
	l.db.countMoves(w)
	return held, nil
}

// undo rolls back, and returns the cause. A connection that cannot even do that is closed by its release.
func (l *pgLane) undo(ctx context.Context, conn *pgx.Conn, cause error) error {
	if !conn.IsClosed() {
		_, _ = conn.Exec(ctx, "rollback")
	}
	return cause
}

// split returns the moves whose accounts were locked, and the others.
func (s *laneState) split(moves []*queued) (locked, held []*queued) {
	for _, q := range moves {
		if _, ok := s.accounts[q.Account]; ok {
			locked = append(locked, q)
		} else {
			held = append(held, q)
		}
	}
	return locked, held
}

// read begins the transaction, locks the accounts, and reads what the moves need, in one round trip. A statement that
// begins after the lock was got sees what the last holder of the lock has committed. So a login that ended is seen
// here.
func (l *pgLane) read(
	ctx context.Context, conn *pgx.Conn, moves []*queued, wait time.Duration, skip bool,
) (*laneState, error) {
	want, s := wantsOf(moves), &laneState{now: l.db.Now()}
	slices.Sort(want.accounts)
	b := &pgx.Batch{}
	b.Queue("begin")
	if wait != briefWait {
		b.Queue(fmt.Sprintf("SET LOCAL lock_timeout = %d", wait.Milliseconds()))
	}
	lock := laneLock
	if skip {
		lock = laneSkip
	}
	var accounts []accountRow
	b.Queue(lock, want.accounts).Query(laneAccounts.into(func(v any) { accounts = append(accounts, *v.(*accountRow)) }))
	if len(want.logins) > 0 {
		b.Queue(laneLogins, want.loginAccounts, want.logins, s.now).Query(func(rows pgx.Rows) error {
			var found []loginRow
			for rows.Next() {
				var row loginRow
				if err := rows.Scan(&row.AccountID, &row.ID); err != nil {
					return err
				}
				found = append(found, row)
			}
			s.takeLogins(found)
			return rows.Err()
		})
	}
	var entries []entryRow
	if len(want.keys) > 0 {
		b.Queue(laneKeys, want.keyAccounts, want.keys).
			Query(laneEntries.into(func(v any) { entries = append(entries, *v.(*entryRow)) }))
	}
	if l.db.before != nil {
		b.Queue(laneWanted).QueryRow(func(row pgx.Row) error { return row.Scan(&s.wanted) })
	}
	if err := l.send(ctx, conn, b, nil); err != nil {
		return nil, err
	}
	s.takeAccounts(accounts)
	return s, s.takeEntries(entries)
}

// send sends statements in one round trip. sent is called while they are under way.
func (l *pgLane) send(ctx context.Context, conn *pgx.Conn, b *pgx.Batch, sent func()) error {
	for _, q := range b.QueuedQueries {
		l.db.db.Logger.Trace(ctx, time.Now(), func() (string, int64) { return q.SQL, -1 }, nil)
	}
	results := conn.SendBatch(ctx, b)
	if sent != nil {
		sent()
	}
	return results.Close()
}

// write writes what was decided, and commits, in one round trip. The callers are told while it is under way, so they
// sign their responses in the meantime.
func (l *pgLane) write(ctx context.Context, conn *pgx.Conn, moves []*queued, w laneWrites) error {
	b := &pgx.Batch{}
	if len(w.accounts) > 0 {
		b.Queue(laneSave, saveArgs(w.accounts)...)
		args, err := appendArgs(w.entries)
		if err != nil {
			return err
		}
		b.Queue(laneAppend, args...)
	}
	if len(w.deliveries) > 0 {
		b.Queue(laneDeliver, deliverArgs(w.deliveries)...)
	}
	b.Queue("commit")
	return l.send(ctx, conn, b, func() { tell(moves) })
}

func saveArgs(accounts []billing.Account) []any {
	n := len(accounts)
	ids, available, unsettled := make([]string, n), make([]int64, n), make([]int64, n)
	versions, days, spent := make([]int64, n), make([]*time.Time, n), make([]int64, n)
	for i, a := range accounts {
		ids[i], available[i], unsettled[i] = string(a.ID), int64(a.Available), int64(a.Unsettled)
		versions[i], days[i], spent[i] = a.Version, a.Day.Day, int64(a.Day.Points)
	}
	return []any{ids, available, unsettled, versions, days, spent}
}

func appendArgs(entries []billing.Entry) ([]any, error) {
	n := len(entries)
	accounts, seqs, ids, kinds := make([]string, n), make([]int64, n), make([]string, n), make([]string, n)
	amounts, helds, balances := make([]int64, n), make([]int64, n), make([]int64, n)
	actions, quantities := make([]*string, n), make([]*int64, n)
	descriptions, metadata := make([]string, n), make([]string, n)
	byKinds, byIDs, keys, hashes := make([]string, n), make([]*string, n), make([]*string, n), make([]string, n)
	times := make([]time.Time, n)
	for i, e := range entries {
		row, err := toRowEntry(e)
		if err != nil {
			return nil, err
		}
		accounts[i], seqs[i], ids[i], kinds[i] = row.AccountID, row.Seq, row.ID, row.Kind
		amounts[i], helds[i], balances[i] = row.Amount, row.Held, row.BalanceAfter
		actions[i], quantities[i] = row.Action, row.Quantity
		descriptions[i], metadata[i] = row.Description, row.Metadata
		byKinds[i], byIDs[i], keys[i], hashes[i] = row.ByKind, row.ByID, row.IdempotencyKey, row.RequestHash
		times[i] = row.CreatedAt.Time
	}
	return []any{
		accounts, seqs, ids, kinds, amounts, helds, balances, actions, quantities, descriptions, metadata, byKinds,
		byIDs, keys, hashes, times,
	}, nil
}

func deliverArgs(deliveries []billing.Delivery) []any {
	n := len(deliveries)
	ids, accounts, types := make([]string, n), make([]*string, n), make([]string, n)
	bodies, times := make([]string, n), make([]time.Time, n)
	for i, d := range deliveries {
		ids[i], accounts[i], types[i] = string(d.ID), nullable(d.AccountID), string(d.Type)
		bodies[i], times[i] = d.Body, d.CreatedAt
	}
	return []any{ids, accounts, types, bodies, times, AtOnce}
}

// columns are those of a model, in the order of its fields. A statement that names them names all that the model has.
type columns struct {
	of     reflect.Type
	names  []string
	fields []int
}

func columnsOf(model any) columns {
	parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		panic(err) // a model of this package
	}
	c := columns{of: parsed.ModelType}
	for _, f := range parsed.Fields {
		c.names, c.fields = append(c.names, f.DBName), append(c.fields, f.StructField.Index[0])
	}
	return c
}

func (c columns) list(prefix string) string { return prefix + strings.Join(c.names, ", "+prefix) }

// into returns a function that reads rows of these columns, and passes a pointer to the model of each.
func (c columns) into(take func(row any)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		targets := make([]any, len(c.fields))
		for rows.Next() {
			row := reflect.New(c.of)
			for i, f := range c.fields {
				targets[i] = row.Elem().Field(f).Addr().Interface()
			}
			if err := rows.Scan(targets...); err != nil {
				return err
			}
			take(row.Interface())
		}
		return rows.Err()
	}
}
