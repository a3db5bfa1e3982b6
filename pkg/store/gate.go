package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	// maxOfAccount is how many transactions of one account use connections at a time. They take turns on its row, so
	// more would only wait, and the pool is everyone's.
	maxOfAccount = 3
	// rowPatience is how long one of them waits for the row.
	rowPatience = 1500 * time.Millisecond
)

// gates let only a few transactions of an account run at a time. It holds one gate for each account with any.
type gates struct {
	mu sync.Mutex
	of map[billing.AccountID]*gate
}

type gate struct {
	running int
	waiting []chan error // nil is sent to the one whose turn it is
}

// InTxOf runs fn as InTx does, for a transaction that begins with the lock of an account's row. Only a few of an
// account run at a time. If one of them does not get the row in time, because someone else holds it, those that wait
// are refused with it. So an account whose row is held takes few connections, and not for long. Errors: as InTx.
func (d *DB) InTxOf(ctx context.Context, id billing.AccountID, fn func(tx *Tx) error) error {
	if err := d.gates.enter(ctx, id); err != nil {
		return err
	}
	held := false
	defer func() { d.gates.leave(id, held) }() // also after a panic, or the account could do nothing more
	err := d.InTx(ctx, func(tx *Tx) error {
		if tx.dialect == Postgres {
			set := fmt.Sprintf("SET LOCAL lock_timeout = %d", rowPatience.Milliseconds())
			if err := tx.q(ctx).Exec(set).Error; err != nil {
				return translate(err)
			}
		}
		return fn(tx)
	})
	held = isLockTimeout(err)
	return err
}

func isLockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

// enter waits for the caller's turn.
func (g *gates) enter(ctx context.Context, id billing.AccountID) error {
	g.mu.Lock()
	if g.of == nil {
		g.of = map[billing.AccountID]*gate{}
	}
	own := g.of[id]
	if own == nil {
		own = &gate{}
		g.of[id] = own
	}
	if own.running < maxOfAccount {
		own.running++
		g.mu.Unlock()
		return nil
	}
	if len(own.waiting) >= maxOfOne {
		g.mu.Unlock()
		return busy("Too many requests of this account wait. Try again.")
	}
	turn := make(chan error, 1)
	own.waiting = append(own.waiting, turn)
	g.mu.Unlock()
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
	}
	g.mu.Lock()
	if i := slices.Index(own.waiting, turn); i >= 0 {
		own.waiting = slices.Delete(own.waiting, i, i+1)
		g.mu.Unlock()
		return ctx.Err()
	}
	g.mu.Unlock()
	if err := <-turn; err != nil {
		return err
	}
	g.leave(id, false) // it was its turn at that moment
	return ctx.Err()
}

// leave lets the next one in. If the row is held, it refuses all that wait.
func (g *gates) leave(id billing.AccountID, held bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	own := g.of[id]
	if held {
		for _, turn := range own.waiting {
			turn <- busy("Another change of this account takes long. Try again.")
		}
		own.waiting = nil
	}
	if len(own.waiting) > 0 {
		own.waiting[0] <- nil
		own.waiting = own.waiting[1:]
		return
	}
	if own.running--; own.running == 0 {
		delete(g.of, id)
	}
}
