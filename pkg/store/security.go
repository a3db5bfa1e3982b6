package store

import (
	"context"
	"log/slog"

	"github.com/pointsync/pointsync/pkg/billing"
)

// LogSecurity makes every transaction log its security events after its commit: what admins did, keys, passwords,
// deletions. So code that does such a thing cannot forget it, and what was rolled back is not logged. Set it once,
// before the database is used.
func (d *DB) LogSecurity(log *slog.Logger) { d.security = log }

// Report adds a security event to those that are logged after the commit.
func (tx *Tx) Report(e billing.SecurityEvent) { tx.security = append(tx.security, e) }

func (d *DB) logSecurity(ctx context.Context, events []billing.SecurityEvent) {
	if d.security == nil {
		return
	}
	for _, e := range events {
		e.Log(ctx, d.security)
	}
}
