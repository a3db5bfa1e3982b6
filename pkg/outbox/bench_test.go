package outbox_test

import (
	"context"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// BenchmarkSpendTold shows how much more a spend costs if an endpoint gets an event about it. It also shows that a
// spend costs no more if there is no endpoint, or only one that gets other events. Nothing is delivered during the
// benchmark, because delivery is no part of a spend.
func BenchmarkSpendTold(b *testing.B) {
	for _, dialect := range storetest.Dialects {
		for _, c := range []struct {
			name  string
			wants []billing.OutgoingType // nil: there is no endpoint
		}{
			{"endpoint=none", nil},
			{"endpoint=of_grants", []billing.OutgoingType{billing.OutPointsGranted}},
			{"endpoint=of_spends", []billing.OutgoingType{billing.OutPointsSpent}},
		} {
			b.Run(string(dialect)+"/"+c.name, func(b *testing.B) {
				db, ctx := storetest.Open(b, dialect), context.Background()
				outbox.Attach(db, 0)
				id := storetest.NewAccount(b, db).ID
				storetest.Change(b, db, id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
					_, _, err := ledger.Grant(ctx, tx, a, billing.Grant{Key: "bench", Source: "bench", Amount: 1 << 30})
					return err
				})
				if c.wants != nil {
					_, err := outbox.NewPost(db, false).Add(
						ctx, "", outbox.Endpoint{URL: "https://example.com/hook", Types: c.wants},
					)
					must(b, err)
				}
				for b.Loop() {
					if _, err := ledger.Spend(ctx, db, id, ledger.SpendRequest{Amount: 1}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
