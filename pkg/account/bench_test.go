package account

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// BenchmarkSpendWithToken shows what a spend costs with the new token of its response. In addition to the ledger's own
// BenchmarkSpend, it reads the login and signs.
func BenchmarkSpendWithToken(b *testing.B) {
	for _, dialect := range storetest.Dialects {
		b.Run(string(dialect), func(b *testing.B) {
			db := storetest.Open(b, dialect)
			s := newService(b, db)
			in, err := s.Register(b.Context(), "ada@example.com", password)
			if err != nil {
				b.Fatal(err)
			}
			c, err := s.tokens.Parse(in.Token)
			if err != nil {
				b.Fatal(err)
			}
			err = db.InTx(b.Context(), func(tx *store.Tx) error {
				a, err := tx.LockAccount(b.Context(), c.Account)
				if err != nil {
					return err
				}
				_, _, err = ledger.Grant(
					b.Context(), tx, a, billing.Grant{Key: "bench", Source: "bench", Amount: 1 << 30},
				)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				spent, err := ledger.Spend(b.Context(), db, c.Account, ledger.SpendRequest{Amount: 1})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Mint(b.Context(), spent.Account, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
