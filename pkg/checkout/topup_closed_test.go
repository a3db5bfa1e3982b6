package checkout_test

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that the top-up of a disabled account orders nothing, and continues when the account is enabled. An order that
// was made just before, and not charged yet, is not charged.
func TestTopUpOfDisabled(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		ctx := t.Context()
		a := s.low()
		must(t, s.db.InTx(ctx, func(tx *store.Tx) error { return tx.SetDisabled(ctx, a.ID, &tx.Now, "fraud") }))
		must(t, s.replicas[0].Run(ctx))
		s.settled(a.ID, 0)
		must(t, s.db.InTx(ctx, func(tx *store.Tx) error { return tx.SetDisabled(ctx, a.ID, nil, "") }))
		s.Advance(coolOff)
		must(t, s.replicas[0].Run(ctx))
		s.settled(a.ID, 1)
	})
}
