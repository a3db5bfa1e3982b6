package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// BenchmarkSpend shows the cost of one spend on each database. The cost does not depend on the number of lots.
func BenchmarkSpend(b *testing.B) {
	for _, dialect := range storetest.Dialects {
		for _, lots := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/lots=%d", dialect, lots), func(b *testing.B) {
				db := storetest.Open(b, dialect)
				id := rich(b, db, lots)
				for b.Loop() {
					if _, err := ledger.Spend(
						context.Background(), db, id, ledger.SpendRequest{Amount: 1},
					); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// rich makes an account with this many lots, and points for any benchmark.
func rich(b *testing.B, db *store.DB, lots int) billing.AccountID {
	ctx := context.Background()
	id := storetest.NewAccount(b, db).ID
	err := db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		for n := range lots {
			if err != nil {
				return err
			}
			a, _, err = ledger.Grant(
				ctx, tx, a, billing.Grant{Key: fmt.Sprintf("%s:%d", id, n), Source: "bench", Amount: 1 << 30},
			)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return id
}
