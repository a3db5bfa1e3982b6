package store

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// laneWrites are what the moves of a batch have decided.
type laneWrites struct {
	accounts   []billing.Account // as the batch leaves them
	entries    []billing.Entry
	deliveries []billing.Delivery
}

// writesOf collects what the moves have decided, and the outgoing events of it.
func (d *DB) writesOf(ctx context.Context, moves []*queued, s *laneState) (w laneWrites, err error) {
	seen := map[billing.AccountID]bool{}
	for _, q := range moves {
		if q.turn.after == nil {
			continue
		}
		if !seen[q.Account] {
			seen[q.Account] = true
			w.accounts = append(w.accounts, s.accounts[q.Account])
		}
		w.entries = append(w.entries, q.turn.entry)
		if d.before == nil {
			continue
		}
		f := &Facts{
			Changes: []*Change{{Before: q.turn.Account, After: *q.turn.after}}, Entries: []billing.Entry{q.turn.entry},
		}
		tx := &Tx{Now: s.now, dialect: d.dialect, wanted: &s.wanted, collected: &w.deliveries}
		if err := d.before(ctx, tx, f); err != nil {
			return w, err
		}
	}
	return w, nil
}

// countMoves counts what a batch has committed.
func (d *DB) countMoves(w laneWrites) {
	d.committed(&Facts{Entries: w.entries}, len(w.deliveries) > 0)
}

// runOnSQLite makes a batch in one transaction, by the statements of all other code. SQLite has one writer, so no row
// is held by another.
func (d *DB) runOnSQLite(ctx context.Context, moves []*queued, _ time.Duration) (held []*queued, err error) {
	var w laneWrites
	err = d.InTx(ctx, func(tx *Tx) error {
		s, err := tx.readLane(ctx, moves)
		if err != nil {
			return err
		}
		decide(moves, s)
		if w, err = d.writesOf(ctx, moves, s); err != nil {
			return err
		}
		tell(moves)
		return tx.writeLane(ctx, w)
	})
	if err == nil {
		d.countMoves(w)
	} else if billing.CodeOf(err) != billing.EUnavailable {
		err = ErrAlone // one of them is refused by the database, and all were rolled back
	}
	return nil, err
}

// readLane reads what the moves need to know.
func (tx *Tx) readLane(ctx context.Context, moves []*queued) (*laneState, error) {
	want := wantsOf(moves)
	s := &laneState{now: tx.Now}
	var accounts []accountRow
	if err := tx.q(ctx).Where("id IN ?", want.accounts).Find(&accounts).Error; err != nil {
		return nil, translate(err)
	}
	s.takeAccounts(accounts)
	var logins []loginRow
	if len(want.logins) > 0 {
		err := tx.q(ctx).Where("(account_id, id) IN ?", pairs(want.loginAccounts, want.logins)).
			Where("revoked_at IS NULL AND expires_at > ?", stamp{tx.Now}).Find(&logins).Error
		if err != nil {
			return nil, translate(err)
		}
	}
	s.takeLogins(logins)
	var entries []entryRow
	if len(want.keys) > 0 {
		err := tx.q(ctx).Where("(account_id, idempotency_key) IN ?", pairs(want.keyAccounts, want.keys)).
			Find(&entries).Error
		if err != nil {
			return nil, translate(err)
		}
	}
	if err := s.takeEntries(entries); err != nil {
		return nil, err
	}
	if err := tx.q(ctx).Raw("SELECT " + wantedQuery).Scan(&s.wanted).Error; err != nil {
		return nil, translate(err)
	}
	return s, nil
}

func pairs(a, b []string) [][]any {
	all := make([][]any, len(a))
	for i := range a {
		all[i] = []any{a[i], b[i]}
	}
	return all
}

func (tx *Tx) writeLane(ctx context.Context, w laneWrites) error {
	for _, a := range w.accounts {
		if err := tx.saveAccount(ctx, a.ID, map[string]any{
			"available": int64(a.Available), "unsettled": int64(a.Unsettled), "version": a.Version,
			"spent_day": toStamp(a.Day.Day), "spent_points": int64(a.Day.Points),
		}); err != nil {
			return err
		}
	}
	rows := make([]entryRow, len(w.entries))
	for i, e := range w.entries {
		row, err := toRowEntry(e)
		if err != nil {
			return err
		}
		rows[i] = row
	}
	if len(rows) > 0 {
		if err := tx.q(ctx).Create(&rows).Error; err != nil {
			return translate(err)
		}
	}
	for _, e := range w.deliveries {
		if err := tx.InsertDeliveries(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// laneWants are the rows that the moves of a batch ask for. Accounts are in the order of the moves, each once.
type laneWants struct {
	accounts              []string
	loginAccounts, logins []string
	keyAccounts, keys     []string
}

func wantsOf(moves []*queued) (w laneWants) {
	seen := map[billing.AccountID]bool{}
	logins, keys := map[billing.LoginKey]bool{}, map[laneKey]bool{}
	for _, q := range moves {
		if !seen[q.Account] {
			seen[q.Account] = true
			w.accounts = append(w.accounts, string(q.Account))
		}
		login, key := billing.LoginKey{Account: q.Account, ID: q.Login}, laneKey{q.Account, q.Key}
		if q.Login != "" && !logins[login] {
			logins[login] = true
			w.loginAccounts, w.logins = append(w.loginAccounts, string(q.Account)), append(w.logins, string(q.Login))
		}
		if q.Key != "" && !keys[key] {
			keys[key] = true
			w.keyAccounts, w.keys = append(w.keyAccounts, string(q.Account)), append(w.keys, q.Key)
		}
	}
	return w
}

func (s *laneState) takeAccounts(rows []accountRow) {
	s.accounts = make(map[billing.AccountID]billing.Account, len(rows))
	for _, row := range rows {
		s.accounts[billing.AccountID(row.ID)] = fromRowAccount(row)
	}
}

func (s *laneState) takeLogins(rows []loginRow) {
	s.lives = make(map[billing.LoginKey]bool, len(rows))
	for _, row := range rows {
		s.lives[billing.LoginKey{Account: billing.AccountID(row.AccountID), ID: billing.SessionID(row.ID)}] = true
	}
}

func (s *laneState) takeEntries(rows []entryRow) error {
	s.used = make(map[laneKey]*billing.Entry, len(rows))
	for _, row := range rows {
		e, err := fromRowEntry(row)
		if err != nil {
			return err
		}
		s.used[laneKey{e.AccountID, e.Key}] = &e
	}
	return nil
}
